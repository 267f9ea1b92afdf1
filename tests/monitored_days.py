"""Days for the tests of monitoring: a small service whose health the tests decide; not a test itself.

Days differ as real ones do: a slow wave moves the rate, and the model follows it only in part, so its daily gap has a
between-day variance far above the binomial one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from roadworthy.features.batch import Batch, Strings
from roadworthy.profiles.counting import count_days
from roadworthy.profiles.reference import Reference, build_reference
from roadworthy.profiles.summary import DayStatistics

FIRST = 15_706  # a Tuesday
LENGTH = 150
ROWS = 300
ORIGINS = ("EWR", "JFK", "LGA")


@dataclass(frozen=True)
class World:
    """What differs from a healthy world, from the first day on.

    rows        rows a day, relative
    missing     share of rows without wind
    unknown     share of origins that no vocabulary holds
    wind        added to every wind, in standard deviations
    scale       every answer is multiplied by it
    log_odds    added to the log-odds of the outcome, behind the model's back
    ranking     1: the model ranks as trained; 0: not at all
    """

    rows: float = 1.0
    missing: float = 0.02
    unknown: float = 0.0
    wind: float = 0.0
    scale: float = 1.0
    log_odds: float = 0.0
    ranking: float = 1.0


@dataclass(frozen=True)
class Rows:
    """Rows as a job reads them from the log."""

    inputs: Batch
    states: dict[str, npt.NDArray[np.int8]]
    outputs: npt.NDArray[np.float64]
    labels: npt.NDArray[np.float64]
    days: npt.NDArray[np.int64]


def rows(first: int, length: int, seed: int, world: World = World()) -> Rows:
    """`length` days from day number `first` on."""
    rng = np.random.default_rng(seed)
    weather = np.convolve(rng.standard_normal(length + 2), [0.5, 0.4, 0.2], mode="valid") * 0.4
    number = np.repeat(np.arange(length), round(ROWS * world.rows))
    n = number.size
    risk = rng.normal(0.0, 1.0, n)
    wind = rng.normal(10.0, 3.0, n) + 3.0 * world.wind
    wind[rng.random(n) < world.missing] = np.nan
    origin = rng.integers(0, 3, n).astype(np.int32)
    state = np.where(rng.random(n) < world.unknown, 2, 0).astype(np.int8)
    truth = -1.3 + risk * world.ranking + weather[number] + world.log_odds
    outputs = 1.0 / (1.0 + np.exp(1.2 - risk - 0.3 * weather[number])) * world.scale
    labels = (rng.random(n) < 1.0 / (1.0 + np.exp(-truth))).astype(np.float64)
    inputs = Batch({"wind": wind, "origin": Strings(origin, ORIGINS)}, n)
    return Rows(inputs, {"origin": state}, outputs, labels, number + first)


@cache
def reference() -> Reference:
    """The reference of a healthy world."""
    held = rows(FIRST, LENGTH, seed=1)
    return build_reference(held.inputs, held.states, held.outputs, held.labels, held.days)


def days(length: int, seed: int, world: World = World(), labelled: bool = True) -> tuple[DayStatistics, ...]:
    """The days that follow the reference."""
    held = rows(FIRST + LENGTH, length, seed, world)
    labels = held.labels if labelled else None
    return count_days(reference().cells, held.inputs, held.states, held.outputs, held.days, labels)
