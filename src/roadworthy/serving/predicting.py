"""From checked rows to logged answers: who answers which row, what each version says, and the record of it.

Not here: reading requests (requests) and HTTP (exchange). Nothing leaves before its record is in the journal.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from roadworthy.clock import Clock, micros, uuid7
from roadworthy.features.batch import Batch, Floats
from roadworthy.predictionlog.journal import Journal, JournalUnwritable
from roadworthy.predictionlog.record import UNANSWERED, Number, Prediction
from roadworthy.serving.exchange import Rejected
from roadworthy.serving.requests import PredictRequest
from roadworthy.serving.table import Loaded, Served, Table
from roadworthy.serving.telemetry import Telemetry
from roadworthy.traffic import Role, assign

logger = logging.getLogger("roadworthy.worker")


@dataclass(frozen=True, slots=True)
class Question:
    """A request on its way through: what was asked, of whom, and since when.

    event_time   microseconds since 1970 by the clock of events
    started_ns   performance counter when the request was read
    """

    table: Table
    served: Served
    request: PredictRequest
    event_time: int
    started_ns: int


@dataclass(frozen=True, slots=True)
class Group:
    """Rows of one request that one version is asked."""

    role: Role
    version: int
    propensity: float
    rows: Sequence[int]


@dataclass(frozen=True, slots=True)
class Said:
    """What a version said to a group, or why it said nothing.

    encoded   little-endian float64, `width` bytes a row; b"" where nothing was encoded
    output    one number a row; None where the model raised
    error     one sentence, "" when all is well
    """

    batch: Batch
    encoded: bytes
    width: int
    output: list[float] | None
    error: str


@dataclass(frozen=True, slots=True)
class Predicted:
    """The answer to all rows, in their order."""

    outputs: list[float]
    ids: list[str]
    versions: list[int]


class Predictor:
    """Asks versions and writes their answers down, for one worker."""

    def __init__(
        self,
        journal: Journal,
        telemetry: Telemetry,
        clock: Clock,
        entropy: random.Random,
        node: str,
        release: str,
    ) -> None:
        self._journal, self._telemetry, self._clock, self._entropy = journal, telemetry, clock, entropy
        self._node, self._release = node, release

    def predict(self, question: Question) -> Predicted:
        """Answer a request; its records are in the journal when this returns.

        raises Rejected: 422 for rows that do not fit the version they fall to, 503 without a champion or journal,
               500 (`model_failed`) when a version raised or gave a number that is not finite
        """
        groups = assigned(question)
        batches = [self._batch(question, group) for group in groups]
        said = [
            _ask(question.served.versions[group.version], batch)
            for group, batch in zip(groups, batches, strict=True)
        ]
        failed = [(group, one) for group, one in zip(groups, said, strict=True) if one.error]
        records = self._write(
            [
                self._records(question, group, one, UNANSWERED if failed and not one.error else "")
                for group, one in zip(groups, said, strict=True)
            ]
        )
        if failed:
            group, one = failed[0]
            name = f"{question.served.name}@{group.version}"
            raise Rejected(500, "model_failed", f"{name} could not predict: {one.error}")
        records.sort(key=_row)
        outputs = [record.output.value for record in records]  # type: ignore[union-attr]  # `_ask` gave finite numbers
        return Predicted(outputs, [record.id for record in records], [record.version for record in records])

    def shadow(self, question: Question) -> Callable[[], None] | None:
        """The work of asking the shadow the same rows; None without a shadow. It fails nobody's request."""
        version = question.served.route.shadow
        if version is None:
            return None
        group = Group("shadow", version, 1.0, range(len(question.request.rows)))

        def ask() -> None:
            try:
                batch = self._batch(question, group)
                self._write(
                    [self._records(question, group, _ask(question.served.versions[version], batch), "")]
                )
            except Rejected as rejected:
                kind = "shadow_unreadable" if rejected.status == 422 else rejected.kind
                self._telemetry.error(kind)

        return ask

    def _batch(self, question: Question, group: Group) -> Batch:
        request = question.request
        if request.batch is None:
            return question.served.reader.batch(request, group.version, group.rows)
        if len(group.rows) == request.batch.n:
            return request.batch
        return request.batch.take(np.asarray(group.rows))

    def _records(self, question: Question, group: Group, said: Said, decision: str) -> list[Prediction]:
        loaded = question.served.versions[group.version]
        schema = loaded.scorer.schema
        plan, route = question.table.plan, question.served.route
        logged_at = micros(self._clock.now())
        latency = (time.perf_counter_ns() - question.started_ns) / 1e9
        shared: dict[str, Any] = {
            "request_id": question.request.request_id,
            "namespace": plan.namespace,
            "model": question.served.name,
            "version": group.version,
            "schema": loaded.schema,
            "event_time": question.event_time,
            "logged_at": logged_at,
            "latency": latency,
            "plan": plan.number,
            "attempt": route.attempt,
            "role": group.role,
            "propensity": group.propensity,
            "decision": decision,
            "node": self._node,
            "build": f"{self._release}+{loaded.prepared.digest[:16]}",
            "status": "error" if said.error else "ok",
            "error": said.error,
        }
        unit = loaded.scorer.unit
        records = []
        for position, (row, values) in enumerate(zip(group.rows, said.batch.rows(schema), strict=True)):
            start = position * said.width
            records.append(
                Prediction(
                    id=uuid7(question.event_time, self._entropy),
                    row=row,
                    unit=unit_text(values[unit]),
                    inputs=tuple(values.values()),
                    encoded=said.encoded[start : start + said.width],
                    output=None if said.output is None else Number(said.output[position]),
                    **shared,
                )
            )
        return records

    def _write(self, groups: Sequence[list[Prediction]]) -> list[Prediction]:
        """Append the records of all groups to the journal, count them by group and return them together.

        raises Rejected (503) when the operating system refuses the bytes
        """
        records = groups[0] if len(groups) == 1 else [record for group in groups for record in group]
        try:
            self._journal.append(records)
        except JournalUnwritable as error:
            logger.error("nothing is answered, because nothing can be logged: %s", error)
            raise Rejected(
                503, "log_unavailable", "the prediction log cannot be written: try again later"
            ) from error
        for group in groups:
            first = group[0]
            self._telemetry.rows(first.model, first.version, first.role, first.status, len(group))
        return records


