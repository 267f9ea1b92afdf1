"""How far a model answers by itself: its deadline, who answers in its place, and outputs that it leaves to people.

Not here: acting on it (serving) and the functions themselves, which live in the snapshot (features.functions).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, Literal, TypeAlias, get_args

import msgspec

from roadworthy.clock import parse_duration
from roadworthy.errors import DefinitionError

#: What the caller is told beside the output: not to rely on it, or that a person will answer.
Decision = Literal["defer", "people"]
LEFT_TO_PEOPLE: Final = "people"

#: Nobody waits longer than a day, and a shorter time than this no answer keeps.
_LONGEST_MS, _SHORTEST_MS = 86_400_000.0, 1.0


class Band(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Outputs in [low, high] are not simply used: the caller is told to `defer`, or the case goes to `people`."""

    low: float
    high: float
    decision: Decision


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A function of `functions.py` and the columns of a row that it is given."""

    function: str
    inputs: tuple[str, ...]


class ServingRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a worker does beside asking the estimator.

    deadline_ms   milliseconds after which an answer is too late; 0 = whenever it comes
    fallback      who answers a row that the version did not, in this order: `standby`, `rule`, or a constant
    rule          what `rule` in `fallback` stands for
    bands         ranges of outputs that are deferred or left to people
    """

    deadline_ms: float = 0.0
    fallback: tuple[Literal["standby", "rule"] | float, ...] = ()
    rule: Rule | None = None
    bands: tuple[Band, ...] = ()


@dataclass(frozen=True, slots=True)
class RuleOf:
    """A live function and the columns that it is given; made by `rule`."""

    function: Callable[..., Any]
    inputs: tuple[str, ...]


Fallback: TypeAlias = Literal["standby"] | RuleOf | float


def rule(f: Callable[..., Any], *inputs: Any) -> RuleOf:
    """A function of yours that answers where the model could not; for `Model(fallback=...)`.

    f         takes one array an input and returns one float64 array of the same length, NaN where it cannot say
              either. It lives where functions of features live, is tested like them, and unlike them is also given
              what is missing: NaN, None for text, the smallest int64 for a time
    inputs    columns that a request carries: inputs of the features, context, the unit; or joins

    >>> def windy(wind):
    ...     return (wind > 20) * 0.5
    >>> rule(windy, "wind").inputs
    ('wind',)
    """
    if not callable(f):
        raise DefinitionError(f"rule({f!r}): the first argument is the function that answers")
    names = tuple(given if isinstance(given, str) else getattr(given, "column", None) for given in inputs)
    if not names or None in names:
        raise DefinitionError(
            f"rule({getattr(f, '__name__', f)}): name the columns that the function is given, as text or joins"
        )
    return RuleOf(f, tuple(str(name) for name in names))


def band(low: float, high: float, decision: Decision) -> Band:
    """A range of outputs that the model does not decide alone, both ends included; for `Model(automation=...)`.

    decision   `defer`: the caller is told not to rely on the output; `people`: it is told the same, and the row
               waits in a queue until a person answers it

    >>> band(0.45, 0.55, "defer")
    Band(low=0.45, high=0.55, decision='defer')
    """
    named = f"band({low!r}, {high!r}, {decision!r})"
    if not (_is_number(low) and _is_number(high)) or not low <= high:
        raise DefinitionError(f"{named}: give the lower end first, as numbers")
    if decision not in get_args(Decision):
        raise DefinitionError(f"{named}: the decision is 'defer' or 'people'")
    return Band(float(low), float(high), decision)


