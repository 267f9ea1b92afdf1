"""One day of one version, from the log to the statistics that monitors read; counted again when outcomes change."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from roadworthy.clock import DAY_MICROS, instant
from roadworthy.durable import write_whole
from roadworthy.features.arrow import batch_from_arrow
from roadworthy.features.batch import Batch, Floats
from roadworthy.jobs.stores import Stores
from roadworthy.monitoring.window import day_statistics
from roadworthy.predictionlog.outcomes import OutcomeRule, labelled
from roadworthy.profiles.reference import Reference
from roadworthy.profiles.summary import DayStatistics
from roadworthy.registry.artifact import PROFILES_FILE
from roadworthy.registry.versions import VersionRow
from roadworthy.scorer import Scorer

DAY = timedelta(days=1)

#: Roles whose answers reached somebody.
ANSWERING = ("champion", "canary")


@dataclass(frozen=True)
class Watched:
    """A version under observation: what it is, what it was trained on, how its outcomes are read."""

    row: VersionRow
    scorer: Scorer
    reference: Reference
    rule: OutcomeRule

    @classmethod
    def open(cls, stores: Stores, row: VersionRow) -> Watched:
        """Load a version for its monitors; once per process, because an artifact never changes under its digest."""
        scorer, reference = _loaded(stores.settings.artifacts, row.digest)
        return cls(row, scorer, reference, outcome_rule(scorer))


@lru_cache(maxsize=8)
def _loaded(artifacts: Path, digest: str) -> tuple[Scorer, Reference]:
    directory = artifacts / digest
    return Scorer.load(directory, digest), Reference.from_json((directory / PROFILES_FILE).read_bytes())


def outcome_rule(scorer: Scorer) -> OutcomeRule:
    """How the outcomes of a version are read, as it was declared when it was trained."""
    declared = scorer.model.outcome
    return OutcomeRule(
        name=declared["name"],
        window=timedelta(seconds=declared["window_seconds"]),
        absent=declared["absent"],
        attribute=declared["attribute"],
    )


@dataclass(frozen=True)
class DayRows:
    """The rows of one day that a version answered."""

    table: pa.Table
    inputs: Batch
    outputs: Floats


def read_day(
    stores: Stores, watched: Watched, day: int, as_of: datetime, *, counted: bool = False
) -> DayRows:
    """What the log holds of one day (days since 1970, UTC) of one version, with labels as known at `as_of`.

    counted   only the columns that `statistics` counts; else all of the log
    """
    start = instant(day * DAY_MICROS)
    inputs = [f"in_{name}" for name in watched.scorer.schema.names("input")]
    table = labelled(
        stores.log(), watched.row.model, watched.rule, as_of, namespace=stores.settings.namespace,
        versions=[watched.row.version], roles=ANSWERING, start=start, end=start + DAY,
        columns=["status", "output", *inputs] if counted else None,
    )  # fmt: skip
    if table.num_rows:
        table = table.filter(pc.equal(table.column("status"), "ok"))
    return DayRows(table, inputs_of(watched.scorer, table), _floats(table, "output"))


def statistics(stores: Stores, watched: Watched, day: int, rows: DayRows) -> DayStatistics:
    """Count a day and keep the result."""
    found = day_statistics(
        watched.reference, day, rows.inputs, watched.scorer.features.states(rows.inputs), rows.outputs,
        _floats(rows.table, "label"),
        rows.table.column("window_passed").to_numpy(zero_copy_only=False) if rows.table.num_rows else None,
    )  # fmt: skip
    if not found.profile.n and (before := kept_days(stores, watched.row, day, day)):
        return before[0]  # retention has dropped its rows: what was counted while they were there stays
    home = _home(stores, watched.row)
    home.mkdir(parents=True, exist_ok=True)
    write_whole(home / f"{day}.json", found.to_json())
    return found


def kept_days(stores: Stores, row: VersionRow, first: int, last: int) -> list[DayStatistics]:
    """Statistics kept of the days first..last, ascending; days that were never counted are left out."""
    found, home = [], _home(stores, row)
    for day in range(first, last + 1):
        path = f"{home}/{day}.json"
        with suppress(FileNotFoundError):
            at = os.stat(path)
            found.append(_counted(path, at.st_ino, at.st_mtime_ns))
    return found


@lru_cache(maxsize=1024)
def _counted(path: str, inode: int, written: int) -> DayStatistics:
    """The statistics in a file; whoever counts a day again puts another file in its place."""
    return DayStatistics.from_json(Path(path).read_bytes())


def _home(stores: Stores, row: VersionRow) -> Path:
    return stores.settings.statistics / row.model / str(row.version)


def inputs_of(scorer: Scorer, table: pa.Table) -> Batch:
    """The raw inputs of rows of the log, as a version reads them."""
    names = scorer.schema.names("input")
    renamed = pa.table({name: table.column(f"in_{name}") for name in names}) if table.num_rows else None
    if renamed is None:
        return Batch.from_rows([], scorer.features.schema)
    return batch_from_arrow(renamed, scorer.features.schema)


def encoded_of(scorer: Scorer, table: pa.Table) -> Floats:
    """What the workers made of those inputs when they answered, float64 (rows, columns)."""
    if not table.num_rows:
        return np.empty((0, scorer.features.width))
    return np.column_stack([_floats(table, f"enc_{name}") for name in scorer.model.columns])


def _floats(table: pa.Table, name: str) -> Floats:
    if not table.num_rows:
        return np.empty(0)
    values: Floats = table.column(name).cast(pa.float64()).to_numpy(zero_copy_only=False)
    return values
