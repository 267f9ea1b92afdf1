"""The language in which features are declared; every function here is re-exported by `roadworthy`.

Not here: joins to other tables (see `data.sources`), and fitting (see `fitting`). A declaration is checked when it
is made, as far as it can be without data.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

from roadworthy.errors import DefinitionError
from roadworthy.features.checks import (
    checked_count,
    checked_inputs,
    checked_missing,
    checked_number,
    checked_timezone,
    checked_vocabulary,
)
from roadworthy.features.collection import Features
from roadworthy.features.declarations import (
    Categories,
    Category,
    Cross,
    Custom,
    Feature,
    Input,
    Number,
    Part,
    Ratio,
    TimePart,
    as_json,
)
from roadworthy.features.functions import name_of

__all__ = [
    "Feature",
    "Features",
    "categories",
    "category",
    "cross",
    "day_of_year",
    "function",
    "hour",
    "minute",
    "number",
    "ratio",
    "weekday",
]


def number(
    given: Input, /, *, missing: float | None = None, relative_to_now: bool = False, own_output: bool = False
) -> Feature:
    """A number (or a boolean, as 0 and 1) as it is.

    given             a column name, or a join
    missing           what null becomes (NaN is allowed); None: null is refused, in training and in requests
    relative_to_now   declare that the value depends on when it is read, such as an age
    own_output        declare that the value derives from what a model answered before

    >>> number("wind_speed", missing=-1.0).column_names
    ('wind_speed',)
    """
    options = Number(missing=as_json(checked_missing("number", missing)))
    return Feature(options, checked_inputs("number", given), None, relative_to_now, own_output)


def category(
    given: Input,
    /,
    *,
    min_count: int = 1,
    max_size: int | None = None,
    clean: Callable[[str], str | None] | None = None,
    unknown: Literal["own", "as_missing"] = "own",
    sensitive: bool = False,
    relative_to_now: bool = False,
    own_output: bool = False,
) -> Feature:
    """A text as its number in a vocabulary: 0 missing, 1 unknown, entries from 2, the most frequent first.

    min_count   a text must occur this often in training to get an entry
    max_size    at most this many entries; None for no limit
    clean       a function of one text that returns a text, or None for missing; called once per distinct text
    unknown     `own`: unknown texts are 1; `as_missing`: they are 0 like missing ones, and are counted apart still
    sensitive   the text is replaced by its keyed hash before anything sees it, in training as in serving: neither the
                log nor the model holds it. Every feature of that column sees the hash

    >>> category("tailnum", min_count=20, clean=str.upper).options.clean
    'str.upper'
    """
    if unknown not in ("own", "as_missing"):
        raise DefinitionError(f"category: unknown={unknown!r} is not understood: write 'own' or 'as_missing'")
    low, high = checked_vocabulary("category", min_count, max_size)
    name = None if clean is None else name_of("category", clean)
    _check_sensitive("category", sensitive, name)
    options = Category(min_count=low, max_size=high, clean=name, unknown=unknown)
    return Feature(options, checked_inputs("category", given), clean, relative_to_now, own_output, sensitive)


def cross(
    *given: Input,
    min_count: int = 1,
    max_size: int | None = None,
    relative_to_now: bool = False,
    own_output: bool = False,
) -> Feature:
    """Several texts together as one category; missing where any of them is.

    min_count, max_size   as for `category`, of the tuples

    >>> cross("origin", "dest", min_count=50).column_names
    ('origin', 'dest')
    """
    if len(given) < 2:
        raise DefinitionError(f"cross needs two inputs or more, got {len(given)}: for one input use category")
    low, high = checked_vocabulary("cross", min_count, max_size)
    options = Cross(min_count=low, max_size=high)
    return Feature(options, checked_inputs("cross", *given), None, relative_to_now, own_output)


def categories(
    given: Input,
    /,
    *,
    length: int,
    min_count: int = 1,
    max_size: int | None = None,
    clean: Callable[[str], str | None] | None = None,
    vocabulary_of: str | None = None,
    sensitive: bool = False,
    relative_to_now: bool = False,
    own_output: bool = False,
) -> Feature:
    """The first `length` texts of a list (newest first, as joins give them), a category column each.

    length          number of columns; a shorter list is padded with 0, a longer one is cut
    vocabulary_of   name of another feature of the same `Features` whose vocabulary is used instead of an own one
    clean, min_count, max_size   as for `category`; all texts of all lists are counted
    sensitive       as for `category`, of each text in the list

    >>> categories("last_dests", length=5).options.length
    5
    """
    checked_count("categories", "length", length)
    low, high = checked_vocabulary("categories", min_count, max_size)
    if vocabulary_of is not None and (low != 1 or high is not None):
        raise DefinitionError(
            f"categories: min_count and max_size belong to {vocabulary_of!r}, whose vocabulary is used: leave them out"
        )
    name = None if clean is None else name_of("categories", clean)
    _check_sensitive("categories", sensitive, name)
    options = Categories(min_count=low, max_size=high, clean=name, length=length, vocabulary_of=vocabulary_of)
    return Feature(
        options, checked_inputs("categories", given), clean, relative_to_now, own_output, sensitive
    )


def ratio(
    numerator: Input,
    denominator: Input,
    /,
    *,
    when_zero: float,
    missing: float | None = None,
    relative_to_now: bool = False,
    own_output: bool = False,
) -> Feature:
    """One number divided by another.

    when_zero   the value where the denominator is zero, 0/0 included
    missing     the value where a part is null; None: null is refused

    >>> ratio("late", "departures", when_zero=-1.0).column_names
    ('late', 'departures')
    """
    zero = checked_number("ratio", "when_zero", when_zero)
    options = Ratio(
        missing=as_json(checked_missing("ratio", missing)), when_zero="nan" if math.isnan(zero) else zero
    )
    return Feature(
        options, checked_inputs("ratio", numerator, denominator), None, relative_to_now, own_output
    )


def hour(
    given: Input,
    /,
    *,
    timezone: str,
    missing: float | None = None,
    relative_to_now: bool = False,
    own_output: bool = False,
) -> Feature:
    """The local hour of a time, 0 to 23.

    timezone   an IANA name, such as `America/New_York`
    missing    what null becomes (NaN is allowed); None: null is refused
    relative_to_now, own_output   as for `number`

    >>> hour("scheduled", timezone="America/New_York").options.part
    'hour'
    """
    return _time_part("hour", given, timezone, missing, relative_to_now, own_output)


def minute(
    given: Input,
    /,
    *,
    timezone: str,
    missing: float | None = None,
    relative_to_now: bool = False,
    own_output: bool = False,
) -> Feature:
    """The local minute of a time, 0 to 59; arguments as for `hour`.

    >>> minute("scheduled", timezone="America/New_York").options.part
    'minute'
    """
    return _time_part("minute", given, timezone, missing, relative_to_now, own_output)


def weekday(
    given: Input,
    /,
    *,
    timezone: str,
    missing: float | None = None,
    relative_to_now: bool = False,
    own_output: bool = False,
) -> Feature:
    """The local day of the week, Monday 0 to Sunday 6; arguments as for `hour`.

    >>> weekday("scheduled", timezone="America/New_York").options.part
    'weekday'
    """
    return _time_part("weekday", given, timezone, missing, relative_to_now, own_output)


def day_of_year(
    given: Input,
    /,
    *,
    timezone: str,
    missing: float | None = None,
    relative_to_now: bool = False,
    own_output: bool = False,
) -> Feature:
    """The local day of the year, 1 to 366; arguments as for `hour`.

    >>> day_of_year("scheduled", timezone="America/New_York").options.part
    'day_of_year'
    """
    return _time_part("day_of_year", given, timezone, missing, relative_to_now, own_output)


def function(
    f: Callable[..., Any],
    /,
    *given: Input,
    missing: float | None = None,
    relative_to_now: bool = False,
    own_output: bool = False,
) -> Feature:
    """What a function of your own makes of its inputs.

    f         takes one array per input, returns one float64 array of the same length; must treat every row alike
              and alone, which is tested at fit; must live in a module file that imports the standard library and
              NumPy only. It is given float64 (numbers, booleans), int64 microseconds since 1970 (times) or
              object arrays of str (text), which are read-only
    missing   the value where an input is null, or where f returns NaN; f is then never given a null.
              None: null is refused

    >>> def span(start, end):
    ...     return (end - start) / 1e6
    >>> function(span, "left_at", "landed_at").options.function
    'span'
    """
    if not given:
        raise DefinitionError("function needs one input or more: name the columns it is computed from")
    options = Custom(missing=as_json(checked_missing("function", missing)), function=name_of("function", f))
    return Feature(options, checked_inputs("function", *given), f, relative_to_now, own_output)


def _check_sensitive(what: str, sensitive: bool, clean: str | None) -> None:
    if sensitive and clean is not None:
        raise DefinitionError(
            f"{what}: {clean} would be given hashes, which have nothing to clean: clean a sensitive text before it is "
            "ingested and sent"
        )


def _time_part(
    part: Part, given: Input, timezone: str, missing: float | None, relative_to_now: bool, own_output: bool
) -> Feature:
    options = TimePart(
        part=part,
        timezone=checked_timezone(part, timezone),
        missing=as_json(checked_missing(part, missing)),
    )
    return Feature(options, checked_inputs(part, given), None, relative_to_now, own_output)
