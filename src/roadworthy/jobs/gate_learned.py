"""Asks the rivals of a candidate about its held-out rows: shuffled twins, the declared rule, the groups to rank."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from roadworthy.errors import DefinitionError
from roadworthy.features.batch import NO_TIME, Batch, Floats, Strings
from roadworthy.features.functions import call, load_snapshot, resolve
from roadworthy.features.reading import Reading
from roadworthy.gate.learned_facts import Heuristic, Learned
from roadworthy.gate.sampling_facts import Sampling
from roadworthy.jobs.stores import Stores
from roadworthy.jobs.train import KEPT, SHUFFLED
from roadworthy.judging import Heuristic as Declared
from roadworthy.judging import Judging
from roadworthy.registry.artifact import FUNCTIONS_FILE
from roadworthy.registry.versions import VersionRow
from roadworthy.scorer import Scorer


def judging_of(row: VersionRow) -> Judging:
    """What is declared for the gate, as it counts now."""
    details = row.run.details
    return msgspec.convert(
        {name: details[name] for name in Judging.__struct_fields__ if name in details}, Judging
    )


def rivals(stores: Stores, row: VersionRow, table: pa.Table, batch: Batch) -> Learned:
    """What simple rivals say of the held-out rows; `batch` holds the rows of `table` as a request carries them."""
    declared = judging_of(row)
    within = declared.ranks_within
    return Learned(
        shuffled=_twins(table.column(SHUFFLED)) if SHUFFLED in table.column_names else None,
        heuristic=None if declared.heuristic is None else _heuristic(stores, row, declared.heuristic, batch),
        groups=_numbered(table.column(within)) if within else None,
        cut=declared.cut,
        trained_rate=float(row.run.details["baseline_rate"]),
    )


def weights_of(row: VersionRow, table: pa.Table) -> Floats | None:
    """How much each held-out row counts: as declared, times the rows that it stands for; None where all alike."""
    declared = judging_of(row)
    given = [table.column(declared.weight).cast(pa.float64()).to_numpy()] if declared.weight else []
    if declared.sampling is not None and KEPT in table.column_names:
        given.append(1.0 / table.column(KEPT).to_numpy())
    return np.prod(given, axis=0) if given else None


def sampling_of(row: VersionRow, scorer: Scorer) -> Sampling:
    """What is declared about sampling, and what the version does about it."""
    declared, odds = judging_of(row).sampling, scorer.model.prior_odds
    said = ""
    if declared is not None:
        said = (
            f"shares of rows in column {declared.column!r}"
            if declared.column
            else f"kept are {declared.positive:g} of the rows with the outcome and {declared.negative:g} without"
        )
    return Sampling(declared=said, odds=1.0 if isinstance(odds, msgspec.UnsetType) else odds)


def _twins(column: pa.ChunkedArray) -> Floats:
    """One row a twin."""
    scores = np.concatenate([chunk.flatten().to_numpy() for chunk in column.chunks])
    return scores.reshape(len(column), -1).T


def _heuristic(stores: Stores, row: VersionRow, declared: Declared, batch: Batch) -> Heuristic:
    if not declared.function:
        (name,) = declared.inputs
        ranked = _column(batch, name)
        return Heuristic(
            name=declared.shown, scores=-ranked if declared.falling else ranked, probabilities=False
        )
    path = stores.settings.artifacts / row.digest / FUNCTIONS_FILE
    functions: Mapping[str, Callable[..., Any]] = load_snapshot(path.read_bytes()) if path.exists() else {}
    reading = Reading(batch.columns, batch.n)
    with np.errstate(all="ignore"):
        said = call(
            declared.function,
            resolve(declared.function, functions),
            [reading.array(name) for name in declared.inputs],
        )
    return Heuristic(name=declared.shown, scores=said, probabilities=True)


def _column(batch: Batch, name: str) -> Floats:
    column = batch.columns[name]
    if not isinstance(column, np.ndarray):
        kind = "text" if isinstance(column, Strings) else "a list"
        raise DefinitionError(f"heuristic: {name!r} is {kind} and ranks nothing: name a column of numbers")
    if column.dtype == np.int64:
        return np.where(column == NO_TIME, np.nan, column.astype(np.float64))
    return column.astype(np.float64)


def _numbered(column: pa.ChunkedArray) -> np.ndarray:
    encoded = column.combine_chunks().dictionary_encode(null_encoding="encode")
    numbers: np.ndarray = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return numbers
