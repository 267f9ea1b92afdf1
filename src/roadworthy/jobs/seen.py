"""What the guards have seen so far: running counts a version, so that a beat reads only what is new in the log.

Not here: judgement (guard). A process that starts, a route that moves and answers that moved a long way read the
window once; every other look costs as much as there is new. Memory grows with the number of stretches of ten minutes,
and for the last two with their answers, because a repeated request is to count once.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from roadworthy.clock import instant, micros
from roadworthy.errors import CorruptArtifact
from roadworthy.jobs.days import ANSWERING
from roadworthy.jobs.stores import Stores
from roadworthy.predictionlog.record import UNANSWERED, Number, Prediction
from roadworthy.predictionlog.tail import Cursor, tail
from roadworthy.release.counting import STRETCH, Answer, Counts
from roadworthy.release.guards import Answers

_COLUMNS = (
    "id", "request_id", "row", "version", "role", "event_time", "logged_at", "status", "decision", "output",
)  # fmt: skip

logger = logging.getLogger("roadworthy.guard")


def window_start(flipped: datetime, look_back: datetime) -> datetime:
    """Where the window of a look begins: at the last flip, or where the stretch of `look_back` does."""
    return max(flipped, instant(micros(look_back) // STRETCH * STRETCH))


@dataclass
class _Window:
    """The counts of one model since `start` (microseconds), under the route of that number."""

    number: int
    start: int
    versions: dict[int, Counts] = field(default_factory=dict)


class SeenAnswers:
    """Counts of the answers of every model that was asked about; one for each process that looks again and again."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._cursor: Cursor | None = None
        self._windows: dict[str, _Window] = {}
        self.read = 0
        """Records and rows that were read so far."""

    def of(self, model: str, number: int, since: datetime, now: datetime) -> Mapping[int, Answers]:
        """Answers of every version of a model with event time from `since` on, as the log holds them now.

        number   of the model's route; a window of another one is read anew
        since    from `window_start`
        raises   CorruptArtifact when the log is damaged
        """
        self._follow()
        start = micros(since)
        window = self._windows.get(model)
        if window is None or window.number != number or start < window.start:
            window = self._read(model, number, start, micros(now))
        window.start = start
        for counts in window.versions.values():
            counts.forget(start, micros(now))
        found = {version: counts.answers() for version, counts in window.versions.items()}
        if None in found.values():
            window = self._read(model, number, start, micros(now))
            found = {version: counts.answers() for version, counts in window.versions.items()}
        return {version: answers for version, answers in found.items() if answers is not None}

    def _follow(self) -> None:
        """Count what was appended since the last look."""
        stores = self._stores
        try:
            new = tail(stores.journals(), stores.settings.log, self._cursor)
        except CorruptArtifact as error:
            if self._cursor is None:
                raise
            logger.warning("the log cannot be followed from the last look on and is read anew: %s", error)
            self._windows.clear()
            new = tail(stores.journals(), stores.settings.log)
        self._cursor = new.cursor
        self.read += len(new.predictions)
        for record in new.predictions:
            window = self._windows.get(record.model)
            if (
                window is not None
                and record.namespace == stores.settings.namespace
                and record.role in ANSWERING
                and record.event_time >= window.start
            ):
                window.versions.setdefault(record.version, Counts()).add(_answer(record))

    def _read(self, model: str, number: int, start: int, now: int) -> _Window:
        """Count a whole window. What is appended meanwhile comes again with the tail, and is then known already."""
        table = self._stores.log().predictions(
            model, namespace=self._stores.settings.namespace, roles=ANSWERING, start=instant(start),
            columns=_COLUMNS,
        )  # fmt: skip
        self.read += table.num_rows
        window = self._windows[model] = _Window(number, start)
        for version, answer in _answers(table):
            if version not in window.versions:
                of_version = pc.equal(table.column("version"), version)
                window.versions[version] = Counts(_pivot(table.filter(of_version)))
            window.versions[version].start_with(answer, now)
        return window


def _pivot(table: pa.Table) -> float | None:
    """A number between the median and the 99th percentile of the finite answers."""
    outputs = table.filter(pc.equal(table.column("status"), "ok")).column("output").drop_null().to_numpy()
    finite = outputs[np.isfinite(outputs)]
    return float(np.quantile(finite, 0.75, method="lower")) if len(finite) else None


def _answer(record: Prediction) -> Answer:
    ok = record.status == "ok"
    return Answer(
        key=hash((record.request_id or record.id, record.row, record.role)),
        event_time=record.event_time,
        logged_at=record.logged_at,
        output=record.output.value if ok and isinstance(record.output, Number) else None,
        failed=record.status == "error",
        told=ok and record.decision != UNANSWERED,
    )


def _answers(table: pa.Table) -> Iterator[tuple[int, Answer]]:
    """The rows of a table with `_COLUMNS`, and their versions."""
    times = [table.column(name).cast(pa.int64()).to_pylist() for name in ("event_time", "logged_at")]
    named = [table.column(name).to_pylist() for name in _COLUMNS if name not in ("event_time", "logged_at")]
    for own, request, row, version, role, status, decision, output, event_time, logged_at in zip(
        *named, *times, strict=True
    ):
        ok = status == "ok"
        yield version, Answer(
            hash((request or own, row, role)), event_time, logged_at, output if ok else None, status == "error",
            ok and decision != UNANSWERED,
        )  # fmt: skip
