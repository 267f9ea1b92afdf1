"""E5, of the kind `protected`: outcomes of a protected group were not recorded, and a new version learned that.

In the field the outcome of some people was seen less often than it came, such as work that nobody registered; a model
that learned from it said too little of them, and on average it was as good as before. Here some rows of one group of a
protected attribute have the outcome in truth and are without it in training. The later rows that the gate judges on
are right. Only a model whose limits say how far groups may differ has anything to hold it against.

The group is the largest value of a protected text that has 5 % of the rows and no more than a half. Severity is the
share of all training rows that were not recorded, as far as the group has rows with the outcome; moderate is one in
twenty.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from roadworthy.drills import e05_slice_harm
from roadworthy.drills.deployment import Deployment
from roadworthy.drills.launcher import wrap
from roadworthy.features.batch import Batch, Floats, Strings
from roadworthy.gate.groups import LIMIT_NAMES_OF
from roadworthy.jobs import train as training

Fit = Callable[..., Any]


def leave_unrecorded(*, column: str, value: str, share: float, seed: int) -> None:
    """Let training see some rows of a group without the outcome that came; the patch of a training process."""

    def unrecording(honest: Fit) -> Fit:
        def fit(recipe: Any, schema: Any, rows: Batch, y: Floats, **more: Any) -> Any:
            texts = rows.columns[column]
            assert isinstance(texts, Strings), "a group is a value of text"
            held = np.array([text == value for text in (*texts.uniques, None)])[texts.codes]
            return honest(recipe, schema, rows, unrecorded(y, held, share, seed), **more)

        return fit

    wrap(training, "fit", unrecording)


def unrecorded(y: Floats, held: np.ndarray, share: float, seed: int) -> Floats:
    """The labels, those of some rows that are held 0 where they were 1: a share of all rows, as far as there are.

    >>> unrecorded(np.array([1.0, 1.0, 0.0, np.nan]), np.array([True, False, True, True]), 0.5, 0).tolist()
    [0.0, 1.0, 0.0, nan]
    """
    came = np.flatnonzero(held & (y == 1.0))
    size = min(round(share * len(y)), len(came))
    changed = y.copy()
    changed[np.random.default_rng(seed).choice(came, size, replace=False)] = 0.0
    return changed


def group_of(deployment: Deployment) -> tuple[str, str]:
    """Attribute and value of the group; two empty texts where there is none."""
    return e05_slice_harm.largest_group(deployment, deployment.model.protected)


def _inject(deployment: Deployment, severity: float, chance: np.random.Generator) -> None:
    column, value = group_of(deployment)
    seed = int(chance.integers(2**31))
    deployment.patch("training", leave_unrecorded, column=column, value=value, share=severity, seed=seed)


def _applies(deployment: Deployment) -> str:
    model = deployment.model
    if not set(LIMIT_NAMES_OF.values()) & set(model.limits):
        return "no limit of it says how far protected groups may differ"
    return (
        "" if group_of(deployment)[0] else "no text among its protected attributes parts its rows into groups"
    )


FAULT = replace(
    e05_slice_harm.FAULT,
    variant="protected",
    title="outcomes of a protected group were not recorded, and training learned that",
    happened="The outcome of some people was recorded less often than it came, and a model said too little of them.",
    guards=("groups", *(guard for guard in e05_slice_harm.FAULT.guards if guard != "groups")),
    inject=_inject,
    moderate=0.05,
    applies=_applies,
)
