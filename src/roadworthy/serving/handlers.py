"""What each address answers: predictions, outcomes, health, metadata, telemetry and the OpenAPI document.

Not here: finding the handler and reading bodies (app), and the state they answer from (worker).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from roadworthy.clock import Clock, micros, parse_instant
from roadworthy.errors import DefinitionError
from roadworthy.node import NodeDirectory
from roadworthy.predictionlog.cases import Answered, shown_answer, shown_case
from roadworthy.predictionlog.journal import Journal, JournalUnwritable
from roadworthy.serving.batching import Lanes, Waiting
from roadworthy.serving.cases import Desk
from roadworthy.serving.committing import Committer
from roadworthy.serving.exchange import Answer, Call, Rejected
from roadworthy.serving.foreign import FOREIGN_VERSION, ForeignReader
from roadworthy.serving.openapi import openapi
from roadworthy.serving.outcomes import declared, hide_units, read_outcomes
from roadworthy.serving.predicting import Result
from roadworthy.serving.questions import Predicted, Question
from roadworthy.serving.requests import PredictRequest
from roadworthy.serving.table import Served, Table
from roadworthy.serving.telemetry import Samples, Telemetry, render

EVENT_TIME = b"x-roadworthy-event-time"
#: Milliseconds that the client still waits.
DEADLINE = b"x-roadworthy-deadline-ms"

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Rules:
    """What a worker was told at its start.

    replay_clock   event time comes with every request, instead of being now
    max_rows       most rows or outcomes in one request
    release        version of Roadworthy
    """

    replay_clock: bool
    max_rows: int
    release: str


class Handlers:
    """The handlers of one worker.

    foreign    reads predictions that were made elsewhere
    table      gives the table to answer by now, None before the first
    merged     gives the telemetry of all workers of the node
    """

    def __init__(
        self,
        rules: Rules,
        node: NodeDirectory,
        journal: Journal,
        committer: Committer,
        lanes: Lanes,
        telemetry: Telemetry,
        clock: Clock,
        foreign: ForeignReader,
        desk: Desk,
        table: Callable[[], Table | None],
        merged: Callable[[], Samples],
    ) -> None:
        self._rules, self._node, self._journal = rules, node, journal
        self._committer, self._lanes, self._telemetry, self._clock = committer, lanes, telemetry, clock
        self._foreign, self._desk, self._table, self._merged = foreign, desk, table, merged

    @property
    def release(self) -> str:
        """Version of Roadworthy."""
        return self._rules.release

    @property
    def is_ready(self) -> bool:
        """Whether a plan is wholly loaded."""
        return self._table() is not None

    def knows(self, name: str) -> bool:
        """Whether a model of that name is served now."""
        table = self._table()
        return table is not None and name in table.models

    def predict(self, call: Call, told: Callable[[Answer], None]) -> Waiting:
        """POST /v1/models/{name}:predict; `told` gets the answer. Rejected for what cannot even be asked."""
        table, served = self.served(call.name)
        question = self.question(call, table, served, served.reader.read(call.body))

        def answered(result: Result) -> None:
            if isinstance(result, Rejected):
                self._telemetry.error(result.kind)
                told(result.answer())
            else:
                told(_answer(question, result))

        return self._lanes.of(call.name).ask(question, answered)

    def question(self, call: Call, table: Table, served: Served, request: PredictRequest) -> Question:
        """A request on its way through, with what its headers say; Rejected (400) for headers that cannot be."""
        event_time = self._event_time(call)
        return Question(table, served, request, event_time, call.started_ns, _deadline(call, served))

    async def ask(self, question: Question) -> Predicted:
        """The logged answer to a checked request, whatever protocol it came by; Rejected where there is none."""
        answer: asyncio.Future[Result] = asyncio.get_running_loop().create_future()

        def told(result: Result) -> None:
            if not answer.done():  # else whoever asked was cancelled in this very turn of the event loop
                answer.set_result(result)

        waiting = self._lanes.of(question.served.name).ask(question, told)
        try:
            result = await answer
        finally:
            waiting.leave()
        if isinstance(result, Rejected):
            raise result
        return result

    async def outcomes(self, call: Call) -> Answer:
        """POST /v1/outcomes."""
        table = self._ready_table()
        outcomes = read_outcomes(
            call.body,
            models={**dict.fromkeys(self._foreign.schemas.models(), ()), **declared(table.models)},
            namespace=table.plan.namespace,
            arrival_time=self._event_time(call),
            logged_at=self._clock.micros(),
            limit=self._rules.max_rows,
        )
        named = hide_units(outcomes, table.models)
        await self._written(lambda: self._journal.append_outcomes(named))
        for outcome in outcomes:
            self._telemetry.outcomes(outcome.model, 1)
        return Answer(200, _encode({"accepted": len(outcomes)}))

    async def log(self, call: Call) -> Answer:
        """POST /v1/log."""
        table = self._ready_table()
        batch = self._foreign.read(
            call.body,
            served=table.models,
            namespace=table.plan.namespace,
            event_time=self._event_time(call),
            logged_at=self._clock.micros(),
            limit=self._rules.max_rows,
        )
        for schema in batch.schemas:
            self._journal.declare(schema)
        await self._written(lambda: self._journal.append(batch.predictions))
        for one in batch.predictions:
            self._telemetry.rows(one.model, FOREIGN_VERSION, one.role, one.status, 1)
        return Answer(200, _encode({"accepted": len(batch.predictions)}))

    def cases(self, call: Call) -> Answer:
        """GET /v1/cases."""
        return Answer(200, _encode(self._desk.listed(call.query)))

    def case(self, call: Call) -> Answer:
        """GET /v1/cases/{id}."""
        return Answer(200, _encode(self._desk.shown(call.name)))

    async def answer_case(self, call: Call) -> Answer:
        """POST /v1/cases/{id}: a person's answer, logged before it is confirmed."""
        event_time = self._event_time(call)
        answered = self._desk.answered(call.name, call.body, event_time, self._clock.micros())
        if self._desk.files.is_open(answered.case):
            await self._written(lambda: self._log_answer(answered))
            self._desk.files.close(answered.case)
        return Answer(200, _encode({**shown_case(answered.case), "answer": shown_answer(answered)}))

    def finish_cases(self) -> None:
        """Log the answers that a worker took and did not live to log; raises JournalUnwritable."""
        for answered in self._desk.overdue(self._clock.micros()):
            self._log_answer(answered)
            self._desk.files.close(answered.case)

    def _log_answer(self, answered: Answered) -> None:
        self._journal.declare(answered.case.schema)
        record = answered.record(self.release)
        self._journal.append([record])
        self._telemetry.rows(record.model, record.version, record.role, record.status, 1)
        self._telemetry.cases(record.model, "answered", 1)

    async def _written(self, append: Callable[[], None]) -> None:
        """Append to the journal and wait until that is as safe as was promised; Rejected (503) when it cannot be."""
        try:
            append()
            await self._committer.committed()
        except JournalUnwritable as error:
            sentence = "this cannot be written to the log: send it again later"
            raise Rejected(503, "log_unavailable", sentence, headers=((b"retry-after", b"1"),)) from error

    def live(self, call: Call) -> Answer:
        """GET /v2/health/live."""
        return Answer(200, _encode({"live": True}))

    def ready(self, call: Call) -> Answer:
        """GET /v2/health/ready: 200 once a plan is wholly loaded; 503 before."""
        table = self._table()
        content = {
            "ready": table is not None,
            "plan": table.plan.number if table else None,
            "plan_age_seconds": round(self._node.plan_age_seconds(self._clock.now()), 3),
            "models": sorted(table.models) if table else [],
        }
        return Answer(200 if table else 503, _encode(content))

    def metadata(self, call: Call) -> Answer:
        """GET /v1/models/{name}."""
        table, served = self.served(call.name)
        versions = [
            {
                "version": version,
                "digest": loaded.prepared.digest,
                "schema": loaded.schema,
                "fields": msgspec.to_builtins(loaded.scorer.schema.fields),
                "serving": msgspec.to_builtins(loaded.scorer.model.serving),
            }
            for version, loaded in sorted(served.versions.items())
        ]
        content = {
            "name": served.name,
            "plan": table.plan.number,
            "route": msgspec.to_builtins(served.route),
            "versions": versions,
        }
        return Answer(200, _encode(content))

    def metrics(self, call: Call) -> Answer:
        """GET /metrics."""
        return Answer(200, render(self._merged()), b"text/plain; version=0.0.4; charset=utf-8")

    def openapi(self, call: Call) -> Answer:
        """GET /openapi.json."""
        table = self._table()
        return Answer(200, _encode(openapi(table.models if table else {}, self._rules.release)))

    def _ready_table(self) -> Table:
        table = self._table()
        if table is None:
            raise Rejected(
                503,
                "not_ready",
                "this node has no loaded plan yet: try again",
                headers=((b"retry-after", b"1"),),
            )
        return table

    def served(self, name: str) -> tuple[Table, Served]:
        """The model of that name and the table it stands in; Rejected: 503 without a plan, 404 without the model."""
        table = self._ready_table()
        served = table.models.get(name)
        if served is None:
            known = (
                ", ".join(sorted(table.models)) or "none, release one: roadworthy release NAME@N --promote"
            )
            raise Rejected(404, "unknown_model", f"there is no model of that name here; models: {known}")
        return table, served

    def _event_time(self, call: Call) -> int:
        """Microseconds since 1970 by the clock of events."""
        header = call.header(EVENT_TIME)
        name = EVENT_TIME.decode()
        if not self._rules.replay_clock:
            if header is not None:
                raise Rejected(
                    400, "event_time", f"{name} is for a server started with --replay-clock; this one is live"
                )
            return self._clock.micros()
        if header is None:
            raise Rejected(
                400, "event_time", f"this server replays: send the time of the event as {name} (RFC 3339)"
            )
        try:
            event_time = micros(parse_instant(header.decode("ascii", "replace")))
        except DefinitionError as error:
            raise Rejected(400, "event_time", f"{name}: {error}") from None
        if event_time < 0:
            raise Rejected(400, "event_time", f"{name}: a replay begins in 1970 or later, got a time before")
        return event_time


