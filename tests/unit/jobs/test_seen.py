"""Each look of the guards reads what is new, and decides as if it had read everything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
import pyarrow.compute as pc
import pytest
from msgspec.structs import replace

from roadworthy.clock import micros, uuid7
from roadworthy.jobs.days import ANSWERING
from roadworthy.jobs.guard import CANARY_LOOK_BACK, LOOK_BACK, judge
from roadworthy.jobs.seen import SeenAnswers, window_start
from roadworthy.jobs.stores import Stores
from roadworthy.node import NodeDirectory
from roadworthy.predictionlog.journal import Journal
from roadworthy.predictionlog.record import UNANSWERED, Number, Prediction
from roadworthy.predictionlog.roll import roll
from roadworthy.release.decision import respond
from roadworthy.release.guards import Answers
from roadworthy.traffic import Route
from smalltown import MODEL, OPENED, serve

BEAT = timedelta(minutes=70)


def everything(stores: Stores, since: datetime) -> dict[int, Answers]:
    """The slow and obvious way: the whole window, read again from the log."""
    rows = stores.log().predictions(
        MODEL, namespace="town", roles=ANSWERING, start=since, columns=["version", "output", "status"]
    )
    found = {}
    for version in pc.unique(rows.column("version")).to_pylist():
        own = rows.filter(pc.equal(rows.column("version"), version))
        given = own.filter(pc.and_(pc.equal(own.column("status"), "ok"), pc.is_valid(own.column("output"))))
        errors = pc.sum(pc.equal(own.column("status"), "error")).as_py() or 0
        found[version] = Answers.of(given.column("output").to_numpy(), int(errors))
    return found


def decided(stores: Stores, route: Route, answers: dict[int, Answers]) -> tuple[object, ...]:
    """What would be done, and what every guard says."""
    watched = route.canary or route.champion
    assert watched is not None
    verdicts = judge(stores, MODEL, route, watched, answers)
    step = respond(route, verdicts, watched)
    said = [(one.check, one.ruling, one.reason, one.n) for one in verdicts]
    return step, said, answers.get(watched, Answers()).given


@dataclass
class Traffic:
    """Two workers that answer at random: constants, NaN, failures, repeats, now and then a full journal."""

    stores: Stores
    rng: np.random.Generator
    mood: dict[int, float] = field(default_factory=dict)
    asked: list[Prediction] = field(default_factory=list)
    number: int = 0

    def __post_init__(self) -> None:
        node = NodeDirectory(self.stores.settings.nodes / "n").journals
        scorer = self.stores.scorer(self.stores.versions.get(MODEL, 1))
        self.journals = [Journal(node, worker) for worker in (0, 1)]
        self.schema = scorer.log_schema
        self.width = scorer.features.width

    def go(self, route: Route, start: datetime, end: datetime) -> None:
        """Answer for a while; a request of the last ten minutes before may be repeated."""
        just_asked, self.asked = self.asked, []
        for version in (1, 2):
            if self.rng.random() < 0.1:
                self.mood[version] = float(self.rng.choice([0.0, 0.98]))
        for _ in range(int(self.rng.integers(0, 25))):
            late = self.rng.random() < 0.1
            at = (
                start - timedelta(hours=3) * self.rng.random()
                if late
                else start + (end - start) * self.rng.random()
            )
            canary = route.canary is not None and self.rng.random() < 0.5
            version = route.canary if canary else route.champion
            assert version is not None
            record = self._record(version, "canary" if canary else "champion", at)
            self._append(record)
            if at >= end - timedelta(minutes=10):
                self.asked.append(record)
        if just_asked and self.rng.random() < 0.7:
            first = just_asked[-1]
            again = replace(
                first, id=uuid7(first.event_time + 9, _Entropy(self.rng)), event_time=first.event_time + 9
            )
            self._append(replace(again, status="ok", error="", decision="", output=Number(0.5)))
        if self.rng.random() < 0.2:
            self._roll()

    def _record(self, version: int, role: str, at: datetime) -> Prediction:
        self.number += 1
        output = 0.25 if self.rng.random() < self.mood.get(version, 0.0) else float(self.rng.beta(2, 4))
        failed, nan, untold = self.rng.random(3) < (0.01, 0.005, 0.01)
        return Prediction(
            id=uuid7(micros(at), _Entropy(self.rng)), request_id=f"r{self.number}", namespace="town", model=MODEL,
            version=version, schema=self.schema.digest, unit=f"u{self.number}", event_time=micros(at),
            logged_at=self.number, inputs=(), role=role,
            output=None if failed else Number(float("nan") if nan else output),
            status="error" if failed else "ok", error="it broke" if failed else "",
            decision=UNANSWERED if untold else "",
        )  # fmt: skip

    def _append(self, record: Prediction) -> None:
        journal = self.journals[int(self.rng.integers(2))]
        journal.declare(self.schema)
        journal.append([record])

    def _roll(self) -> None:
        sealed = self.journals[int(self.rng.integers(2))].seal()
        if sealed is not None:
            roll([sealed], self.stores.settings.log)


class _Entropy:
    """The part of `random.Random` that identifiers need."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def getrandbits(self, bits: int) -> int:
        """So many bits."""
        return int.from_bytes(self.rng.bytes(8), "big") & ((1 << bits) - 1)


