"""Cases: predictions that wait for a person, one small file each, and what people answered.

Not here: when a prediction becomes a case (automation, serving) and HTTP (serving.cases). The files of a node are
shared by its workers, which may end at any moment: a case is there as a whole or not at all, and of several people who
answer one case the first is the one who did. A file survives the end of its worker, not a power failure; the
prediction log, which says `people` of the same row, survives that where durability is `disk`.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from roadworthy.clock import instant
from roadworthy.durable import DRAFT, write_whole
from roadworthy.errors import CorruptArtifact
from roadworthy.predictionlog.publishing import clear_drafts
from roadworthy.predictionlog.record import LogSchema, Number, Prediction

#: Most cases of a model that wait on one node; people who are so far behind will not read the next one either.
MAX_OPEN = 10_000
#: Answered cases of a model that are kept, so that an answer sent again is known; the log keeps all.
MAX_ANSWERED = 10_000
#: How long the number of waiting cases is believed, since other workers open some too.
_COUNTED_SECONDS = 1.0

PERSON = "person"

_Form = TypeVar("_Form", "Case", "Answered")

_IDENTIFIER = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A prediction that waits for a person; fields as in `predictionlog.record.Prediction`.

    id          identifier of the prediction
    schema      what `inputs` are
    output      what the model said
    outputs     closed range in which an answer must lie
    opened_at   microseconds since 1970 by the real clock
    """

    id: str
    namespace: str
    model: str
    version: int
    schema: LogSchema
    unit: str
    event_time: int
    inputs: tuple[Any, ...]
    output: float
    outputs: tuple[float, float]
    opened_at: int
    request_id: str = ""
    row: int = 0
    plan: int = 0
    attempt: str = ""
    node: str = ""


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """A case and what a person said.

    id            identifier of the person's own record in the log
    by            who it was
    event_time    when, by the clock of events
    answered_at   when, by the real clock
    """

    case: Case
    id: str
    output: float
    by: str
    note: str
    event_time: int
    answered_at: int

    def says_the_same(self, output: float, by: str, note: str) -> bool:
        """Whether this is the same answer, sent again."""
        return (self.output, self.by, self.note) == (output, by, note)

    def record(self, release: str) -> Prediction:
        """The answer as it is logged: like that of a version, in the role `person`, on the request and row of the case.

        release   version of Roadworthy
        """
        case = self.case
        return Prediction(
            id=self.id,
            request_id=case.request_id or case.id,
            row=case.row,
            namespace=case.namespace,
            model=case.model,
            version=case.version,
            schema=case.schema.digest,
            unit=case.unit,
            event_time=self.event_time,
            logged_at=self.answered_at,
            inputs=case.inputs,
            output=Number(self.output),
            latency=max(0.0, (self.answered_at - case.opened_at) / 1e6),
            plan=case.plan,
            attempt=case.attempt,
            role=PERSON,
            node=case.node,
            build=f"{release}+{self.by}",
        )


def shown_case(case: Case) -> dict[str, Any]:
    """A case as people read it: values by name, times as text.

    >>> from roadworthy.predictionlog.record import LogField
    >>> schema = LogSchema("delay", (LogField("wind", "number"), LogField("dest", "string", "context")))
    >>> case = Case(id="i", namespace="d", model="delay", version=1, schema=schema, unit="f", event_time=0,
    ...     inputs=(3.5, "SEA"), output=0.5, outputs=(0.0, 1.0), opened_at=0)
    >>> shown_case(case)["inputs"], shown_case(case)["context"]
    ({'wind': 3.5}, {'dest': 'SEA'})
    """
    values: dict[str, dict[str, Any]] = {"input": {}, "context": {}, "unit": {}}
    for field, value in zip(case.schema.fields, case.inputs, strict=True):
        is_time = field.kind == "timestamp" and value is not None
        values[field.role][field.name] = instant(value).isoformat() if is_time else value
    return {
        "id": case.id,
        "model": case.model,
        "version": case.version,
        "unit": case.unit,
        "output": case.output,
        "inputs": values["input"],
        "context": values["context"],
        "request_id": case.request_id,
        "row": case.row,
        "node": case.node,
        "event_time": instant(case.event_time).isoformat(),
        "opened_at": instant(case.opened_at).isoformat(),
    }


def shown_answer(answered: Answered) -> dict[str, Any]:
    """What a person said, as people read it."""
    return {
        "id": answered.id,
        "output": answered.output,
        "by": answered.by,
        "note": answered.note,
        "answered_at": instant(answered.answered_at).isoformat(),
    }


