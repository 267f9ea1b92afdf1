"""What a report counts: answers that reached somebody, by who gave them."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

from msgspec.structs import replace

from roadworthy.clock import DAY_MICROS, micros
from roadworthy.jobs.life import read_life
from roadworthy.node import NodeDirectory
from roadworthy.predictionlog.contents import read_journal
from roadworthy.predictionlog.journal import Journal, journals_in
from roadworthy.predictionlog.record import UNANSWERED, Number
from small_workspace import MODEL, TRAFFIC_END, Small


def test_an_answer_is_counted_once_and_under_who_gave_it(small: Small, tmp_path: Path) -> None:
    """A version that failed, a shadow and a case that waits for a person answered nobody."""
    root = tmp_path / "workspace"
    shutil.copytree(small.root, root)
    stores = Small(root, small.definition).stores()
    (written,) = journals_in(stores.journals())
    contents = read_journal(written)
    one = contents.predictions[0]
    at = micros(TRAFFIC_END + timedelta(days=5))
    rows = [
        {},
        {"status": "error", "error": "it failed", "output": None, "encoded": b""},
        {"role": "fallback", "output": Number(0.5)},
        {"decision": "people"},
        {"role": "person", "output": Number(1.0)},
        {"decision": "defer"},
        {"decision": UNANSWERED},
        {"role": "shadow"},
        {"role": "canary", "version": 1},
    ]
    node = NodeDirectory(stores.settings.nodes / "m")
    node.create()
    journal = Journal(node.journals, 0)
    journal.declare(contents.schemas[one.schema])
    journal.append(
        [
            replace(
                one, **{"id": f"id-{number}", "request_id": f"asked-{number}", "event_time": at, **changes}
            )
            for number, changes in enumerate(rows)
        ]
    )
    day = at // DAY_MICROS
    found = [each for each in read_life(stores, MODEL).answered if each.day == day]
    stores.engine.dispose()
    assert sorted((each.role, each.version, each.n) for each in found) == [
        ("canary", 1, 1), ("champion", 2, 2), ("fallback", 2, 1), ("person", 2, 1),
    ]  # fmt: skip
