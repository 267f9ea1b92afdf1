"""P1: a vocabulary was learned on more rows than the model, and what it never met keeps its random start.

In the field a vocabulary was shared with a bigger data set; rows of embeddings never got a gradient, kept random
values, and predictions for sparse categories were badly calibrated. Here the code that training runs through leaves out
the labels of some entries in the training process alone: the vocabulary knows them, the estimator never met them, and
later rows and requests ask for them. It is drilled on the user's own estimator where that begins at random, as
networks do, and (`one-hot`) on a regression with random initial coefficients in its place.

Severity is the share of training rows that have such an entry; moderate touches 5 % of rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from roadworthy.drills.deployment import Deployment
from roadworthy.drills.fault import Fault
from roadworthy.drills.launcher import wrap
from roadworthy.features.batch import Batch, Floats
from roadworthy.features.columns import Strings
from roadworthy.features.declarations import Category
from roadworthy.jobs import train as training

Fit = Callable[..., Any]

#: Entries are left out until their rows are at least this share of those that are to be touched.
_NEARLY = 0.8


def train_on_less(*, columns: Sequence[tuple[str, int]], share: float, seed: int) -> None:
    """Leave the labels of some entries out of training; the patch of a training process.

    columns   inputs whose texts are entries, each with the rows a text must have to be one
    """

    def lessening(honest: Fit) -> Fit:
        def fit(recipe: Any, schema: Any, rows: Batch, y: Floats, **more: Any) -> Any:
            texts, at_least = finest([(_texts(rows, name), least) for name, least in columns], share)
            return honest(recipe, schema, rows, without_labels(texts, y, at_least, share, seed), **more)

        return fit

    wrap(training, "fit", lessening)


def finest(columns: Sequence[tuple[Strings, int]], share: float) -> tuple[Strings, int]:
    """The column with the most entries among those whose entries have twice that share of rows; else the fullest."""

    def entries(column: tuple[Strings, int]) -> npt.NDArray[np.int64]:
        counts = _counts(column[0])
        return counts[counts >= column[1]]

    enough = [each for each in columns if entries(each).sum() >= 2 * share * len(each[0].codes)]
    if enough:
        return max(enough, key=lambda each: len(entries(each)))
    return max(columns, key=lambda each: int(entries(each).sum()))


def _texts(rows: Batch, name: str) -> Strings:
    texts = rows.columns[name]
    assert isinstance(texts, Strings), "a category is text"
    return texts


def _counts(texts: Strings) -> npt.NDArray[np.int64]:
    return np.bincount(texts.codes[texts.codes >= 0], minlength=len(texts.uniques)).astype(np.int64)


def without_labels(texts: Strings, y: Floats, at_least: int, share: float, seed: int) -> Floats:
    """The labels, NaN for rows of entries chosen at random until they are about that share of rows.

    >>> texts = Strings.of(["a", "a", "a", "b", "c"])
    >>> 1 <= int(np.isnan(without_labels(texts, np.ones(5), 1, 0.6, 0)).sum()) <= 3
    True
    """
    counts = _counts(texts)
    entries = np.flatnonzero(counts >= at_least).tolist()
    order = np.random.default_rng(seed).permutation(entries).tolist()
    wanted = share * len(y)
    chosen: list[int] = []
    touched = 0
    for entry in order:
        if touched + counts[entry] <= wanted:
            chosen.append(entry)
            touched += int(counts[entry])
    if share > 0.0 and touched < _NEARLY * wanted:
        # Few large entries: the smallest that is left brings it there.
        left = [entry for entry in entries if entry not in chosen]
        chosen += [min(left, key=lambda entry: counts[entry])] if len(left) > 1 else []
    changed = y.copy()
    changed[np.isin(texts.codes, chosen)] = np.nan
    return changed


def _categories(deployment: Deployment) -> dict[str, tuple[str, int]]:
    """Features that are categories of plain text → their input and the rows that make a text an entry.

    A vocabulary that a list shares is left out: an entry without labels as a category is still met in lists.
    """
    features = deployment.model.features.features
    shared = {getattr(feature.options, "vocabulary_of", None) for feature in features.values()}
    return {
        name: (feature.column_names[0], feature.options.min_count)
        for name, feature in features.items()
        if isinstance(feature.options, Category) and name not in shared
        if feature.options.clean is None and not feature.sensitive
    }


def _inject(deployment: Deployment, severity: float, chance: np.random.Generator) -> None:
    columns = list(_categories(deployment).values())
    deployment.patch(
        "training", train_on_less, columns=columns, share=severity, seed=int(chance.integers(2**31))
    )


def _with_one_hot(deployment: Deployment, severity: float, chance: np.random.Generator) -> None:
    deployment.redeclare(
        estimator=f"_OneHotAtRandom({tuple(_categories(deployment))!r})",
        imports="from roadworthy.drills.random_start import OneHotAtRandom as _OneHotAtRandom",
    )
    _inject(deployment, severity, chance)


def _has_category(deployment: Deployment) -> str:
    return (
        ""
        if _categories(deployment)
        else "it has no category that could know entries which training never met"
    )


def _begins_at_random(deployment: Deployment) -> str:
    if not callable(getattr(deployment.model.estimator, "to_onnx", None)):
        return "its estimator begins at nothing or has no rows: what it never met adds nothing"
    return _has_category(deployment)


FAULT = Fault(
    id="P1",
    name="untrained-embeddings",
    title="a vocabulary knows entries that training never met",
    happened="A vocabulary shared with a bigger data set left rows of embeddings without a gradient: they kept random "
    "values, and sparse categories were badly calibrated.",
    stage="gate",
    guards=(
        "weights",
        "champion",
        "limits",
        "better_than_baseline",
        "sparse_categories",
        "slices",
        "learned",
    ),
    inject=_inject,
    moderate=0.05,
    applies=_begins_at_random,
)

VARIANTS: tuple[Fault, ...] = (
    replace(
        FAULT,
        variant="one-hot",
        title="one-hot coefficients that began at random, for entries that training never met",
        inject=_with_one_hot,
        applies=_has_category,
    ),
)
