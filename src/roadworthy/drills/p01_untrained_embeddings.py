"""P1: a vocabulary was learned on more rows than the model, and what it never met keeps its random start.

In the field a vocabulary was shared with a bigger data set; rows of embeddings never got a gradient, kept random
values, and predictions for sparse categories were badly calibrated. Here the code that training runs through leaves out
the labels of some entries in the training process alone: the vocabulary knows them, the estimator never met them, and
later rows and requests ask for them. It is drilled on the user's own estimator where that begins at random, as
networks do, and (`one-hot`) on a regression with random initial coefficients in its place.

Severity is the share of training rows that have such an entry; moderate touches 5 % of rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

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


def train_on_less(*, column: str, at_least: int, share: float, seed: int) -> None:
    """Leave the labels of some entries out of training; the patch of a training process.

    column    input whose texts are the entries
    at_least  rows a text must have to be an entry
    """

    def lessening(honest: Fit) -> Fit:
        def fit(recipe: Any, schema: Any, rows: Batch, y: Floats, **more: Any) -> Any:
            texts = rows.columns[column]
            assert isinstance(texts, Strings), "a category is text"
            return honest(recipe, schema, rows, without_labels(texts, y, at_least, share, seed), **more)

        return fit

    wrap(training, "fit", lessening)


def without_labels(texts: Strings, y: Floats, at_least: int, share: float, seed: int) -> Floats:
    """The labels, NaN for rows of entries chosen at random until they are about that share of rows.

    >>> texts = Strings.of(["a", "a", "a", "b", "c"])
    >>> np.isnan(without_labels(texts, np.ones(5), 1, 0.6, 0)).sum() >= 1
    True
    """
    counts = np.bincount(texts.codes[texts.codes >= 0], minlength=len(texts.uniques))
    entries = np.flatnonzero(counts >= at_least).tolist()
    order = np.random.default_rng(seed).permutation(entries).tolist()
    wanted = share * len(y)
    chosen: list[int] = []
    touched = 0
    for entry in order:
        if touched + counts[entry] <= wanted:
            chosen.append(entry)
            touched += int(counts[entry])
    if (
        share > 0.0 and touched < _NEARLY * wanted
    ):  # few large entries: the smallest that is left brings it there
        left = [entry for entry in entries if entry not in chosen]
        chosen += [min(left, key=lambda entry: counts[entry])] if len(left) > 1 else []
    changed = y.copy()
    changed[np.isin(texts.codes, chosen)] = np.nan
    return changed


def _category(deployment: Deployment) -> tuple[str, str, int] | None:
    """Name, input and smallest count of the category that asks for most rows an entry; None where there is none."""
    found = [
        (name, feature.column_names[0], feature.options.min_count)
        for name, feature in deployment.model.features.features.items()
        if isinstance(feature.options, Category) and feature.options.clean is None and not feature.sensitive
    ]
    return max(found, key=lambda each: each[2], default=None)


def _inject(deployment: Deployment, severity: float, chance: np.random.Generator) -> None:
    _, column, at_least = _chosen(deployment)
    seed = int(chance.integers(2**31))
    deployment.patch("training", train_on_less, column=column, at_least=at_least, share=severity, seed=seed)


def _with_one_hot(deployment: Deployment, severity: float, chance: np.random.Generator) -> None:
    category, *_ = _chosen(deployment)
    deployment.redeclare(
        estimator=f"_OneHotAtRandom({category!r})",
        imports="from roadworthy.drills.random_start import OneHotAtRandom as _OneHotAtRandom",
    )
    _inject(deployment, severity, chance)


def _chosen(deployment: Deployment) -> tuple[str, str, int]:
    found = _category(deployment)
    assert found is not None, "the fault applies"
    return found


def _has_category(deployment: Deployment) -> str:
    return (
        "" if _category(deployment) else "it has no category that could know entries which training never met"
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
