"""The body of a request that has predictions logged which were made elsewhere: its form, and all that is wrong with it.

Not here: what inputs are called and mean (foreign_schemas), and records (foreign).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from itertools import chain
from typing import Annotated, Any, Literal

import msgspec

from roadworthy.clock import micros
from roadworthy.errors import Fault
from roadworthy.features.columns import EARLIEST, LATEST
from roadworthy.features.schema import MAX_ITEMS, MAX_TEXT
from roadworthy.predictionlog.record import Kind
from roadworthy.serving.exchange import Rejected
from roadworthy.serving.faults import explain, first, invalid, kind_of, malformed_json, shown
from roadworthy.serving.foreign_schemas import Role
from roadworthy.settings import is_name

_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_TEXT)]
_Short = Annotated[str, msgspec.Meta(max_length=128)]
String = Annotated[str, msgspec.Meta(max_length=MAX_TEXT)]
Strings = Annotated[list[String], msgspec.Meta(max_length=MAX_ITEMS)]
Moment = Annotated[datetime, msgspec.Meta(tz=True)] | Annotated[int, msgspec.Meta(ge=EARLIEST, le=LATEST)]
_Count = Annotated[int, msgspec.Meta(ge=0, lt=2**31)]
_Value = int | float | bool | String | Strings | None
_Numbers = Annotated[list[float], msgspec.Meta(min_length=1, max_length=MAX_ITEMS)]
_Named = Annotated[
    dict[Annotated[str, msgspec.Meta(min_length=1, max_length=64)], float],
    msgspec.Meta(min_length=1, max_length=MAX_ITEMS),
]


class Sent(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One prediction as a client sends it; what is not said here is as in `predictionlog.record.Prediction`.

    inputs, context   name → number, true or false, text, list of texts, or null; the first ones of a version decide
    output            a number, a list of one number a class, or an object of named numbers; null with an `error`
    error             why there is no output
    unit              what the prediction is about; outcomes may name it
    event_time        RFC 3339 with an offset, or microseconds since 1970; now when not given
    role              who answered; always a shadow of a model that is served here too
    source            who says so
    """

    model: _Text
    inputs: dict[str, _Value]
    output: float | _Numbers | _Named | None = None
    error: String = ""
    id: _Text | None = None
    version: _Count = 1
    context: dict[str, _Value] = {}
    unit: String = ""
    event_time: Moment | None = None
    request_id: _Short = ""
    row: _Count = 0
    role: Literal["champion", "canary", "shadow"] | None = None
    latency_seconds: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    decision: _Short = ""
    source: _Short = ""


