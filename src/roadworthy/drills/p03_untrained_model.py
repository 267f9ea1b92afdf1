"""P3: a retraining ends without an error, and the model learned nothing, or the wrong thing.

In the field about 2 % of daily retrainings went wrong; one always said 25 % and was deployed. Here the code that
training runs through differs in the training process alone, so that the later rows the gate looks at are right: every
feature arrives empty (the constant model), half of them do, labels are shuffled or a day late; or the file says a step
size at which training diverges.

Severity is the share of training labels that were drawn anew (`label-noise`); the other kinds have one severity only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from roadworthy.drills.deployment import Deployment
from roadworthy.drills.fault import Fault, Inject
from roadworthy.drills.launcher import wrap
from roadworthy.features.batch import Batch, Floats
from roadworthy.features.fitted import FittedFeatures
from roadworthy.jobs import train as training
from roadworthy.training.recipe import Days

Fit = Callable[..., Any]
Labels = Literal["noise", "shuffled", "day-late"]

#: Parameters of estimators that say how far one step of the fitting goes.
STEPS = ("learning_rate", "learning_rate_init", "eta0", "lr")

#: A step so much larger than any that fits anything.
DIVERGING = 1_000.0


def spoil_labels(*, kind: Labels, share: float, seed: int) -> None:
    """Let training see other labels than there are; the patch of a training process."""

    def spoiling(honest: Fit) -> Fit:
        def fit(recipe: Any, schema: Any, rows: Batch, y: Floats, *, days: Days, **more: Any) -> Any:
            return honest(recipe, schema, rows, spoiled(y, days, kind, share, seed), days=days, **more)

        return fit

    wrap(training, "fit", spoiling)


def spoiled(y: Floats, days: Days, kind: Labels, share: float, seed: int) -> Floats:
    """Labels of a kind of broken training; what is not known stays so.

    >>> spoiled(np.array([1.0, 0.0, np.nan, 1.0]), np.array([1, 1, 2, 2]), "day-late", 1.0, 0).tolist()
    [1.0, 0.0, nan, 1.0]
    """
    chance = np.random.default_rng(seed)
    known = np.flatnonzero(~np.isnan(y))
    changed = y.copy()
    if kind == "day-late":
        changed[known] = day_before(y[known], days[known])
        return changed
    chosen = known if kind == "shuffled" else known[chance.random(len(known)) < share]
    changed[chosen] = y[chance.permutation(chosen)]
    return changed


def day_before(y: Floats, days: Days) -> Floats:
    """To each row the label of the row that stood in its place on the day before; the first day keeps its own."""
    changed = y.copy()
    known = np.unique(days)
    for yesterday, today in pairwise(known):
        there, here = np.flatnonzero(days == yesterday), np.flatnonzero(days == today)
        changed[here] = y[there[np.arange(len(here)) % len(there)]]
    return changed


def empty_features(*, share: float, seed: int) -> None:
    """Let a share of the encoded columns arrive as zeros in training; the patch of a training process."""
    encode = FittedFeatures.encode

    def emptied(features: FittedFeatures, batch: Batch) -> Floats:
        encoded = encode(features, batch).copy()
        width = encoded.shape[1]
        chosen = np.random.default_rng(seed).permutation(width)[: round(share * width)]
        encoded[:, chosen] = 0.0
        return encoded

    def emptying(honest: Fit) -> Fit:
        def fit(*given: Any, **more: Any) -> Any:
            wrap(FittedFeatures, "encode", lambda _: emptied)
            try:
                return honest(*given, **more)
            finally:
                wrap(FittedFeatures, "encode", lambda _: encode)

        return fit

    wrap(training, "fit", emptying)


def _seed(chance: np.random.Generator) -> int:
    return int(chance.integers(2**31))


def _labels(kind: Labels) -> Inject:
    def inject(deployment: Deployment, severity: float, chance: np.random.Generator) -> None:
        deployment.patch("training", spoil_labels, kind=kind, share=severity, seed=_seed(chance))

    return inject


def _empty(share: float) -> Inject:
    def inject(deployment: Deployment, severity: float, chance: np.random.Generator) -> None:
        deployment.patch("training", empty_features, share=share, seed=_seed(chance))

    return inject


def _step(deployment: Deployment) -> str | None:
    parameters = deployment.model.estimator.get_params()
    return next((name for name in STEPS if isinstance(parameters.get(name), int | float)), None)


def _has_step(deployment: Deployment) -> str:
    return "" if _step(deployment) else "its estimator takes no step whose size could be wrong"


def _diverge(deployment: Deployment, severity: float, chance: np.random.Generator) -> None:
    step = {str(_step(deployment)): DIVERGING}
    deployment.redeclare(estimator=f"type(old.estimator)(**{{**old.estimator.get_params(), **{step!r}}})")


def _kind(variant: str, title: str, inject: Inject, **more: Any) -> Fault:
    return replace(FAULT, variant=variant, title=title, inject=inject, **more)


#: The constant model: what was deployed in the field.
FAULT = Fault(
    id="P3",
    name="untrained-model",
    title="a retraining learned nothing: one answer for everybody",
    happened="About 2 % of daily retrainings went wrong; one always said 25 % (AUC 0.5) and was deployed.",
    stage="gate",
    guards=(
        "constant_output", "better_than_baseline", "limits", "champion", "calibration", "champion_rows", "learned",
        "slices", "sparse_categories", "cost", "weights", "mean_output", "prediction_mean", "prediction_distance",
        "prediction_p50", "prediction_p99", "calibration_error", "performance",
    ),
    inject=_empty(1.0),
    graded=False,
    live=True,
)  # fmt: skip

VARIANTS: tuple[Fault, ...] = (
    _kind(
        "label-noise", "labels of a share of rows drawn anew", _labels("noise"), moderate=0.35, graded=True
    ),
    _kind("shuffled-labels", "all labels shuffled", _labels("shuffled")),
    _kind("day-late-labels", "every label is that of the day before", _labels("day-late")),
    _kind("half-empty", "half of the features arrived empty in training", _empty(0.5)),
    _kind("diverged", "a step size at which training diverges", _diverge, applies=_has_step),
)
