"""Values in columns."""

from __future__ import annotations

from datetime import UTC, datetime

from roadworthy.registry.rows import as_text, from_text, moment
from roadworthy.traffic import Route


def test_equal_values_are_equal_text() -> None:
    """Whatever order a mapping was built in, so that rows can be compared as text."""
    assert (
        as_text({"b": [1, None], "a": 0.1}) == as_text({"a": 0.1, "b": [1, None]}) == '{"a":0.1,"b":[1,null]}'
    )


def test_a_record_comes_back_as_it_was() -> None:
    """Floats keep every bit."""
    route = Route(champion=1, canary=2, canary_share=0.1 + 0.2, attempt="a", salt="s")
    assert from_text(as_text(route), Route) == route


def test_an_empty_time_stays_empty() -> None:
    """1970 is a time, nothing is none."""
    assert (moment(None), moment(0)) == (None, datetime(1970, 1, 1, tzinfo=UTC))
