"""Ingested history on disk: a directory a table, one Parquet file a batch, published whole or not at all.

A batch becomes visible by one rename. What is visible is complete and fits its schema; a file that is not is an
error that names it, and is never skipped. What each value must look like is `schema` and `conform`.
"""

from __future__ import annotations

import json
import re
import shutil
import uuid
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow.fs import LocalFileSystem

from roadworthy.data.conform import conform, duplicates
from roadworthy.data.continuity import LOOKED_AT, breaks
from roadworthy.data.fingerprint import fingerprint
from roadworthy.data.schema import STORED_AS, TableSchema, kind_of
from roadworthy.durable import DRAFT, alone, publish
from roadworthy.errors import (
    Conflict,
    CorruptArtifact,
    DefinitionError,
    Fault,
    SchemaError,
    UnknownName,
)
from roadworthy.traffic import unit_text

_SCHEMA = "schema.json"
_LOCK = ".lock"
_BATCH_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_FINGERPRINT, _BATCH = b"roadworthy.fingerprint", b"roadworthy.batch"
_BEFORE = b"roadworthy.fingerprint-before-forgetting"
_ACCEPTED = b"roadworthy.accepted"


@dataclass(frozen=True, slots=True)
class Ingested:
    """A batch that is part of a table.

    rows          how many
    fingerprint   of its rows in stored types, whatever their order
    unchanged     whether it was there already, so that nothing was written
    accepted      why a person took it though it does not go on as before; "" where it does
    """

    table: str
    batch: str
    rows: int
    fingerprint: str
    unchanged: bool = False
    accepted: str = ""


def ingest(
    directory: Path, quarantine: Path, schema: TableSchema, table: pa.Table, batch: str, *, accept: str = ""
) -> Ingested:
    """Check a batch and add it to its table, all of it or nothing.

    directory    holds all tables; created where it is missing
    quarantine   a refused batch goes to `<quarantine>/<table>/<batch>`: `rows.arrow` as it came and `faults.json`
    batch        its name: letters, digits, '.', '_', '-'; the same name with the same rows again changes nothing
    accept       why it is taken though it does not go on as the rows before it, see `data.continuity`; kept with it
    raises       SchemaError with every fault; Conflict for a name in use with other rows or a schema that does not
                 follow from the stored one; NotReady while another ingest writes this table
    """
    if not _BATCH_NAME.fullmatch(batch):
        raise DefinitionError(
            f"batch name {batch!r}: use at most 128 letters, digits, '.', '_' and '-', a letter or digit first"
        )
    home = directory / schema.name
    home.mkdir(parents=True, exist_ok=True)
    with _alone(home, schema.name):
        successor = _successor(home, schema)
        rows, faults = conform(table, schema)
        target = home / f"{batch}.parquet"
        if not faults and target.exists():
            return _again(target, schema.name, batch, fingerprint(rows))
        if set(schema.key) <= set(rows.column_names):
            stored = (
                read(directory, schema.name, schema.key) if (home / _SCHEMA).exists() else rows.slice(0, 0)
            )
            faults += duplicates(rows, schema.key, stored)
        odd = (
            []
            if faults or not (home / _SCHEMA).exists()
            else breaks(rows, _before(directory, rows, schema), schema)
        )
        if faults or (odd and not accept.strip()):
            _set_aside(quarantine / schema.name / batch, table, faults or odd)
            raise SchemaError(
                f"batch {batch} of table {schema.name} ({table.num_rows} rows)",
                faults or odd,
                f"The batch was set aside in {quarantine.name}/{schema.name}/{batch}; nothing was ingested."
                + (
                    "" if faults else ' If it is as it should be, ingest it again with --accept "the reason".'
                ),
            )
        done = Ingested(
            schema.name, batch, rows.num_rows, fingerprint(rows), accepted=accept.strip() if odd else ""
        )
        if successor:
            publish(home / _SCHEMA, lambda path: path.write_bytes(schema.to_json()))
        marks = {_FINGERPRINT: done.fingerprint.encode(), _BATCH: batch.encode()}
        if odd:
            said = {"reason": done.accepted, "faults": [asdict(fault) for fault in odd]}
            marks[_ACCEPTED] = json.dumps(said, ensure_ascii=False).encode()
        marked = rows.cast(schema.arrow).replace_schema_metadata(marks)
        publish(
            target, lambda path: pq.write_table(marked, path, compression="zstd", write_page_checksum=True)
        )
        return done


