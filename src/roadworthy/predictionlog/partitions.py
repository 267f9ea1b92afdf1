"""Where things lie in a log directory, and the manifest that makes a rolled journal part of it.

Not here: what is written there (roll) or how it is read (read).

    log/predictions/namespace=<n>/model=<m>/schema=<digest>/date=<UTC day of the event>/<journal>.parquet
    log/outcomes/namespace=<n>/model=<m>/date=<UTC day of the event>/<journal>.parquet
    log/schemas/<digest>.json       names and kinds of the columns
    log/rolled/<journal>.json       a Parquet file counts once its journal is listed here, and the journal no longer
    log/folded/<stream>.json        what the manifests of one worker's start said, once their files are merged

Merged files (compact) lie beside the others as `merged-<token>.parquet`, with `.merged-<token>.json` as long as what
they replace is still there: those files do not count any more, although readers may have them open.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal
from urllib.parse import quote, unquote

import msgspec
import numpy as np

from roadworthy.clock import DAY_MICROS
from roadworthy.errors import CorruptArtifact
from roadworthy.predictionlog.record import FORMAT, LogSchema

Dataset = Literal["predictions", "outcomes"]


class RolledFile(msgspec.Struct, frozen=True):
    """One Parquet file of a rolled journal: its path below the log, and its number of rows."""

    path: str
    rows: int


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one journal.

    bytes                 size of the journal, by which it is known again
    first_seq, next_seq   `journal_seq` of its first record, and the one after its last
    missing               [first, last] of every `journal_seq` between them that was not in it
    torn                  bytes after its last whole record
    sealed                whether it was closed in order
    misfits               raw values that did not fit their kind and became null
    """

    format: int = FORMAT
    journal: str
    bytes: int
    first_seq: int = 0
    next_seq: int = 0
    missing: tuple[tuple[int, int], ...] = ()
    torn: int = 0
    sealed: bool = False
    predictions: int = 0
    outcomes: int = 0
    misfits: int = 0
    files: tuple[RolledFile, ...] = ()


class Run(msgspec.Struct, frozen=True, array_like=True):
    """Journals of one start, by their sequence, that follow each other, and what numbers their records have."""

    first: int
    last: int
    first_seq: int
    next_seq: int


class Folded(msgspec.Struct, frozen=True, kw_only=True):
    """Many manifests of one worker's start as one; their rows are in merged files.

    stream     a journal's name without its sequence
    runs       which journals, ascending
    missing    as in their manifests
    rows       predictions and outcomes in them
    """

    format: int = FORMAT
    stream: str
    runs: tuple[Run, ...] = ()
    missing: tuple[tuple[int, int], ...] = ()
    rows: int = 0

    def run_of(self, sequence: int) -> Run | None:
        """The run that a journal is in."""
        return next((run for run in self.runs if run.first <= sequence <= run.last), None)


class Merged(msgspec.Struct, frozen=True):
    """What a merged file replaces: names of files in its directory."""

    replaces: tuple[str, ...]


#: `Manifest.bytes` of a journal whose manifest is folded: its size is not known any more.
FOLDED: Final = -1

MERGED: Final = "merged-"


