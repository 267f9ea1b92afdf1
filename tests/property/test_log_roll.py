"""Rolling and reading give what was appended, whatever is interrupted and repeated."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadworthy.predictionlog import repeats
from roadworthy.predictionlog.compact import compact
from roadworthy.predictionlog.gaps import gaps
from roadworthy.predictionlog.journal import SEALED, Journal, journals_in
from roadworthy.predictionlog.read import PredictionLog
from roadworthy.predictionlog.record import LogField, LogSchema, Number, Outcome, Prediction
from roadworthy.predictionlog.roll import roll
from roadworthy.predictionlog.tail import Cursor, tail

SCHEMA = LogSchema("delay", (LogField("x", "number"),), ("x",))
HOUR = 3_600_000_000


class Crash(BaseException):
    """The machine stops here; nothing may catch it."""


class Life:
    """Two workers, a supervisor and readers, driven step by step."""

    def __init__(self, directory: Path) -> None:
        self.log, self.journals = directory / "log", directory / "journals"
        self.workers = [Journal(self.journals, worker) for worker in range(2)]
        for worker in self.workers:
            worker.declare(SCHEMA)
        self.appended: list[str] = []
        self.facts: list[str] = []
        self.seen: list[str] = []
        self.cursor = Cursor()

    def append(self, worker: int, rows: int) -> None:
        """Predictions over several days, and an outcome."""
        start = len(self.appended)
        names = [f"{start + number:05d}" for number in range(rows)]
        self.workers[worker].append(
            [
                Prediction(
                    id=name,
                    model="delay",
                    version=1,
                    schema=SCHEMA.digest,
                    unit=name,
                    event_time=int(name) * 5 * HOUR,
                    logged_at=0,
                    inputs=(float(name),),
                    encoded=b"12345678",
                    output=Number(0.5),
                )
                for name in names
            ]
        )
        fact = Outcome(
            id=f"fact {start}",
            model="delay",
            name="late",
            value=1.0,
            event_time=0,
            arrival_time=0,
            logged_at=0,
        )
        self.workers[worker].append_outcomes([fact])
        self.appended += names
        self.facts.append(fact.id)

    def roll(self, steps: int) -> None:
        """Roll what is sealed; the machine stops after so many steps that reach the disk."""
        with crashing(steps), suppress(Crash):
            roll([path for path in journals_in([self.journals]) if path.suffix == SEALED], self.log)

    def compact(self, steps: int, grace: timedelta) -> None:
        """Merge what is small and fold what is merged; the machine stops after so many steps."""
        with crashing(steps), suppress(Crash):
            compact(self.log, datetime.now(UTC) + timedelta(hours=1), grace=grace)

    def look(self) -> None:
        """A guard looks at what is new."""
        found = tail([self.journals], self.log, self.cursor)
        self.seen += [record.id for record in found.predictions]
        self.cursor = found.cursor

    def check(self) -> None:
        """The log holds what was appended, once; and not because readers drop repeated requests."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(repeats, "_first_of_each", lambda table, key: table)
            table = PredictionLog(self.log, [self.journals]).predictions("delay", columns=["id", "in_x"])
            facts = PredictionLog(self.log, [self.journals]).outcomes("delay")
        assert table.column("id").to_pylist() == self.appended
        assert table.column("in_x").to_pylist() == [float(name) for name in self.appended]
        assert sorted(facts.column("id").to_pylist()) == sorted(self.facts)
        assert gaps(self.log, [self.journals]) == []


@contextmanager
def crashing(steps: int) -> Iterator[None]:
    """The machine stops before the step after so many that reach the disk."""
    left = [steps]

    def counted(step: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **options: Any) -> Any:
            if not left[0]:
                raise Crash
            left[0] -= 1
            return step(*arguments, **options)

        return run

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", counted(lambda fd: None))
        patch.setattr(Path, "unlink", counted(Path.unlink))
        patch.setattr(Path, "replace", counted(Path.replace))
        yield


steps = st.one_of(
    st.tuples(st.just("append"), st.integers(0, 1), st.integers(1, 4)),
    st.tuples(st.just("seal"), st.integers(0, 1)),
    st.tuples(st.just("roll"), st.integers(0, 25)),
    st.tuples(st.just("look")),
    st.tuples(st.just("compact"), st.integers(0, 40), st.sampled_from([timedelta(0), timedelta(hours=9)])),
)


@given(st.lists(steps, min_size=3, max_size=16))
def test_a_roll_or_merge_that_crashes_anywhere_and_is_repeated_neither_loses_nor_doubles_a_row(
    history: list[tuple[Any, ...]],
) -> None:
    """After every step, a reader and a guard see exactly what was appended."""
    with tempfile.TemporaryDirectory() as directory:
        life = Life(Path(directory))
        for step, *arguments in history:
            if step == "seal":
                life.workers[arguments[0]].seal()
            else:
                getattr(life, step)(*arguments)
            life.check()
        for worker in life.workers:
            worker.seal()
        life.roll(10_000)
        life.check()
        life.compact(10_000, timedelta(0))
        assert journals_in([life.journals]) == []
        life.check()
        life.look()
        assert sorted(life.seen) == life.appended
