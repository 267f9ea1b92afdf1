"""What `slices` may look at: which held-out rows belong together, by what was declared and by what the model reads.

Not here: how the groupings were chosen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Marks = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouping:
    """The rows of the holdout by one column.

    column     its name
    values     what its slices are called, in their order
    index      int64 (n_rows,): the slice of each row, -1 for rows of none
    declared   whether the owner named the column; otherwise it was found
    """

    column: str
    values: tuple[str, ...]
    index: Ints
    declared: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Slices:
    """Groupings of the rows of the holdout, in their order.

    groupings      by column
    perfect        `column=value` → which rows must all be called right, bool (n_rows,)
    cut            the declared cut from which on a score is called positive; None where none is declared
    trained_rate   share of positives among the training rows, which the default cut goes by
    """

    groupings: tuple[Grouping, ...]
    perfect: Mapping[str, Marks] = field(default_factory=dict)
    cut: float | None = None
    trained_rate: float
