"""What an owner declares for whoever judges the model: a rule to beat, how rows were sampled, what they weigh.

Not here: judging (gate) and the limits. Nothing of it but the sampling changes what a version answers.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

import msgspec

from roadworthy.automation import RuleOf
from roadworthy.errors import DefinitionError

#: Keys of `sampling`: the rate at which rows of an outcome were kept, or the column that says it row by row.
_SAMPLING_KEYS = ("negative", "positive", "column")


class Heuristic(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A simple way to answer that the model must beat.

    inputs     the column whose value ranks the rows, or what the function is given
    function   name of a function of `functions.py` that gives probabilities; "" where a column ranks
    falling    whether low values of the column speak for the outcome
    """

    inputs: tuple[str, ...]
    function: str = ""
    falling: bool = False

    @property
    def shown(self) -> str:
        """How messages call it.

        >>> Heuristic(("queue",), falling=True).shown
        '-queue'
        """
        return self.function or f"{'-' if self.falling else ''}{self.inputs[0]}"


class Sampling(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """At what rate rows of the history were kept, 1 where all were.

    positive, negative   rate of the rows with and without the outcome
    column               column of the history with the rate of each row, in place of the two; "" where there is none
    """

    positive: float = 1.0
    negative: float = 1.0
    column: str = ""


class Judging(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that is declared, checked; as it is kept with a version.

    heuristic      what the model must beat; None where nothing is declared
    sampling       how the rows of the history were sampled; None where nothing is declared
    weight         column that says how much a row counts; "" where all count alike
    perfect        column → values whose rows must all be called right
    ranks_within   column whose equal values are ranked among each other; "" where the model does not rank
    cut            outputs from here on are called positive; None where no cut is declared
    """

    heuristic: Heuristic | None = None
    sampling: Sampling | None = None
    weight: str = ""
    perfect: Mapping[str, tuple[str, ...]] = {}
    ranks_within: str = ""
    cut: float | None = None


def judging(
    *,
    heuristic: RuleOf | str | None,
    sampling: Mapping[str, float | str] | None,
    weight: str | None,
    perfect: Mapping[str, str | Sequence[str]],
    ranks_within: str | None,
    cut: float | None,
    carried: Collection[str],
) -> Judging:
    """What a definition says, checked; see `Model` for each.

    carried   columns that a request carries
    raises    DefinitionError that says what cannot work and what to write instead
    """
    for what, columns in (
        ("weight", [weight] if weight else []),
        ("ranks_within", [ranks_within] if ranks_within else []),
        ("perfect", list(perfect)),
    ):
        for name in columns:
            if name not in carried:
                raise DefinitionError(f"{what}: {name!r} is neither input nor context: add it to context")
    if cut is not None and not (_is_number(cut) and 0.0 < cut < 1.0):
        raise DefinitionError(f"cut={cut!r}: give a probability between 0 and 1, such as 0.5")
    for name, values in perfect.items():
        if not values:
            raise DefinitionError(
                f"perfect[{name!r}] names no value: write those whose rows must all be called right"
            )
    return Judging(
        heuristic=_heuristic(heuristic, carried),
        sampling=None if sampling is None else _sampling(sampling, carried),
        weight=weight or "",
        perfect={
            name: (values,) if isinstance(values, str) else tuple(values) for name, values in perfect.items()
        },
        ranks_within=ranks_within or "",
        cut=cut,
    )


def _heuristic(given: RuleOf | str | None, carried: Collection[str]) -> Heuristic | None:
    if given is None:
        return None
    written: object = given  # a user's file may say anything
    if isinstance(written, RuleOf):
        found = Heuristic(written.inputs, getattr(written.function, "__name__", ""))
    elif isinstance(written, str) and written not in ("", "-"):
        found = Heuristic((written.removeprefix("-"),), falling=written.startswith("-"))
    else:
        raise DefinitionError(
            f"heuristic: {given!r} cannot rank: write a column, '-column' where low values speak for the outcome, or "
            "rule(f, 'column')"
        )
    absent = sorted(set(found.inputs) - set(carried))
    if absent:
        raise DefinitionError(
            f"heuristic: {', '.join(absent)} is neither input nor context: add it to context, or use columns of "
            "features"
        )
    return found


def _sampling(given: Mapping[str, float | str], carried: Collection[str]) -> Sampling:
    strange = sorted(set(given) - set(_SAMPLING_KEYS))
    if strange or not given or ("column" in given and len(given) > 1):
        raise DefinitionError(
            f"sampling={dict(given)!r}: write the rate at which rows of an outcome were kept, such as "
            "{'negative': 0.1}, or the column of the history that holds it, {'column': 'kept'}"
        )
    column = given.get("column", "")
    if "column" in given and not (isinstance(column, str) and column):
        raise DefinitionError(f"sampling: column={column!r} must be the name of a column of the history")
    if column in carried:
        raise DefinitionError(
            f"sampling: {column!r} is an input or context, but nobody who asks knows how rows are sampled later: "
            "remove it there"
        )
    rates = {name: value for name, value in given.items() if name != "column"}
    for name, rate in rates.items():
        if not (_is_number(rate) and 0.0 < float(rate) <= 1.0):
            raise DefinitionError(
                f"sampling: {name}={rate!r} must be the share of rows that were kept, above 0 and at most 1"
            )
    return Sampling(column=str(column), **{name: float(rate) for name, rate in rates.items()})


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
