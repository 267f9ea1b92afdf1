"""Merges small Parquet files of the log, one directory at a time, under readers that never notice.

Not here: when (supervisor, jobs) and what is rolled (roll). A second's journal becomes a file, so a day has thousands.
Order of steps: the record of what is replaced, then the merged file (its rename is the moment it counts), and, when
readers had time to open what they had listed, the replaced files and last the record. A crash between any two leaves
every row counted once; the next call ends what was begun.
"""

from __future__ import annotations

import os
import secrets
from collections import defaultdict
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from roadworthy import durable
from roadworthy.predictionlog.columns import OUTCOME_SCHEMA, prediction_schema
from roadworthy.predictionlog.folding import fold
from roadworthy.predictionlog.partitions import (
    MERGED,
    Merged,
    counting,
    is_record,
    merged_record,
    owner_of,
    partitions_in,
    schema_of,
)
from roadworthy.predictionlog.publishing import clear_drafts, publish, publish_json
from roadworthy.predictionlog.record import FORMAT

#: Files of that size and more stay as they are.
LARGE_BYTES = 64 * 2**20

#: How long a replaced file stays for readers that have listed it and not opened it yet.
GRACE = timedelta(minutes=1)

#: How long nothing is added to a partition before its last files are merged, however few.
QUIET = timedelta(days=2)

#: Drafts that nobody wrote to for so long are what a crash left.
ABANDONED = timedelta(hours=1)

#: Directories of the log that hold JSON.
_OF_JSON = ("folded", "forgetting", "forgotten", "removed", "rolled", "schemas")

#: Rows of a row group of a merged file; what is in memory at a time is about two of them.
GROUP_ROWS = 131_072


@dataclass(frozen=True, slots=True)
class Compacted:
    """What a call of `compact` did.

    files      small files that were merged
    merged     files that they became
    rows       in them
    deleted    files that an earlier call had replaced
    folded     manifests that became part of one
    """

    files: int = 0
    merged: int = 0
    rows: int = 0
    deleted: int = 0
    folded: int = 0


def compact(
    log: Path, now: datetime, *, least: int = 2, grace: timedelta = GRACE, large: int = LARGE_BYTES
) -> Compacted:
    """Merge small files wherever at least `least` of similar size lie in one partition (of any size for 2).

    A partition to which nothing was added for two days is merged whatever `least` says: no more will come.

    now      by the clock of the file system
    raises   NotReady while another process compacts or forgets in this log
    """
    files = merged = rows = deleted = 0
    with alone(log):
        for name in _OF_JSON:
            clear_drafts(log / name, (now - ABANDONED).timestamp())
        for directory in partitions_in(log):
            if _is_done(directory):
                continue
            clear_drafts(directory, (now - ABANDONED).timestamp())
            deleted += _finish(directory, now, grace)
            for names in _chosen(log, directory, now, least, large):
                files += len(names)
                rows += _merge(log, directory, names)
                merged += 1
            if grace <= timedelta(0):
                deleted += _finish(directory, now, grace)
        folded = fold(log, now, grace)
    return Compacted(files, merged, rows, deleted, folded)


def alone(log: Path) -> AbstractContextManager[None]:
    """Hold the right to replace files of this log; NotReady while another process has it."""
    log.mkdir(parents=True, exist_ok=True)
    busy = f"another process replaces files of {log}: try again when it has ended"
    return durable.alone(log / ".replacing", busy)


def _finish(directory: Path, now: datetime, grace: timedelta) -> int:
    """End what earlier calls began: delete what was replaced long enough ago, and what was never published."""
    deleted = 0
    with os.scandir(directory) as entries:
        names = [entry.name for entry in entries]
    for name in names:
        if not is_record(name):
            continue
        merged = directory / f"{name[1:-5]}.parquet"
        if not merged.exists():
            (directory / name).unlink(missing_ok=True)
        elif merged.stat().st_mtime <= (now - grace).timestamp():
            for old in merged_record(directory / name).replaces:
                with suppress(FileNotFoundError):
                    (directory / old).unlink()
                    deleted += 1
            durable.synced(directory)
            (directory / name).unlink(missing_ok=True)
    return deleted


def _is_done(directory: Path) -> bool:
    """Whether one file is all there is."""
    names = os.listdir(directory)
    return len(names) <= 1 and not any(name.startswith(".") for name in names)


def _chosen(log: Path, directory: Path, now: datetime, least: int, large: int) -> list[list[str]]:
    """Which files are merged with which: of similar size, so that a row is written a few times in a day at most."""
    tiers: dict[int, list[tuple[str, int]]] = defaultdict(list)
    found = [(name, (directory / name).stat()) for name in counting(log, directory)]
    if max((status.st_mtime for _, status in found), default=0.0) <= (now - QUIET).timestamp():
        least = 2
    for name, status in found:
        if status.st_size < large:
            tiers[0 if least <= 2 else status.st_size.bit_length() // 3].append((name, status.st_size))
    chosen = []
    for files in tiers.values():
        if len(files) < least:
            continue
        group: list[str] = []
        total = 0
        for name, size in files:
            group.append(name)
            total += size
            if total >= large:
                chosen.append(group)
                group, total = [], 0
        chosen.append(group)
    return [names for names in chosen if len(names) > 1]


def _merge(log: Path, directory: Path, names: Sequence[str]) -> int:
    token = secrets.token_hex(8)
    publish_json(directory / f".{MERGED}{token}.json", Merged(tuple(names)))
    rows = 0

    def write(temporary: Path) -> None:
        nonlocal rows
        rows = _write(log, directory, names, temporary)

    publish(directory / f"{MERGED}{token}.parquet", write)
    return rows


def _write(log: Path, directory: Path, names: Sequence[str], to: Path) -> int:
    """Write the rows of all files to one, in large row groups, each ordered by event time."""
    present = {name for file in names for name in pq.read_schema(directory / file).names}
    schema = pa.schema(
        [field for field in _schema(log, directory) if field.name in present],
        metadata={"roadworthy.format": str(FORMAT)},
    )
    rows = waiting = 0
    tables: list[pa.Table] = []
    with pq.ParquetWriter(to, schema, compression="zstd") as writer:
        for place, file in enumerate(names):
            with pq.ParquetFile(directory / file) as opened:
                for batch in opened.iter_batches(GROUP_ROWS):
                    tables.append(_shaped(pa.Table.from_batches([batch]), schema))
                    waiting += batch.num_rows
                    if waiting >= GROUP_ROWS:
                        rows += _flush(writer, tables)
                        tables, waiting = [], 0
            if place == len(names) - 1 and tables:
                rows += _flush(writer, tables)
    return rows


def _flush(writer: pq.ParquetWriter, tables: Sequence[pa.Table]) -> int:
    table = pa.concat_tables(tables).sort_by("event_time")
    writer.write_table(table, row_group_size=table.num_rows)
    return int(table.num_rows)


def _shaped(table: pa.Table, schema: pa.Schema) -> pa.Table:
    columns = [
        table.column(field.name).cast(field.type)
        if field.name in table.column_names
        else pa.nulls(table.num_rows, field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)


def _schema(log: Path, directory: Path) -> pa.Schema:
    owner = owner_of(directory.relative_to(log).as_posix())
    digest = owner.get("schema")
    return OUTCOME_SCHEMA if digest is None else prediction_schema(schema_of(log, digest))
