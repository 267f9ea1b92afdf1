"""LightGBM's fitting half: fits a copy of an `LGBMClassifier` so that fitting again gives the same bytes.

Not here: loading and predicting. The file imports no LightGBM: whoever declared the estimator already has, and
its class is all that is needed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from roadworthy.errors import DefinitionError
from roadworthy.estimators import lightgbm_load
from roadworthy.estimators.declared import copied, family_refusal
from roadworthy.estimators.matrix import check_training
from roadworthy.estimators.protocol import Column, Floats, OnProgress
from roadworthy.estimators.weights import Array, NewRows, Weights, refuse_trees

CLASS = "lightgbm.LGBMClassifier"

_SEEDS = ("random_state", "seed", "random_seed")
_THREADS = ("n_jobs", "num_threads", "num_thread", "nthread", "nthreads")
_VERBOSITY = ("verbose", "verbosity")

#: Objectives whose output is the probability of the positive class.
_OBJECTIVES = (None, "binary", "cross_entropy", "xentropy")

#: Lines of the saved parameters that tell about the machine, not about the model.
_MACHINE = re.compile(
    r"^\[(num_threads|machines|machine_list_filename|num_machines|local_listen_port|time_out|gpu_\w+|num_gpu|data|valid"
    r"|output_model|input_model|snapshot_freq|verbosity): .*\]\n",
    re.MULTILINE,
)
_END = "end of parameters\n"


class LightGBMFormat:
    """Boosted trees in LightGBM's own text, which is data only."""

    name = lightgbm_load.NAME
    classes = (CLASS,)
    distributions = ("lightgbm",)
    tolerance = lightgbm_load.TOLERANCE

    def refusal(self, estimator: Any) -> str | None:
        """Why the estimator cannot be stored; None when it can, "" when it is no LGBMClassifier."""
        refused = family_refusal(estimator, CLASS)
        if refused is not None:
            return refused
        given = estimator.get_params()
        objective = given.get("objective") or given.get("application")
        if callable(objective) or objective not in _OBJECTIVES:
            return (
                f"its objective {objective!r} is not stored with the trees or gives no probability: "
                "leave it out, or write 'binary'"
            )
        return None

    def fit(
        self,
        estimator: Any,
        X: Floats,
        y: Floats,
        columns: Sequence[Column],
        *,
        seed: int,
        threads: int,
        on_progress: OnProgress | None = None,
    ) -> LightGBMFitted:
        """Fit a copy; category columns are split as sets of their numbers, NaN in a number is a missing value."""
        rows = check_training(X, y, columns)
        fitted = copied(estimator)
        fitted.set_params(**settings(fitted.get_params(), seed, threads))
        fitted.fit(
            rows,
            y,
            categorical_feature=[place for place, column in enumerate(columns) if column.kind == "category"],
            callbacks=[_reporter(on_progress)] if on_progress else None,
        )
        return LightGBMFitted(canonical(fitted.booster_.model_to_string()))


class LightGBMFitted:
    """Trees as canonical text."""

    def __init__(self, text: bytes) -> None:
        self.text = text
        self.initial: Mapping[str, Array] = {}

    def predictor(self) -> lightgbm_load.LightGBMPredictor:
        """What loading the saved text gives."""
        return lightgbm_load.LightGBMPredictor(self.text)

    def save(self, directory: Path) -> None:
        """Write `model.txt`."""
        (directory / lightgbm_load.FILE).write_bytes(self.text)

    def weights(self) -> Weights:
        """No array by name: trees have no rows."""
        return Weights("trees", ())

    def with_rows(self, rows: NewRows) -> LightGBMFitted:
        """Refused: trees have no rows."""
        raise refuse_trees()


def settings(given: Mapping[str, Any], seed: int, threads: int) -> dict[str, Any]:
    """Parameters that make the fit repeatable, beside those the user gave.

    raises DefinitionError when the user asked for the opposite

    >>> settings({"n_jobs": None, "random_state": 5}, seed=0, threads=2)
    {'deterministic': True, 'force_row_wise': True, 'n_jobs': 2, 'verbose': -1}
    """
    if given.get("deterministic") is False:
        raise DefinitionError(
            "LGBMClassifier(deterministic=False) cannot be trained: the same rows would give another version "
            "each time; leave the parameter out"
        )
    chosen: dict[str, Any] = {"deterministic": True}
    # without one of the two LightGBM times both and takes the faster, which depends on the machine's mood
    if not given.get("force_col_wise"):
        chosen["force_row_wise"] = True
    for names, value in ((_SEEDS, seed), (_THREADS, threads), (_VERBOSITY, -1)):
        if all(given.get(name) is None for name in names):
            chosen[names[0]] = value
    return chosen


def canonical(text: str) -> bytes:
    """The saved text without what differs between machines: threads, paths, verbosity, the pandas trailer."""
    return _MACHINE.sub("", text[: text.index(_END) + len(_END)]).encode()


def _reporter(on_progress: OnProgress) -> Any:
    def report(environment: Any) -> None:
        first = environment.begin_iteration
        on_progress(environment.iteration - first + 1, environment.end_iteration - first)

    return report
