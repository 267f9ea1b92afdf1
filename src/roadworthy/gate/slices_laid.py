"""The held-out rows in all slices beside each other: means of a number in each, and which surely exceed a bound.

Not here: what is asked of them (`slices`, `slices_moved`), which slices there are (`slices_facts`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from roadworthy.errors import TooFewSamples
from roadworthy.gate.evidence import Floats, Holdout, Ints
from roadworthy.gate.slices_facts import Marks, Slices
from roadworthy.stats.clusters import GroupMeans, false_discoveries, group_means

#: Slices with fewer rows or days than this are not judged.
ROWS, DAYS = 100, 5

#: Share of slices said to be worse that may be so by chance.
FALSE_DISCOVERIES = 0.01


@dataclass(frozen=True, slots=True)
class Laid:
    """All slices beside each other.

    names      `column=value`, one a slice
    declared   bool (n_slices,)
    indices    one array of shape (n_rows,) a column: number of the slice among all, -1 for none
    """

    names: tuple[str, ...]
    declared: Marks
    indices: tuple[Ints, ...]

    def means(self, values: Floats, data: Holdout, rows: Marks | None = None) -> GroupMeans:
        """The mean of a number in every slice."""
        times = len(self.indices)
        indices = [index if rows is None else np.where(rows, index, -1) for index in self.indices]
        return group_means(
            np.tile(values, times),
            np.concatenate([np.empty(0, dtype=np.int64), *indices]),
            np.tile(data.days, times),
            len(self.names),
            None if data.weights is None else np.tile(data.weights, times),
        )

    def totals(self, values: Floats) -> Floats:
        """The sum of a number in every slice."""
        found = np.zeros(len(self.names))
        for index in self.indices:
            held = index >= 0
            found += np.bincount(index[held], weights=values[held], minlength=found.size)
        return found


def laid(facts: Slices) -> Laid:
    """Number all slices, one column after the other."""
    names: list[str] = []
    declared: list[bool] = []
    indices = []
    for grouping in facts.groupings:
        indices.append(np.where(grouping.index >= 0, grouping.index + len(names), -1))
        names += [f"{grouping.column}={value or '(missing)'}" for value in grouping.values]
        declared += [grouping.declared] * len(grouping.values)
    return Laid(tuple(names), np.array(declared, dtype=bool), tuple(indices))


def judgeable(found: GroupMeans) -> Marks:
    """Which slices have rows and days enough, and rows that count at all."""
    enough: Marks = (found.rows >= ROWS) & (found.blocks >= DAYS) & np.isfinite(found.value)
    return enough


def judged_of(found: GroupMeans) -> Marks:
    """As `judgeable`; TooFewSamples where none is."""
    judged = judgeable(found)
    if not judged.any():
        raise TooFewSamples(
            f"no slice has {ROWS} rows on {DAYS} days: declare slices, or wait for more outcomes"
        )
    return judged


def surely_above(found: GroupMeans, bound: float, judged: Marks, declared: Marks) -> Marks:
    """Which slices surely exceed a bound, declared ones and found ones each a family of their own."""
    chances = found.above(bound)
    surely = np.zeros(judged.shape, dtype=bool)
    for family in (judged & declared, judged & ~declared):
        surely[family] = false_discoveries(chances[family], FALSE_DISCOVERIES)
    return surely
