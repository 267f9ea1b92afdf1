"""Drops days of the log that are older than it is kept, whole partitions at a time.

Not here: how long that is (jobs, supervisor) and single units (forget). By event time, in whole UTC days. A partition
is renamed out of sight first, so that it goes at once for every reader, and is deleted then.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from roadworthy.clock import micros
from roadworthy.durable import synced
from roadworthy.errors import CorruptArtifact
from roadworthy.predictionlog.compact import alone
from roadworthy.predictionlog.partitions import MERGED, day_of, homes_in, standing, values_of
from roadworthy.predictionlog.publishing import publish_json
from roadworthy.predictionlog.removed import Removed, is_noted, note_removed

#: Name of the file in a workspace that says how long its log is kept.
KEEP_FILE = "keep.json"

_DROPPING = ".dropping-"
_WHY = "retention"


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
        for home in homes_in(log):
            for left in [name for name in os.listdir(home) if name.startswith(_DROPPING)]:
                _delete(log, home / left)
            for day in [day for day in values_of(home, "date") if day < before]:
                rows += _drop(log, home / f"date={day}")
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
    hidden = directory.with_name(f"{_DROPPING}{directory.name}-{secrets.token_hex(4)}")
    directory.rename(hidden)
    synced(hidden.parent)
    return _delete(log, hidden)


def _delete(log: Path, hidden: Path) -> int:
    """Say what was in a day that was renamed, and delete it; returns how many rows.

    Nothing is added to it any more. A file whose journal has no manifest yet counts: its manifest may be on its way.
    """
    what, journals = hidden.relative_to(log).as_posix(), Counter[str]()
    if not is_noted(log, what, _WHY):
        for name in standing(hidden):
            with suppress(pa.ArrowException):  # damaged: `gaps` says what is missing
                if name.startswith(MERGED):
                    counts = (
                        pq.read_table(hidden / name, columns=["journal"]).column("journal").value_counts()
                    )
                    journals.update({item["values"]: item["counts"] for item in counts.to_pylist()})
                else:
                    journals[name[:-8]] += pq.read_metadata(hidden / name).num_rows
        note_removed(log, Removed(what, _WHY, dict(journals)))
    shutil.rmtree(hidden)
    return journals.total()
