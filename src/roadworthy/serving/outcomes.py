"""Outcomes as they arrive over HTTP: checked, all faults listed, and written to the same journal as predictions.

Not here: how an outcome finds its prediction (predictionlog.outcomes). Sending the same outcome again is harmless:
of one id and revision the first that arrived is read. A correction is the same id with a higher revision, and a
withdrawal is a correction whose value is null.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec

from roadworthy.clock import micros
from roadworthy.errors import Fault
from roadworthy.features.columns import EARLIEST, LATEST
from roadworthy.predictionlog.record import Outcome
from roadworthy.sensitive import hashed_text
from roadworthy.serving.exchange import Rejected
from roadworthy.serving.faults import explain, first, invalid, kind_of, malformed_json, shown
from roadworthy.serving.table import Served

#: Model → the names its outcomes may have, which are 0 or 1; no names = its versions declare none, and any is taken.
Declared = Mapping[str, Collection[str]]

_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=512)]
_Moment = Annotated[datetime, msgspec.Meta(tz=True)] | Annotated[int, msgspec.Meta(ge=EARLIEST, le=LATEST)]
#: What the log's column of revisions can hold; one number beyond it would keep a whole journal from being rolled.
_Revision = Annotated[int, msgspec.Meta(ge=0, lt=2**31)]


class Sent(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One outcome as a client sends it; fields as in `predictionlog.record.Outcome`.

    value        0 or 1, or false and true; null withdraws what an earlier revision of the same id said. Of a model
                 that is served elsewhere, any number
    event_time   RFC 3339 with an offset, or microseconds since 1970
    """

    id: _Text
    model: _Text
    name: _Text
    value: float | bool | None
    event_time: _Moment
    prediction_id: _Text | None = None
    unit: _Text | None = None
    revision: _Revision = 0
    source: Annotated[str, msgspec.Meta(max_length=512)] = ""


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    outcomes: list[Sent]


_DECODER = msgspec.json.Decoder(_Body)


def declared(models: Mapping[str, Served]) -> Declared:
    """The names of the outcomes that the served versions of each model were trained to foresee."""
    return {
        name: {
            str(loaded.scorer.model.outcome["name"])
            for loaded in served.versions.values()
            if loaded.scorer.model.outcome.get("name")
        }
        for name, served in models.items()
    }


def read_outcomes(
    body: bytes, *, models: Declared, namespace: str, arrival_time: int, logged_at: int, limit: int
) -> list[Outcome]:
    """The outcomes of a request body; Rejected (400, 413, 422) with all faults, and then none is taken.

    models   models that may have outcomes here, and how those may be called
    """
    try:
        sent = _DECODER.decode(body).outcomes
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _explained(body, error, limit) from None
    if len(sent) > limit:
        raise _too_many(len(sent), limit)
    faults = first(fault for number, one in enumerate(sent) for fault in _contradictions(number, one, models))
    if faults:
        raise invalid(faults)
    return [
        Outcome(
            id=one.id,
            namespace=namespace,
            model=one.model,
            name=one.name,
            value=math.nan if one.value is None else float(one.value),
            prediction_id=one.prediction_id or "",
            unit=one.unit or "",
            event_time=_micros(one.event_time),
            arrival_time=arrival_time,
            logged_at=logged_at,
            revision=one.revision,
            source=one.source,
        )
        for one in sent
    ]


def _too_many(count: int, limit: int) -> Rejected:
    sentence = f"{count:,} outcomes, at most {limit:,} are read at once: split them"
    return Rejected(413, "too_many_rows", sentence)


def hide_units(outcomes: Sequence[Outcome], models: Mapping[str, Served]) -> list[Outcome]:
    """Outcomes that name units as the log does: by their hashes, where the unit is a sensitive input of the model.

    As long as another version of the route logs units as they come, its predictions need the outcome as it came too:
    a second one says it, under an identifier of its own.
    """
    hidden = {name: served.unit_keys for name, served in models.items() if any(served.unit_keys)}
    found: list[Outcome] = []
    for one in outcomes:
        keys = hidden.get(one.model) if one.unit else None
        found += [one] if keys is None else [_named_by(one, key) for key in sorted(keys)]
    return found


def _named_by(outcome: Outcome, key: bytes) -> Outcome:
    if not key:
        return msgspec.structs.replace(outcome, id=f"{outcome.id}:clear")
    return msgspec.structs.replace(outcome, unit=hashed_text(outcome.unit, key))


def _micros(moment: datetime | int) -> int:
    return moment if isinstance(moment, int) else micros(moment)


def _contradictions(number: int, sent: Sent, models: Declared) -> list[Fault]:
    """What the types cannot say."""
    path = f"$.outcomes[{number}]"
    faults = []
    if (sent.prediction_id is None) == (sent.unit is None):
        got = "neither" if sent.unit is None else "both"
        faults.append(Fault(path, "either `prediction_id` or `unit`", got))
    if not EARLIEST <= _micros(sent.event_time) <= LATEST:
        faults.append(
            Fault(f"{path}.event_time", "a time in the years 1 to 9999 UTC", kind_of(sent.event_time))
        )
    if sent.value is None and sent.revision == 0:
        wanted = "a revision above that of the outcome which null withdraws, so from 1"
        faults.append(Fault(f"{path}.revision", wanted, "0"))
    if sent.model not in models:
        known = ", ".join(sorted(models)) or "none is served yet"
        faults.append(Fault(f"{path}.model", f"a model served here ({known})", _quoted(sent.model)))
    elif models[sent.model] and sent.name not in models[sent.model]:
        names = " or ".join(map(_quoted, sorted(models[sent.model])))
        expected = f"{names}, the declared outcome of {sent.model}"
        faults.append(Fault(f"{path}.name", expected, _quoted(sent.name)))
    elif models[sent.model] and sent.value not in (0, 1, None):
        faults.append(Fault(f"{path}.value", "0, 1 or null (withdrawn)", kind_of(sent.value)))
    return faults


def _quoted(name: str) -> str:
    return f'"{shown(name)}"'


def _explained(body: bytes, error: Exception, limit: int) -> Rejected:
    try:
        content = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as malformed:
        return malformed_json(body, malformed)
    if not isinstance(content, dict) or not isinstance(content.get("outcomes"), list):
        return invalid([Fault("$", "an object with `outcomes`, a list", kind_of(content))])
    if len(content["outcomes"]) > limit:
        return _too_many(len(content["outcomes"]), limit)
    return invalid(_faults(content), error)


def _faults(content: Mapping[str, Any]) -> Iterator[Fault]:
    for name, value in content.items():
        if name != "outcomes":
            yield Fault(f"$.{shown(name)}", "no such field", kind_of(value))
    for number, one in enumerate(content["outcomes"]):
        yield from explain(one, Sent, f"$.outcomes[{number}]")
