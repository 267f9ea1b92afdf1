"""Cut rows by time: which part a row falls into, and which day it belongs to.

Never by chance: rows of one day know each other's outcomes. What may be in a part besides (only rows whose label was
known by then) is for whoever trains.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import numpy.typing as npt

from roadworthy.clock import DAY_MICROS, instant, micros
from roadworthy.errors import DefinitionError, TooFewSamples

Integers = npt.NDArray[np.int64]


def time_split(times: Integers, boundaries: Sequence[datetime]) -> Integers:
    """The part that each row falls into: part i holds boundaries[i - 1] <= time < boundaries[i].

    times        microseconds since 1970 UTC, (n,)
    boundaries   strictly ascending instants with a timezone; k of them make k + 1 parts
    returns      0 to k, (n,)
    raises       DefinitionError for boundaries that do not ascend

    >>> time_split(np.array([0, 5, 9]), [instant(5)]).tolist()
    [0, 1, 1]
    """
    cuts = np.array([micros(boundary) for boundary in boundaries], dtype=np.int64)
    if (np.diff(cuts) <= 0).any():
        named = ", ".join(boundary.isoformat() for boundary in boundaries)
        raise DefinitionError(f"boundaries {named} do not ascend: write each later than the one before")
    return np.searchsorted(cuts, times, side="right").astype(np.int64)


def day_boundaries(times: Integers, shares: Sequence[float]) -> list[datetime]:
    """Midnights (UTC) that cut `times` into parts holding about `shares` of the rows, none of them empty.

    times    microseconds since 1970 UTC, (n,), in any order
    shares   shares of the rows in each part, in the order of time; above 0, adding up to 1
    returns  one boundary fewer than shares, for `time_split`
    raises   TooFewSamples when there are fewer days than parts; DefinitionError for shares that do not add up

    >>> days = np.arange(10) * 86_400_000_000
    >>> [boundary.day for boundary in day_boundaries(days, [0.8, 0.2])]
    [9]
    """
    if not shares or min(shares) <= 0 or abs(sum(shares) - 1) > 1e-9:
        raise DefinitionError(f"shares {list(shares)} must be above 0 and add up to 1, such as [0.8, 0.2]")
    days, counts = np.unique(day_number(times), return_counts=True)
    if len(days) < len(shares):
        raise TooFewSamples(
            f"{len(days)} days with rows cannot be cut into {len(shares)} parts of whole days"
        )
    before = np.concatenate([[0], np.cumsum(counts)])
    cuts: list[int] = []
    for part, target in enumerate(np.cumsum(shares)[:-1], 1):
        lowest, highest = (cuts[-1] if cuts else 0) + 1, len(days) - (len(shares) - part)
        nearest = int(np.argmin(np.abs(before - target * len(times))))
        cuts.append(min(max(nearest, lowest), highest))
    return [instant(int(days[cut]) * DAY_MICROS) for cut in cuts]


def day_number(times: Integers) -> Integers:
    """Days since 1970-01-01 UTC of each instant: rows of one number are one block, for they share weather and queues.

    times   microseconds since 1970 UTC, (n,)

    >>> day_number(np.array([-1, 0, 86_400_000_000])).tolist()
    [-1, 0, 1]
    """
    return np.floor_divide(times, DAY_MICROS)
