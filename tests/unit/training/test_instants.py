"""Instants at which local time jumps."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from roadworthy.clock import instant
from roadworthy.training.instants import instants_of


@pytest.mark.parametrize(
    "timezone", ["America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Africa/Casablanca"]
)
def test_changes_of_the_clocks_are_met_to_the_microsecond(timezone: str) -> None:
    """Offset differs between each pair of neighbouring instants, and there are two changes a year or more."""
    zone = ZoneInfo(timezone)
    named = dict(instants_of(timezone))
    changes = [time for name, time in named.items() if "the clocks change" in name and "before" not in name]
    assert len(changes) >= 2
    for time in changes:
        before, after = instant(time - 1).astimezone(zone), instant(time).astimezone(zone)
        assert before.utcoffset() != after.utcoffset()


def test_a_zone_without_changes_has_day_and_year_ends_only() -> None:
    """In UTC there is nothing to jump."""
    named = instants_of("UTC")
    assert not [name for name, _ in named if "clocks" in name]
    assert len(named) == 6


@pytest.mark.parametrize("timezone", ["Asia/Kathmandu", "America/New_York"])
def test_midnight_is_local(timezone: str) -> None:
    """The last moment of a day and the next midnight lie a microsecond apart, on two local dates."""
    named = dict(instants_of(timezone))
    zone = ZoneInfo(timezone)
    last, first = (
        instant(named[f"{timezone} {name}"]).astimezone(zone) for name in ("last moment of a day", "midnight")
    )
    assert first - last == timedelta(microseconds=1)
    assert (first.hour, first.minute, last.hour, last.minute) == (0, 0, 23, 59)