def day_of(event_time: int) -> str:
    """The UTC date of microseconds since 1970, as partitions are named.

    >>> day_of(1372636800000000)
    '2013-07-01'
    """
    return str(np.datetime64(event_time // DAY_MICROS, "D"))


def model_directory(log: Path, dataset: Dataset, namespace: str, model: str) -> Path:
    """The partition of one model; a name that no path can hold is percent-encoded."""
    return log / dataset / f"namespace={quote(namespace, safe='')}" / f"model={quote(model, safe='')}"


def owner_of(path: str) -> dict[str, str]:
    """The partition values in a path below the log.

    >>> owner_of("outcomes/namespace=default/model=delay/date=2013-07-01/a-0-1-000000000.parquet")["model"]
    'delay'
    """
    return {
        key: unquote(value)
        for key, equals, value in (part.partition("=") for part in path.split("/"))
        if equals
    }


def values_of(directory: Path, key: str) -> list[str]:
    """The values of a partition key directly below `directory`, in order."""
    with suppress(FileNotFoundError), os.scandir(directory) as entries:
        return sorted(
            unquote(entry.name[len(key) + 1 :]) for entry in entries if entry.name.startswith(f"{key}=")
        )
    return []


def manifest_path(log: Path, journal: str) -> Path:
    """Where the manifest of a journal is, once it is rolled."""
    return log / "rolled" / f"{journal}.json"


def manifest_of(log: Path, journal: str) -> Manifest | None:
    """The manifest of a journal, None when it is not rolled."""
    path = manifest_path(log, journal)
    try:
        return msgspec.json.decode(path.read_bytes(), type=Manifest)
    except FileNotFoundError:
        return _folded_manifest(log, journal)
    except msgspec.DecodeError as error:
        raise CorruptArtifact(
            f"{path} is not a manifest of a rolled journal: {error}. Restore it from a copy"
        ) from error


def _folded_manifest(log: Path, journal: str) -> Manifest | None:
    stream, _, digits = journal.rpartition("-")
    folded = folded_of(log, stream)
    run = folded.run_of(int(digits)) if folded is not None and digits.isdigit() else None
    if run is None:
        return None
    return Manifest(journal=journal, bytes=FOLDED, first_seq=run.first_seq, next_seq=run.next_seq)


def is_rolled(log: Path, journal: str) -> bool:
    """Whether a journal's records are in the log, so that the journal itself does not count any more."""
    return manifest_path(log, journal).exists() or _folded_manifest(log, journal) is not None


def folded_path(log: Path, stream: str) -> Path:
    """Where the folded manifests of a stream are."""
    return log / "folded" / f"{stream}.json"


def folded_of(log: Path, stream: str) -> Folded | None:
    """The folded manifests of a stream; None while there are none."""
    path = folded_path(log, stream)
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return _read_folded(path, status.st_mtime_ns, status.st_ino)


@lru_cache(maxsize=64)
def _read_folded(path: Path, mtime: int, inode: int) -> Folded:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Folded)
    except msgspec.DecodeError as error:
        raise CorruptArtifact(
            f"{path} does not hold folded manifests: {error}. Restore it from a copy"
        ) from error


def folded_streams(log: Path) -> list[str]:
    """Streams with folded manifests, in the order of their names."""
    return _json_names(log / "folded")


def rolled_journals(log: Path) -> list[str]:
    """Identifiers of all rolled journals, in the order of their names."""
    return _json_names(log / "rolled")


def _json_names(directory: Path) -> list[str]:
    with suppress(FileNotFoundError), os.scandir(directory) as entries:
        return sorted(
            entry.name[:-5] for entry in entries if entry.name.endswith(".json") and entry.name[0] != "."
        )
    return []


def schema_path(log: Path, digest: str) -> Path:
    """Where the description of a schema is kept."""
    return log / "schemas" / f"{digest}.json"


def schema_of(log: Path, digest: str) -> LogSchema:
    """The schema with that digest; CorruptArtifact when its description is gone or is another's."""
    path = schema_path(log, digest)
    try:
        schema = msgspec.json.decode(path.read_bytes(), type=LogSchema)
    except (FileNotFoundError, msgspec.DecodeError) as error:
        raise CorruptArtifact(
            f"{path} does not describe a schema: {error}. Restore it from a copy of the log"
        ) from error
    if schema.digest != digest:
        raise CorruptArtifact(f"{path} describes schema {schema.digest}. Restore it from a copy of the log")
    return schema


def files_of_days(log: Path, directory: Path, first: str | None, last: str | None) -> Iterator[Path]:
    """Parquet files that count in the `date=` partitions from `first` to `last`, both included."""
    for day in values_of(directory, "date"):
        if (first is None or first <= day) and (last is None or day <= last):
            for name in counting(log, directory / f"date={day}"):
                yield directory / f"date={day}" / name


def counting(log: Path, directory: Path) -> list[str]:
    """Names of the Parquet files in one partition whose rows are those of the log, each row once, in order.

    A file whose journal has no manifest is half of a roll that crashed: its rows are still in the journal. One that a
    merged file replaces stays for a while for those who listed it before, and does not count.
    """
    return sorted(
        name
        for name in standing(directory)
        if name.startswith(MERGED) or manifest_path(log, name[:-8]).exists()
    )


def standing(directory: Path) -> set[str]:
    """Names of the Parquet files in one partition that no merged file replaces, half rolled ones included."""
    while True:
        try:
            with os.scandir(directory) as entries:
                names = {entry.name for entry in entries}
        except FileNotFoundError:
            return set()  # dropped by retention
        found = {name for name in names if name.endswith(".parquet") and not name.startswith(".")}
        try:
            for name in names:
                if is_record(name) and name[1:-5] + ".parquet" in found:
                    found.difference_update(merged_record(directory / name).replaces)
        except FileNotFoundError:
            continue  # what it replaced was deleted since the listing
        return found


def is_record(name: str) -> bool:
    """Whether a file says what a merged file replaces.

    >>> is_record(".merged-0a1b.json"), is_record(".draft-.merged-0a1b.json.9.1f"), is_record("merged-0a1b.parquet")
    (True, False, False)
    """
    return name.startswith(f".{MERGED}") and name.endswith(".json")


def merged_record(path: Path) -> Merged:
    """What the record at `path` says; FileNotFoundError when it is gone."""
    return msgspec.json.decode(path.read_bytes(), type=Merged)


def partitions_in(log: Path) -> list[Path]:
    """Every `date=` directory of the log, predictions and outcomes."""
    return [directory for home in homes_in(log) for directory in _below(home, "date")]


def homes_in(log: Path) -> list[Path]:
    """The directories that hold the days: one a model and schema, and one a model of outcomes."""
    found = []
    for dataset, keys in (
        ("predictions", ("namespace", "model", "schema")),
        ("outcomes", ("namespace", "model")),
    ):
        homes = [log / dataset]
        for key in keys:
            homes = [below for home in homes for below in _below(home, key)]
        found += homes
    return found


def _below(home: Path, key: str) -> list[Path]:
    with suppress(FileNotFoundError), os.scandir(home) as entries:
        return sorted(Path(entry.path) for entry in entries if entry.name.startswith(f"{key}="))
    return []


def merged_in(log: Path, directory: Path) -> list[Path]:
    """Merged files of one partition that count."""
    return [directory / name for name in counting(log, directory) if name.startswith(MERGED)]
