"""Claims about local time; the witness is the datetime of the standard library."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from roadworthy.clock import instant, micros
from roadworthy.features.columns import EARLIEST, LATEST
from roadworthy.features.declarations import Part
from roadworthy.features.localtime import local_micros, part_of

PARTS: tuple[Part, ...] = ("hour", "minute", "weekday", "day_of_year")


def witness(time: int, zone: ZoneInfo) -> list[float]:
    """The four parts as datetime says."""
    local = instant(time).astimezone(zone)
    return [float(local.hour), float(local.minute), float(local.weekday()), float(local.timetuple().tm_yday)]


def assert_as_witness(times: Iterable[int], name: str) -> None:
    """All parts of all times, at once (many rows) and one by one (few rows)."""
    zone, array = ZoneInfo(name), np.array(list(times), dtype=np.int64)
    expected = [witness(time, zone) for time in array.tolist()]
    together = np.stack([part_of(local_micros(array, zone), part) for part in PARTS], axis=1)
    assert together.tolist() == expected
    for row in range(0, len(array), 7):
        local = local_micros(array[row : row + 1], zone)
        assert [part_of(local, part)[0] for part in PARTS] == expected[row]


@pytest.mark.parametrize(
    "change", [datetime(2013, 3, 10, 7, tzinfo=UTC), datetime(2013, 11, 3, 6, tzinfo=UTC)]
)
def test_both_changes_of_the_clocks_of_2013_are_right_in_new_york(change: datetime) -> None:
    """Every minute of the day around them, and the microseconds at the change itself."""
    minutes = [micros(change + timedelta(minutes=number)) for number in range(-720, 720)]
    edges = [micros(change) + number for number in (-1, 0, 1)]
    assert_as_witness(minutes + edges, "America/New_York")


@pytest.mark.parametrize(
    "name", ["Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns", "Pacific/Apia", "UTC"]
)
def test_offsets_of_other_than_whole_hours_are_right(name: str) -> None:
    """A quarter past, half past, half an hour of summer time, a day that never was."""
    start = micros(datetime(2011, 12, 20, tzinfo=UTC))
    assert_as_witness(range(start, start + 200 * 86_400_000_000, 5 * 3_600_000_000 + 37), name)


def test_an_offset_that_changes_within_a_quarter_of_an_hour_is_right() -> None:
    """New York left its solar time on 1883-11-18 at 17:00 UTC; Monrovia changed at 00:44:30 in 1972."""
    for name, at in (
        ("America/New_York", datetime(1883, 11, 18, 17, tzinfo=UTC)),
        ("Africa/Monrovia", datetime(1972, 1, 7, 0, 44, 30, tzinfo=UTC)),
    ):
        assert_as_witness([micros(at) + second * 1_000_000 for second in range(-2_000, 2_000, 10)], name)


def test_the_first_and_the_last_time_can_be_shown_everywhere() -> None:
    """That is why they are the first and the last; far apart times need no table of all between."""
    for name in ("Pacific/Kiritimati", "Pacific/Niue"):
        assert_as_witness([EARLIEST, LATEST] * 40, name)


def test_the_last_day_of_a_leap_year_is_the_366th() -> None:
    """And of another year the 365th."""
    times = np.array([micros(datetime(year, 12, 31, tzinfo=UTC)) for year in (2012, 2013, 1900, 2000)])
    assert part_of(times, "day_of_year").tolist() == [366.0, 365.0, 365.0, 366.0]
