"""Which inputs moved away from what a version was trained on, by the verdicts that the monitors kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from roadworthy.errors import DefinitionError
from roadworthy.jobs.life import Life
from roadworthy.jobs.life_words import part_of
from roadworthy.registry.alarms import Judged
from roadworthy.verdict import Limit

PREDICTIONS = "(predictions)"


class Look(msgspec.Struct, frozen=True):
    """One day's look at an input: distance from the reference, threshold, and whether it was reported."""

    at: datetime
    version: int
    measured: float
    limit: float
    beyond: bool

    @property
    def times(self) -> float:
        """The distance as a multiple of the threshold."""
        return self.measured / self.limit


class Moved(msgspec.Struct, frozen=True):
    """An input, or the predictions, over the whole life, ascending by day; `most_moved` is of its furthest day."""

    name: str
    looks: tuple[Look, ...]
    most_moved: tuple[tuple[str, float], ...] = ()

    @property
    def reported(self) -> int:
        """Days on which it was further away than the threshold."""
        return sum(look.beyond for look in self.looks)

    @property
    def furthest(self) -> Look:
        """The look with the largest multiple of its threshold."""
        return max(self.looks, key=lambda look: look.times)

    @property
    def peak(self) -> float:
        """The largest multiple of the threshold."""
        return self.furthest.times

    @property
    def typical(self) -> float:
        """Mean multiple of the threshold."""
        return sum(look.times for look in self.looks) / len(self.looks)


def drift(life: Life) -> list[Moved]:
    """Every input that was judged, and the predictions; those that moved most first.

    Moved most: reported on the most days, then furthest away on an average day.
    """
    by_name: dict[str, list[Judged]] = {}
    for judged in life.drift:
        if judged.verdict.measured is not None and _limit(judged) is not None:
            name = part_of(judged.verdict.subject) or PREDICTIONS
            by_name.setdefault(name, []).append(judged)
    found = [_moved(name, verdicts) for name, verdicts in by_name.items()]
    return sorted(found, key=lambda each: (-each.reported, -each.typical, each.name))


def _moved(name: str, verdicts: Sequence[Judged]) -> Moved:
    looks = []
    for judged in sorted(verdicts, key=lambda each: each.window_start):
        measured, limit = judged.verdict.measured, _limit(judged)
        assert measured is not None, "only measured verdicts are kept"
        assert limit is not None, "only verdicts with a limit are kept"
        looks.append(
            Look(judged.window_start, judged.version or 0, measured, limit, judged.verdict.ruling == "fail")
        )
    furthest = max(verdicts, key=lambda each: (each.verdict.measured or 0.0) / (_limit(each) or 1.0))
    values = furthest.verdict.evidence.get("most_moved") or {}
    return Moved(name, tuple(looks), tuple((str(value), float(share)) for value, share in values.items()))


def _limit(judged: Judged) -> float | None:
    """The threshold of a distance; None where the verdict has none above 0."""
    try:
        limit = Limit.parse(judged.verdict.limit).value
    except DefinitionError:
        return None
    return limit if limit > 0 else None