class CaseFiles:
    """The cases of one node, in `directory`."""

    def __init__(
        self, directory: Path, *, max_open: int = MAX_OPEN, max_answered: int = MAX_ANSWERED
    ) -> None:
        self.directory, self._max_open, self._max_answered = directory, max_open, max_answered
        self._counted: dict[str, tuple[int, float]] = {}

    def open(self, case: Case) -> bool:
        """Let a case wait; False when too many wait already.

        The bound may be passed by what other workers open within a second.
        raises   OSError when the disk does not take it
        """
        count, at = self._counted.get(case.model, (0, 0.0))
        if not at or time.monotonic() - at > _COUNTED_SECONDS:
            count, at = self.count(case.model), time.monotonic()
        self._counted[case.model] = count, at
        if count >= self._max_open:
            return False
        path = self._path("open", case.model, case.id)
        try:
            write_whole(path, msgspec.json.encode(case))
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, msgspec.json.encode(case))
        self._counted[case.model] = count + 1, at
        return True

    def count(self, model: str | None = None) -> int:
        """How many wait."""
        return sum(1 for _ in self._names("open", model))

    def waiting(self, model: str | None = None, limit: int | None = None) -> list[Case]:
        """Cases that wait, oldest first (by event time), of one model or all."""
        found = []
        for name, one in sorted(self._names("open", model))[:limit]:
            path = self._path("open", one, name)
            content = _read(path)
            if content is not None:  # else it was answered meanwhile
                found.append(_decoded(path, content, Case))
        return found

    def find(self, identifier: str) -> Case | Answered | None:
        """The case of a prediction: waiting, or as it was answered; None when there is none."""
        if not _IDENTIFIER.fullmatch(identifier):
            return None
        for model in sorted({*self._models("answered"), *self._models("open")}):
            path, answers = self._path("open", model, identifier), self._path("answered", model, identifier)
            waiting = _read(path)  # looked at first: its answer is there before it goes
            if (answered := _read(answers)) is not None:
                return _decoded(answers, answered, Answered)
            if waiting is not None:
                return _decoded(path, waiting, Case)
        return None

    def is_open(self, case: Case) -> bool:
        """Whether it still waits; an answered case that does is not logged for certain."""
        return self._path("open", case.model, case.id).exists()

    def answer(self, answered: Answered) -> Answered:
        """Keep an answer, unless there is one already; returns the one that counts. `close` when it is logged.

        raises   OSError when the disk does not take it
        """
        case = answered.case
        path = self._path("answered", case.model, case.id)
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{DRAFT}{path.name}.{answered.id}")
        try:
            draft.write_bytes(msgspec.json.encode(answered))
            os.link(draft, path)
        except FileExistsError:
            return _decoded(path, path.read_bytes(), Answered)
        finally:
            draft.unlink(missing_ok=True)
        return answered

    def close(self, case: Case) -> None:
        """Let a case wait no longer; the oldest answers beyond the bound are let go of."""
        self._path("open", case.model, case.id).unlink(missing_ok=True)
        answers = sorted(self._names("answered", case.model))
        for name, model in answers[: max(0, len(answers) - self._max_answered)]:
            self._path("answered", model, name).unlink(missing_ok=True)

    def forget(self, namespace: str, model: str | None, units: Collection[str]) -> int:
        """Remove cases and answers about these units, of one model or all; returns how many."""
        found: list[tuple[Path, Case]] = []
        for kind in ("open", "answered"):
            for one in self._models(kind):
                if model in (None, one):  # of a case that is opened now the worker writes another
                    clear_drafts(self.directory / kind / one)
            for identifier, one in self._names(kind, model):
                path = self._path(kind, one, identifier)
                if (content := _read(path)) is not None:
                    case = (
                        _decoded(path, content, Case)
                        if kind == "open"
                        else _decoded(path, content, Answered).case
                    )
                    found.append((path, case))
        gone = [path for path, case in found if case.unit in units and case.namespace == namespace]
        for path in gone:
            path.unlink(missing_ok=True)
        return len(gone)

    def unfinished(self, before: int) -> list[Answered]:
        """Cases answered before this instant (microseconds) that still wait: the answer may not be in the log."""
        answered = set(self._names("answered", None))
        found = []
        for name, model in set(self._names("open", None)) & answered:
            path = self._path("answered", model, name)
            if (content := _read(path)) is not None:
                one = _decoded(path, content, Answered)
                found += [one] if one.answered_at < before else []
        return found

    def _path(self, kind: str, model: str, identifier: str) -> Path:
        return self.directory / kind / model / f"{identifier}.json"

    def _models(self, kind: str) -> list[str]:
        try:
            return sorted(entry.name for entry in os.scandir(self.directory / kind) if entry.is_dir())
        except FileNotFoundError:
            return []

    def _names(self, kind: str, model: str | None) -> Iterator[tuple[str, str]]:
        """Identifier and model of every case of that kind."""
        for one in self._models(kind):
            if model in (None, one):
                for name in os.listdir(self.directory / kind / one):
                    if name.endswith(".json") and not name.startswith("."):
                        yield name[:-5], one


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _decoded(path: Path, content: bytes, form: type[_Form]) -> _Form:
    try:
        return msgspec.json.decode(content, type=form)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CorruptArtifact(f"{path} cannot be read as a case: {error}; move it away") from error
