"""The pointer under any sequence of decisions, and under several deciders at once."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sqlalchemy import Engine

from roadworthy.database.engine import connect, migrate
from roadworthy.errors import Conflict, NotReady, Refused
from roadworthy.registry.nodes import Nodes
from roadworthy.registry.plans import Plans
from roadworthy.registry.versions import RunRecord, Versions
from roadworthy.traffic import Route

VERSIONS = st.integers(1, 4)
START = datetime(2026, 11, 21, tzinfo=UTC)


@cache
def registered() -> bytes:
    """The file of a control database with four versions of one model, made once: copying is quicker."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "control.db"
        engine = connect(f"sqlite:///{path}")
        migrate(engine)
        for number in range(1, 5):
            Versions(engine, "default").register("delay", f"{number:064x}", "store", RunRecord(), START)
        # Closing the last connection moves the write-ahead log into the file.
        engine.dispose()
        return path.read_bytes()


def database(directory: Path) -> Engine:
    """A control database with four versions of one model."""
    (directory / "control.db").write_bytes(registered())
    return connect(f"sqlite:///{directory / 'control.db'}")


class Deciding(RuleBasedStateMachine):
    """Promotions, rollbacks, stale decisions, bars and nodes in any order, beside a plain Python model of them."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.engine = database(Path(self.directory.name))
        self.plans = Plans(self.engine, "default")
        self.second = 0
        self.number, self.route = 0, Route()
        self.told: list[tuple[int, Route, datetime]] = []
        self.barred: set[int] = set()
        self.prepared: set[int] | None = None

    def teardown(self) -> None:
        """Leave nothing behind."""
        self.engine.dispose()
        self.directory.cleanup()

    def tick(self) -> datetime:
        """A later instant each time."""
        self.second += 1
        return START + timedelta(seconds=self.second)

    def beat(self, at: datetime) -> None:
        """The one node, if there is one, is alive at `at`."""
        if self.prepared is not None:
            Nodes(self.engine, "default").heartbeat(
                "eu-1", self.number, [("delay", v) for v in self.prepared], at
            )

    def decide(self, expected: int, route: Route, action: str, bar: int | None = None) -> None:
        """Flip in both worlds: what the model allows happens, what it does not is refused with the right error."""
        at = self.tick()
        self.beat(at)
        lacking = self.prepared is not None and not set(route.versions()) <= self.prepared
        error = (
            Conflict
            if expected != self.number
            else Refused
            if self.barred & set(route.versions()) or bar in route.versions()
            else NotReady
            if lacking
            else None
        )
        said = {"actor": "anna", "reason": "because", "action": action, "at": at, "bar": bar}
        if error is not None:
            with pytest.raises(error):
                self.plans.flip("delay", expected, route, **said)  # type: ignore[arg-type]
            return
        assert self.plans.flip("delay", expected, route, **said) == self.number + 1  # type: ignore[arg-type]
        self.number, self.route = self.number + 1, route
        self.told.append((self.number, route, at))
        if bar is not None:
            self.barred.add(bar)

    @rule(champion=VERSIONS)
    def promote(self, champion: int) -> None:
        """The former champion becomes the standby."""
        self.decide(self.number, Route(champion=champion, standby=self.route.champion), "promote")

    @rule(canary=VERSIONS, share=st.floats(0, 1))
    def start_a_canary(self, canary: int, share: float) -> None:
        """Beside whatever is champion."""
        route = Route(champion=self.route.champion, canary=canary, canary_share=share, salt=str(self.second))
        self.decide(self.number, route, "canary")

    @precondition(lambda self: len(self.told) >= 2)
    @rule(bars=st.booleans())
    def roll_back(self, bars: bool) -> None:
        """Rollback after promote restores the route that was there before, exactly."""
        before = self.told[-2][1]
        rejected = self.route.champion if bars and self.route.champion not in before.versions() else None
        number = self.number
        self.decide(self.number, before, "rollback", rejected)
        if self.number > number:
            assert self.plans.route("delay")[1] == before

    @rule(behind=st.integers(-2, 3), champion=VERSIONS)
    def decide_on_a_number(self, behind: int, champion: int) -> None:
        """Only the current number moves the pointer."""
        self.decide(max(self.number - behind, 0), Route(champion=champion), "promote")

    @rule(version=VERSIONS)
    def bar(self, version: int) -> None:
        """From now on in no new route."""
        Versions(self.engine, "default").bar("delay", version, "wrong", actor="anna", at=self.tick())
        self.barred.add(version)

    @rule(version=VERSIONS)
    def unbar(self, version: int) -> None:
        """Allowed again; what is not barred cannot be."""
        registry = Versions(self.engine, "default")
        if version in self.barred:
            registry.unbar("delay", version, "fixed", actor="anna", at=self.tick())
            self.barred.discard(version)
        else:
            with pytest.raises(Conflict, match="nothing to lift"):
                registry.unbar("delay", version, "fixed", actor="anna", at=self.tick())

    @rule(prepared=st.sets(VERSIONS, min_size=2))
    def a_node_reports(self, prepared: set[int]) -> None:
        """Some versions are ready on it, others are not."""
        self.prepared = prepared

    @precondition(lambda self: self.prepared is not None)
    @rule()
    def the_node_leaves(self) -> None:
        """Nobody is left to wait for."""
        Nodes(self.engine, "default").leave("eu-1")
        self.prepared = None

    @invariant()
    def the_pointer_is_what_the_last_decision_made_it(self) -> None:
        """Number and route."""
        assert self.plans.route("delay") == (self.number, self.route)

    @invariant()
    def the_ledger_tells_every_flip_and_no_other(self) -> None:
        """With numbers 1, 2, 3 … and the route since each, so the past can be asked."""
        history = self.plans.history("delay")
        assert [(entry.plan_number, entry.route, entry.at) for entry in history] == self.told
        for number, route, at in self.told[-3:]:
            assert self.plans.route_at("delay", at) == (number, route)


TestDeciding = Deciding.TestCase
#: Every decision is a transaction on a disk: half the usual number of sequences, of at most 25 decisions.
TestDeciding.settings = settings(max_examples=settings.default.max_examples // 2, stateful_step_count=25)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """A control database with four versions of one model."""
    made = database(tmp_path)
    yield made
    made.dispose()


def history_is_whole(plans: Plans, wins: int) -> bool:
    """Whether number, ledger and the number of successful flips agree."""
    numbers = [entry.plan_number for entry in plans.history("delay")]
    return plans.route("delay")[0] == wins and numbers == list(range(1, wins + 1))


@pytest.mark.parametrize("already", [0, 1])
def test_of_threads_that_flip_with_the_same_number_exactly_one_wins(engine: Engine, already: int) -> None:
    """In the first flip of a model and in later ones, round after round; the others are told of a conflict."""
    plans = Plans(engine, "default")
    said = {"actor": "anna", "reason": "because", "action": "promote", "at": START}
    for number in range(already):
        plans.flip("delay", number, Route(champion=4), **said)  # type: ignore[arg-type]
    for expected in range(already, already + 10):
        results: list[int | Conflict] = []
        together = threading.Barrier(4)

        def flip(champion: int, expected: int = expected, results: list[int | Conflict] = results,
                 together: threading.Barrier = together) -> None:  # fmt: skip
            together.wait()
            try:
                results.append(plans.flip("delay", expected, Route(champion=champion), **said))  # type: ignore[arg-type]
            except Conflict as conflict:
                results.append(conflict)

        threads = [threading.Thread(target=flip, args=(champion,)) for champion in range(1, 5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(str(result) for result in results)[0] == str(expected + 1)
        assert sum(isinstance(result, Conflict) for result in results) == 3
    assert history_is_whole(plans, already + 10)


PROGRAM = """
import sys
from datetime import UTC, datetime
from roadworthy.database.engine import connect
from roadworthy.errors import Conflict
from roadworthy.registry.plans import Plans
from roadworthy.traffic import Route

