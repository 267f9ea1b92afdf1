"""Bring a batch into its table's stored types and say everything that is wrong with it, in one pass over columns.

Only what loses nothing is converted: widths and encodings, whole floats to ints, ints to floats, NaN to null, any
timezone to UTC. Text is never parsed. Nothing here reads or writes a file.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from roadworthy.data.arrowsql import query
from roadworthy.data.schema import STORED_AS, Column, TableSchema, kind_of
from roadworthy.errors import Fault

_SHOWN_CHARACTERS = 60
#: Beyond it a float is not a 64-bit integer.
_LARGEST_INT = 2.0**63
_COMPARE = {">=": pc.less, "<=": pc.greater, ">": pc.less_equal, "<": pc.greater_equal}


def conform(table: pa.Table, schema: TableSchema) -> tuple[pa.Table, list[Fault]]:
    """Convert `table` to the stored types of `schema`.

    returns   the columns that could be converted, in the schema's order, and all faults found; without faults the
              table has exactly the schema's columns
    """
    columns: dict[str, pa.ChunkedArray] = {}
    faults: list[Fault] = []
    for column in schema.columns:
        if table.column_names.count(column.name) != 1:
            got = "no such column" if column.name not in table.column_names else "the column more than once"
            faults.append(Fault(f"$.{column.name}", str(column), got, table.num_rows))
            continue
        converted, found = _conform_column(table.column(column.name), column)
        faults += found
        if converted is not None:
            columns[column.name] = converted
    unknown = dict.fromkeys(name for name in table.column_names if schema.column(name) is None)
    expected = f"one of {', '.join(column.name for column in schema.columns)}"
    faults += [Fault(f"$.{name}", expected, "an unknown column", table.num_rows) for name in unknown]
    fields = [column.arrow for column in schema.columns if column.name in columns]
    return pa.table(columns, schema=pa.schema([field.with_nullable(True) for field in fields])), faults


def duplicates(batch: pa.Table, key: Sequence[str], ingested: pa.Table) -> list[Fault]:
    """Keys that occur twice in `batch`, or in it and in `ingested`; rows with a null in the key are left out."""
    names = [f"k{number}" for number in range(len(key))]
    columns, whole = ", ".join(names), " AND ".join(f"{name} IS NOT NULL" for name in names)
    repeated = f"WHERE {whole} QUALIFY row_number() OVER (PARTITION BY {columns} ORDER BY row) > 1"
    new = "a key that is not in the table yet (the loader of a new batch returns only new rows)"
    questions = {
        "a key that occurs once in the batch": f"SELECT row FROM batch {repeated}",  # noqa: S608  # names k0, k1, ...
        new: f"SELECT row FROM batch SEMI JOIN ingested USING ({columns})",  # noqa: S608
    }
    rows = (
        batch.select(key)
        .rename_columns(names)
        .append_column("row", pa.array(range(batch.num_rows), pa.int64()))
    )
    path = f"$.{key[0]}" if len(key) == 1 else f"$({', '.join(key)})"
    faults = []
    for expected, sql in questions.items():
        found = query(sql, batch=rows, ingested=ingested.select(key).rename_columns(names)).column("row")
        if len(found):
            first = pc.min(found).as_py()
            got = ", ".join(_shown(batch.column(name)[first].as_py()) for name in key)
            faults.append(Fault(path, expected, f"{got} again", len(found), first))
    return faults


def _conform_column(given: pa.ChunkedArray, column: Column) -> tuple[pa.ChunkedArray | None, list[Fault]]:
    """The column in its stored type, None where its type does not fit, and the faults of its values."""
    kind, got = column.kind, kind_of(given.type)
    if pa.types.is_null(given.type):
        got = kind
    if got != kind and {got, kind} != {"int", "float"}:
        return None, [_wrong_type(given, column)]
    masks: list[tuple[pa.ChunkedArray, str]] = []
    castable = given
    if got == "float":
        given = castable = _without_nan(given)
        masks.append((pc.is_inf(given), str(column)))
        if kind == "int":
            whole = pc.and_(pc.equal(pc.floor(given), given), pc.less(pc.abs(given), _LARGEST_INT))
            masks.append((pc.and_not(pc.invert(whole), pc.is_inf(given)), str(column)))
            castable = pc.if_else(whole, given, 0.0)
    elif kind == "int" and pa.types.is_uint64(given.type):
        masks.append((pc.greater_equal(given, pa.scalar(2**63, pa.uint64())), str(column)))
    stored = castable.cast(STORED_AS[kind], safe=False)
    if kind == "strings":
        masks.append((_holds_null(stored), "strings without a null among them"))
    if column.length is not None:
        masks.append((pc.not_equal(pc.utf8_length(stored), column.length), str(column)))
    for bound in column.bounds:
        beyond = _COMPARE[bound.comparison](stored.cast(pa.float64(), safe=False), bound.value)
        masks.append((pc.and_not(beyond, pc.is_inf(stored)) if kind == "float" else beyond, str(column)))
    if not column.nullable:
        masks.append((pc.is_null(stored), str(column)))
    path = f"$.{column.name}"
    return stored, [fault for mask, expected in masks for fault in _counted(path, expected, mask, given)]


def _counted(path: str, expected: str, mask: pa.ChunkedArray, values: pa.ChunkedArray) -> list[Fault]:
    rows = pc.sum(mask).as_py() or 0
    if not rows:
        return []
    first = pc.index(mask, True).as_py()
    return [Fault(path, expected, _shown(values[first].as_py()), rows, first)]


def _wrong_type(given: pa.ChunkedArray, column: Column) -> Fault:
    shown = given.drop_null().slice(0, 1).to_pylist()
    example = f" such as {_shown(shown[0])}" if shown else ""
    if pa.types.is_timestamp(given.type):
        example = " without a timezone"
    elif column.kind == "bool" and kind_of(given.type) == "int":
        example += f"; declare it 'int{'?' * column.nullable}', or cast it in load"
    return Fault(
        f"$.{column.name}", str(column), f"{given.type}{example}", len(given), 0 if len(given) else None
    )


def _without_nan(floats: pa.ChunkedArray) -> pa.ChunkedArray:
    """NaN is null, and zero has no sign: two values that compare equal are stored equal."""
    wide = floats.cast(pa.float64(), safe=False)
    return pc.if_else(pc.is_nan(wide), pa.scalar(None, pa.float64()), pc.add(wide, 0.0))


def _holds_null(lists: pa.ChunkedArray) -> pa.ChunkedArray:
    chunks = []
    for chunk in lists.chunks:
        flat, parents = chunk.flatten(), pc.list_parent_indices(chunk)
        guilty = pc.unique(parents.filter(pc.is_null(flat)))
        chunks.append(pc.is_in(pa.array(range(len(chunk)), parents.type), value_set=guilty))
    return pa.chunked_array(chunks, pa.bool_())


def _shown(value: object) -> str:
    """A value as a person would write it in JSON, shortened."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