class SentField(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One declared input."""

    name: _Text
    kind: Kind
    role: Role = "input"


class SentSchema(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The declared inputs of one version."""

    model: _Text
    version: _Count = 1
    fields: list[SentField]


class Body(msgspec.Struct, forbid_unknown_fields=True):
    """A whole request."""

    predictions: list[Sent]
    schemas: list[SentSchema] = []


_DECODER = msgspec.json.Decoder(Body)


def checked(body: bytes, served: Collection[str], limit: int) -> Body:
    """A decoded body; Rejected (400, 413, 422) with all faults that can be seen without knowing any schema.

    served   names of models that this node serves itself
    """
    try:
        decoded = _DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _explained(body, error, limit) from None
    if len(decoded.predictions) > limit:
        raise _too_many(len(decoded.predictions), limit)
    predictions, schemas = enumerate(decoded.predictions), enumerate(decoded.schemas)
    contradictions = (_contradictions(number, one, served) for number, one in predictions)
    wrong_schemas = (_schema_faults(number, one) for number, one in schemas)
    faults = first(chain.from_iterable(chain(contradictions, wrong_schemas)))
    if faults:
        raise invalid(faults)
    return decoded


def _too_many(count: int, limit: int) -> Rejected:
    sentence = f"{count:,} predictions, at most {limit:,} are read at once: split them"
    return Rejected(413, "too_many_rows", sentence)


def micros_of(moment: datetime | int) -> int:
    """A moment as it is logged."""
    return moment if isinstance(moment, int) else micros(moment)


def _contradictions(number: int, sent: Sent, served: Collection[str]) -> list[Fault]:
    """What the types cannot say."""
    path = f"$.predictions[{number}]"
    faults = []
    if not is_name(sent.model):
        faults.append(Fault(f"{path}.model", _NAME, f'"{shown(sent.model)}"'))
    if (sent.output is None) != bool(sent.error):
        got = "neither" if sent.output is None else "both"
        faults.append(Fault(path, "either an `output` or the `error` why there is none", got))
    if sent.event_time is not None and not EARLIEST <= micros_of(sent.event_time) <= LATEST:
        wanted = "a time in the years 1 to 9999 UTC"
        faults.append(Fault(f"{path}.event_time", wanted, kind_of(sent.event_time)))
    if sent.model in served and sent.role not in {None, "shadow"}:
        wanted = (
            f"shadow: {sent.model} is served here, and what is said elsewhere must not pass for its answers"
        )
        faults.append(Fault(f"{path}.role", wanted, f'"{sent.role}"'))
    faults += [
        Fault(f"{path}.{part}.{shown(name)}", _IDENTIFIER, f'"{shown(name)}"')
        for part, values in (("inputs", sent.inputs), ("context", sent.context))
        for name in values
        if not _is_identifier(name)
    ]
    faults += [
        Fault(f"{path}.context.{shown(name)}", "a name that is not among the `inputs`", "one that is in both")
        for name in sent.context.keys() & sent.inputs.keys()
    ]
    return faults


_NAME = "a name of at most 64 lower-case letters, digits, '-' and '_', a letter first"
_IDENTIFIER = "a name of at most 128 letters, digits and underscores, because it becomes a column of the log"


def _is_identifier(name: str) -> bool:
    return name.isidentifier() and not name.startswith("__") and len(name) <= 128


def _schema_faults(number: int, sent: SentSchema) -> list[Fault]:
    path = f"$.schemas[{number}]"
    faults = []
    if not is_name(sent.model):
        faults.append(Fault(f"{path}.model", _NAME, f'"{shown(sent.model)}"'))
    if not sent.fields:
        faults.append(Fault(f"{path}.fields", "at least one input", "none"))
    repeated = [name for name, count in Counter(field.name for field in sent.fields).items() if count > 1]
    for at, field in enumerate(sent.fields):
        if not _is_identifier(field.name):
            faults.append(Fault(f"{path}.fields[{at}].name", _IDENTIFIER, f'"{shown(field.name)}"'))
    faults += [Fault(f"{path}.fields", f"{shown(name)} once", "it more than once") for name in repeated]
    return faults


def _explained(body: bytes, error: Exception, limit: int) -> Rejected:
    """Everything that is wrong with a body that could not be decoded at once."""
    try:
        content = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as malformed:
        return malformed_json(body, malformed)
    if not isinstance(content, dict) or not isinstance(content.get("predictions"), list):
        return invalid([Fault("$", "an object with `predictions`, a list", kind_of(content))])
    if len(content["predictions"]) > limit:
        return _too_many(len(content["predictions"]), limit)
    return invalid(_faults(content), error)


def _faults(content: Mapping[str, Any]) -> Iterator[Fault]:
    for name, value in content.items():
        if name not in {"predictions", "schemas"}:
            yield Fault(f"$.{shown(name)}", "no such field", kind_of(value))
    for number, one in enumerate(content["predictions"]):
        yield from explain(one, Sent, f"$.predictions[{number}]")
    declared = content.get("schemas", [])
    if not isinstance(declared, list):
        yield Fault("$.schemas", "a list", kind_of(declared))
        return
    for number, one in enumerate(declared):
        yield from explain(one, SentSchema, f"$.schemas[{number}]")