plans = Plans(connect(sys.argv[1]), "default")
print("ready", flush=True)
wins = 0
for line in sys.stdin:
    expected = int(line)
    try:
        plans.flip("delay", expected, Route(champion=int(sys.argv[2])), actor=sys.argv[2], reason="because",
                   action="promote", at=datetime.now(UTC))
    except Conflict:
        print("conflict", flush=True)
    else:
        print("won", flush=True)
"""


def test_of_processes_that_flip_with_the_same_number_exactly_one_wins(engine: Engine, tmp_path: Path) -> None:
    """Three processes, eight rounds: one winner a round, and the ledger names it."""
    url = f"sqlite:///{tmp_path / 'control.db'}"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    racers = [
        subprocess.Popen([sys.executable, "-c", PROGRAM, url, str(number)], **pipes)  # type: ignore[call-overload]
        for number in range(1, 4)
    ]
    try:
        assert [racer.stdout.readline() for racer in racers] == ["ready\n"] * 3
        for expected in range(8):
            for racer in racers:
                racer.stdin.write(f"{expected}\n")
                racer.stdin.flush()
            said = [racer.stdout.readline().strip() for racer in racers]
            assert sorted(said) == ["conflict", "conflict", "won"]
            entry = Plans(engine, "default").history("delay")[-1]
            assert entry.actor == str(said.index("won") + 1)
    finally:
        for racer in racers:
            racer.communicate(timeout=30)
    assert history_is_whole(Plans(engine, "default"), 8)