def _live(stores: Stores, seed: int, look: Callable[[SeenAnswers, datetime, datetime, Route], None]) -> None:
    """Four days of beats: a champion, a canary beside it, and the canary as champion."""
    traffic = Traffic(stores, np.random.default_rng(seed))
    seen = SeenAnswers(stores)
    plan = {
        0: Route(champion=1),
        15: Route(champion=1, canary=2, canary_share=0.5, salt="s"),
        30: Route(champion=2, standby=1),
    }
    flipped, route = OPENED, Route()
    for beat in range(80):
        now = OPENED + beat * BEAT
        if beat in plan:
            route, flipped = plan[beat], now
            serve(stores, route, now)
        traffic.go(route, now, now + BEAT)
        if beat == 60:
            seen = SeenAnswers(stores)
        look_back = LOOK_BACK if route.canary is None else CANARY_LOOK_BACK
        look(seen, window_start(flipped, now + BEAT - look_back), now + BEAT, route)


@pytest.mark.parametrize("seed", range(2))
def test_decisions_are_those_of_reading_everything_again(two_versions: Stores, seed: int) -> None:
    """On every one of 80 beats, through flips, rolled journals, late rows, repeats, and a restart."""
    running: list[tuple[object, ...]] = []
    again: list[tuple[object, ...]] = []

    def look(seen: SeenAnswers, since: datetime, now: datetime, route: Route) -> None:
        number, _ = two_versions.plans.route(MODEL)
        running.append(decided(two_versions, route, dict(seen.of(MODEL, number, since, now))))
        again.append(decided(two_versions, route, everything(two_versions, since)))

    _live(two_versions, seed, look)
    assert running == again
    assert len({str(one[0]) for one in running}) > 5, "not the same decision all the time"


def test_a_look_reads_what_is_new_and_no_more(two_versions: Stores) -> None:
    """A flip, a restart and answers that moved far read the window; the other looks together read each row once."""
    costs: list[tuple[int, int]] = []
    before = {"read": 0, "held": 0}

    def look(seen: SeenAnswers, since: datetime, now: datetime, route: Route) -> None:
        if seen.read < before["read"]:
            before["read"] = 0
        number, _ = two_versions.plans.route(MODEL)
        seen.of(MODEL, number, since, now)
        held = two_versions.log().predictions(MODEL, namespace="town", columns=["id"], repeats=True).num_rows
        costs.append((seen.read - before["read"], held - before["held"]))
        before.update(read=seen.read, held=held)

    _live(two_versions, 1, look)
    assert sum(read == new for read, new in costs) > 65
    assert sum(read for read, _ in costs) < 3 * before["held"]


def test_a_log_that_cannot_be_followed_is_read_anew(
    two_versions: Stores, caplog: pytest.LogCaptureFixture
) -> None:
    """What was appended since is gone with its file; what is left is counted, and it is said."""
    serve(two_versions, Route(champion=1))
    traffic = Traffic(two_versions, np.random.default_rng(3))
    seen = SeenAnswers(two_versions)
    for _ in range(2):
        traffic.go(Route(champion=1), OPENED, OPENED + BEAT)
        seen.of(MODEL, 1, OPENED, OPENED + BEAT)
    traffic.go(Route(champion=1), OPENED, OPENED + BEAT)
    for journal in traffic.journals:
        sealed = journal.seal()
        if sealed is not None:
            roll([sealed], two_versions.settings.log)
    for path in (two_versions.settings.log / "predictions").rglob("*.parquet"):
        path.unlink()
    assert dict(seen.of(MODEL, 1, OPENED, OPENED + BEAT)) == everything(two_versions, OPENED) == {}
    assert "read anew" in caplog.text
