"""Out-of-fold predictions: what the model says about training rows that an estimator of it did not see.

They stand in for unseen data where a reference needs many days: calibration, and how much a good day differs from
a bad one. Features are fitted once, on all rows, so a vocabulary has seen the words (never the labels) of the rows
it encodes; only the estimator is fitted again for each fold.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import zip_longest
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from roadworthy.errors import DefinitionError, TooFewSamples
from roadworthy.estimators.accepted import format_for
from roadworthy.estimators.protocol import Column, OnProgress
from roadworthy.features.batch import Floats
from roadworthy.training.recipe import Days, Recipe
from roadworthy.training.weights import repaired

Folds: TypeAlias = npt.NDArray[np.int64]

FOLDS = 4
_WEEK = 7


def folds_by_day(days: Days, folds: int = FOLDS) -> Folds:
    """The fold of every row: whole weeks in turn, or shorter runs of days where there are too few weeks.

    days     day number of every row, shape (n,); rows of one day are never parted, and neighbouring days
             stay together but at the edge of a block, because tomorrow resembles today
    raises   TooFewSamples when all rows are of one day

    >>> folds_by_day(np.arange(0, 70, 7), folds=4).tolist()
    [0, 1, 2, 3, 0, 1, 2, 3, 0, 1]
    >>> folds_by_day(np.arange(6), folds=3).tolist()
    [0, 0, 1, 1, 2, 2]
    """
    if folds < 2:
        raise DefinitionError(f"out-of-fold predictions need at least 2 folds, got {folds}")
    known = np.unique(days)
    if len(known) < 2:
        raise TooFewSamples(
            f"all {len(days):,} training rows are of one day: out-of-fold predictions need two days or more"
        )
    span = int(known[-1] - known[0]) + 1
    length = _WEEK if span >= folds * _WEEK else max(1, -(-span // folds))
    blocks = (days - known[0]) // length
    # blocks without rows get no turn, or a fold could stay empty
    turn: Folds = np.searchsorted(np.unique(blocks), blocks) % folds
    return turn


def out_of_fold(
    recipe: Recipe,
    columns: Sequence[Column],
    encoded: Floats,
    y: Floats,
    fold_of: Folds,
    *,
    on_progress: Sequence[OnProgress | None] = (),
) -> Floats:
    """The prediction of every row by the estimator that was fitted without the row's fold, shape (n,).

    y            0.0 and 1.0, NaN where the outcome is not known: such rows are predicted and not fitted on
    fold_of      fold of every row, as `folds_by_day` gives it
    on_progress  one a fold, or none
    raises       TooFewSamples when the rows outside a fold have one class only
    """
    predictions = np.empty(len(y), dtype=np.float64)
    form = format_for(recipe.estimator)
    known = ~np.isnan(y)

    def predict(fold: int, report: OnProgress | None) -> None:
        inside = fold_of == fold
        fitted = form.fit(
            recipe.estimator,
            encoded[known & ~inside],
            y[known & ~inside],
            columns,
            seed=recipe.seed,
            threads=1,
            on_progress=report,
        )
        if recipe.repair:
            fitted, _ = repaired(fitted, encoded[known & ~inside], columns)
        predictions[inside] = fitted.predictor().predict(encoded[inside])

    # Folds side by side, one thread each, take less time than one after the other with all threads.
    folds = np.unique(fold_of).tolist()
    with ThreadPoolExecutor(recipe.threads) as pool:
        for done in [pool.submit(predict, *pair) for pair in zip_longest(folds, on_progress)]:
            done.result()
    return predictions


def shares_of(on_progress: OnProgress | None, parts: int) -> list[OnProgress | None]:
    """One progress callback for each of several equal parts, which may go on together, as progress of the whole.

    >>> first, second = shares_of(lambda done, total: print(done, "of", total), 2)
    >>> first(5, 10)
    5 of 20
    >>> second(2, 10)
    7 of 20
    """
    if on_progress is None:
        return [None] * parts
    done_in = [0] * parts

    def share(part: int) -> OnProgress:
        def report(done: int, total: int) -> None:
            done_in[part] = done
            on_progress(sum(done_in), parts * total)

        return report

    return [share(part) for part in range(parts)]
