"""Local time from UTC microseconds, for one row or millions, through every change of the clocks.

Not here: parsing times. Offsets come from the IANA database; they are looked up once per quarter of an hour,
and once per row in a quarter of an hour within which the offset changes.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from roadworthy.clock import instant
from roadworthy.features.columns import Floats, Times
from roadworthy.features.declarations import Part
from roadworthy.features.distinct import distinct

_SECOND = 1_000_000
_MINUTE = 60 * _SECOND
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR
_QUARTER = 15 * _MINUTE
_ORDINAL_OF_1970 = date(1970, 1, 1).toordinal()


def local_micros(times: Times, zone: ZoneInfo) -> Times:
    """What a clock in `zone` shows, as microseconds since 1970-01-01T00:00 of that clock.

    times   microseconds since 1970 UTC, none missing, within `columns.EARLIEST` and `columns.LATEST`
    """
    quarters, places = distinct(times // _QUARTER)
    starts = (quarters * _QUARTER).tolist()
    first = np.array([_offset(start, zone) for start in starts], dtype=np.int64)
    last = np.array([_offset(start + _QUARTER - 1, zone) for start in starts], dtype=np.int64)
    offsets = first[places]
    for row in np.flatnonzero((first != last)[places]):
        offsets[row] = _offset(int(times[row]), zone)
    return times + offsets


def local_of(time: int, zone: ZoneInfo) -> int:
    """`local_micros` of one time.

    >>> local_of(0, ZoneInfo("America/New_York")) == -5 * _HOUR
    True
    """
    offset = _offset_of_quarter(time // _QUARTER, zone)
    return time + (_offset(time, zone) if offset is None else offset)


@lru_cache(maxsize=65_536)
def _offset_of_quarter(quarter: int, zone: ZoneInfo) -> int | None:
    """The offset all through a quarter of an hour; None where it changes within."""
    first, last = (_offset(quarter * _QUARTER + edge, zone) for edge in (0, _QUARTER - 1))
    return first if first == last else None


def _offset(time: int, zone: ZoneInfo) -> int:
    offset = instant(time).astimezone(zone).utcoffset()
    return 0 if offset is None else offset // timedelta(microseconds=1)


def part_of(local: Times, part: Part) -> Floats:
    """The part of local microseconds: hour 0-23, minute 0-59, weekday 0 (Monday) - 6, day of the year 1-366."""
    if part == "hour":
        return (local // _HOUR % 24).astype(np.float64)
    if part == "minute":
        return (local // _MINUTE % 60).astype(np.float64)
    days = local // _DAY
    if part == "weekday":
        return ((days + 3) % 7).astype(np.float64)  # 1970-01-01 was a Thursday
    dates = days.astype("datetime64[D]")
    years = dates.astype("datetime64[Y]").astype("datetime64[D]")
    since_new_year: Floats = (dates - years).astype(np.float64)
    return since_new_year + 1.0


def part_of_one(local: int, part: Part) -> float:
    """`part_of` one time.

    >>> part_of_one(0, "weekday"), part_of_one(0, "day_of_year")
    (3.0, 1.0)
    """
    if part == "hour":
        return float(local // _HOUR % 24)
    if part == "minute":
        return float(local // _MINUTE % 60)
    days = local // _DAY
    if part == "weekday":
        return float((days + 3) % 7)
    day = date.fromordinal(days + _ORDINAL_OF_1970)
    return float(day.toordinal() - date(day.year, 1, 1).toordinal() + 1)
