"""The fallback rule before it is needed: tried on the training rows and on every golden request.

Not here: its declaration (automation) and asking it (scorer, serving). It is asked when the model has failed, so
nobody would notice earlier that it fails too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from roadworthy.automation import Rule
from roadworthy.errors import DefinitionError
from roadworthy.features.batch import Batch, Floats
from roadworthy.features.functions import call, check_row_wise, resolve
from roadworthy.features.reading import Reading
from roadworthy.scorer import Scorer


def check_rule(
    rule: Rule, functions: Mapping[str, Callable[..., Any]], rows: Batch, outputs: tuple[float, float]
) -> None:
    """Try the rule on the training rows.

    raises   DefinitionError when a column is not there or a list, when the rule raises, is not row-wise, says
             nothing (NaN) to every row, or says what the model could not say
    """
    unknown = [name for name in rule.inputs if name not in rows.columns]
    if unknown:
        raise DefinitionError(f"fallback rule {rule.function}: the rows have no column {', '.join(unknown)}")
    f = resolve(rule.function, functions)
    reading = Reading(rows.columns, rows.n)
    try:
        arrays = [reading.array(name) for name in rule.inputs]
        with np.errstate(all="ignore"):
            check_row_wise(f, arrays, name=rule.function)
            said = call(rule.function, f, arrays)
    except DefinitionError as error:
        raise DefinitionError(f"fallback rule: {error}") from None
    except Exception as error:
        raise DefinitionError(
            f"fallback rule {rule.function} raised {type(error).__name__} on the training rows: {error}"
        ) from error
    _check_outputs(rule.function, said, outputs)
    if rows.n and np.isnan(said).all():
        raise DefinitionError(
            f"fallback rule {rule.function} says nothing (NaN) to all {rows.n:,} training rows: it would answer nobody"
        )


def rehearse(scorer: Scorer, requests: Mapping[str, Mapping[str, Any]]) -> None:
    """Ask the rule the golden requests, one by one; DefinitionError where it raises or says what cannot be said."""
    rule = scorer.model.serving.rule
    if rule is None:
        return
    names = scorer.schema.names()
    for name, request in requests.items():
        try:
            said = scorer.rule([tuple(request[column] for column in names)])
        except Exception as error:
            raise DefinitionError(
                f"fallback rule {rule.function} cannot answer the golden request {name!r}: {type(error).__name__}: "
                f"{error}. A request may carry what this one carries: take it, or return NaN: {dict(request)}"
            ) from error
        _check_outputs(rule.function, said, scorer.model.clamp or (-np.inf, np.inf))


def _check_outputs(function: str, said: Floats, outputs: tuple[float, float]) -> None:
    low, high = outputs
    wrong = np.flatnonzero((said < low) | (said > high))
    if wrong.size:
        raise DefinitionError(
            f"fallback rule {function} says {said[wrong[0]]:g}, where the model's answers lie in {low:g} to {high:g}: "
            "return one of those, or NaN where it cannot say"
        )
