"""Records as flat Arrow columns, and back: what a log file holds, whoever reads it.

Not here: files (roll), queries (read). Flat and not nested, because columns of two schemas unite by name in every
engine and changed struct fields are dropped silently in some.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, Final

import numpy as np
import pyarrow as pa

from roadworthy.predictionlog.record import (
    ClassVector,
    Heads,
    Kind,
    LogField,
    LogSchema,
    Number,
    Outcome,
    Output,
    Prediction,
)

TIME: Final = pa.timestamp("us", tz="UTC")

PREDICTION: Final[dict[str, pa.DataType]] = {
    "id": pa.string(),
    "request_id": pa.string(),
    "row": pa.int32(),
    "version": pa.int32(),
    "role": pa.string(),
    "unit": pa.string(),
    "event_time": TIME,
    "logged_at": TIME,
    "status": pa.string(),
    "error": pa.string(),
    "latency": pa.float64(),
    "plan": pa.int64(),
    "attempt": pa.string(),
    "propensity": pa.float64(),
    "probabilities": pa.list_(pa.float64()),
    "experiment": pa.string(),
    "arm": pa.string(),
    "position": pa.int32(),
    "candidates": pa.list_(pa.string()),
    "decision": pa.string(),
    "node": pa.string(),
    "build": pa.string(),
    "journal_seq": pa.int64(),
}

OUTPUTS: Final[dict[str, pa.DataType]] = {
    "output": pa.float64(),
    "output_vector": pa.list_(pa.float64()),
    "output_heads": pa.map_(pa.string(), pa.float64()),
}

_OUTCOME: Final[dict[str, pa.DataType]] = {
    "id": pa.string(),
    "name": pa.string(),
    "value": pa.float64(),
    "prediction_id": pa.string(),
    "unit": pa.string(),
    "event_time": TIME,
    "arrival_time": TIME,
    "logged_at": TIME,
    "revision": pa.int32(),
    "source": pa.string(),
    "journal_seq": pa.int64(),
}

_TYPES: Final[dict[Kind, pa.DataType]] = {
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "string": pa.string(),
    "timestamp": TIME,
    "strings": pa.list_(pa.string()),
}

_COERCE: Final[dict[Kind, Callable[[Any], Any]]] = {
    "number": float,
    "boolean": bool,
    "string": str,
    "timestamp": int,
    "strings": lambda values: [str(value) for value in values],
}

_PREFIX: Final = {"input": "in_", "context": "ctx_", "unit": "unit_"}

OUTCOME_SCHEMA: Final = pa.schema([*_OUTCOME.items(), ("journal", pa.string())])


def column_name(field: LogField) -> str | None:
    """The column of a raw value; None for a textual unit, which is the column `unit` already.

    >>> column_name(LogField("carrier", "string")), column_name(LogField("dest", "string", "context"))
    ('in_carrier', 'ctx_dest')
    """
    if field.role == "unit" and field.kind == "string":
        return None
    return _PREFIX[field.role] + field.name


def prediction_schema(schema: LogSchema | None) -> pa.Schema:
    """The Arrow schema of files with predictions of that log schema; of what all have in common for None."""
    fields = [*PREDICTION.items(), *OUTPUTS.items(), ("journal", pa.string())]
    if schema is not None:
        named = [(column_name(field), field) for field in schema.fields]
        fields += [(name, _TYPES[field.kind]) for name, field in named if name is not None]
        fields += [(f"enc_{name}", pa.float64()) for name in schema.encoded]
        fields += [
            (f"clean_{field.name}", _TYPES[field.kind]) for field in schema.fields if field.role == "input"
        ]
    return pa.schema(fields)


def prediction_table(schema: LogSchema, journal: str, records: Sequence[Prediction]) -> tuple[pa.Table, int]:
    """Predictions of one log schema as a table, and how many raw values did not fit their kind (they become null).

    Columns of cleaned values are left out when no record has any; they are sampled and often switched off.
    """
    arrays = {name: _column(name, kind, records) for name, kind in PREDICTION.items()}
    outputs = [_spread(record.output) for record in records]
    for place, (name, kind) in enumerate(OUTPUTS.items()):
        arrays[name] = pa.array([output[place] for output in outputs], type=kind)
    arrays["journal"] = pa.repeat(pa.scalar(journal), len(records))
    misfits = 0
    for field, values in zip(
        schema.fields, _transposed(schema, [record.inputs for record in records]), strict=True
    ):
        column = column_name(field)
        if column is not None:
            arrays[column], missed = fitted(field.kind, values)
            misfits += missed
    arrays.update(_encoded(schema, [record.encoded for record in records]))
    if any(record.cleaned is not None for record in records):
        cleaned = _transposed(schema, [record.cleaned or () for record in records])
        for field, values in zip(schema.fields, cleaned, strict=True):
            if field.role == "input":
                arrays[f"clean_{field.name}"], missed = fitted(field.kind, values)
                misfits += missed
    return pa.table(arrays), misfits


def outcome_table(journal: str, records: Sequence[Outcome]) -> pa.Table:
    """Outcomes as a table."""
    arrays = {name: _column(name, kind, records) for name, kind in _OUTCOME.items()}
    arrays["journal"] = pa.repeat(pa.scalar(journal), len(records))
    return pa.table(arrays)


def prediction_records(
    table: pa.Table, *, namespace: str, model: str, digest: str, schema: LogSchema
) -> list[Prediction]:
    """The records that a table was made from."""
    named = [column_name(field) for field in schema.fields]
    encoded = np.column_stack(
        [table.column(f"enc_{name}").to_numpy(zero_copy_only=False) for name in schema.encoded]
        or [np.empty((table.num_rows, 0))]
    ).astype("<f8")
    has_encoded = [True] * table.num_rows
    if schema.encoded:
        has_encoded = table.column(f"enc_{schema.encoded[0]}").is_valid().to_pylist()
    found = []
    for number, row in enumerate(_integral_times(table).to_pylist()):
        inputs = tuple(row["unit"] if name is None else row[name] for name in named)
        cleaned = None
        if any(row.get(f"clean_{field.name}") is not None for field in schema.fields):
            cleaned = tuple(row.get(f"clean_{field.name}") for field in schema.fields)
        found.append(
            Prediction(
                namespace=namespace,
                model=model,
                schema=digest,
                inputs=inputs,
                encoded=encoded[number].tobytes() if has_encoded[number] else b"",
                output=_gathered(row),
                cleaned=cleaned,
                **{name: _tuple(row[name]) for name in PREDICTION},
            )
        )
    return found


def outcome_records(table: pa.Table, *, namespace: str, model: str) -> list[Outcome]:
    """The records that a table was made from."""
    rows = _integral_times(table.select(list(_OUTCOME))).to_pylist()
    return [Outcome(namespace=namespace, model=model, **row) for row in rows]


def _column(name: str, kind: pa.DataType, records: Sequence[Any]) -> pa.Array:
    return pa.array(list(map(attrgetter(name), records)), type=kind)


def _spread(
    output: Output | None,
) -> tuple[float | None, tuple[float, ...] | None, list[tuple[str, float]] | None]:
    match output:
        case Number(value):
            return value, None, None
        case ClassVector(values):
            return None, values, None
        case Heads(values):
            return None, None, list(values.items())
    return None, None, None


def _gathered(row: dict[str, Any]) -> Output | None:
    if row["output"] is not None:
        return Number(row["output"])
    if row["output_vector"] is not None:
        return ClassVector(tuple(row["output_vector"]))
    return None if row["output_heads"] is None else Heads(dict(row["output_heads"]))


def _transposed(schema: LogSchema, rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    unread = (None,) * len(schema.fields)
    if not rows:
        return [()] * len(unread)
    return list(zip(*(row or unread for row in rows), strict=True))


def fitted(kind: Kind, values: Sequence[Any]) -> tuple[pa.Array, int]:
    """Values as their kind; a single one that does not fit must not keep a journal from being rolled for ever."""
    try:
        return pa.array(values, type=_TYPES[kind]), 0
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        fitted = [_coerced(kind, value) for value in values]
        misfits = sum(new is None and old is not None for new, old in zip(fitted, values, strict=True))
        return pa.array(fitted, type=_TYPES[kind]), misfits


def _coerced(kind: Kind, value: Any) -> Any:
    if value is None:
        return None
    try:
        return (
            pa.scalar(_COERCE[kind](value), type=_TYPES[kind]).as_py()
            if kind != "timestamp"
            else _time(value)
        )
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return None


def _time(value: Any) -> int:
    return int(np.int64(int(value)))


def _encoded(schema: LogSchema, rows: Sequence[bytes]) -> dict[str, pa.Array]:
    width = len(schema.encoded)
    if not width:
        return {}
    absent = np.array([not row for row in rows])
    unread = np.full(width, np.nan, dtype="<f8").tobytes()
    matrix = np.frombuffer(b"".join(row or unread for row in rows), dtype="<f8")
    columns = np.ascontiguousarray(matrix.reshape(len(rows), width).T)
    mask = absent if absent.any() else None
    return {
        f"enc_{name}": pa.array(column, mask=mask)
        for name, column in zip(schema.encoded, columns, strict=True)
    }


def _integral_times(table: pa.Table) -> pa.Table:
    times = {name for name, kind in zip(table.column_names, table.schema.types, strict=True) if kind == TIME}
    return pa.table(
        {
            name: table.column(name).cast(pa.int64()) if name in times else table.column(name)
            for name in table.column_names
        }
    )


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
