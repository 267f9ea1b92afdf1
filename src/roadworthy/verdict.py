"""The one language of judgement: gate checks, monitors and experiments all answer with a `Verdict`.

Not here: what is measured or against which limit. A check measures, this module only says how rulings are
formed and how several of them combine.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec

from roadworthy.errors import DefinitionError

Ruling = Literal["pass", "fail", "insufficient", "error", "cancelled"]

#: A failed check beats everything; then what could not be measured; then missing evidence; then time.
PRECEDENCE: tuple[Ruling, ...] = ("fail", "error", "insufficient", "cancelled", "pass")


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What one check says about one subject.

    check      name of the check, such as `calibration`
    subject    what was judged, such as `flight-delay@2`, or `flight-delay@2 carrier=UA`
    ruling     pass, fail, insufficient (too little evidence), error (could not be measured), cancelled
    measured   the number that was compared; None where there is none
    limit      what it was compared with, as a sentence part such as `<= 0.02`; "" where there is none
    unit       unit of `measured`, such as `rows`, `seconds`, `probability`; "" for a pure number
    n          number of rows the measurement rests on
    reason     one sentence for a person, carrying value, limit and n
    evidence   anything a report may want to draw, JSON-compatible
    """

    check: str
    subject: str
    ruling: Ruling
    reason: str
    measured: float | None = None
    limit: str = ""
    unit: str = ""
    n: int = 0
    evidence: Mapping[str, Any] = {}


def combined(verdicts: Iterable[Verdict]) -> Ruling:
    """The ruling of all verdicts together, worst first by `PRECEDENCE`; of none at all: insufficient.

    >>> combined([])
    'insufficient'
    """
    rulings = {verdict.ruling for verdict in verdicts}
    return next((ruling for ruling in PRECEDENCE if ruling in rulings), "insufficient")


_OPERATORS = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}


class Limit(msgspec.Struct, frozen=True):
    """A bound set by a person, such as `>= 0.65`.

    >>> Limit.parse(">= 0.65").ruling(0.71, 0.69, 0.73)
    'pass'
    >>> Limit.parse(">= 0.65").ruling(0.66, 0.63, 0.69)
    'insufficient'
    """

    comparison: Literal[">=", "<=", ">", "<"]
    value: float

    @classmethod
    def parse(cls, text: str) -> Limit:
        """Read `>= 0.65`; DefinitionError when it is not an operator (>=, <=, >, <) and a finite number."""
        given: object = text  # a user's file may say 0.65
        for symbol in _OPERATORS if isinstance(given, str) else ():
            if text.strip().startswith(symbol):
                try:
                    value = float(text.strip()[len(symbol) :])
                except ValueError:
                    break
                if math.isfinite(value):
                    return cls(symbol, value)  # type: ignore[arg-type]  # the keys of _OPERATORS are the literals
                break
        raise DefinitionError(
            f"limit {text!r} is not understood: write an operator and a number, such as '>= 0.65'"
        )

    def holds(self, value: float) -> bool:
        """Whether `value` satisfies the limit; NaN satisfies none."""
        return bool(_OPERATORS[self.comparison](value, self.value))

    def ruling(self, measured: float, low: float | None = None, high: float | None = None) -> Ruling:
        """Judge a measurement with its interval [low, high]: all of it must hold to pass, none of it to fail.

        Without an interval the measurement alone decides. A measurement that is NaN is an error.
        """
        if math.isnan(measured):
            return "error"
        ends = [self.holds(measured if end is None else end) for end in (low, high)] + [self.holds(measured)]
        return "pass" if all(ends) else "insufficient" if any(ends) else "fail"

    def __str__(self) -> str:
        return f"{self.comparison} {self.value:g}"