def declared(
    deadline: str | None,
    fallback: Fallback | Sequence[Fallback],
    automation: Iterable[Band],
    columns: Iterable[str],
    outputs: tuple[float, float],
) -> ServingRules:
    """What a definition says, checked.

    columns   all that a request carries
    outputs   closed range of what the model can say
    raises    DefinitionError that says what cannot work and what to write instead
    """
    chain = in_order(fallback)
    rules = [one for one in chain if isinstance(one, RuleOf)]
    if len(rules) > 1:
        raise DefinitionError("fallback: there can be one rule; let one function hold both")
    for one in rules:
        unknown = sorted(set(one.inputs) - set(columns))
        if unknown:
            raise DefinitionError(
                f"fallback: rule {_name(one)} is given {', '.join(unknown)}, which a request does not carry: "
                "add it to context, or give the rule columns that features use"
            )
    return ServingRules(
        deadline_ms=_deadline(deadline),
        fallback=_chain(chain, outputs),
        rule=Rule(_name(rules[0]), rules[0].inputs) if rules else None,
        bands=_bands(list(automation), outputs),
    )


def in_order(fallback: Fallback | Sequence[Fallback]) -> tuple[Fallback, ...]:
    """One fallback or several, as several.

    >>> in_order("standby"), in_order(["standby", 0.5])
    (('standby',), ('standby', 0.5))
    """
    if isinstance(fallback, Sequence) and not isinstance(fallback, str):
        return tuple(fallback)
    return (fallback,)


def decision_for(bands: Iterable[Band], output: float) -> Decision | None:
    """What the caller is told beside this output; None: just to use it. Where two bands meet, the lower one counts.

    >>> decision_for([Band(0.4, 0.6, "people")], 0.5)
    'people'
    """
    return next((one.decision for one in bands if one.low <= output <= one.high), None)


def _deadline(text: str | None) -> float:
    if text is None:
        return 0.0
    if not isinstance(text, str):
        raise DefinitionError(f"deadline={text!r}: write a duration with its unit, such as '50ms'")
    milliseconds = parse_duration(text).total_seconds() * 1e3
    if not _SHORTEST_MS <= milliseconds <= _LONGEST_MS:
        raise DefinitionError(f"deadline={text!r}: an answer can be wanted within 1ms to 1d")
    return milliseconds


def _chain(
    chain: Sequence[Any], outputs: tuple[float, float]
) -> tuple[Literal["standby", "rule"] | float, ...]:
    low, high = outputs
    found: list[Literal["standby", "rule"] | float] = []
    for one in chain:
        if found and isinstance(found[-1], float):
            raise DefinitionError(
                f"fallback: the constant {found[-1]:g} always answers, so {one!r} after it never would: put it last"
            )
        if isinstance(one, RuleOf):
            found.append("rule")
        elif one == "standby" and isinstance(one, str):
            if "standby" in found:
                raise DefinitionError("fallback: 'standby' stands there twice")
            found.append("standby")
        elif _is_number(one) and low <= one <= high:
            found.append(float(one))
        elif _is_number(one):
            raise DefinitionError(
                f"fallback: the constant {one:g} is no answer of this model, which lie in {low:g} to {high:g}"
            )
        else:
            raise DefinitionError(
                f"fallback: {one!r} cannot answer: write 'standby', rule(f, 'column') or a number"
            )
    return tuple(found)


def _bands(bands: list[Band], outputs: tuple[float, float]) -> tuple[Band, ...]:
    low, high = outputs
    for one in bands:
        if not isinstance(one, Band):
            raise DefinitionError(f"automation: {one!r} is no band: write band(0.45, 0.55, 'defer')")
        if one.low < low or one.high > high:
            raise DefinitionError(
                f"automation: the band {_range(one)} reaches beyond what the model can say, {low:g} to {high:g}"
            )
    for one, following in pairwise(bands):
        if following.low < one.low:
            raise DefinitionError(
                f"automation: the band {_range(following)} stands after {_range(one)}: write them in ascending order"
            )
        if following.low < one.high or following == one:
            raise DefinitionError(
                f"automation: the bands {_range(one)} and {_range(following)} overlap: an output has one decision"
            )
    return tuple(bands)


def _range(one: Band) -> str:
    return f"{one.low:g} to {one.high:g}"


def _name(one: RuleOf) -> str:
    return getattr(one.function, "__name__", "")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
