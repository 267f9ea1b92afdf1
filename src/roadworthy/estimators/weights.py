"""What an estimator has learned, as named arrays: which numbers they hold and which rows belong to which vocabulary.

Not here: reading them from a format (one file each) and judging them (the gate). A row of an array is what the
model knows of one entry of a vocabulary: the row of an embedding, the coefficient of a one-hot category.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from roadworthy.errors import Refused

Array: TypeAlias = npt.NDArray[np.floating[Any]]

#: Name of an array → number of a row → what the row is to hold.
NewRows: TypeAlias = Mapping[str, Mapping[int, Array]]


@dataclass(frozen=True, slots=True)
class WeightArray:
    """One array of parameters.

    name      as people read it; unique within an estimator
    values    its numbers as they are served; shape (size of the vocabulary, …) where `columns` are named
    columns   encoded columns whose numbers pick its rows, row 0 missing and row 1 unknown; () where none does
    source    the stored array that it is part of
    first     the row of `source` at which it begins
    """

    name: str
    values: Array
    columns: tuple[str, ...] = ()
    source: str = ""
    first: int = 0


@dataclass(frozen=True, slots=True)
class Weights:
    """Everything that training decided in an estimator.

    kind     `arrays`, or `trees`, which have no rows: a category that no split names falls to a branch
    arrays   in the order in which they are stored
    unsplit  for trees: column → (categories that no split names, size of its vocabulary); None where not counted
    """

    kind: Literal["arrays", "trees"]
    arrays: tuple[WeightArray, ...]
    unsplit: Mapping[str, tuple[int, int]] | None = field(default=None)

    def array(self, name: str) -> WeightArray:
        """The array of this name; KeyError when there is none."""
        return {each.name: each for each in self.arrays}[name]


def refuse_trees() -> Refused:
    """Why trees cannot have their rows replaced."""
    return Refused(
        "trees have no row a category that could be set to the unknown entry's: a category that no split names goes "
        "the way of an unknown one already. There is nothing to repair; train on rows that have these categories"
    )
