"""Summaries that add: of one input, of the answers, of the labels, of a window, of a day.

Not here: how they are counted (`counting`). Every number in a summary is a whole number, so `a + b` is exactly the
summary of both windows counted together, in whatever order files, hours and machines are added.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np

from roadworthy.errors import DefinitionError
from roadworthy.profiles.cells import CategoryCells, Cells, NumberCells
from roadworthy.profiles.scores import (
    RELIABILITY_CELLS,
    SCORE_CELLS,
    SCORE_UNIT,
    binned_auc,
    score_quantile,
)

Counts = tuple[int, ...]


def _add(left: Counts, right: Counts) -> Counts:
    if len(left) != len(right):
        raise DefinitionError(
            f"summaries counted in {len(left)} and in {len(right)} cells do not add: count both against one reference"
        )
    return tuple(a + b for a, b in zip(left, right, strict=True))


class InputSummary(msgspec.Struct, frozen=True):
    """One input of a window.

    missing   rows without a value
    counts    values in each cell (`Cells.size` of them); items, for a list
    total     sum of a number's values in whole units of its cells; 0 for other kinds
    """

    missing: int
    counts: Counts
    total: int = 0

    def __add__(self, other: InputSummary) -> InputSummary:
        return InputSummary(
            self.missing + other.missing, _add(self.counts, other.counts), self.total + other.total
        )

    def mean(self, cells: Cells) -> float:
        """Mean of a number's values; NaN without any, or for another kind."""
        held = sum(self.counts)
        return self.total * cells.unit / held if isinstance(cells, NumberCells) and held else float("nan")

    def top(self, cells: Cells, most: int = 5) -> list[tuple[str, int]]:
        """The most frequent category values of the reference with their counts here, most frequent first."""
        if not isinstance(cells, CategoryCells):
            return []
        pairs = zip(cells.values, self.counts, strict=False)
        return sorted(pairs, key=lambda pair: (-pair[1], pair[0]))[:most]


class FeatureSummary(msgspec.Struct, frozen=True):
    """One feature of a window: rows in which it was missing, rows in which its value was unknown to the model."""

    missing: int
    unknown: int

    def __add__(self, other: FeatureSummary) -> FeatureSummary:
        return FeatureSummary(self.missing + other.missing, self.unknown + other.unknown)


class OutputSummary(msgspec.Struct, frozen=True):
    """The answers of a window.

    invalid   answers that are not a finite number
    counts    finite answers in each of the score cells
    total     sum of the finite answers in units of 2^-32
    outside   finite answers below 0 or above 1
    """

    invalid: int = 0
    counts: Counts = (0,) * SCORE_CELLS
    total: int = 0
    outside: int = 0

    def __add__(self, other: OutputSummary) -> OutputSummary:
        return OutputSummary(
            self.invalid + other.invalid,
            _add(self.counts, other.counts),
            self.total + other.total,
            self.outside + other.outside,
        )

    @property
    def n(self) -> int:
        """Finite answers."""
        return sum(self.counts)

    @property
    def mean(self) -> float:
        """Mean of the finite answers; NaN without any."""
        return self.total * SCORE_UNIT / self.n if self.n else float("nan")

    def quantile(self, share: float) -> float:
        """The answer below which `share` of the finite answers lie, to within one cell; NaN without any."""
        return score_quantile(self.counts, share)


class LabelSummary(msgspec.Struct, frozen=True):
    """Answers against outcomes, of the rows whose outcome is known.

    reliability   per reliability cell: rows, sum of answers in units of 2^-32, positives
    positives     rows with label 1 in each score cell
    negatives     rows with label 0 in each score cell
    """

    rows: Counts = (0,) * RELIABILITY_CELLS
    totals: Counts = (0,) * RELIABILITY_CELLS
    events: Counts = (0,) * RELIABILITY_CELLS
    positives: Counts = (0,) * SCORE_CELLS
    negatives: Counts = (0,) * SCORE_CELLS

    def __add__(self, other: LabelSummary) -> LabelSummary:
        pairs = zip(msgspec.structs.astuple(self), msgspec.structs.astuple(other), strict=True)
        return LabelSummary(*(_add(left, right) for left, right in pairs))

    @property
    def n(self) -> int:
        """Rows with a label and a finite answer."""
        return sum(self.rows)

    @property
    def expected(self) -> float:
        """Sum of the answers: how many positives the model expected."""
        return sum(self.totals) * SCORE_UNIT

    @property
    def observed(self) -> int:
        """Positives."""
        return sum(self.events)

    @property
    def gap(self) -> float:
        """Mean answer minus observed rate; above 0 the model says too much. NaN without rows."""
        return (self.expected - self.observed) / self.n if self.n else float("nan")

    @property
    def calibration_error(self) -> float:
        """Mean absolute gap over the reliability cells, weighted by rows; NaN without rows."""
        if not self.n:
            return float("nan")
        gaps = zip(self.totals, self.events, strict=True)
        return sum(abs(total * SCORE_UNIT - events) for total, events in gaps) / self.n

    @property
    def auc(self) -> float:
        """Area under the ROC curve, to within the score cells; NaN where a class is absent."""
        return float(binned_auc(np.array(self.positives), np.array(self.negatives)))


class Profile(msgspec.Struct, frozen=True):
    """Everything that is kept of a window's rows without their labels.

    n          rows
    inputs     by input name
    features   by feature name
    output     the answers
    """

    n: int
    inputs: Mapping[str, InputSummary]
    features: Mapping[str, FeatureSummary]
    output: OutputSummary

    def __add__(self, other: Profile) -> Profile:
        if self.inputs.keys() != other.inputs.keys() or self.features.keys() != other.features.keys():
            raise DefinitionError("profiles of different inputs do not add: count both against one reference")
        return Profile(
            self.n + other.n,
            {name: summary + other.inputs[name] for name, summary in self.inputs.items()},
            {name: summary + other.features[name] for name, summary in self.features.items()},
            self.output + other.output,
        )


class DayStatistics(msgspec.Struct, frozen=True):
    """One day of one version: all that the monitors ever read of it again.

    day       days since 1970 (UTC), of the event time
    profile   of all rows
    matured   rows whose outcome window had elapsed when this was counted, labelled or not
    labels    of the matured rows whose label is known
    """

    day: int
    profile: Profile
    matured: int
    labels: LabelSummary

    def __add__(self, other: DayStatistics) -> DayStatistics:
        if self.day != other.day:
            raise DefinitionError(f"statistics of day {self.day} and of day {other.day} are not one day's")
        return DayStatistics(
            self.day, self.profile + other.profile, self.matured + other.matured, self.labels + other.labels
        )

    def to_json(self) -> bytes:
        """Canonical JSON: the same day always gives the same bytes."""
        return msgspec.json.encode(self, order="sorted")

    @classmethod
    def from_json(cls, text: bytes) -> DayStatistics:
        """The day that `to_json` wrote; msgspec.ValidationError for anything else."""
        return msgspec.json.decode(text, type=cls)
