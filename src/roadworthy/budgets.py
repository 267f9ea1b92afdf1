"""Budgets: what a version may take to be served, as its owner declares it, such as `{"latency_p99": "<= 20ms"}`.

Not here: measuring (jobs) and judging (gate).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Literal

import msgspec

from roadworthy.clock import parse_duration
from roadworthy.errors import DefinitionError
from roadworthy.verdict import Limit

Unit = Literal["seconds", "bytes", "times", "count"]

#: What may have a budget, and in which unit it is kept.
BUDGETS: Mapping[str, Unit] = {
    "latency_p99": "seconds",
    "start": "seconds",
    "memory": "bytes",
    "size": "bytes",
    "latency_champion": "times",
    "latency_reference": "times",
    "memory_champion": "times",
    "cpu": "seconds",
    "features": "count",
    "sources": "count",
    "idle_features": "count",
}

#: Not a budget, but said beside them: the version that a slow creep is measured against.
REFERENCE = "reference"

#: Budgets on what a model costs beside its server, and those judged together with them.
OF_COST = ("cpu", "features", "sources", "idle_features")

_BYTES = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMG]I?B|B)", re.IGNORECASE)
_WRITE: Mapping[Unit, str] = {
    "seconds": "<= 20ms",
    "bytes": "<= 500MB",
    "times": "<= 2",
    "count": "<= 30",
}


class Budget(msgspec.Struct, frozen=True):
    """One budget.

    limit   in seconds, bytes, times or a count
    text    as it was declared, such as `<= 20ms`
    """

    name: str
    limit: Limit
    text: str

    @property
    def unit(self) -> Unit:
        """Of the number in `limit`."""
        return BUDGETS[self.name]


def parse_budgets(declared: Mapping[str, str]) -> dict[str, Budget]:
    """The budgets of a definition by name, `reference` left out; DefinitionError that names the one at fault.

    >>> parse_budgets({"latency_p99": "<= 20ms"})["latency_p99"].limit.value
    0.02
    >>> parse_budgets({"memory": "<= 500MB"})["memory"].limit.value
    500000000.0
    """
    parse_reference(declared)
    return {name: _budget(name, text) for name, text in declared.items() if name != REFERENCE}


def parse_reference(declared: Mapping[str, str]) -> int | None:
    """The number of the version that is named as reference; None where none is.

    >>> parse_reference({"reference": "3"})
    3
    """
    text = declared.get(REFERENCE)
    if text is None:
        return None
    given: object = text  # a user's file may say 3
    if not (isinstance(given, str) and given.isascii() and given.isdigit()) or int(given) < 1:
        raise DefinitionError(
            f"budgets['{REFERENCE}'] is {text!r}: write the number of a version as text, such as '3'"
        )
    return int(text)


def _budget(name: str, text: str) -> Budget:
    if name not in BUDGETS:
        known = ", ".join([*BUDGETS, REFERENCE])
        raise DefinitionError(f"a budget on {name!r} is not known; known are {known}")
    unit = BUDGETS[name]
    expected = f"budgets[{name!r}] is {text!r}: write <= and {_A[unit]}, such as {_WRITE[unit]!r}"
    given: object = text  # as above
    stripped = given.strip() if isinstance(given, str) else ""
    symbol: Literal["<=", "<"] = "<=" if stripped.startswith("<=") else "<"
    if not stripped.startswith(symbol):
        raise DefinitionError(expected)
    try:
        value = _READ[unit](stripped[len(symbol) :].strip())
    except (ValueError, DefinitionError):
        raise DefinitionError(expected) from None
    if not math.isfinite(value) or value < 0 or (value == 0 and unit != "count"):
        raise DefinitionError(expected)
    return Budget(name, Limit(symbol, value), f"{symbol} {stripped[len(symbol) :].strip()}")


def _bytes(text: str) -> float:
    found = _SIZE.fullmatch(text)
    if found is None:
        raise ValueError(text)
    return float(found[1]) * _BYTES[found[2].upper()]


_A: Mapping[Unit, str] = {
    "seconds": "a duration",
    "bytes": "a size in B, KB, MB or GB",
    "times": "a number of times",
    "count": "a number",
}
_READ: Mapping[Unit, Callable[[str], float]] = {
    "seconds": lambda text: parse_duration(text).total_seconds(),
    "bytes": _bytes,
    "times": float,
    "count": float,
}


def shown(value: float, unit: Unit) -> str:
    """A value in its unit as people read it.

    >>> shown(0.0123, "seconds"), shown(3.2, "seconds"), shown(181_400_000, "bytes"), shown(1.5, "times")
    ('12.3 ms', '3.2 s', '181 MB', '1.5')
    """
    if unit == "seconds":
        return f"{value * 1000:.3g} ms" if value < 1 else f"{value:.3g} s"
    if unit == "bytes":
        name, size = next((pair for pair in _SHOWN if value >= pair[1]), ("B", 1))
        return f"{value / size:.3g} {name}"
    return f"{value:.3g}"


_SHOWN = (("GB", 10**9), ("MB", 10**6), ("KB", 10**3))
