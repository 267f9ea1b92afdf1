"""What the gate may look at of the rows a candidate was trained and held out on: counts by day, and what they are.

No row and no unit is in it. Not here: how it was counted (jobs.gate_data).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierSet:
    """The training rows of an earlier version of the model.

    fingerprint    of the table of its training rows
    since, until   its training period: the first question, and the cut before which all were asked
    columns        column of its questions → its kind; None where that was not kept
    """

    version: int
    fingerprint: str
    since: datetime | None
    until: datetime | None
    columns: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The labels of the rows with one value of a context column, by day.

    labelled, positive   labelled rows, and those of them with the outcome; shape (n_days,)
    """

    column: str
    value: str
    labelled: Floats
    positive: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFacts:
    """All questions of the training period and the held-out weeks after it, by the day (UTC) they were asked on.

    first_day      days since 1970 of the first day; days are consecutive, and those without rows are there
    rows           questions, shape (n_days,); the first and the last day may be cut
    repeated       those that equal an earlier one of the day in everything but the key of the history
    labelled       those with a label in time; 0 where the time has not passed
    positive       those of them with the outcome
    ripe           1.0 where the time for labels has passed for the whole day, 0.0 elsewhere
    sources        labels by the values of context columns; none where no context is declared
    declared       context columns with few values, each of which may say where a label is from
    columns        column of a question → its kind
    fingerprint, since, until   of the training rows, as for `EarlierSet`
    earlier        training sets of earlier versions, the newest last
    training       labelled rows trained on, and those of them with the outcome
    held_out       the same of the held-out rows
    """

    first_day: int
    rows: Floats
    repeated: Floats
    labelled: Floats
    positive: Floats
    ripe: Floats
    columns: Mapping[str, str]
    fingerprint: str
    since: datetime | None
    until: datetime | None
    sources: tuple[Source, ...] = ()
    earlier: tuple[EarlierSet, ...] = ()
    training: tuple[float, float] = (0.0, 0.0)
    held_out: tuple[float, float] = (0.0, 0.0)
    declared: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        by_day = {
            "repeated": self.repeated,
            "labelled": self.labelled,
            "positive": self.positive,
            "ripe": self.ripe,
        }
        for source in self.sources:
            by_day[f"labelled of {source.column}={source.value}"] = source.labelled
            by_day[f"positive of {source.column}={source.value}"] = source.positive
        for name, values in by_day.items():
            if values.shape != self.rows.shape:
                raise ValueError(
                    f"data: {name} has {values.size} days, rows {self.rows.size}: give every day once"
                )

    @property
    def finite(self) -> bool:
        """Whether all counts are numbers."""
        counts = [self.rows, self.repeated, self.labelled, self.positive, self.ripe]
        counts += [values for source in self.sources for values in (source.labelled, source.positive)]
        return all(bool(np.isfinite(values).all()) for values in counts)
