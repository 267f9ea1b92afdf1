"""What the gate may look at to tell whether an input knew the outcome before it was known.

Not here: how it was found out (jobs.gate_leakage). Counts of rows, and scores that each input alone would give.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownLater:
    """A joined input whose source is said elsewhere to be known later than the model takes it to be.

    column     the joined input
    declared   since when the model takes a row to be known, such as `observed_at`
    otherwise  since when it is known by the other declaration, such as `observed_at + 1h`
    says       who says so, such as `the outcome 'late'` or `version 1`
    certain    whether that is the declaration of an outcome, which nothing can be known before
    rows       held-out questions that were joined again by the other declaration; 0 where that was not possible
    changed    of how many the value changed: they were told something that was not known yet
    """

    column: str
    declared: str
    otherwise: str
    says: str
    certain: bool
    rows: int
    changed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """A joined input, joined again for questions that were really asked, and compared with what they carried.

    column     the joined input
    declared   since when the model takes a row to be known
    rows       served requests whose value could be joined again
    differing  of how many the value was another one
    lag        the delay after which the join agrees best, as `1h`; "" where none agrees better
    remaining  how many differ still when every row becomes known by `lag` later
    """

    column: str
    declared: str
    rows: int
    differing: int
    lag: str = ""
    remaining: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """An input that the history itself holds, and nothing says since when it was known.

    trained, there   held-out rows of the history, and in how many of them there is a value
    usual            in how many of them it is the most frequent value
    served, sent     served requests, and in how many of them there is a value
    constant         whether all values that were sent are one and the same
    unsent           why no request carries it, as the end of a sentence; "" where requests have a place for it
    """

    column: str
    trained: int
    there: int
    usual: int
    served: int
    sent: int
    constant: bool = False
    unsent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """An input that could be made from the instant at which the outcome became known.

    column   a time, or a number that is a length of time
    unit     of which the number counts, such as `seconds`; "" for a time
    rows     held-out rows with a value
    fixed    in how many of them it lies exactly as far from that instant as in most others
    offset   how far: seconds after the outcome was known; below 0 before it
    """

    column: str
    unit: str
    rows: int
    fixed: int
    offset: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Units:
    """Whether the same unit stands on both sides of the split.

    questions   training rows
    trained     units among them
    held_out    held-out rows
    shared      of how many the unit is among the training rows
    """

    questions: int
    trained: int
    held_out: int
    shared: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Alone:
    """What each input would say by itself, on a sample of the held-out rows.

    labels   outcomes 0 or 1, shape (n_rows,)
    days     day each row was asked on, shape (n_rows,)
    scores   input → score in [0, 1] of every row, learned from that input alone on other days, shape (n_rows,)
    new      inputs that the champion does not read; empty without a champion
    """

    labels: Floats
    days: Ints
    scores: Mapping[str, Floats] = field(default_factory=dict)
    new: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Leakage:
    """Everything that was found out; None where it could not be, with the reason in `unknown`.

    joined    number of joined inputs
    looked    held-out questions that were joined again to see whether an input is said to be known later
    later     joined inputs that are said elsewhere to be known later
    replayed  joined inputs compared with what requests carried; empty without traffic
    own       inputs of the history itself
    served    served requests that were looked at; 0 where no version has answered yet
    timed     held-out rows whose outcome became known at an instant of its own, not the same time after the question as
              in most rows
    followed  inputs found to lie a fixed time from it in some rows
    held_out  held-out rows
    units     None where the training units are not known
    alone     None where a score of one input could not be made
    unknown   what of these could not be found out: name of the field → why
    """

    joined: int = 0
    looked: int = 0
    later: tuple[KnownLater, ...] = ()
    replayed: tuple[Replayed, ...] = ()
    own: tuple[Carried, ...] = ()
    served: int = 0
    timed: int = 0
    followed: tuple[Followed, ...] = ()
    held_out: int = 0
    units: Units | None = None
    alone: Alone | None = None
    unknown: Mapping[str, str] = field(default_factory=dict)