def read(
    directory: Path, name: str, columns: Sequence[str] | None = None, where: pc.Expression | None = None
) -> pa.Table:
    """Rows of a table, batches in the order of their names and rows in the order in which they came.

    columns   only these, in this order; None for all
    where     an Arrow expression, such as `pyarrow.compute.field("origin") == "JFK"`; None for all rows
    raises    UnknownName for a table or column that does not exist; CorruptArtifact for a file that is not whole
    """
    schema = table_schema(directory, name)
    wanted = [column.name for column in schema.columns] if columns is None else list(columns)
    unknown = [column for column in wanted if schema.column(column) is None]
    if unknown:
        raise UnknownName(
            f"table {name!r} has no column {', '.join(map(repr, unknown))}; it has "
            f"{', '.join(column.name for column in schema.columns)}"
        )
    stored = pa.schema([field.with_nullable(True) for field in schema.arrow])
    parts = [_read_batch(path, stored, wanted, where) for path in _batch_files(directory / name)]
    return pa.concat_tables(parts) if parts else stored.empty_table().select(wanted)


def table_schema(directory: Path, name: str) -> TableSchema:
    """The schema of an ingested table; UnknownName when there is none of that name."""
    path = directory / name / _SCHEMA
    if name not in table_names(directory):
        names = ", ".join(table_names(directory)) or "no tables yet"
        raise UnknownName(f"table {name!r} was never ingested; there are: {names}")
    try:
        return TableSchema.from_json(path.read_bytes())
    except (msgspec.DecodeError, DefinitionError) as error:
        raise CorruptArtifact(f"{path} is not a table schema ({error}): restore it from a copy") from error


def table_names(directory: Path) -> list[str]:
    """Names of all ingested tables."""
    return sorted(path.parent.name for path in directory.glob(f"*/{_SCHEMA}"))


def batches(directory: Path, name: str) -> list[Ingested]:
    """Every batch of a table, in the order in which `read` returns them."""
    table_schema(directory, name)
    found = []
    for path in _batch_files(directory / name):
        footer = _footer(path)
        digest = footer.metadata[_FINGERPRINT].decode()
        reason = _reason(footer)
        found.append(Ingested(name, path.stem, footer.num_rows, digest, unchanged=True, accepted=reason))
    return found


def forget_rows(directory: Path, name: str, column: str, units: Collection[str]) -> int:
    """Remove every row about these units from a table, and return how many; safe to repeat.

    A batch keeps its name and knows the fingerprint that it had, so that ingesting it again does not bring rows back.
    raises   NotReady while another process ingests into this table
    """
    removed = 0
    with _alone(directory / name, name):
        for path in _batch_files(directory / name):
            marks = _footer(path).metadata
            rows = pq.ParquetFile(path).read()
            if column not in rows.column_names:  # of a batch from before the table had it
                continue
            kept = without_units(rows, column, units)
            if kept.num_rows == rows.num_rows:
                continue
            before = marks.get(_BEFORE, marks[_FINGERPRINT])
            plain = kept.replace_schema_metadata(None)
            left = {_FINGERPRINT: fingerprint(plain).encode(), _BATCH: marks[_BATCH], _BEFORE: before}
            if _ACCEPTED in marks:
                left[_ACCEPTED] = marks[_ACCEPTED]
            marked = kept.replace_schema_metadata(left)
            publish(path, partial(pq.write_table, marked, compression="zstd", write_page_checksum=True))
            removed += rows.num_rows - kept.num_rows
    return removed


def without_units(rows: pa.Table, column: str, units: Collection[str]) -> pa.Table:
    """The rows whose column, of whatever type, is none of these units, which are given as the log writes them.

    >>> without_units(pa.table({"trip": [7.0, 8.0, None]}), "trip", ["7"]).column("trip").to_pylist()
    [8.0, None]
    """
    gone = pc.is_in(unit_texts(rows.column(column)), value_set=pa.array(units, pa.string()))
    return rows.filter(pc.invert(gone))


