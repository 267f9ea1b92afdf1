"""Files of requests, a piece at a time: CSV, JSON lines and Parquet in, Parquet and CSV out.

Text is checked by the code that checks requests (`Batch.from_rows`): sizes apart, a file holds what a server accepts.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import msgspec
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from roadworthy.errors import DefinitionError, Fault, SchemaError
from roadworthy.features.arrow import batch_from_arrow, batch_to_arrow
from roadworthy.features.batch import Batch
from roadworthy.features.schema import Field, InputSchema

#: Rows in memory at a time, at most.
PIECE_ROWS = 50_000

READABLE, WRITABLE = (".csv", ".jsonl", ".ndjson", ".parquet"), (".parquet", ".csv")

_NUMBER = re.compile(r"-?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_BOOLEANS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Piece:
    """Some rows of a file.

    table   every column of the file: those of the schema with their types, others as they came (text in CSV and JSON)
    batch   the schema's columns; None when there are faults
    faults  everything that is wrong with these rows, rows numbered within the file from 0
    """

    table: pa.Table
    batch: Batch | None
    faults: tuple[Fault, ...]
    rows: int


def pieces(file: Path, schema: InputSchema, rows: int = PIECE_ROWS) -> Iterator[Piece]:
    """The file in pieces of at most `rows` rows; its kind is told by its suffix.

    CSV has a header; an empty cell is null, a quoted empty one is empty text; lists are JSON text such as ["EWR"];
    times are RFC 3339 with an offset. JSON lines has one object a line, as in `instances` of a request.
    raises   DefinitionError for another suffix, SchemaError for a file that cannot be read as what it claims to be
    """
    readers = {".csv": _csv, ".jsonl": _json_lines, ".ndjson": _json_lines, ".parquet": _parquet}
    if file.suffix not in readers:
        raise DefinitionError(f"{file} cannot be read: its suffix must be one of {', '.join(READABLE)}")
    if not file.is_file():
        raise DefinitionError(f"there is no file {file}: give a table with the columns of a request")
    try:
        yield from readers[file.suffix](file, schema, rows)
    except (pa.ArrowException, UnicodeDecodeError) as error:
        fault = Fault("$", f"a {file.suffix[1:]} file", str(error).splitlines()[0][:200])
        raise SchemaError(str(file), [fault], "Nothing was written.") from None


def _parquet(file: Path, schema: InputSchema, rows: int) -> Iterator[Piece]:
    first = 0
    with pq.ParquetFile(file) as opened:
        for batch in opened.iter_batches(batch_size=rows):
            table = pa.Table.from_batches([batch])
            yield _arrow_piece(table, schema, first)
            first += table.num_rows


def _arrow_piece(table: pa.Table, schema: InputSchema, first: int) -> Piece:
    try:
        return Piece(table, batch_from_arrow(table, schema), (), table.num_rows)
    except SchemaError as error:
        return Piece(table, None, tuple(_moved(fault, first) for fault in error.faults), table.num_rows)


def _csv(file: Path, schema: InputSchema, rows: int) -> Iterator[Piece]:
    names = _header(file)
    ragged: list[Fault] = []

    def refuse(row: Any) -> str:
        ragged.append(Fault("$", f"{row.expected_columns} cells", f"{row.actual_columns}", 1, row.number - 2))
        return "skip"

    def numbered(fault: Fault) -> Fault:
        """Rows that were skipped count too; all before the row of this fault are known by now."""
        if fault.first_row is None:
            return fault
        place = fault.first_row
        for skipped in ragged:
            place += (skipped.first_row or 0) <= place
        return replace(fault, first_row=place)

    opened = pyarrow.csv.open_csv(
        file,
        read_options=pyarrow.csv.ReadOptions(use_threads=False),
        parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True, invalid_row_handler=refuse),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), null_values=[""], strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )  # fmt: skip
    first = 0
    with opened:
        for chunk in opened:
            for start in range(0, chunk.num_rows, rows):
                table = pa.Table.from_batches([chunk.slice(start, rows)])
                piece = _text_piece(table, schema, first)
                yield replace(piece, faults=tuple(map(numbered, piece.faults)))
                first += table.num_rows
    if ragged:
        yield Piece(pa.table({}), None, tuple(ragged), 0)


def _header(file: Path) -> list[str]:
    lenient = pyarrow.csv.ParseOptions(newlines_in_values=True, invalid_row_handler=lambda row: "skip")
    # Without threads: one that still reads ahead when the process ends in an error takes it down with SIGABRT.
    alone = pyarrow.csv.ReadOptions(use_threads=False)
    with pyarrow.csv.open_csv(file, read_options=alone, parse_options=lenient) as opened:
        names: list[str] = opened.schema.names
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise SchemaError(
            str(file), [Fault(f"$.{name}", "one column of that name", "several") for name in repeated]
        )
    return names


def _text_piece(table: pa.Table, schema: InputSchema, first: int) -> Piece:
    known = [field for field in schema.fields if field.name in table.column_names]
    absent = [
        Fault(f"$.{field.name}", "a column of that name", "none", table.num_rows)
        for field in schema.fields
        if field not in known
    ]
    columns = [[_value(text, field) for text in table.column(field.name).to_pylist()] for field in known]
    rows: list[dict[str, Any]] = [{} for _ in range(table.num_rows)]
    for field, values in zip(known, columns, strict=True):
        for row, value in zip(rows, values, strict=True):
            row[field.name] = value
    others = table.drop_columns([field.name for field in known])
    return _row_piece(rows, InputSchema(tuple(known)), others, table.column_names, first, absent)


def _value(text: str | None, field: Field) -> Any:
    """What a cell means; text that means nothing stays text, and is then refused with its row."""
    if text is None or field.kind in ("string", "timestamp"):
        return text
    if field.kind == "number":
        return float(text) if _NUMBER.fullmatch(text) else text
    if field.kind == "boolean":
        return _BOOLEANS.get(text.lower(), text)
    try:
        return json.loads(text)
    except ValueError:
        return text


def _json_lines(file: Path, schema: InputSchema, rows: int) -> Iterator[Piece]:
    names: list[str] = []
    first = 0
    with file.open("rb") as lines:
        while piece := _take(lines, rows):
            decoded, faults = _decoded(piece, first)
            if not names:
                names = list(dict.fromkeys(name for row in decoded for name in row))
            faults += _late_keys(decoded, names, first)
            others = {name: _carried(decoded, name) for name in names if schema.field(name) is None}
            yield _row_piece(decoded, schema, pa.table(others), names, first, faults)
            first += len(piece)


def _take(lines: Any, rows: int) -> list[bytes]:
    taken: list[bytes] = []
    for line in lines:
        if line.strip():
            taken.append(line)
        if len(taken) == rows:
            break
    return taken


def _decoded(lines: Sequence[bytes], first: int) -> tuple[list[dict[str, Any]], list[Fault]]:
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    decoded, faults = [], []
    for number, line in enumerate(lines):
        try:
            decoded.append(decode(line))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            faults.append(Fault("$", "one JSON object a line", str(error), 1, first + number))
            decoded.append({})
    return decoded, faults


def _late_keys(rows: Sequence[dict[str, Any]], names: Collection[str], first: int) -> list[Fault]:
    """Keys that the first piece of the file did not have: by then the columns of the output are settled."""
    found: dict[str, int] = {}
    for number, row in enumerate(rows):
        for name in row.keys() - set(names):
            found.setdefault(name, first + number)
    expected = "only keys that the rows at the beginning have"
    return [Fault(f"$.{name}", expected, "a new key", 1, number) for name, number in sorted(found.items())]


def _carried(rows: Sequence[dict[str, Any]], name: str) -> pa.Array:
    values = [row.get(name) for row in rows]
    return pa.array(
        [value if isinstance(value, str | None) else json.dumps(value) for value in values], pa.string()
    )


def _row_piece(
    rows: list[dict[str, Any]],
    schema: InputSchema,
    others: pa.Table,
    names: Sequence[str],
    first: int,
    faults: Sequence[Fault],
) -> Piece:
    """A piece of rows of Python values, checked as a request is."""
    try:
        batch = Batch.from_rows(rows, schema)
    except SchemaError:
        return Piece(others, None, (*faults, *_row_faults(rows, schema, first)), len(rows))
    if faults:
        return Piece(others, None, tuple(faults), len(rows))
    table = batch_to_arrow(batch, schema)
    for name in others.column_names:
        table = table.append_column(name, others.column(name))
    return Piece(table.select(list(names)), batch, (), len(rows))


def _row_faults(rows: Sequence[dict[str, Any]], schema: InputSchema, first: int) -> list[Fault]:
    """One fault a column, with its first row and how many rows have one."""
    found = []
    for field in schema.fields:
        wrong = [(number, fault) for number, fault in enumerate(_alone(rows, field)) if fault is not None]
        if wrong:
            number, fault = wrong[0]
            found.append(Fault(f"$.{field.name}", fault.expected, fault.got, len(wrong), first + number))
    return found


def _alone(rows: Sequence[dict[str, Any]], field: Field) -> Iterator[Fault | None]:
    schema = InputSchema((field,))
    for row in rows:
        try:
            Batch.from_rows([row], schema)
        except SchemaError as error:
            yield error.faults[0]
        else:
            yield None


def _moved(fault: Fault, rows: int) -> Fault:
    return fault if fault.first_row is None else replace(fault, first_row=fault.first_row + rows)


class TableWriter(Protocol):
    """Takes tables of one schema."""

    def write_table(self, table: pa.Table) -> None:
        """Append rows."""

    def close(self) -> None:
        """Finish the file."""


@contextmanager
def written(file: Path) -> Iterator[_Writer]:
    """A writer whose file appears whole when the block ends well, and not at all otherwise."""
    if file.suffix not in WRITABLE:
        raise DefinitionError(f"{file} cannot be written: its suffix must be one of {', '.join(WRITABLE)}")
    if not file.parent.is_dir():
        raise DefinitionError(f"there is no directory {file.parent} to write {file.name} into: make it first")
    draft = file.with_name(f".{file.name}.{uuid.uuid4().hex}")
    writer = _Writer(draft, as_text=file.suffix == ".csv")
    try:
        yield writer
        writer.close()
        draft.replace(file)
    finally:
        writer.close()
        draft.unlink(missing_ok=True)


class _Writer:
    """Opens the file with the first rows, because their schema is the file's."""

    def __init__(self, path: Path, *, as_text: bool) -> None:
        self._path, self._as_text = path, as_text
        self._opened: TableWriter | None = None

    def write(self, table: pa.Table) -> None:
        """Append rows."""
        if self._as_text:
            table = _as_text(table)
        if self._opened is None:
            make = pyarrow.csv.CSVWriter if self._as_text else pq.ParquetWriter
            self._opened = make(str(self._path), table.schema)
        self._opened.write_table(table)

    def close(self) -> None:
        """Finish the file; again changes nothing."""
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.close()


def _as_text(table: pa.Table) -> pa.Table:
    """Lists as JSON text, which CSV can hold and `pieces` reads back."""
    for place, field in enumerate(table.schema):
        if pa.types.is_nested(field.type):
            texts = [
                None if value is None else json.dumps(value) for value in table.column(place).to_pylist()
            ]
            table = table.set_column(place, field.name, pa.array(texts, pa.string()))
    return table
