"""The queue for people: rows that a model does not decide become cases, and people's answers become records.

Not here: the files (predictionlog.cases), which outputs are left to people (automation) and HTTP paths (app).
"""

from __future__ import annotations

import logging
import math
import random
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any
from urllib.parse import parse_qs

import msgspec

from roadworthy.automation import LEFT_TO_PEOPLE
from roadworthy.clock import instant, uuid7
from roadworthy.errors import CorruptArtifact, Fault
from roadworthy.predictionlog.cases import Answered, Case, CaseFiles, shown_answer, shown_case
from roadworthy.serving.exchange import Rejected
from roadworthy.serving.faults import explain, invalid, kind_of, malformed_json, shown
from roadworthy.serving.questions import Question
from roadworthy.serving.scoring import Share
from roadworthy.traffic import unit_text

logger = logging.getLogger("roadworthy.worker")

#: Cases of one answer, unless the client wants fewer or up to ten times as many.
PAGE = 100
#: An answer that did not reach the log so long (microseconds) after it was given does not by itself.
OVERDUE = 5_000_000


class Said(msgspec.Struct, forbid_unknown_fields=True):
    """What a person sends: the answer, who says so, and why."""

    output: float | bool
    by: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
    note: Annotated[str, msgspec.Meta(max_length=2_000)] = ""


class Desk:
    """The queue of a node, as one worker uses it.

    node      name of the node
    entropy   names what people said
    """

    def __init__(self, files: CaseFiles, node: str, entropy: random.Random) -> None:
        self.files, self._node, self._entropy = files, node, entropy

    def open(
        self,
        questions: Sequence[Question],
        recorded: Sequence[tuple[Share, list[str]]],
        refused: Collection[int],
        now: int,
    ) -> tuple[list[Case], int]:
        """Make a case of every row that is left to people; a row without room is deferred instead.

        recorded   shares with their identifiers; `decisions` are changed where there is no room
        refused    numbers of the requests that are not answered: their rows become no cases
        now        microseconds since 1970 by the real clock
        returns    the cases, and how many rows had no room
        """
        opened: list[Case] = []
        turned_away = 0
        for share, ids in recorded:
            for at, decision in list(share.decisions.items()):
                if decision != LEFT_TO_PEOPLE or share.owners[at] in refused:
                    continue
                case = self._case(questions[share.owners[at]], share, at, ids[at], now)
                if self._opened(case):
                    opened.append(case)
                else:
                    share.decisions[at] = "defer"
                    turned_away += 1
        return opened, turned_away

    def withdraw(self, opened: Sequence[Case]) -> None:
        """Take back cases whose rows could not be logged, so that nobody was answered."""
        for case in opened:
            try:
                self.files.close(case)
            except OSError as error:
                logger.error("case %s stays open, although nobody was answered: %s", case.id, error)

    def _opened(self, case: Case) -> bool:
        try:
            return self.files.open(case)
        except OSError as error:
            logger.error(
                "%s of %s is deferred, because its case cannot be written: %s", case.id, case.model, error
            )
            return False

    def _case(self, question: Question, share: Share, at: int, identifier: str, now: int) -> Case:
        loaded = question.served.versions[share.version]
        outputs = share.said.outputs
        assert outputs is not None, "a decision is made on an output"
        return Case(
            id=identifier,
            namespace=question.table.plan.namespace,
            model=question.served.name,
            version=share.version,
            schema=loaded.scorer.log_schema,
            unit=unit_text(share.rows[at][loaded.unit_at]),
            event_time=question.event_time,
            inputs=share.rows[at],
            output=outputs[at],
            outputs=loaded.clamp,
            opened_at=now,
            request_id=question.request.request_id,
            row=share.places[at],
            plan=question.table.plan.number,
            attempt=question.served.route.attempt,
            node=self._node,
        )

    def listed(self, query: bytes) -> dict[str, Any]:
        """GET /v1/cases: those that wait, oldest first; Rejected (400) for a query that cannot be."""
        model, limit = _query(query)
        with _readable():
            waiting = self.files.waiting(model, limit)
        return {"cases": [shown_case(case) for case in waiting], "open": self.files.count(model)}

    def shown(self, identifier: str) -> dict[str, Any]:
        """GET /v1/cases/{id}: a case, and its answer if it has one; Rejected (404) when there is none."""
        found = self._found(identifier)
        if isinstance(found, Case):
            return shown_case(found)
        return {**shown_case(found.case), "answer": shown_answer(found)}

    def answered(self, identifier: str, body: bytes, event_time: int, now: int) -> Answered:
        """POST /v1/cases/{id}: the answer that counts; to be logged, and then the case to be closed, if it `is_open`.

        event_time   when it was answered, by the clock of events
        raises       Rejected: 404 for no case, 409 when somebody said something else before, 400 and 422 for a body
                     that cannot be understood, 503 when the disk does not take it
        """
        said = _said(body)
        found = self._found(identifier)
        case = found if isinstance(found, Case) else found.case
        low, high = case.outputs
        output = float(said.output)
        if not low <= output <= high:
            raise invalid([Fault("$.output", f"a number in {low:g} to {high:g}", kind_of(said.output))])
        if isinstance(found, Case):
            answer = Answered(
                case=case, id=uuid7(event_time, self._entropy), output=output, by=said.by, note=said.note,
                event_time=event_time, answered_at=now,
            )  # fmt: skip
            try:
                with _readable():
                    found = self.files.answer(answer)
            except OSError as error:
                raise _unwritable() from error
        if not found.says_the_same(output, said.by, said.note):
            when = instant(found.answered_at).isoformat(timespec="seconds")
            raise Rejected(
                409,
                "answered",
                f"{shown(found.by)} answered this case with {found.output:g} at {when}: it is closed",
            )
        return found

    def overdue(self, now: int) -> list[Answered]:
        """Answers that a worker took and did not see into the log; to be logged, and their cases closed."""
        return self.files.unfinished(now - OVERDUE)

    def _found(self, identifier: str) -> Case | Answered:
        with _readable():
            found = self.files.find(identifier)
        if found is None:
            raise Rejected(
                404,
                "unknown_case",
                "no prediction of that id waits here for a person, nor was answered by one lately",
            )
        return found


