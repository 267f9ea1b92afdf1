"""Predictions that were made elsewhere, as they arrive to be logged: checked, all faults listed, made into records.

Not here: their form (foreign_requests), what their inputs are called and mean (foreign_schemas), writing (handlers).
Sending one again is harmless: of one identifier the log reads one.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache, partial
from types import NoneType
from typing import Any

import msgspec

from roadworthy.clock import micros, uuid7
from roadworthy.errors import Fault
from roadworthy.features.hiding import hide_rows
from roadworthy.features.schema import Field
from roadworthy.predictionlog.record import ClassVector, Heads, Kind, LogSchema, Number, Output, Prediction
from roadworthy.sensitive import hashed_text
from roadworthy.serving.exchange import Rejected
from roadworthy.serving.faults import first, invalid, kind_of, shown
from roadworthy.serving.foreign_requests import Body, Moment, Sent, String, Strings, checked, micros_of
from roadworthy.serving.foreign_schemas import (
    Contradiction,
    ForeignSchemas,
    Key,
    Meaning,
    inferred,
    kind_text,
)
from roadworthy.serving.table import Served

#: `Prediction.node` of what another system answered and did not name itself.
ELSEWHERE = "elsewhere"

#: As which version the telemetry counts them: anybody may name thousands, and a series is kept for each.
FOREIGN_VERSION = 0

_TYPES: Mapping[Kind, Any] = {
    "number": float, "boolean": bool, "string": String, "timestamp": Moment, "strings": Strings,
}  # fmt: skip


@dataclass(frozen=True)
class ForeignBatch:
    """What is to be written: records, and the schemas to declare before them."""

    predictions: list[Prediction]
    schemas: Sequence[LogSchema]


@dataclass(frozen=True)
class _Planned:
    """What the names of a version mean in one request.

    path       where a fault of them is reported
    declared   whether somebody declared them, so that they may be added to those held
    """

    meanings: dict[str, Meaning]
    path: str
    declared: bool = False


@dataclass(frozen=True)
class _Hiding:
    """What versions of a model that are served here hash before they log it.

    columns    their names, and the key of each
    unit_key   of units; b"" where they are logged as they come
    """

    columns: Mapping[str, bytes]
    unit_key: bytes


@dataclass(frozen=True)
class ForeignReader:
    """Reads requests with predictions that were made elsewhere.

    schemas   what is held of their inputs
    entropy   names predictions that have no identifier
    """

    schemas: ForeignSchemas
    entropy: random.Random

    def read(
        self,
        body: bytes,
        *,
        served: Mapping[str, Served],
        namespace: str,
        event_time: int,
        logged_at: int,
        limit: int,
    ) -> ForeignBatch:
        """The predictions of a request body; Rejected (400, 413, 422, 503) with all faults, and then none is taken.

        served       models that this node serves itself: what is said of them elsewhere is a shadow's
        event_time   of predictions that do not say theirs, microseconds since 1970
        """
        asked = checked(body, served, limit)
        sent = asked.predictions
        plans = self._planned(asked, served)
        rows = _typed(sent, plans)
        hiding = {name: _Hiding(model.sensitive, max(model.unit_keys)) for name, model in served.items()}
        if faults := first(_unhashable(sent, rows, hiding)):
            raise invalid(faults)
        self._hold(plans, served)
        schemas = {key: self.schemas.schema(key) for key in plans}
        shapes = {
            key: (schema.digest, [field.name for field in schema.fields]) for key, schema in schemas.items()
        }
        records = []
        for one, row in map(partial(_hidden, hiding), sent, rows):
            digest, order = shapes[Key(one.model, one.version)]
            values = tuple(row.get(name) for name in order)
            role = "shadow" if one.model in served else one.role or "champion"
            moment = event_time if one.event_time is None else micros_of(one.event_time)
            identifier = one.id or uuid7(moment, self.entropy)
            records.append(_record(one, identifier, role, digest, values, namespace, moment, logged_at))
        return ForeignBatch(records, list(schemas.values()))

    def _planned(self, asked: Body, served: Mapping[str, Served]) -> dict[Key, _Planned]:
        """What the names of every version in a request mean: as held, else as declared, else by their first values."""
        plans: dict[Key, _Planned] = {}
        for number, one in enumerate(asked.schemas):
            key = Key(one.model, one.version)
            declared = {field.name: Meaning(field.kind, field.role) for field in one.fields}
            meanings = {**(self._known(key, declared, served) or {}), **declared}
            plans[key] = _Planned(meanings, f"$.schemas[{number}]", declared=True)
        groups: dict[Key, list[int]] = {}
        for number, sent in enumerate(asked.predictions):
            groups.setdefault(Key(sent.model, sent.version), []).append(number)
        for key, numbers in groups.items():
            rows = [asked.predictions[number] for number in numbers]
            plan = plans.get(key) or _Planned({}, f"$.predictions[{numbers[0]}]")
            used = {name for row in rows for name in (*row.inputs, *row.context)}
            known = plan.meanings or self._known(key, used, served)
            if known is None or any(one.kind is None for one in known.values()):
                seen = self._seen(key, rows, served)
                known = seen if known is None else {name: seen.get(name, one) for name, one in known.items()}
            plans[key] = replace(plan, meanings=known)
        return plans

    def _known(
        self, key: Key, used: Iterable[str], served: Mapping[str, Served]
    ) -> dict[str, Meaning] | None:
        """What is held of a version, or what its schema says when this node serves it."""
        held = self.schemas.known(key, used)
        model = served.get(key.model)
        if held is not None or model is None or key.version not in model.versions:
            return held
        return _meanings(model.versions[key.version].scorer.schema.fields)

    def _seen(self, key: Key, rows: Sequence[Sent], served: Mapping[str, Served]) -> dict[str, Meaning]:
        """What the names in some rows mean: as in other versions of the model, else by their first values."""
        seen = inferred([one.inputs for one in rows], "input") | inferred(
            [one.context for one in rows], "context"
        )
        elsewhere = {**_names_of(served, key.model), **self.schemas.names(key.model)}
        return {
            name: elsewhere[name] if _has_kind(elsewhere.get(name)) else one for name, one in seen.items()
        }

    def _hold(self, plans: Mapping[Key, _Planned], served: Mapping[str, Served]) -> None:
        for key, plan in plans.items():
            if plan.meanings == self.schemas.known(key):
                continue
            names = _names_of(served, key.model)
            try:
                self.schemas.hold(key, plan.meanings, may_grow=plan.declared, served=names)
            except Contradiction as found:
                path = f"{plan.path}.{found.name}" if found.name else plan.path
                raise invalid([Fault(path, found.expected, found.got)]) from None
            except OSError as error:
                sentence = "what these inputs are cannot be written down: send them again later"
                raise Rejected(503, "log_unavailable", sentence) from error


def _unhashable(
    sent: Sequence[Sent], rows: Sequence[Mapping[str, Any]], hiding: Mapping[str, _Hiding]
) -> Iterator[Fault]:
    """Values of sensitive columns that are no text, so that there is nothing to hash."""
    for number, (one, row) in enumerate(zip(sent, rows, strict=True)):
        hides = hiding.get(one.model)
        for name in hides.columns if hides else ():
            if not isinstance(row.get(name), (str, list, NoneType)):
                part = "inputs" if name in one.inputs else "context"
                wanted = f"a text, because a version of {shown(one.model)} that is served here hashes it"
                got = "a value that cannot be hashed: leave it out"
                yield Fault(f"$.predictions[{number}].{part}.{shown(name)}", wanted, got)


def _hidden(hiding: Mapping[str, _Hiding], sent: Sent, row: dict[str, Any]) -> tuple[Sent, Mapping[str, Any]]:
    """A prediction with its sensitive texts hashed, as they are in those of the versions that are served here."""
    hides = hiding.get(sent.model)
    if hides is None:
        return sent, row
    if sent.unit and hides.unit_key:
        sent = msgspec.structs.replace(sent, unit=hashed_text(sent.unit, hides.unit_key))
    texts = {name: value for name, value in row.items() if name in hides.columns and value is not None}
    for name, value in texts.items():
        (hidden,) = hide_rows([(value,)], (0,), hides.columns[name])
        texts[name] = hidden[0]
    return sent, {**row, **texts}


def _has_kind(meaning: Meaning | None) -> bool:
    return meaning is not None and meaning.kind is not None


def _names_of(served: Mapping[str, Served], model: str) -> dict[str, Meaning]:
    """What the names of a model mean in the versions of it that this node serves; none for another model."""
    versions = served[model].versions.values() if model in served else ()
    return {
        name: meaning
        for loaded in versions
        for name, meaning in _meanings(loaded.scorer.schema.fields).items()
    }


def _meanings(fields: Iterable[Field]) -> dict[str, Meaning]:
    """What the names of a served version mean; its unit is not among them, because a prediction says it beside them."""
    return {field.name: Meaning(field.kind, field.role) for field in fields if field.role != "unit"}


def _typed(sent: Sequence[Sent], plans: Mapping[Key, _Planned]) -> list[dict[str, Any]]:
    """The values of every prediction by name, as they are logged; Rejected (422) with all that do not fit."""
    faults: list[Fault] = []
    rows: list[dict[str, Any]] = []
    types = {
        key: _row_type(tuple((name, meaning.kind) for name, meaning in plan.meanings.items()))
        for key, plan in plans.items()
    }
    for number, one in enumerate(sent):
        key = Key(one.model, one.version)
        meanings, row = plans[key].meanings, types[key]
        try:
            if any(meanings[name].role != "input" for name in one.inputs) or any(
                meanings[name].role != "context" for name in one.context
            ):
                raise KeyError
            typed = msgspec.convert({**one.inputs, **one.context}, row)
            values = msgspec.structs.asdict(typed)
            for name, meaning in meanings.items():
                if meaning.kind == "timestamp" and isinstance(values[name], datetime):
                    values[name] = micros(values[name])
            rows.append(values)
        except (KeyError, msgspec.ValidationError):
            faults += _value_faults(number, one, meanings)
    if faults:
        raise invalid(faults)
    return rows


@lru_cache(maxsize=1_024)
def _row_type(fields: tuple[tuple[str, Kind | None], ...]) -> type[msgspec.Struct]:
    """A row in which every name may be missing."""
    named = [(name, None if kind is None else _TYPES[kind] | None, None) for name, kind in fields]
    return msgspec.defstruct("Row", named)


def _value_faults(number: int, sent: Sent, meanings: Mapping[str, Meaning]) -> list[Fault]:
    faults = []
    for role, values in (("input", sent.inputs), ("context", sent.context)):
        for name, value in values.items():
            path = f"$.predictions[{number}].{'inputs' if role == 'input' else 'context'}.{shown(name)}"
            meaning = meanings.get(name)
            if meaning is None:
                schema = f"the schema of {shown(sent.model)}@{sent.version}"
                faults.append(
                    Fault(path, "no such name", f"one that {schema} does not have: declare it in `schemas`")
                )
            elif meaning.role != role:
                held, came = ("inputs", "context") if meaning.role == "input" else ("context", "inputs")
                faults.append(
                    Fault(path, f"it among the `{held}`, as its schema says", f"it in the `{came}`")
                )
            elif value is not None:
                try:
                    msgspec.convert(value, _TYPES[meaning.kind or "string"])
                except msgspec.ValidationError:
                    faults.append(Fault(path, f"{kind_text(meaning.kind)}, or null", kind_of(value)))
    return faults


def _record(
    sent: Sent,
    identifier: str,
    role: str,
    digest: str,
    values: tuple[Any, ...],
    namespace: str,
    event_time: int,
    logged_at: int,
) -> Prediction:
    return Prediction(
        id=identifier,
        request_id=sent.request_id,
        row=sent.row,
        namespace=namespace,
        model=sent.model,
        version=sent.version,
        schema=digest,
        unit=sent.unit,
        event_time=event_time,
        logged_at=logged_at,
        inputs=values,
        output=_output(sent.output),
        status="error" if sent.error else "ok",
        error=sent.error,
        latency=sent.latency_seconds,
        role=role,
        decision=sent.decision,
        node=sent.source or ELSEWHERE,
    )


def _output(sent: float | list[float] | dict[str, float] | None) -> Output | None:
    if sent is None:
        return None
    if isinstance(sent, list):
        return ClassVector(tuple(sent))
    return Heads(sent) if isinstance(sent, dict) else Number(sent)
