"""Predict requests: JSON in row or column form into checked rows, or one refusal that lists every fault.

Not here: HTTP (exchange) and which version answers a row (predicting). The quick path decodes straight into typed rows;
only when that fails is the body read again, slowly, to name all that is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from roadworthy.clock import micros
from roadworthy.errors import Fault, SchemaError
from roadworthy.features.batch import Batch
from roadworthy.features.columns import EARLIEST, LATEST
from roadworthy.features.hiding import hidden_places, hide_rows
from roadworthy.features.schema import InputSchema, row_type
from roadworthy.serving.exchange import MAX_FAULTS, Rejected
from roadworthy.serving.faults import fault_of, first, invalid, kind_of, malformed_json, shown, too_many

MAX_REQUEST_ID = 128

Form = Literal["instances", "inputs"]
Rows = list[dict[str, Any]]
#: One row: a plain value for every field of a schema, in its order; times as microseconds, None = missing.
Row = tuple[Any, ...]

_as_tuple = msgspec.structs.astuple

_RequestId = Annotated[str, msgspec.Meta(max_length=MAX_REQUEST_ID)]


class PredictRequest(msgspec.Struct, frozen=True, gc=False):
    """A decoded request.

    rows         checked rows, when all versions of the route read the same schema; else what was sent, a dict each
    form         how it was sent, and so how it is answered
    request_id   the client's idempotency key, "" without one
    """

    rows: list[Row] | Rows
    form: Form
    request_id: str


class RequestReader:
    """Reads the requests to one model, whose route names versions with these input schemas.

    A row must fit the schema of the version that answers it. It may carry fields that only another version of the
    route reads, so a client can start to send a new input before the version that needs it is promoted.
    """

    def __init__(self, schemas: Mapping[int, InputSchema], max_rows: int, key: bytes = b"") -> None:
        """A reader; `key` hashes the sensitive columns. Without one the requests carry hashes already."""
        self.max_rows, self._key = max_rows, key
        self._schemas = dict(schemas)
        self._row_types = {version: row_type(schema, hides=True) for version, schema in schemas.items()}
        self._known = {name for schema in schemas.values() for name in schema.names()}
        digests = {schema.digest for schema in schemas.values()}
        self._single = next(iter(schemas.values())) if len(digests) == 1 else None
        self._names = self._single.names() if self._single else ()
        fields = self._single.fields if self._single else ()
        self._hidden = hidden_places(self._single) if self._single and key else ()
        self._times = [at for at, field in enumerate(fields) if field.kind == "timestamp"]
        row: Any = dict[str, Any] if self._single is None else next(iter(self._row_types.values()))
        self._decode = msgspec.json.Decoder(_body_type(row, self._single, max_rows)).decode

    def read(self, body: bytes) -> PredictRequest:
        """Decode a body; Rejected (400, 413, 422) with all faults."""
        try:
            decoded: Any = self._decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise self._explained(body, error) from None
        instances, columns = decoded.instances, decoded.inputs
        if (instances is msgspec.UNSET) == (columns is msgspec.UNSET):
            raise invalid(_both_or_neither(instances is not msgspec.UNSET))
        if columns is msgspec.UNSET:
            form: Form = "instances"
            rows: Any = instances if self._single is None else list(map(_as_tuple, instances))
        else:
            form = "inputs"
            rows = self._transposed(columns)
        if not rows:
            raise Rejected(422, "empty_batch", f"$.{form} has no rows: send at least one")
        if self._times:
            _to_micros(rows, self._times, self._names, form)
        if self._hidden:
            rows = hide_rows(rows, self._hidden, self._key)
        return PredictRequest(rows, form, decoded.request_id)

    def _transposed(self, columns: Any) -> list[Row] | Rows:
        named = columns if isinstance(columns, dict) else msgspec.structs.asdict(columns)
        lengths = _length_faults(named)
        if lengths:
            raise invalid(lengths)
        return _transposed(named) if self._single is None else list(zip(*named.values(), strict=True))

    def rows(self, request: PredictRequest, version: int, places: Sequence[int] | None = None) -> list[Row]:
        """The rows, or those at `places`, as `version` reads them; Rejected (422) with all faults of these rows.

        Only where the versions of a route read different schemas is there anything left to check.
        """
        if self._single is not None:
            return request.rows if places is None else [request.rows[at] for at in places]  # type: ignore[return-value, misc]  # tuples then
        places = range(len(request.rows)) if places is None else places
        schema, row = self._schemas[version], self._row_types[version]
        names = set(schema.names())
        sent: Rows = [request.rows[at] for at in places]  # type: ignore[misc]  # dicts then
        faults = _unknown_fields(request.rows, self._known, request.form)  # type: ignore[arg-type]  # dicts then
        chosen = [{name: value for name, value in one.items() if name in names} for one in sent]
        try:
            typed = msgspec.convert(chosen, list[row])  # type: ignore[valid-type]  # made at run time
        except msgspec.ValidationError as error:
            faults += self._faults(chosen, schema, request.form, places) or [fault_of(error)]
        if faults:
            raise invalid(faults)
        return self._checked([msgspec.structs.asdict(one) for one in typed], schema, request.form, places)

    def values(self, request: PredictRequest, name: str, version: int) -> list[Any]:
        """One field of every row, as `version` reads and logs it; Rejected (422) with the faults of that field."""
        if self._single is not None:
            at = self._names.index(name)
            return [row[at] for row in request.rows]  # type: ignore[index]  # tuples then
        schema = self._schemas[version]
        fields = tuple(field for field in schema.fields if field.name == name)
        alone = InputSchema(fields, (name,) if name in schema.sensitive else ())
        rows = self._checked(request.rows, alone, request.form, None)  # type: ignore[arg-type]  # dicts then
        return [row[0] for row in rows]

    def _checked(
        self, rows: Rows, schema: InputSchema, form: Form, places: Sequence[int] | None
    ) -> list[Row]:
        try:
            batch = Batch.from_rows(rows, schema, path=f"$.{form}")
        except SchemaError as error:
            raise invalid(_relocated(error.faults, form, places)) from None
        checked = [tuple(row.values()) for row in batch.rows(schema)]
        hidden = hidden_places(schema) if self._key else ()
        return hide_rows(checked, hidden, self._key) if hidden else checked

    def _faults(
        self, rows: Rows, schema: InputSchema, form: Form, indices: Sequence[int] | None
    ) -> list[Fault]:
        """The first faults of these rows; a few rows at a time, since all rows of a body may be wrong in all fields."""
        faults: list[Fault] = []
        places = range(len(rows)) if indices is None else indices
        for start in range(0, len(rows), MAX_FAULTS):
            some = slice(start, start + MAX_FAULTS)
            try:
                Batch.from_rows(rows[some], schema, path=f"$.{form}")
            except SchemaError as error:
                faults += _relocated(error.faults, form, places[some])
            if len(faults) >= MAX_FAULTS:
                break
        return faults

    def _explained(self, body: bytes, error: Exception) -> Rejected:
        """Say everything that is wrong with a body that could not be decoded at once."""
        try:
            content = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as malformed:
            return malformed_json(body, malformed)
        count = _row_count(content)
        if count > self.max_rows:
            return too_many(count, self.max_rows)
        faults, form, rows = _outer_faults(content)
        if self._single is not None and all(isinstance(row, dict) for row in rows):
            faults += _unknown_fields(rows, self._known, form)
            faults += self._inner_faults(rows, self._single, form)
        return invalid(faults, error)

    def _inner_faults(self, rows: Rows, schema: InputSchema, form: Form) -> list[Fault]:
        """Faults of values; a column that is absent is one fault, not one a row."""
        if form == "instances" or not rows:
            return self._faults(rows, schema, form, None)
        absent = [name for name in schema.names() if name not in rows[0]]
        here = InputSchema(tuple(field for field in schema.fields if field.name not in absent))
        faults = [
            Fault(f"$.inputs.{name}", "a list of values", "nothing: the key is absent") for name in absent
        ]
        return faults + self._faults(rows, here, form, None)


def _body_type(row: Any, schema: InputSchema | None, max_rows: int) -> type[msgspec.Struct]:
    """The type of a whole body; in column form one list for each field."""
    length = msgspec.Meta(max_length=max_rows)
    columns: Any = dict[str, Annotated[list[Any], length]]
    if schema is not None:
        columns = msgspec.defstruct(
            "Columns",
            [(field.name, _list_of(field.type, length)) for field in msgspec.structs.fields(row)],
            forbid_unknown_fields=True,
        )
    fields: list[tuple[str, Any, Any]] = [
        ("instances", _list_of(row, length) | msgspec.UnsetType, msgspec.UNSET),
        ("inputs", columns | msgspec.UnsetType, msgspec.UNSET),
        ("request_id", _RequestId, ""),
        ("signature_name", _RequestId, ""),
    ]
    return msgspec.defstruct("Body", fields, forbid_unknown_fields=True)


def _list_of(item: Any, length: msgspec.Meta) -> Any:
    return Annotated[list[item], length]


def _both_or_neither(both: bool) -> list[Fault]:
    sent: dict[str, Any] = {"instances": [], "inputs": {}} if both else {}
    return _outer_faults(sent)[0]


def _to_micros(rows: list[Row], times: Sequence[int], names: Sequence[str], form: Form) -> None:
    """Times that came as text become microseconds, in place; Rejected (422) for those outside the years we hold."""
    faults: list[Fault] = []
    for at in times:
        for number, row in enumerate(rows):
            value = row[at]
            if type(value) is datetime:
                moment = micros(value)
                if not EARLIEST <= moment <= LATEST:
                    path = (
                        f"$.inputs.{names[at]}[{number}]"
                        if form == "inputs"
                        else f"$.instances[{number}].{names[at]}"
                    )
                    faults.append(Fault(path, "a time in the years 1 to 9999 UTC", kind_of(value)))
                rows[number] = (*row[:at], moment, *row[at + 1 :])
    if faults:
        raise invalid(faults)


def _transposed(columns: Mapping[str, Sequence[Any]]) -> Rows:
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _length_faults(columns: Mapping[str, Any]) -> list[Fault]:
    longest = max(map(len, columns.values()), default=0)
    return first(
        Fault(f"$.inputs.{shown(name)}", f"{longest:,} values as in the longest column", f"{len(values):,}")
        for name, values in columns.items()
        if len(values) != longest
    )


def _row_count(content: Any) -> int:
    """How many rows a body has, whatever they are."""
    if not isinstance(content, dict):
        return 0
    instances, columns = content.get("instances"), content.get("inputs")
    sent = [instances, *(columns.values() if isinstance(columns, dict) else ())]
    return max(len(one) if isinstance(one, list) else 0 for one in sent)


def _outer_faults(content: Any) -> tuple[list[Fault], Form, Rows]:
    """What is wrong around the rows, the form, and the rows themselves if nothing is."""
    if not isinstance(content, dict):
        return [Fault("$", "an object with `instances` or `inputs`", kind_of(content))], "instances", []
    faults = first(
        Fault(f"$.{shown(name)}", "no such field", "a field the request does not have")
        for name in content
        if name not in {"instances", "inputs", "request_id", "signature_name"}
    )
    faults += [
        Fault(f"$.{name}", f"a string of at most {MAX_REQUEST_ID} characters", kind_of(content[name]))
        for name in ("request_id", "signature_name")
        if not isinstance(content.get(name, ""), str) or len(content.get(name, "")) > MAX_REQUEST_ID
    ]
    if ("instances" in content) == ("inputs" in content):
        got = "both" if "instances" in content else "neither"
        faults.append(
            Fault("$", "either `instances` (a list of rows) or `inputs` (a list for each field)", got)
        )
        return faults, "instances", []
    if "instances" in content:
        inner, rows = _row_faults(content["instances"])
        return faults + inner, "instances", rows
    inner, rows = _column_faults(content["inputs"])
    return faults + inner, "inputs", rows


def _row_faults(instances: Any) -> tuple[list[Fault], Rows]:
    if not isinstance(instances, list):
        return [Fault("$.instances", "a list of rows", kind_of(instances))], []
    faults = first(
        Fault(f"$.instances[{number}]", "an object with the model's fields", kind_of(row))
        for number, row in enumerate(instances)
        if not isinstance(row, dict)
    )
    return faults, instances


def _column_faults(columns: Any) -> tuple[list[Fault], Rows]:
    if not isinstance(columns, dict):
        return [Fault("$.inputs", "an object with a list for each field", kind_of(columns))], []
    faults = first(
        Fault(f"$.inputs.{shown(name)}", "a list of values", kind_of(values))
        for name, values in columns.items()
        if not isinstance(values, list)
    ) or _length_faults(columns)
    return faults, [] if faults else _transposed(columns)


def _unknown_fields(rows: Rows, known: set[str], form: Form) -> list[Fault]:
    got = "a field the model does not have"
    if form == "inputs":  # every row has every column
        names = (name for name in next(iter(rows), {}) if name not in known)
        return first(Fault(f"$.inputs.{shown(name)}", "no such field", got) for name in names)
    return first(
        Fault(f"$.instances[{number}].{shown(name)}", "no such field", got)
        for number, row in enumerate(rows)
        if not row.keys() <= known
        for name in row
        if name not in known
    )


def _relocated(faults: Sequence[Fault], form: Form, indices: Sequence[int] | None) -> list[Fault]:
    """Faults with the row numbers and the order of the path as the client sent them."""
    moved = []
    for fault in faults:
        number, name = re.fullmatch(r"\$\.\w+\[(\d+)\]\.(.*)", fault.path).groups()  # type: ignore[union-attr]  # Batch writes it so
        row = int(number) if indices is None else indices[int(number)]
        path = f"$.inputs.{name}[{row}]" if form == "inputs" else f"$.instances[{row}].{name}"
        moved.append(Fault(path, fault.expected, fault.got))
    return moved