@contextmanager
def _readable() -> Iterator[None]:
    """Turn a damaged file into a refusal; only the worker's log names the file."""
    try:
        yield
    except CorruptArtifact as error:
        logger.error("%s", error)
        sentence = "a case cannot be read; the worker's log names its file"
        raise Rejected(500, "damaged_case", sentence) from error


def _said(body: bytes) -> Said:
    try:
        said = msgspec.json.decode(body, type=Said)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _explained(body, error) from None
    if not math.isfinite(float(said.output)):
        raise invalid([Fault("$.output", "a finite number", kind_of(said.output))])
    return said


def _explained(body: bytes, error: Exception) -> Rejected:
    try:
        content = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as worse:
        return malformed_json(body, worse)
    return invalid(explain(content, Said, "$"), error)


def _query(query: bytes) -> tuple[str | None, int]:
    try:
        given = parse_qs(query.decode("ascii"), keep_blank_values=True, strict_parsing=bool(query))
        limit = int(given.pop("limit", [str(PAGE)])[-1])
        model = given.pop("model", [None])[-1]
    except (UnicodeDecodeError, ValueError):
        given, limit, model = {"": [""]}, 0, None
    if given or not 1 <= limit <= 10 * PAGE:
        raise Rejected(
            400,
            "query",
            f"a query names `model`, or a `limit` of 1 to {10 * PAGE:,}, or both: ?model=NAME&limit={PAGE}",
        )
    return model, limit


def _unwritable() -> Rejected:
    return Rejected(
        503,
        "log_unavailable",
        "the answer cannot be written: send it again later",
        headers=((b"retry-after", b"1"),),
    )
