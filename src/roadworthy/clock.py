"""Time: the only `now()`, durations as people write them, and identifiers that sort by time.

Everything else gets its time as an argument, so a replay and a test decide as production does.
Instants are timezone-aware datetimes at the edges and microseconds since 1970 (UTC) inside.
"""

from __future__ import annotations

import random
import re
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

from roadworthy.errors import DefinitionError

#: Microseconds.
HOUR_MICROS, DAY_MICROS = 3_600_000_000, 86_400_000_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = {"ms": 1_000, "s": 1_000_000, "m": 60_000_000, "h": HOUR_MICROS, "d": DAY_MICROS}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")


class Clock(Protocol):
    """Says what time it is; passed in wherever time matters."""

    def now(self) -> datetime:
        """The current instant, timezone-aware, in UTC."""
        ...

    def micros(self) -> int:
        """The current instant in microseconds since 1970."""
        ...


class SystemClock:
    """Real time."""

    def now(self) -> datetime:
        """The current instant of this machine."""
        return datetime.now(UTC)

    def micros(self) -> int:
        """The current instant of this machine, without the cost of a datetime."""
        return time.time_ns() // 1_000


class ReplayClock:
    """Virtual time that only moves when it is told to, and never backwards."""

    def __init__(self, start: datetime) -> None:
        self._now = start

    def now(self) -> datetime:
        """The instant last advanced to."""
        return self._now

    def micros(self) -> int:
        """The instant last advanced to."""
        return micros(self._now)

    def advance(self, to: datetime) -> None:
        """Move to `to`; an earlier instant leaves the clock where it is."""
        self._now = max(self._now, to)


def micros(instant: datetime) -> int:
    """Microseconds since 1970 UTC; DefinitionError for a datetime without a timezone.

    >>> micros(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))
    1000000
    """
    if instant.tzinfo is None:
        raise DefinitionError(
            f"the time {instant.isoformat()} has no timezone: write it with one, such as +00:00"
        )
    return (instant - _EPOCH) // timedelta(microseconds=1)


def instant(microseconds: int) -> datetime:
    """The datetime (UTC) of microseconds since 1970.

    >>> instant(1_000_000).isoformat()
    '1970-01-01T00:00:01+00:00'
    """
    return _EPOCH + timedelta(microseconds=microseconds)


def parse_instant(text: str) -> datetime:
    """Read an ISO 8601 date or time; without a timezone it is UTC.

    >>> parse_instant("2013-07-01").isoformat()
    '2013-07-01T00:00:00+00:00'
    """
    try:
        parsed = datetime.fromisoformat(text)
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)
    # OverflowError for what lies outside the years 1 to 9999 in UTC, TypeError for what a script gives as no text.
    except (ValueError, OverflowError, TypeError):
        raise DefinitionError(
            f"time {text!r} is not understood: write 2013-07-01 or 2013-07-01T10:00:00+00:00"
        ) from None


def parse_duration(text: str) -> timedelta:
    """Read a duration such as `2h`, `90m`, `1d 12h`, `250ms`.

    >>> parse_duration("1d 12h") == timedelta(hours=36)
    True
    """
    given: object = text  # a user's file may say 3
    if not isinstance(given, str) or not text.strip() or _DURATION.sub("", text).strip():
        raise DefinitionError(
            f"duration {text!r} is not understood: write numbers with d, h, m, s or ms, such as '2h'"
        )
    return timedelta(
        microseconds=sum(round(float(number) * _UNITS[unit]) for number, unit in _DURATION.findall(text))
    )


def as_instant(given: datetime | str) -> datetime:
    """An instant that a script gives as such, or as text as `parse_instant` reads it.

    >>> as_instant("2013-07-01") == as_instant(datetime(2013, 7, 1, tzinfo=UTC))
    True
    """
    return given if isinstance(given, datetime) else parse_instant(given)


def as_duration(given: timedelta | str) -> timedelta:
    """A duration that a script gives as such, or as text as `parse_duration` reads it.

    >>> as_duration("28d") == as_duration(timedelta(days=28))
    True
    """
    return given if isinstance(given, timedelta) else parse_duration(given)


def format_duration(duration: timedelta) -> str:
    """The shortest exact form of a duration, readable by `parse_duration`.

    >>> format_duration(timedelta(hours=36))
    '1d 12h'
    """
    left = duration // timedelta(microseconds=1)
    parts = []
    for unit in ("d", "h", "m", "s", "ms"):
        count, left = divmod(left, _UNITS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts) or "0s"


def uuid7(microseconds: int, entropy: random.Random) -> str:
    """A UUID version 7 (RFC 9562, section 5.7) from an injected instant and injected entropy.

    >>> uuid7(0, random.Random(1))[14]
    '7'
    """
    return uuid7_head(microseconds) + uuid7_tail(entropy)


def uuid7_head(microseconds: int) -> str:
    """The part of a UUID version 7 that says when: many of one instant share it.

    >>> uuid7_head(0)
    '00000000-0000-7000-'
    """
    milliseconds, rest = divmod(microseconds, 1_000)
    digits = f"{milliseconds & 0xFFFF_FFFF_FFFF:012x}"
    return f"{digits[:8]}-{digits[8:]}-7{rest * 4_096 // 1_000:03x}-"


def uuid7_tail(entropy: random.Random) -> str:
    """The part that chance gives.

    >>> len(uuid7_head(0) + uuid7_tail(random.Random(1)))
    36
    """
    digits = f"{(0b10 << 62) | entropy.getrandbits(62):016x}"
    return f"{digits[:4]}-{digits[4:]}"
