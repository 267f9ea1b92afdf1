"""How each input and feature of the candidate looks in training and in the requests that are served now.

Not here: how it was measured (jobs.gate_served_like_trained), and what is too far (served_like_trained, feedback).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from roadworthy.stats.echo import Echo

Ints = npt.NDArray[np.int64]
Marks = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """A share of rows in the training period: over all of it, and the most of any stretch as long as the served one."""

    share: float
    most: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedInput:
    """One input column.

    features      names of the features that read it
    varied        least share of rows off the commonest value in any stretch of training as long as the served one; NaN
                  where that is not known, as of times
    varies        share of served rows off their commonest value
    distance      Jensen-Shannon distance of the served rows from the training period; NaN where it is not counted
    furthest      of any stretch of training as long from the rest of it; NaN as above
    follows_time  rank correlation with the time of asking in the held-out rows; NaN where it is no number
    echo          how it follows what the model said before; None where too few rows show it
    """

    name: str
    features: tuple[str, ...]
    varied: float
    varies: float
    distance: float
    furthest: float
    follows_time: float
    echo: Echo | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedFeature:
    """One feature.

    inputs           names of the columns it is computed from
    importance       mean absolute change of the candidate's score when its values are exchanged among held-out rows
    relative_to_now  declared to depend on when it is read
    own_output       declared to derive from what a model answered before
    reads_clock      whether the source of its function reads the clock
    missing, unknown shares of rows in the training period
    differs          of the rows in `paired_days`: whether the request gave another value than the history does
    gain             how much the mean score moves when the score moves by 1 before, through this feature; None where
                     it was not measured
    gain_is_bound    whether `gain` is an upper bound, because the relation is not seen in the log
    """

    name: str
    inputs: tuple[str, ...]
    importance: float
    relative_to_now: bool
    own_output: bool
    reads_clock: bool
    missing: Usual
    unknown: Usual
    differs: Marks
    gain: float | None = None
    gain_is_bound: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedLikeTrained:
    """Everything that is compared.

    days          days of served requests
    trained_days  days of the training period
    inputs, features   in the order in which they are declared
    paired_days   day of each served request whose question the history holds too, shape (n_pairs,)
    """

    days: int
    trained_days: int
    inputs: tuple[ServedInput, ...]
    features: tuple[ServedFeature, ...]
    paired_days: Ints

    @property
    def importance(self) -> Mapping[str, float]:
        """Importance of each feature."""
        return {feature.name: feature.importance for feature in self.features}
