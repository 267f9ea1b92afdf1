"""Looks at an estimator that a user declared, without importing the library it comes from.

Not here: which estimators are accepted (see `accepted`) and their fitting.
"""

from __future__ import annotations

import copy
from typing import Any

#: A subclass that replaces one of these predicts something other than what its saved parameters say.
_DECIDING = ("fit", "predict", "predict_proba", "decision_function", "get_params", "__sklearn_clone__")


def class_name(cls: type) -> str:
    """Public name of a class: library and class, without the modules between.

    >>> from fractions import Fraction
    >>> class_name(Fraction)
    'fractions.Fraction'
    """
    return f"{cls.__module__.split('.')[0]}.{cls.__qualname__}"


def family_refusal(estimator: Any, wanted: str) -> str | None:
    """None when the estimator is a `wanted` or a subclass that predicts alike; "" for another family; else why not.

    wanted   public name, such as `lightgbm.LGBMClassifier`
    """
    if isinstance(estimator, type):
        return "it is a class, not an instance: call it" if wanted in _names(estimator) else ""
    names = _names(type(estimator))
    if wanted not in names:
        return ""
    for cls in type(estimator).__mro__[: names.index(wanted)]:
        replaced = [name for name in _DECIDING if name in vars(cls)]
        if replaced:
            return (
                f"{cls.__qualname__} replaces {', '.join(replaced)} of {wanted}, and only parameters are stored: "
                f"use {wanted} itself"
            )
    replaced = [name for name in _DECIDING if name in vars(estimator)]
    if replaced:
        return f"its {', '.join(replaced)} was replaced on the instance, and only parameters are stored"
    return None


def copied(estimator: Any) -> Any:
    """An unfitted estimator with the same parameters, as `sklearn.base.clone` makes it."""
    return type(estimator)(**copy.deepcopy(estimator.get_params(deep=False)))


def _names(cls: type) -> list[str]:
    return [class_name(parent) for parent in cls.__mro__]