def _deadline(call: Call, served: Served) -> int:
    """When the answer is too late, on the performance counter: what the client allows or the model declares."""
    given = call.header(DEADLINE)
    milliseconds = served.deadline_ms
    if given is not None:
        try:
            allowed = float(given)
        except ValueError:
            allowed = -1.0
        if not 0.0 < allowed < 1e9:
            name = DEADLINE.decode()
            raise Rejected(
                400, "deadline", f"{name} is a number of milliseconds above 0: how long you still wait"
            )
        milliseconds = min(milliseconds, allowed) if milliseconds else allowed
    return call.started_ns + int(milliseconds * 1e6) if milliseconds else 0


def _answer(question: Question, predicted: Predicted) -> Answer:
    """An answer in the form of the request."""
    content: dict[str, Any] = {
        "predictions" if question.request.form == "instances" else "outputs": predicted.outputs,
        "ids": predicted.ids,
        "model": question.served.name,
        "versions": predicted.versions,
    }
    if question.request.request_id:
        content["request_id"] = question.request.request_id
    if predicted.fallback:
        content["fallback"] = predicted.fallback
    if predicted.decisions:
        content["decisions"] = [predicted.decisions.get(row, "") for row in range(len(predicted.outputs))]
    return Answer(200, _encode(content))
