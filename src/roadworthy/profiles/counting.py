"""Counting rows into day statistics: of one day for a monitor, of all days at once for a reference.

Not here: where rows come from. Callers bring columns, states and answers; this module only counts.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from roadworthy.errors import DefinitionError
from roadworthy.features.batch import Batch
from roadworthy.features.columns import missing_rows
from roadworthy.profiles.cells import Cells, cell_of, units
from roadworthy.profiles.scores import (
    RELIABILITY_CELLS,
    SCORE_CELLS,
    reliability_cell,
    score_cell,
    score_units,
)
from roadworthy.profiles.summary import (
    DayStatistics,
    FeatureSummary,
    InputSummary,
    LabelSummary,
    OutputSummary,
    Profile,
)

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
States = Mapping[str, npt.NDArray[np.int8]]

MISSING, UNKNOWN = 1, 2


class _Groups:
    """Rows by day: adds up cells and whole numbers within each."""

    def __init__(self, days: Integers) -> None:
        self.days, self.of_row = np.unique(days, return_inverse=True)

    def counted(self, cell: Integers, row: Integers, size: int) -> list[list[int]]:
        """Entries in each cell, by day."""
        flat = np.bincount(self.of_row[row] * size + cell, minlength=len(self.days) * size)
        return [[int(count) for count in line] for line in flat.reshape(len(self.days), size)]

    def marked(self, rows: npt.NDArray[np.bool_]) -> list[int]:
        """Marked rows, by day."""
        return [int(count) for count in np.bincount(self.of_row[rows], minlength=len(self.days))]

    def summed(self, values: Integers, cell: Integers, row: Integers, size: int) -> list[list[int]]:
        """Exact sums of whole numbers in each cell, by day."""
        sums = np.zeros(len(self.days) * size, dtype=np.int64)
        np.add.at(sums, self.of_row[row] * size + cell, values)
        return [[int(total) for total in line] for line in sums.reshape(len(self.days), size)]


def count_days(
    cells: Mapping[str, Cells],
    inputs: Batch,
    states: States,
    outputs: Floats,
    days: Integers,
    labels: Floats | None = None,
    matured: npt.NDArray[np.bool_] | None = None,
) -> tuple[DayStatistics, ...]:
    """Statistics of every day that has rows, in ascending order.

    cells     by input name, from a reference
    inputs    raw input columns of n rows; must hold every input that has cells
    states    feature → int8 (n,): 0 present, 1 missing, 2 unknown (`FittedFeatures.states`)
    outputs   float64 (n,), a probability where all is well
    days      int64 (n,), days since 1970 (UTC) of the event time
    labels    float64 (n,) of 0 and 1, NaN where unknown; None when nothing is known yet
    matured   bool (n,), whether the outcome window had elapsed; None: all, if there are labels, else none
    raises    DefinitionError when lengths or names do not fit
    """
    days = np.asarray(days, dtype=np.int64)
    outputs = np.asarray(outputs, dtype=np.float64)
    absent = sorted(cells.keys() - inputs.columns.keys())
    if absent:
        raise DefinitionError(
            f"inputs {', '.join(absent)} of the reference are not among the columns to count"
        )
    if not len(days) == len(outputs) == inputs.n:
        raise DefinitionError(
            f"{inputs.n} rows of inputs, {len(outputs)} outputs and {len(days)} days do not fit"
        )
    groups = _Groups(days)
    by_input = {name: _inputs(groups, cells[name], inputs, name) for name in sorted(cells)}
    by_feature = {name: _features(groups, states[name]) for name in sorted(states)}
    answers = _outputs(groups, outputs)
    if matured is None:
        matured = np.full(inputs.n, labels is not None)
    ripe = groups.marked(matured)
    truths = _labels(groups, outputs, labels, matured)
    everything = groups.marked(np.ones(inputs.n, dtype=np.bool_))
    return tuple(
        DayStatistics(
            int(day),
            Profile(
                everything[at],
                {name: summaries[at] for name, summaries in by_input.items()},
                {name: summaries[at] for name, summaries in by_feature.items()},
                answers[at],
            ),
            ripe[at],
            truths[at],
        )
        for at, day in enumerate(groups.days)
    )


def _inputs(groups: _Groups, cells: Cells, inputs: Batch, name: str) -> list[InputSummary]:
    column = inputs.columns[name]
    missing = groups.marked(missing_rows(column))
    if cells.size == 0:
        return [InputSummary(count, ()) for count in missing]
    cell, row = cell_of(cells, column)
    counts = groups.counted(cell, row, cells.size)
    whole, every = units(cells, column), np.arange(inputs.n)
    totals = groups.summed(whole, np.zeros(inputs.n, dtype=np.int64), every, 1)
    return [
        InputSummary(lost, tuple(held), total[0])
        for lost, held, total in zip(missing, counts, totals, strict=True)
    ]


def _features(groups: _Groups, state: npt.NDArray[np.int8]) -> list[FeatureSummary]:
    missing, unknown = groups.marked(state == MISSING), groups.marked(state == UNKNOWN)
    return [FeatureSummary(lost, new) for lost, new in zip(missing, unknown, strict=True)]


def _outputs(groups: _Groups, outputs: Floats) -> list[OutputSummary]:
    finite = np.isfinite(outputs)
    row = np.flatnonzero(finite)
    counts = groups.counted(score_cell(outputs[row]), row, SCORE_CELLS)
    totals = groups.summed(score_units(outputs[row]), np.zeros(row.size, dtype=np.int64), row, 1)
    outside = groups.marked(finite & ((outputs < 0) | (outputs > 1)))
    return [
        OutputSummary(lost, tuple(held), total[0], far)
        for lost, held, total, far in zip(groups.marked(~finite), counts, totals, outside, strict=True)
    ]


def _labels(
    groups: _Groups, outputs: Floats, labels: Floats | None, matured: npt.NDArray[np.bool_]
) -> list[LabelSummary]:
    if labels is None:
        return [LabelSummary() for _ in groups.days]
    known = matured & np.isfinite(outputs) & ~np.isnan(labels)
    wrong = known & (labels != 0) & (labels != 1)
    if wrong.any():
        raise DefinitionError(
            f"labels must be 0, 1 or NaN, got {labels[wrong][0]} in row {int(np.flatnonzero(wrong)[0])}"
        )
    row = np.flatnonzero(known)
    p, positive = outputs[row], labels[row] == 1
    cell, bucket = score_cell(p), reliability_cell(p)
    columns = (
        groups.counted(bucket, row, RELIABILITY_CELLS),
        groups.summed(score_units(p), bucket, row, RELIABILITY_CELLS),
        groups.counted(bucket[positive], row[positive], RELIABILITY_CELLS),
        groups.counted(cell[positive], row[positive], SCORE_CELLS),
        groups.counted(cell[~positive], row[~positive], SCORE_CELLS),
    )
    return [LabelSummary(*(tuple(line) for line in lines)) for lines in zip(*columns, strict=True)]
