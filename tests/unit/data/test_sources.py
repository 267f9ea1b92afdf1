"""Sources and the names and limits of their joins."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from roadworthy.data.sources import Source, TimeExpression, source
from roadworthy.errors import DefinitionError

departures = source("departures", key="origin", known_at="left_at", max_age="1d")
planes = source("planes", key="tailnum", known_at="always")


@pytest.mark.parametrize(
    ("text", "column", "offset"),
    [
        ("left_at", "left_at", timedelta(0)),
        ("observed_at + 1h", "observed_at", timedelta(hours=1)),
        (" scheduled-1d 12h ", "scheduled", timedelta(hours=-36)),
    ],
)
def test_a_time_expression_is_a_column_and_an_offset(text: str, column: str, offset: timedelta) -> None:
    """Spaces do not matter; its text reads back to the same."""
    expression = TimeExpression.parse(text)
    assert expression == TimeExpression(column, offset)
    assert TimeExpression.parse(str(expression)) == expression


@pytest.mark.parametrize(
    "text", ["", "1h + left_at", "left_at + ", "left_at + soon", "left_at * 2", "a b", "a + 1h; drop"]
)
def test_anything_else_is_no_time(text: str) -> None:
    """The text is never handed to a database."""
    with pytest.raises(DefinitionError, match="is not understood"):
        TimeExpression.parse(text)


def test_joined_columns_name_source_kind_column_and_window() -> None:
    """A person who reads the log knows what a column is without looking anything up."""
    made = [
        departures.latest("dest"),
        departures.count("late", over="2h"),
        departures.count(over="90m"),
        departures.mean("dep_delay", over="2h"),
        departures.last("dest", n=5),
        departures.last("dest", n=5, over="2h"),
        departures.latest("dest", name="next"),
    ]
    assert [join.column for join in made] == [
        "departures_latest_dest",
        "departures_count_late_2h",
        "departures_count_1h30m",
        "departures_mean_dep_delay_2h",
        "departures_last_dest_5",
        "departures_last_dest_5_2h",
        "next",
    ]


def test_a_source_with_a_name_gives_it_to_its_columns() -> None:
    """One table through two keys gives two sets of columns."""
    aircraft = source("departures", name="aircraft", key=["tailnum"], known_at="left_at")
    assert aircraft.latest("dest").column == "aircraft_latest_dest"
    assert aircraft.table == "departures"


@pytest.mark.parametrize(
    ("declare", "reason"),
    [
        (lambda: planes.count(over="2h"), "known 'always', so over='2h' has no meaning"),
        (lambda: planes.last("seats", n=2), "source 'planes' is known 'always', so no row is newer"),
        (lambda: departures.last("dest", n=0), "at least 1"),
        (lambda: departures.count(over="0s"), "is an empty window"),
        (lambda: departures.count(over="2d"), "over='2d' reaches back past max_age=1d"),
        (
            lambda: source("planes", key="a", known_at="always", max_age="1d"),
            "has no meaning where rows are known 'always'",
        ),
        (lambda: source("planes", key=[], known_at="always"), "must name one or more different columns"),
        (lambda: source("Planes", key="a", known_at="always"), "not a table name"),
    ],
)
def test_a_declaration_that_cannot_mean_anything_is_refused(
    declare: Callable[[], Source], reason: str
) -> None:
    """Found when the definition is read, not after an hour of joining."""
    with pytest.raises(DefinitionError) as error:
        declare()
    assert reason in str(error.value)
