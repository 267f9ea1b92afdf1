"""Where a feature's history comes from, and since when each of its rows was known.

Declarations only: `pointintime` reads them; nothing here opens a table or knows its column types.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from roadworthy.clock import format_duration, parse_duration
from roadworthy.errors import DefinitionError
from roadworthy.settings import is_name

JoinKind = Literal["latest", "count", "mean", "last"]

#: `known_at` of a table whose rows were known before any question was asked, such as the list of airports.
ALWAYS = "always"

_TIME_EXPRESSION = re.compile(r"\s*([A-Za-z_]\w*)\s*(?:([+-])\s*(.+?)\s*)?")


@dataclass(frozen=True, slots=True)
class TimeExpression:
    """An instant of a row: a timestamp column plus or minus a duration.

    >>> TimeExpression.parse("scheduled - 1h")
    TimeExpression(column='scheduled', offset=datetime.timedelta(days=-1, seconds=82800))
    """

    column: str
    offset: timedelta = timedelta(0)

    @classmethod
    def parse(cls, text: str) -> TimeExpression:
        """Read `observed_at`, `observed_at + 1h` or `scheduled - 90m`; DefinitionError for anything else."""
        given: object = text  # a user's file may say 3
        match = _TIME_EXPRESSION.fullmatch(text) if isinstance(given, str) else None
        if match is None:
            raise DefinitionError(
                f"time {text!r} is not understood: write a timestamp column, optionally plus or minus a duration, "
                "such as 'observed_at + 1h'"
            )
        column, sign, duration = match.groups()
        offset = parse_duration(duration) if duration else timedelta(0)
        return cls(column, -offset if sign == "-" else offset)

    def __str__(self) -> str:
        if not self.offset:
            return self.column
        return (
            f"{self.column} {'+' if self.offset > timedelta(0) else '-'} {format_duration(abs(self.offset))}"
        )


@dataclass(frozen=True, slots=True)
class Source:
    """A history table seen through one key; make it with `source`.

    table      name of the ingested table
    key        columns that a row of the source and a question must agree on
    known_at   since when a row of the source is known; None when it always was
    max_age    how long after `known_at` a row still counts; None without a limit
    name       begins the names of the joined columns
    """

    table: str
    key: tuple[str, ...]
    known_at: TimeExpression | None
    max_age: timedelta | None
    name: str

    def latest(self, column: str, name: str | None = None) -> Join:
        """The value of `column` in the newest known row of the same key; null without such a row.

        The newest row decides even where its value is null. Rows known at the same instant are ordered by their
        other columns (by column name; null first), so that the answer never depends on the order of a file.

        >>> source("weather", key="origin", known_at="observed_at + 1h").latest("wind_speed").column
        'weather_latest_wind_speed'
        """
        return Join(self, "latest", column, column=name or f"{self.name}_latest_{column}")

    def count(self, where: str | None = None, *, over: str, name: str | None = None) -> Join:
        """How many rows of the same key became known in (asked_at - over, asked_at]; 0 without any.

        where   a boolean column: only rows in which it is true are counted (null is not true)

        >>> source("departures", key="origin", known_at="left_at").count("late", over="2h").column
        'departures_count_late_2h'
        """
        window = self._window(over)
        return Join(
            self, "count", where, over=window, column=name or _name(self.name, "count", where, window)
        )

    def mean(self, column: str, *, over: str, name: str | None = None) -> Join:
        """Mean of `column` (numbers, or booleans as 0 and 1) over rows known in (asked_at - over, asked_at].

        Nulls are left out; null when nothing is left.
        """
        window = self._window(over)
        return Join(
            self, "mean", column, over=window, column=name or _name(self.name, "mean", column, window)
        )

    def last(self, column: str, *, n: int, over: str | None = None, name: str | None = None) -> Join:
        """The `n` newest known values of a string column, newest first; an empty list without any.

        Nulls are left out. Ties are ordered as in `latest`.

        >>> source("departures", key="tailnum", known_at="left_at", name="aircraft").last("dest", n=5).column
        'aircraft_last_dest_5'
        """
        if self.known_at is None:
            raise DefinitionError(
                f"{self.name}.last({column!r}): source {self.name!r} is known 'always', so no row is newer"
            )
        if n < 1:
            raise DefinitionError(
                f"{self.name}.last({column!r}, n={n}): n is the length of the list, at least 1"
            )
        window = None if over is None else self._window(over)
        named = name or _name(self.name, "last", column, None) + f"_{n}" + (
            "" if window is None else f"_{_short(window)}"
        )
        return Join(self, "last", column, over=window, n=n, column=named)

    def _window(self, over: str) -> timedelta:
        window = parse_duration(over)
        if self.known_at is None:
            raise DefinitionError(
                f"source {self.name!r} is known 'always', so over={over!r} has no meaning: say when rows become known"
            )
        if window <= timedelta(0):
            raise DefinitionError(
                f"source {self.name!r}: over={over!r} is an empty window: write a duration above 0"
            )
        if self.max_age is not None and window > self.max_age:
            raise DefinitionError(
                f"source {self.name!r}: over={over!r} reaches back past max_age={format_duration(self.max_age)}: "
                "shorten the window or raise max_age"
            )
        return window


@dataclass(frozen=True, slots=True)
class Join:
    """One column that a question gets from a source, as it was known when the question was asked.

    source   where it comes from
    kind     latest, count, mean or last
    value    column of the source that is read; None for a count of all rows
    over     length of the window; None without one
    n        length of the list of `last`; None elsewhere
    column   name of the joined column
    """

    source: Source
    kind: JoinKind
    value: str | None
    over: timedelta | None = None
    n: int | None = None
    column: str = field(default="", kw_only=True)


def source(
    table: str,
    *,
    key: str | Sequence[str],
    known_at: str,
    max_age: str | None = None,
    name: str | None = None,
) -> Source:
    """Declare a history table as a source of features.

    table      name of an ingested table
    key        its column, or columns, that a question has under the same name
    known_at   a time expression such as `observed_at + 1h`, from when on a row may be used, or `always`
    max_age    rows known for longer than this are not used
    name       needed when one table is used through two keys; begins the names of joined columns (the table's name)
    raises     DefinitionError

    >>> weather = source("weather", key="origin", known_at="observed_at + 1h", max_age="3h")
    >>> str(weather.known_at)
    'observed_at + 1h'
    """
    keys = (key,) if isinstance(key, str) else tuple(key)
    if not keys or len(set(keys)) != len(keys):
        raise DefinitionError(
            f"source of table {table!r}: key={key!r} must name one or more different columns"
        )
    if not is_name(table):
        raise DefinitionError(
            f"source of table {table!r}: not a table name: use lower-case letters, digits, '-' and '_'"
        )
    static = known_at.strip() == ALWAYS
    if static and max_age is not None:
        raise DefinitionError(
            f"source of table {table!r}: max_age={max_age!r} has no meaning where rows are known 'always'"
        )
    return Source(
        table,
        keys,
        None if static else TimeExpression.parse(known_at),
        None if max_age is None else parse_duration(max_age),
        name or table,
    )


def _short(duration: timedelta) -> str:
    return format_duration(duration).replace(" ", "")


def _name(source_name: str, kind: str, column: str | None, window: timedelta | None) -> str:
    return "_".join(part for part in (source_name, kind, column, _short(window) if window else None) if part)
