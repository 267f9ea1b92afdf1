"""What training is told, and what it hands back; plain values, so that nothing here knows a model file or a database.

Not here: the work (fit, outoffold, pack).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from roadworthy.automation import ServingRules
from roadworthy.estimators.protocol import Fitted, OnProgress
from roadworthy.features.batch import Floats
from roadworthy.features.collection import Features
from roadworthy.features.functions import Snapshot
from roadworthy.scorer import Scorer
from roadworthy.training.weights import TrainedWeights

Days: TypeAlias = npt.NDArray[np.int64]

__all__ = ["Days", "OnProgress", "Recipe", "Trained"]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that decides what is trained, beside the rows.

    model       name of the model
    unit        input column whose values decide traffic
    features    declared features
    estimator   unfitted estimator with a registered format; it is copied, never changed
    context     columns that are logged, never seen
    asked_at    time expression, kept in the artifact for readers
    outcome     the declared outcome, JSON-compatible, kept in the artifact for readers
    seed        used where the estimator declares none
    threads     used where the estimator declares none; changes no result
    serving     deadline, fallbacks and bands, kept in the artifact for workers
    rule        the live function that `serving.rule` names; None where it names none
    heuristic   the live function that the model must beat; None where there is none
    odds        what the odds of outputs are multiplied by, because training rows were sampled; None = nothing
    repair      whether rows of its arrays that training never touched are set to the unknown entry's value
    """

    model: str
    unit: str
    features: Features
    estimator: Any
    context: Sequence[str] = ()
    asked_at: str = ""
    outcome: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    threads: int = 2
    serving: ServingRules = field(default_factory=ServingRules)
    rule: Callable[..., Any] | None = None
    heuristic: Callable[..., Any] | None = None
    odds: float | None = None
    repair: bool = False


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A version in memory, not yet written.

    recipe        what it was made by
    scorer        answers as the served version will; without golden requests yet
    fitted        the estimator, ready to be saved
    snapshot      source of the user's functions, which training ran from
    encoded       training rows as the model saw them, shape (n, width)
    out_of_fold   prediction of every training row by an estimator that did not see its days, shape (n,); None
                  when it was not asked for
    base_rate     share of positives in the labelled rows: what the trivial baseline always answers
    labelled      number of rows whose outcome is known, which the estimator was fitted on
    weights       what training did to the estimator's arrays, row by row
    rows          number of training rows
    """

    recipe: Recipe
    scorer: Scorer
    fitted: Fitted
    snapshot: Snapshot
    encoded: Floats
    out_of_fold: Floats | None
    base_rate: float
    labelled: int
    weights: TrainedWeights

    @property
    def rows(self) -> int:
        """Number of training rows, labelled or not."""
        return len(self.encoded)
