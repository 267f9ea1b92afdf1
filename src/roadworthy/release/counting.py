"""Running counts of one version's answers in a window of event time: each answer is looked at once, when it comes.

Not here: where answers come from (jobs), and what counts mean (`guards`). Whether the median equals the 99th
percentile is kept exactly by counting on either side of one pivot, which lies between the two when it is chosen; when
answers have moved so far that it tells nothing any more, `answers` says so and the window is counted again.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field
from typing import NamedTuple

from roadworthy.release.guards import DEFAULT_LIMITS, Answers, ranks

#: Answers are kept in stretches of so many microseconds, so windows begin at multiples of it.
STRETCH = 600_000_000

#: A request that is repeated later than so many stretches counts as another one.
REMEMBERED = 2

#: Of fewer answers than the guards need it is not asked whether they are constant.
FEW = DEFAULT_LIMITS.constant_rows


class Answer(NamedTuple):
    """One logged answer.

    key      of the request and row; a repeated request has the same
    output   None where nothing was said
    failed   whether it ended in an exception
    told     whether the client got it
    """

    key: int
    event_time: int
    logged_at: int
    output: float | None
    failed: bool
    told: bool


@dataclass(slots=True)
class _Stretch:
    given: int = 0
    finite: int = 0
    errors: int = 0
    below: int = 0
    equal: int = 0
    total: float = 0.0


@dataclass
class Counts:
    """What is counted of one version.

    pivot   a number between the median and the 99th percentile of its finite answers; None before the first
    """

    pivot: float | None = None
    _stretches: dict[int, _Stretch] = field(default_factory=lambda: defaultdict(_Stretch))
    _recent: dict[int, dict[int, Answer]] = field(default_factory=lambda: defaultdict(dict))

    def add(self, answer: Answer) -> None:
        """Count an answer; of a repeated request the first that reached the client, else the first."""
        for remembered in self._recent.values():
            known = remembered.get(answer.key)
            if known is None:
                continue
            if _order(answer) >= _order(known):
                return
            del remembered[answer.key]
            self._count(known, -1)
            break
        self._recent[answer.event_time // STRETCH][answer.key] = answer
        self._count(answer, 1)

    def start_with(self, answer: Answer, now: int) -> None:
        """Count an answer that is known to be the one of its request; remembered if that was shortly before `now`."""
        if answer.event_time // STRETCH >= now // STRETCH - REMEMBERED:
            self._recent[answer.event_time // STRETCH][answer.key] = answer
        self._count(answer, 1)

    def forget(self, start: int, now: int) -> None:
        """Leave out what was before `start`, and repeats of requests from long before `now` (microseconds)."""
        for number in [number for number in self._stretches if number < start // STRETCH]:
            del self._stretches[number]
        for number in [number for number in self._recent if number < now // STRETCH - REMEMBERED]:
            del self._recent[number]

    def answers(self) -> Answers | None:
        """All that is counted; None when the pivot no longer tells whether the answers are constant."""
        held = list(self._stretches.values())
        finite = sum(one.finite for one in held)
        same: bool | None = False
        if finite >= FEW:
            same = _same(finite, sum(one.below for one in held), sum(one.equal for one in held))
        if same is None:
            return None
        return Answers(
            given=sum(one.given for one in held),
            finite=finite,
            errors=sum(one.errors for one in held),
            total=math.fsum(one.total for one in held),
            constant=self.pivot if same else None,
        )

    def _count(self, answer: Answer, sign: int) -> None:
        stretch = self._stretches[answer.event_time // STRETCH]
        stretch.errors += sign * answer.failed
        if answer.output is None or answer.failed:
            return
        stretch.given += sign
        if not math.isfinite(answer.output):
            return
        if self.pivot is None:
            self.pivot = answer.output
        stretch.finite += sign
        stretch.total += sign * answer.output
        stretch.below += sign * (answer.output < self.pivot)
        stretch.equal += sign * (answer.output == self.pivot)


def _order(answer: Answer) -> tuple[bool, int, int]:
    return not answer.told, answer.event_time, answer.logged_at


def _same(n: int, below: int, equal: int) -> bool | None:
    """Whether the median is the 99th percentile, from how many of n are below and equal to the pivot.

    >>> _same(100, 0, 99), _same(100, 70, 1), _same(100, 10, 1)
    (True, False, None)
    """
    median, last = ranks(n)
    if below <= median and last < below + equal:
        return True
    parted = (median < below + equal <= last) or (median < below <= last)
    return False if parted else None
