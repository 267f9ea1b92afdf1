"""Where things lie in a log directory, and the manifest that makes a rolled journal part of it.

Not here: what is written there (roll) or how it is read (read).

    log/predictions/namespace=<n>/model=<m>/schema=<digest>/date=<UTC day of the event>/<journal>.parquet
    log/outcomes/namespace=<n>/model=<m>/date=<UTC day of the event>/<journal>.parquet
    log/schemas/<digest>.json       names and kinds of the columns
    log/rolled/<journal>.json       a Parquet file counts once its journal is listed here, and the journal no longer
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal
from urllib.parse import quote, unquote

import msgspec
import numpy as np

from roadworthy.errors import CorruptArtifact
from roadworthy.predictionlog.record import FORMAT, LogSchema

DAY: Final = 86_400_000_000

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


def day_of(event_time: int) -> str:
    """The UTC date of microseconds since 1970, as partitions are named.

    >>> day_of(1372636800000000)
    '2013-07-01'
    """
    return str(np.datetime64(event_time // DAY, "D"))


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
        return None
    except msgspec.DecodeError as error:
        raise CorruptArtifact(
            f"{path} is not a manifest of a rolled journal: {error}. Restore it from a copy"
        ) from error


def rolled_journals(log: Path) -> list[str]:
    """Identifiers of all rolled journals, in the order of their names."""
    with suppress(FileNotFoundError), os.scandir(log / "rolled") as entries:
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
    """Parquet files of rolled journals in the `date=` partitions from `first` to `last`, both included.

    A file whose journal has no manifest is half of a roll that crashed: its rows are still in the journal.
    """
    for day in values_of(directory, "date"):
        if (first is None or first <= day) and (last is None or day <= last):
            with os.scandir(directory / f"date={day}") as entries:
                names = sorted(entry.name for entry in entries if entry.name.endswith(".parquet"))
            for name in names:
                if not name.startswith(".") and manifest_path(log, name[:-8]).exists():
                    yield directory / f"date={day}" / name
