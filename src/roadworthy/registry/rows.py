"""How values become columns and come back: JSON as canonical text, times as microseconds.

Not here: any table. One place, so that two tables never store the same value in two ways.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeVar

import msgspec

from roadworthy.clock import instant

T = TypeVar("T")


def as_text(value: Any) -> str:
    """Canonical JSON: equal values are equal text; NaN and infinities become null, as JSON knows none.

    >>> as_text({"b": 1, "a": float("nan")})
    '{"a":null,"b":1}'
    """
    return msgspec.json.encode(value, order="sorted").decode()


def from_text(text: str, wanted: type[T]) -> T:
    """Read what `as_text` wrote."""
    return msgspec.json.decode(text, type=wanted)


def moment(microseconds: int | None) -> datetime | None:
    """The instant in a column that may be empty."""
    return None if microseconds is None else instant(microseconds)
