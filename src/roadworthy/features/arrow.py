"""Arrow tables into batches and back; the only file of this package that knows Arrow.

Not here: which table, joined how (see `data`). A batch made here and one made from the same values as rows encode
to the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from roadworthy.errors import DefinitionError, Fault, SchemaError
from roadworthy.features.batch import Batch
from roadworthy.features.columns import EARLIEST, LATEST, NO_TIME, Column, Kind, Lists, Strings, missing_rows
from roadworthy.features.schema import Field, InputSchema, Role

_ACCEPTED: dict[Kind, str] = {
    "number": "integers, floats or decimals",
    "boolean": "booleans",
    "string": "strings, perhaps dictionary-encoded",
    "timestamp": "timestamps with a timezone",
    "strings": "lists of strings",
}
_TYPES: dict[Kind, pa.DataType] = {
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "string": pa.string(),
    "timestamp": pa.timestamp("us", "UTC"),
    "strings": pa.list_(pa.string()),
}

Mask = npt.NDArray[np.bool_]


def kind_of(arrow_type: pa.DataType) -> Kind | None:
    """The kind of column that an Arrow type becomes; None where there is none."""
    types = pa.types
    if types.is_integer(arrow_type) or types.is_floating(arrow_type) or types.is_decimal(arrow_type):
        return "number"
    if types.is_boolean(arrow_type):
        return "boolean"
    if types.is_timestamp(arrow_type) and arrow_type.tz is not None:
        return "timestamp"
    if _is_text(arrow_type.value_type if types.is_dictionary(arrow_type) else arrow_type):
        return "string"
    if (types.is_list(arrow_type) or types.is_large_list(arrow_type)) and _is_text(arrow_type.value_type):
        return "strings"
    return None


def schema_from_arrow(
    arrow_schema: pa.Schema, wanted: Mapping[str, Role], nullable: Collection[str] | None = None
) -> InputSchema:
    """The schema of the wanted columns, in the order of `wanted`.

    wanted     column name → role
    nullable   names of the columns that may be null; None: as the Arrow schema says. Lists never are.
    raises     DefinitionError that names every column that is absent or of a type that features do not know
    """
    fields, wrong = [], []
    for name, role in wanted.items():
        if name not in arrow_schema.names:
            wrong.append(f"{name} is not there")
            continue
        field = arrow_schema.field(name)
        kind = kind_of(field.type)
        if kind is None:
            wrong.append(f"{name} is {field.type}")
            continue
        may_be_null = field.nullable if nullable is None else name in nullable
        fields.append(Field(name, kind, bool(may_be_null) and kind != "strings", role))
    if wrong:
        raise DefinitionError(
            f"columns cannot be used: {'; '.join(wrong)}; known are numbers, booleans, strings, timestamps with a "
            "timezone and lists of strings"
        )
    return InputSchema(tuple(fields))


def batch_from_arrow(table: pa.Table, schema: InputSchema) -> Batch:
    """The batch of a table's columns that the schema names; NaN counts as null.

    raises   SchemaError with all faults: absent columns, other types, nulls where none may be, infinite numbers
    """
    columns: dict[str, Column] = {}
    faults: list[Fault] = []
    for field in schema.fields:
        path, expected = f"$.{field.name}", _ACCEPTED[field.kind]
        if field.name not in table.column_names:
            faults.append(Fault(path, expected, "no such column", table.num_rows))
            continue
        given = table.column(field.name)
        if kind_of(given.type) != field.kind:
            faults.append(Fault(path, expected, str(given.type), table.num_rows))
            continue
        column, bad, got = _READ[field.kind](given)
        _report(faults, path, _right(field.kind), got, bad)
        if not field.nullable:
            _report(faults, path, f"{_right(field.kind)}, not null", "null", missing_rows(column) & ~bad)
        columns[field.name] = column
    if faults:
        raise SchemaError(f"table ({table.num_rows:,} rows)", faults)
    return Batch(columns, table.num_rows)


def batch_to_arrow(batch: Batch, schema: InputSchema) -> pa.Table:
    """The table of the batch's columns that the schema names; missing is null, times are timestamp[us, UTC]."""
    arrays = {}
    for field in schema.fields:
        column = batch.columns[field.name]
        if isinstance(column, Strings):
            array = _texts_to_arrow(column)
        elif isinstance(column, Lists):
            array = pa.ListArray.from_arrays(
                pa.array(column.offsets, pa.int32()), _texts_to_arrow(column.values)
            )
        else:
            array = pa.array(column, mask=missing_rows(column)).cast(_TYPES[field.kind])
        arrays[field.name] = array
    return pa.table(arrays)


def _is_text(arrow_type: pa.DataType) -> bool:
    return bool(pa.types.is_string(arrow_type) or pa.types.is_large_string(arrow_type))


def _right(kind: Kind) -> str:
    return {
        "number": "a finite number",
        "boolean": "true or false",
        "string": "a string",
        "timestamp": "a time within the years 1 to 9999",
        "strings": "a list of strings",
    }[kind]


def _report(faults: list[Fault], path: str, expected: str, got: str, bad: Mask) -> None:
    rows = np.flatnonzero(bad)
    if rows.size:
        faults.append(Fault(path, expected, got, int(rows.size), int(rows[0])))


_Read = tuple[Column, Mask, str]


def _numbers(given: pa.ChunkedArray) -> _Read:
    numbers = given.cast(pa.float64(), safe=False).to_numpy()
    return numbers, np.isinf(numbers), "an infinite number"


def _times(given: pa.ChunkedArray) -> _Read:
    exact = given.cast(pa.timestamp("us", given.type.tz), safe=False)
    times = exact.cast(pa.int64()).fill_null(NO_TIME).to_numpy().astype(np.int64, copy=False)
    return times, (times != NO_TIME) & ((times < EARLIEST) | (times > LATEST)), "a time outside of them"


def _texts(given: pa.ChunkedArray) -> _Read:
    texts = _texts_from_arrow(given)
    return texts, np.zeros(len(texts.codes), dtype=np.bool_), ""


def _lists(given: pa.ChunkedArray) -> _Read:
    array = given.combine_chunks()
    array = pa.concat_arrays(array.chunks) if isinstance(array, pa.ChunkedArray) else array
    lengths = pc.list_value_length(array).fill_null(0).to_numpy(zero_copy_only=False)
    offsets = np.zeros(len(array) + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    values = _texts_from_arrow(pa.chunked_array([array.flatten()]))
    bad = array.is_null().to_numpy(zero_copy_only=False)
    holes = np.searchsorted(offsets, np.flatnonzero(values.codes < 0), side="right") - 1
    bad = bad.copy()
    bad[holes] = True
    return Lists(values, offsets), bad, "null, or a list with null in it"


def _texts_from_arrow(given: pa.ChunkedArray) -> Strings:
    encoded = given.cast(pa.large_string()).combine_chunks()
    encoded = pa.concat_arrays(encoded.chunks) if isinstance(encoded, pa.ChunkedArray) else encoded
    encoded = encoded.dictionary_encode()
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32, copy=False)
    return Strings(codes, tuple(encoded.dictionary.to_pylist()))


def _texts_to_arrow(column: Strings) -> pa.Array:
    codes = pa.array(column.codes, mask=column.codes < 0)
    return pa.DictionaryArray.from_arrays(codes, pa.array(column.uniques, pa.string())).cast(pa.string())


_READ: dict[Kind, Callable[[pa.ChunkedArray], _Read]] = {
    "number": _numbers,
    "boolean": _numbers,
    "string": _texts,
    "timestamp": _times,
    "strings": _lists,
}