def assigned(question: Question) -> list[Group]:
    """Rows by the version that answers them, champion first; Rejected (503) for rows that nobody answers.

    Traffic is split by the champion's unit, whatever a standby or shadow beside it would have called one.
    """
    served = question.served
    route = served.route
    if route.canary is None and route.champion is not None:
        return [Group("champion", route.champion, 1.0, range(len(question.request.rows)))]
    decides = route.canary if route.champion is None else route.champion
    if decides is None:
        raise _no_champion(served)
    unit = served.versions[decides].scorer.unit
    found: dict[tuple[Role, int, float], list[int]] = {}
    for number, value in enumerate(served.reader.values(question.request, unit)):
        answer = assign(route, unit_text(value))
        if answer is None:
            raise _no_champion(served)
        found.setdefault(answer, []).append(number)
    return [
        Group(*answer, numbers)
        for answer, numbers in sorted(found.items(), key=lambda item: item[0][0] != "champion")
    ]


def _no_champion(served: Served) -> Rejected:
    return Rejected(503, "no_champion", f"{served.name} has no champion yet: release a version first")


def unit_text(value: Any) -> str:
    """A unit as text, as it is hashed and logged: whole numbers without a point, missing as "".

    >>> unit_text("UA1545"), unit_text(7.0), unit_text(None)
    ('UA1545', '7', '')
    """
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _ask(loaded: Loaded, batch: Batch) -> Said:
    """Let a version score a batch and look at what it said before anybody trusts it."""
    try:
        scored = loaded.scorer.score(batch)
        encoded = np.ascontiguousarray(scored.encoded, dtype="<f8")
        output = np.asarray(scored.output, dtype=np.float64)
    except Exception as error:
        logger.exception("%s@%d raised", loaded.prepared.model, loaded.prepared.version)
        return Said(batch, b"", 0, None, f"it raised {type(error).__name__}")
    if output.shape != (batch.n,) or encoded.shape[:1] != (batch.n,):
        return Said(batch, b"", 0, None, f"it gave an output of shape {output.shape} for {batch.n} rows")
    return Said(batch, encoded.tobytes(), encoded.shape[1] * 8, output.tolist(), _fault(output, loaded))


def _fault(output: Floats, loaded: Loaded) -> str:
    """What is wrong with numbers that a version gave, "" when nothing is."""
    finite = np.isfinite(output)
    if not finite.all():
        return f"{int((~finite).sum())} of {len(output)} outputs are not finite numbers"
    clamp = loaded.scorer.model.clamp
    if clamp is None:
        return ""
    outside = int(((output < clamp[0]) | (output > clamp[1])).sum())
    return f"{outside} of {len(output)} outputs are outside {clamp[0]:g} to {clamp[1]:g}" if outside else ""


def _row(record: Prediction) -> int:
    return record.row
