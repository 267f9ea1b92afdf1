"""Drops days of the log that are older than it is kept, whole partitions at a time.

Not here: how long that is (jobs, supervisor) and single units (forget). By event time, in whole UTC days. A partition
is renamed out of sight first, so that it goes at once for every reader, and is deleted then.
"""

from __future__ import annotations

import shutil
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pyarrow.parquet as pq

from roadworthy.clock import micros
from roadworthy.errors import CorruptArtifact
from roadworthy.predictionlog.compact import alone
from roadworthy.predictionlog.partitions import MERGED, counting, day_of, partitions_in
from roadworthy.predictionlog.publishing import publish_json
from roadworthy.predictionlog.removed import Removed, note_removed
from roadworthy.predictionlog.syncing import sync_directory

#: Name of the file in a workspace that says how long its log is kept.
KEEP_FILE = "keep.json"

_DROPPING = ".dropping-"


@dataclass(frozen=True, slots=True)
class Dropped:
    """What a call of `retain` removed.

    days      partitions of a day, each of one model and schema
    rows      predictions and outcomes in them
    before    the first UTC day that is kept
    """

    days: int
    rows: int
    before: str


def retain(log: Path, keep_from: datetime) -> Dropped:
    """Remove predictions and outcomes with an event time on UTC days before that of `keep_from`.

    Safe to interrupt and to repeat; what is rolled late into a dropped day goes at the next call.
    raises  NotReady while another process compacts or forgets in this log
    """
    before = day_of(micros(keep_from))
    days = rows = 0
    with alone(log):
        _end_what_was_begun(log)
        for directory in partitions_in(log):
            if directory.name.removeprefix("date=") < before:
                rows += _drop(log, directory)
                days += 1
    return Dropped(days, rows, before)


def kept_days(file: Path) -> timedelta | None:
    """How long a workspace keeps its log, from the file that `keep_days` wrote; None = for ever."""
    try:
        return timedelta(days=msgspec.json.decode(file.read_bytes(), type=_Keep).days)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise CorruptArtifact(
            f"{file} does not say how long the log is kept: {error}. Set it again"
        ) from error


def keep_days(file: Path, days: int | None) -> None:
    """Write down how long a workspace keeps its log; None = for ever."""
    if days is None:
        file.unlink(missing_ok=True)
    else:
        publish_json(file, _Keep(days))


class _Keep(msgspec.Struct, frozen=True):
    days: int


def _drop(log: Path, directory: Path) -> int:
    names = counting(log, directory)
    journals: Counter[str] = Counter()
    for name in names:
        if name.startswith(MERGED):
            counts = pq.read_table(directory / name, columns=["journal"]).column("journal").value_counts()
            journals.update({item["values"]: item["counts"] for item in counts.to_pylist()})
        else:
            journals[name[:-8]] += pq.read_metadata(directory / name).num_rows
    what = f"{directory.relative_to(log).as_posix()}: {' '.join(names)}"
    note_removed(log, Removed(what, "retention", dict(journals)))
    hidden = directory.with_name(_DROPPING + directory.name)
    directory.rename(hidden)
    sync_directory(hidden.parent)
    shutil.rmtree(hidden)
    return journals.total()


def _end_what_was_begun(log: Path) -> None:
    for dataset in ("predictions", "outcomes"):
        for hidden in (log / dataset).rglob(f"{_DROPPING}*"):
            with suppress(FileNotFoundError):
                shutil.rmtree(hidden)
