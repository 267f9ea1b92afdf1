"""Local time from UTC microseconds, for one row or millions, through every change of the clocks.

Not here: parsing times. Offsets come from the IANA database; they are looked up once per quarter of an hour,
and once per row in a quarter of an hour within which the offset changes.
"""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import numpy as np

from roadworthy.clock import instant
from roadworthy.features.columns import FEW_ROWS, Floats, Times
from roadworthy.features.declarations import Part
from roadworthy.features.distinct import distinct

_SECOND = 1_000_000
_MINUTE = 60 * _SECOND
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR
_QUARTER = 15 * _MINUTE


def local_micros(times: Times, zone: ZoneInfo) -> Times:
    """What a clock in `zone` shows, as microseconds since 1970-01-01T00:00 of that clock.

    times   microseconds since 1970 UTC, none missing, within `columns.EARLIEST` and `columns.LATEST`
    """
    if len(times) <= FEW_ROWS:
        return np.array([time + _offset(time, zone) for time in times.tolist()], dtype=np.int64)
    quarters, places = distinct(times // _QUARTER)
    starts = (quarters * _QUARTER).tolist()
    first = np.array([_offset(start, zone) for start in starts], dtype=np.int64)
    last = np.array([_offset(start + _QUARTER - 1, zone) for start in starts], dtype=np.int64)
    offsets = first[places]
    for row in np.flatnonzero((first != last)[places]):
        offsets[row] = _offset(int(times[row]), zone)
    return times + offsets


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
