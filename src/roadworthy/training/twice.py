"""Trains on a sample twice and compares the bytes: what differs could never be trained again as it was.

Not here: judging it (gate.reproducible).
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from roadworthy.errors import RoadworthyError
from roadworthy.features.batch import Batch, Floats
from roadworthy.features.schema import InputSchema
from roadworthy.registry.artifact import ESTIMATOR_DIRECTORY, FEATURES_FILE, digest
from roadworthy.training.fit import train
from roadworthy.training.recipe import Recipe

#: Rows of the sample at most, and at least where there are so many.
MOST, LEAST = 5_000, 2_000

#: The sample is no larger than one row in so many, so that two more fits are small beside those of the folds.
ONE_IN = 10

#: The number of threads of each of the two, where the estimator declares none: it must change nothing.
THREADS = (1, 2)

#: Rows of each outcome that the sample takes at least, where there are so many.
_OF_EACH = 50


class Twice(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the two.

    rows      of the sample
    digests   of fitted features and estimator, one for each training
    skipped   why there are none; "" where there are
    """

    rows: int
    digests: tuple[str, ...] = ()
    skipped: str = ""


def train_twice(recipe: Recipe, schema: InputSchema, rows: Batch, y: Floats) -> Twice:
    """Train by the recipe on the same sample twice, with different numbers of threads.

    y   as for `train`; the sample has rows of each outcome as they are frequent, and some of each
    """
    chosen = sample_of(y)
    sample, labels = rows.take(chosen), y[chosen]
    try:
        digests = tuple(
            _digest(replace(recipe, threads=threads), schema, sample, labels) for threads in THREADS
        )
    except RoadworthyError as refusal:
        return Twice(rows=chosen.size, skipped=f"{type(refusal).__name__}: {refusal}")
    return Twice(rows=chosen.size, digests=digests)


def sample_of(y: Floats) -> npt.NDArray[np.int64]:
    """Places of the sample, ascending and evenly spread over the rows of each outcome.

    >>> sample_of(np.repeat([0.0, 1.0, np.nan], [60_000, 600, 400])).size
    5018
    """
    wanted = min(MOST, max(LEAST, y.size // ONE_IN))
    groups = [np.flatnonzero(found) for found in (y == 0, y == 1, np.isnan(y))]
    chosen = []
    for group in groups:
        size = min(group.size, max(round(wanted * group.size / max(1, y.size)), _OF_EACH))
        chosen.append(group[np.linspace(0, group.size - 1, size).astype(np.int64)] if size else group)
    found: npt.NDArray[np.int64] = np.sort(np.concatenate(chosen))
    return found


def _digest(recipe: Recipe, schema: InputSchema, rows: Batch, y: Floats) -> str:
    """Of what an artifact would hold of the training, byte for byte."""
    trained = train(recipe, schema, rows, y)
    with tempfile.TemporaryDirectory(prefix="roadworthy-twice-") as room:
        draft = Path(room)
        (draft / FEATURES_FILE).write_bytes(trained.scorer.features.to_json())
        (draft / ESTIMATOR_DIRECTORY).mkdir()
        trained.fitted.save(draft / ESTIMATOR_DIRECTORY)
        return digest(draft)
