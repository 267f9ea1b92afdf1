"""Instants at which local time is likely to be read wrongly: day ends, year ends, leap days, changes of the clocks.

Not here: local time itself (features.localtime). The year is fixed, so that the same zone gives the same instants.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from roadworthy.clock import HOUR_MICROS, instant, micros, parse_instant

#: A leap year that has passed: its rules will not change any more.
YEAR = 2024

NOON = micros(parse_instant(f"{YEAR}-06-12T12:00:00+00:00"))


def instants_of(timezone: str) -> list[tuple[str, int]]:
    """Named instants as microseconds since 1970 UTC.

    >>> [name for name, _ in instants_of("UTC")][:3]
    ['UTC midday', 'UTC last moment of a day', 'UTC midnight']
    >>> [instant(time).isoformat() for name, time in instants_of("America/New_York") if "clocks" in name][:2]
    ['2024-03-10T06:59:59.999999+00:00', '2024-03-10T07:00:00+00:00']
    """
    zone = ZoneInfo(timezone)
    midnight = _local(zone, 6, 13)
    found = [
        ("midday", NOON),
        ("last moment of a day", midnight - 1),
        ("midnight", midnight),
        ("leap day", _local(zone, 2, 29)),
        ("last moment of a leap year", micros(datetime(YEAR + 1, 1, 1, tzinfo=zone)) - 1),
        ("new year", micros(datetime(YEAR + 1, 1, 1, tzinfo=zone))),
    ]
    for number, change in enumerate(_changes(zone), 1):
        found += [
            (f"last moment before the clocks change, {number}", change - 1),
            (f"the clocks change, {number}", change),
        ]
    return [(f"{timezone} {name}", time) for name, time in found]


def _local(zone: ZoneInfo, month: int, day: int) -> int:
    return micros(datetime(YEAR, month, day, tzinfo=zone))


@lru_cache(maxsize=64)
def _changes(zone: ZoneInfo) -> tuple[int, ...]:
    """Every instant of the year at which the offset changes, found to the microsecond by halving."""
    start, end = micros(parse_instant(f"{YEAR}-01-01")), micros(parse_instant(f"{YEAR + 1}-01-01"))
    found = []
    before, offset = start, _offset(start, zone)
    for after in range(start + HOUR_MICROS, end + 1, HOUR_MICROS):
        then = _offset(after, zone)
        if then != offset:
            low, high = before, after
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if _offset(middle, zone) == offset else (low, middle)
            found.append(high)
        before, offset = after, then
    return tuple(found)


def _offset(time: int, zone: ZoneInfo) -> timedelta | None:
    return instant(time).astimezone(zone).utcoffset()
