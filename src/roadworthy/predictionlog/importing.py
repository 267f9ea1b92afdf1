"""A table of old predictions as records of the log: what its columns mean, and what the rows become.

Not here: files and journals (jobs.importing). The same rows give the same identifiers, so that importing them again,
or another table with some of them, adds nothing that is read twice.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from roadworthy.clock import uuid7
from roadworthy.errors import Fault, SchemaError
from roadworthy.predictionlog.columns import TIME
from roadworthy.predictionlog.record import FieldRole, Group, Kind, LogField, LogSchema, Outcome

#: Rows of one group.
GROUP_ROWS = 1_000

#: `Group.node` and `Outcome.source` of what was imported.
IMPORTED = "import"


class Meaning(msgspec.Struct, frozen=True, kw_only=True):
    """What the columns of a table of old predictions are; every other column is an input.

    unit, time, output   who or what was asked about, when, and what was answered
    id                   a unique identifier of the prediction; "" = made from the row
    outcome              what turned out to be true, null while unknown; "" = none
    outcome_time         when that was known; "" = at once
    context              columns that are kept but were no inputs
    leave_out            columns that are not kept
    """

    model: str
    version: int = 1
    namespace: str
    unit: str
    time: str
    output: str
    id: str = ""
    outcome: str = ""
    outcome_time: str = ""
    context: tuple[str, ...] = ()
    leave_out: tuple[str, ...] = ()

    def columns(self) -> dict[str, str]:
        """What is named → the column."""
        named = {
            "unit": self.unit, "time": self.time, "output": self.output, "id": self.id, "outcome": self.outcome,
            "outcome-time": self.outcome_time,
        }  # fmt: skip
        return {what: column for what, column in named.items() if column}


def shaped(table: pa.Table, meaning: Meaning, what: str) -> tuple[pa.Table, LogSchema]:
    """The table in the types of the log, and the schema of its predictions.

    what     name of the table, for the error
    raises   SchemaError with every column that is absent, of a type that the log does not know, null where a value is
             needed, or an output that is no probability
    """
    named = meaning.columns()
    faults = [
        Fault(column, f"a column (named as {name})", "no such column")
        for name, column in [*named.items(), *(("context", one) for one in meaning.context)]
        if column not in table.column_names
    ]
    if faults:
        raise SchemaError(f"{what} ({table.num_rows:,} rows)", faults, "Nothing was imported.")
    columns: dict[str, pa.ChunkedArray] = {}
    fields: list[LogField] = []
    for name in table.column_names:
        if name in meaning.leave_out:
            continue
        wanted = _wanted(name, meaning)
        kind = wanted or kind_of(table.schema.field(name).type)
        if kind is None:
            text = f"{table.schema.field(name).type}; leave it out if it is not needed"
            faults.append(Fault(name, "numbers, booleans, text, times or lists of text", text))
            continue
        try:
            columns[name] = _cast(table.column(name), kind)
        except (pa.ArrowException, ValueError) as error:
            faults.append(Fault(name, f"a {kind} in every row", " ".join(str(error).split())))
            continue
        if name in (meaning.unit, meaning.time, meaning.id) and columns[name].null_count:
            faults.append(Fault(name, "a value in every row", f"{columns[name].null_count} nulls"))
        if name == meaning.output:
            faults += _improbable(name, columns[name])
        if name not in named.values():
            fields.append(LogField(name, kind, _role(name, meaning)))
    if faults:
        raise SchemaError(f"{what} ({table.num_rows:,} rows)", faults, "Nothing was imported.")
    fields.append(LogField(meaning.unit, "string", "unit"))
    return pa.table(columns), LogSchema(meaning.model, tuple(fields))


def _improbable(name: str, outputs: pa.ChunkedArray) -> list[Fault]:
    outside = pc.or_(pc.less(outputs, 0.0), pc.greater(outputs, 1.0))
    rows = pc.sum(outside).as_py() or 0
    if not rows:
        return []
    first = pc.index(outside, True).as_py()
    return [Fault(name, "a probability, 0 to 1", f"{outputs[first].as_py():g}", rows, first)]


def kind_of(type_: pa.DataType) -> Kind | None:
    """How the log keeps a column of that type; None where it does not."""
    types = pa.types
    if types.is_dictionary(type_):
        return kind_of(type_.value_type)
    if types.is_integer(type_) or types.is_floating(type_) or types.is_decimal(type_):
        return "number"
    if types.is_boolean(type_):
        return "boolean"
    if types.is_timestamp(type_) or types.is_date(type_):
        return "timestamp"
    if types.is_string(type_) or types.is_large_string(type_) or types.is_null(type_):
        return "string"
    if types.is_list(type_) or types.is_large_list(type_):
        return "strings" if kind_of(type_.value_type) == "string" else None
    return None


def records(
    table: pa.Table, schema: LogSchema, meaning: Meaning, logged_at: int
) -> Iterator[tuple[Group, list[Outcome]]]:
    """The rows as groups, with their outcomes, in the order of the table; both as `shaped` gave them."""
    names = [field.name for field in schema.fields]
    for batch in table.to_batches(GROUP_ROWS):
        plain = {name: _plain(batch.column(name)) for name in batch.schema.names}
        times, units = plain[meaning.time], plain[meaning.unit]
        outputs = [None if value is None else float(value) for value in plain[meaning.output]]
        rows = list(zip(*(plain[name] for name in names), strict=True))
        ids = plain[meaning.id] if meaning.id else _ids(times, outputs, rows)
        answered = [float("nan") if value is None else value for value in outputs]
        group = Group(
            namespace=meaning.namespace,
            model=meaning.model,
            version=meaning.version,
            schema=schema.digest,
            logged_at=logged_at,
            node=IMPORTED,
            ids=ids,
            request_ids=[""] * len(ids),
            rows=[0] * len(ids),
            units=units,
            event_times=times,
            latencies=[0.0] * len(ids),
            inputs=rows,
            outputs=answered,
        )
        yield group, _outcomes(plain, ids, meaning, logged_at) if meaning.outcome else []


def _outcomes(
    plain: Mapping[str, list[Any]], ids: Sequence[str], meaning: Meaning, logged_at: int
) -> list[Outcome]:
    known = plain[meaning.outcome_time] if meaning.outcome_time else plain[meaning.time]
    return [
        Outcome(
            id=f"{meaning.outcome}:{key}",
            namespace=meaning.namespace,
            model=meaning.model,
            name=meaning.outcome,
            value=value,
            prediction_id=key,
            event_time=at,
            arrival_time=at,
            logged_at=logged_at,
            source=IMPORTED,
        )
        for key, value, at in zip(ids, plain[meaning.outcome], known, strict=True)
        if value is not None and at is not None
    ]


def _ids(times: Sequence[int], outputs: Sequence[float | None], rows: Sequence[tuple[Any, ...]]) -> list[str]:
    """An identifier made from everything in the row that was predicted: the same row has the same one."""
    encode = msgspec.msgpack.Encoder().encode
    return [
        uuid7(time, random.Random(hashlib.sha256(encode((time, output, row))).digest()))  # noqa: S311  # repeatable
        for time, output, row in zip(times, outputs, rows, strict=True)
    ]


def _wanted(name: str, meaning: Meaning) -> Kind | None:
    if name in (meaning.time, meaning.outcome_time):
        return "timestamp"
    if name in (meaning.unit, meaning.id):
        return "string"
    return "number" if name in (meaning.output, meaning.outcome) else None


def _role(name: str, meaning: Meaning) -> FieldRole:
    return "context" if name in meaning.context else "input"


def _cast(column: pa.ChunkedArray, kind: Kind) -> pa.ChunkedArray:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if kind == "timestamp":
        if pa.types.is_timestamp(column.type) and column.type.tz is None:
            column = column.cast(pa.timestamp("us"))
        return column.cast(TIME)
    if kind == "number":
        return column.cast(pa.float64())
    if kind == "strings":
        return column.cast(pa.list_(pa.string()))
    return column.cast(pa.bool_() if kind == "boolean" else pa.string())


def _plain(array: pa.Array) -> list[Any]:
    found: list[Any] = (array.cast(pa.int64()) if array.type == TIME else array).to_pylist()
    return found
