"""Checks of what a declaration is told, each a DefinitionError that names the feature kind and the argument.

Not here: checks that need data (see `fitting`) or other features (see `collection`).
"""

from __future__ import annotations

import math
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from roadworthy.errors import DefinitionError
from roadworthy.features.declarations import HasColumn, Input, column_of


def checked_inputs(what: str, *given: Input) -> tuple[Input, ...]:
    """The inputs, each a column name or something that has one, none of them twice."""
    for item in given:
        if not isinstance(item, str | HasColumn):
            raise DefinitionError(
                f"{what}: {item!r} is not an input: give a column name or a join such as weather.latest('wind_speed')"
            )
        name = column_of(item)
        if not name.isidentifier():
            raise DefinitionError(
                f"{what}: the column {name!r} cannot be an input: rename it to letters, digits and underscores"
            )
    names = [column_of(item) for item in given]
    if len(set(names)) < len(names):
        raise DefinitionError(f"{what}: the same input is given twice in {', '.join(names)}: name each once")
    return given


def checked_missing(what: str, value: object) -> float | None:
    """What null becomes: a float, NaN allowed, or None for undeclared."""
    return None if value is None else checked_number(what, "missing", value)


def checked_number(what: str, argument: str, value: object) -> float:
    """A float that is not infinite; NaN is allowed."""
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isinf(value):
        raise DefinitionError(f"{what}: {argument}={value!r} is not a number: write a finite one or NaN")
    return float(value)


def checked_vocabulary(what: str, min_count: object, max_size: object) -> tuple[int, int | None]:
    """The limits of a vocabulary: whole numbers of at least one, or no upper limit."""
    return (
        checked_count(what, "min_count", min_count),
        None if max_size is None else checked_count(what, "max_size", max_size),
    )


def checked_count(what: str, argument: str, value: object) -> int:
    """A whole number of at least one."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise DefinitionError(f"{what}: {argument}={value!r} must be a whole number of at least 1")
    return value


def checked_timezone(what: str, timezone: object) -> str:
    """A time zone of the IANA database."""
    try:
        if isinstance(timezone, str):
            ZoneInfo(timezone)
            return timezone
    except (ZoneInfoNotFoundError, ValueError, OSError):
        pass
    raise DefinitionError(
        f"{what}: timezone {timezone!r} is not known: write an IANA name such as 'America/New_York'"
    )
