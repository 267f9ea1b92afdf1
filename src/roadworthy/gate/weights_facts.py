"""What the gate may look at of an estimator's parameters: array by array, what training did to them.

Not here: how they were read and compared (jobs.gate_weights).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayFacts:
    """One array of parameters.

    name        as the estimator's format calls it
    shape       rows first
    norm        Euclidean norm of its finite numbers
    not_finite  how many of its numbers are NaN or infinite
    learned     norm of what training changed, relative to the norm before; None where nobody knows the values before
    change      norm of the difference to the champion's array, relative to that one's norm, entries of vocabularies
                side by side; None without a champion or where it has no such array
    same_as     versions that hold the same bytes in it, trained on other rows
    columns     encoded columns whose numbers pick its rows; () where none does
    untrained   rows that training never touched
    repaired    how many of them a repair has set
    random      how many of them can be asked for and still hold their random start
    touched     of the rows looked at, those that ask for one of these
    entries     examples of them, the most asked for first
    """

    name: str
    shape: tuple[int, ...]
    norm: float
    not_finite: int = 0
    learned: float | None = None
    change: float | None = None
    same_as: tuple[int, ...] = ()
    columns: tuple[str, ...] = ()
    untrained: int = 0
    repaired: int = 0
    random: int = 0
    touched: int = 0
    entries: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightFacts:
    """All arrays of one version.

    kind      `arrays`, or `trees`, which have no row for a category
    arrays    in the order of the estimator
    sampled   held-out rows and served requests that were looked at
    touched   how many of them ask for a row that holds its random start, in any array
    kept      whether training kept which rows it touched; versions of an older Roadworthy have nothing
    unsplit   for trees: column → (categories that no split names, size of its vocabulary)
    compared  versions whose arrays were compared, the champion among them
    same_as   those that hold the same bytes in every array, although they were trained on other rows
    """

    kind: Literal["arrays", "trees"]
    arrays: tuple[ArrayFacts, ...]
    sampled: int
    touched: int = 0
    kept: bool = True
    unsplit: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    compared: tuple[int, ...] = ()
    same_as: tuple[int, ...] = ()
