"""The small workspace with a life to report: shadow, canary, promotion, a forced release that is rolled back, monitors.

Not here: the workspace itself (small_workspace).
"""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from pathlib import Path

from roadworthy.jobs.monitor import monitor
from roadworthy.jobs.stores import Stores
from roadworthy.predictionlog.journal import journals_in
from roadworthy.predictionlog.roll import roll
from roadworthy.registry.versions import RunRecord
from roadworthy.traffic import Route
from roadworthy.verdict import Verdict
from small_workspace import MODEL, PROMOTED, TRAFFIC, TRAFFIC_END, Small

#: A reason as somebody may write it, and what it would do in a careless page.
REASON = 'late already: "ship it" </script><script>document.title = "taken over"</script>'

FORCED = TRAFFIC_END - timedelta(days=1)


def tell(small: Small, root: Path) -> Small:
    """A copy of the small workspace at `root` in which all of that has happened."""
    shutil.copytree(small.root, root)
    told = Small(root, small.definition)
    stores = told.stores()
    roll(journals_in(stores.journals()), stores.settings.log)
    for version in (1, 2):
        stores.gates.record_gate(MODEL, version, "pass", {}, actor="gate", at=TRAFFIC, event_time=TRAFFIC)
    _flip(stores, Route(champion=1), "promote", 1, TRAFFIC)
    _flip(stores, Route(champion=1, shadow=2), "shadow", 2, PROMOTED - timedelta(days=6))
    _flip(stores, Route(champion=1, canary=2, canary_share=0.2), "canary", 2, PROMOTED - timedelta(days=3))
    _flip(stores, Route(champion=2, standby=1), "promote", 2, PROMOTED)
    _force_and_roll_back(stores)
    monitor(stores, MODEL, as_of=TRAFFIC_END)
    fault = Verdict(
        check="calibration",
        subject=f"{MODEL}@1 by hand",
        ruling="fail",
        reason="odds are 3 times the predicted ones",
    )
    day = PROMOTED - timedelta(days=2)
    stores.alarms.record(MODEL, day, day + timedelta(days=1), [fault], stores.clock.now(), day, version=1)
    stores.engine.dispose()
    return told


def _flip(
    stores: Stores, route: Route, action: str, version: int, when: datetime, reason: str = "it was due"
) -> None:
    number, _ = stores.plans.route(MODEL)
    stores.plans.flip(
        MODEL, number, route, actor="anna", reason=reason, action=action, at=stores.clock.now(),
        event_time=when, version=version, bar=version if action == "rollback" else None,
    )  # fmt: skip


def _force_and_roll_back(stores: Stores) -> None:
    now = stores.clock.now()
    stores.versions.register(MODEL, "ab" * 32, "nowhere", RunRecord(rows=10), now, event_time=FORCED)
    # The gate was not told the virtual time: this entry stands at the real one, years later.
    stores.gates.record_gate(MODEL, 3, "fail", {}, actor="gate", at=now)
    stores.ledger.append(
        "override", actor="anna", reason=REASON, at=now, event_time=FORCED, model=MODEL, version=3
    )
    _flip(stores, Route(champion=3, standby=2), "promote", 3, FORCED, REASON)
    _flip(stores, Route(champion=2), "rollback", 3, FORCED + timedelta(minutes=5), "constant output")