def unit_texts(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Units of whatever type as the log writes them, see `traffic.unit_text`; null stays null.

    >>> unit_texts(pa.chunked_array([[7.0, 4e15, None]])).to_pylist()
    ['7', '4000000000000000', None]
    """
    if kind_of(values.type) == "string":
        return values.cast(pa.string())
    texts = [None if value is None else unit_text(value) for value in values.to_pylist()]
    return pa.chunked_array([pa.array(texts, pa.string())])


def _again(target: Path, table: str, batch: str, digest: str) -> Ingested:
    footer = _footer(target)
    stored = footer.metadata[_FINGERPRINT].decode()
    if digest not in (stored, footer.metadata.get(_BEFORE, b"").decode()):
        raise Conflict(
            f"batch {batch!r} of table {table!r} is already ingested with other rows (fingerprint {stored}, "
            f"now {digest}): history is not overwritten. If rows were added, have the loader return only those and "
            "name a new batch (--batch NAME)"
        )
    return Ingested(table, batch, footer.num_rows, digest, unchanged=True)


def _successor(home: Path, schema: TableSchema) -> bool:
    """Whether `schema` is new and may follow the stored one: columns may be added if nullable, and become nullable."""
    if not (home / _SCHEMA).exists():
        return True
    stored = table_schema(home.parent, schema.name)
    if stored == schema:
        return False
    problems = [] if stored.key == schema.key else [f"key was {stored.key}, now {schema.key}"]
    for before in stored.columns:
        after = schema.column(before.name)
        if after is None or after.kind != before.kind or (before.nullable and not after.nullable):
            problems.append(
                f"{before.name} was '{before}', now {'missing' if after is None else repr(str(after))}"
            )
    added = [column for column in schema.columns if stored.column(column.name) is None]
    problems += [f"{column.name} is new and not nullable" for column in added if not column.nullable]
    if problems:
        raise Conflict(
            f"table {schema.name!r} is stored with another schema: {'; '.join(problems)}. Columns may be added if "
            "values may be missing ('?'), and may become so; for anything else declare a table of another name"
        )
    return True


def _before(directory: Path, rows: pa.Table, schema: TableSchema) -> pa.Table:
    """The rows that a batch is compared with: of the days before it, of its own and of the one after them.

    Later ones, where an earlier batch is delivered again, are no history of its.
    """
    name = schema.partition
    stored = table_schema(directory, schema.name)
    there = [column.name for column in schema.columns if stored.column(column.name) is not None]
    where = None
    if name in there and rows.num_rows:
        newest = pc.max(read(directory, schema.name, [name]).column(name)).as_py()
        span = pc.min_max(rows.column(name)).as_py()
        if newest is not None and span["min"] is not None:
            at, kind = pc.field(name), STORED_AS["timestamp"]
            since = min(newest, span["min"]) - timedelta(days=LOOKED_AT)
            where = (at >= pa.scalar(since, kind)) & (at < pa.scalar(span["max"] + timedelta(days=2), kind))
    found = read(directory, schema.name, there, where)
    for column in schema.columns:
        if column.name not in there:
            found = found.append_column(column.name, pa.nulls(found.num_rows, STORED_AS[column.kind]))
    return found.select([column.name for column in schema.columns])


def _reason(footer: pq.FileMetaData) -> str:
    marked = footer.metadata.get(_ACCEPTED)
    return str(json.loads(marked)["reason"]) if marked else ""


def _set_aside(place: Path, table: pa.Table, faults: Sequence[Fault]) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    draft = place.parent / f"{DRAFT}{uuid.uuid4().hex}"
    draft.mkdir()
    (draft / "faults.json").write_text(
        json.dumps([asdict(fault) for fault in faults], indent=2, ensure_ascii=False)
    )
    with pa.OSFile(str(draft / "rows.arrow"), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    if place.exists():
        shutil.rmtree(place)
    draft.rename(place)


@contextmanager
def _alone(home: Path, table: str) -> Iterator[None]:
    """Hold the table's lock, and clear what a crash left unpublished."""
    with alone(
        home / _LOCK, f"another process is ingesting into table {table!r}: try again when it has ended"
    ):
        for left in home.glob(f"{DRAFT}*"):
            left.unlink()
        yield


def _batch_files(home: Path) -> list[Path]:
    return sorted(path for path in home.glob("*.parquet") if not path.name.startswith("."))


def _footer(path: Path) -> pq.FileMetaData:
    """The end of a batch file; CorruptArtifact where the file is cut off or was not written by `ingest`."""
    try:
        footer = pq.read_metadata(path)
    except (pa.ArrowException, OSError) as error:
        raise _corrupt(path, str(error)) from error
    if _FINGERPRINT not in (footer.metadata or {}):
        raise _corrupt(path, "it carries no fingerprint, so it was not written by an ingest")
    return footer


def _read_batch(
    path: Path, stored: pa.Schema, columns: Sequence[str], where: pc.Expression | None
) -> pa.Table:
    import pyarrow.dataset as ds  # it loads pandas where that is installed: 0.5 s for commands that read no rows

    _footer(path)
    checked = ds.ParquetFileFormat(
        default_fragment_scan_options=ds.ParquetFragmentScanOptions(page_checksum_verification=True)
    )
    try:
        rows = ds.dataset(str(path), schema=stored, format=checked, filesystem=LocalFileSystem())
        return rows.to_table(columns=list(columns), filter=where).replace_schema_metadata(None)
    except (pa.ArrowException, OSError) as error:
        raise _corrupt(path, str(error)) from error


def _corrupt(path: Path, why: str) -> CorruptArtifact:
    reason = " ".join(why.split())
    return CorruptArtifact(
        f"{path} is not a whole batch: {reason}. Nothing was read. Restore the file from a copy; or delete it and "
        f"ingest batch {path.stem!r} again"
    )
