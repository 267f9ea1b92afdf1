"""What `sparse_categories` may look at: the entry that each held-out row has, and what is said with a typical one.

Not here: how often entries were trained on, which `vocabulary_facts` holds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class SparseColumn:
    """One encoded column of text.

    column    its name
    entry     int64 (n_rows,): place of the row's entry in the vocabulary, -1 where missing or unknown
    trained   how many training rows had each entry, shape (n_entries,)
    rows      rows of the holdout whose entry is rare, int64 (n_rare,)
    typical   what the candidate says of them with a frequent entry in its place, float64 (n_rare,)
    """

    column: str
    entry: Ints
    trained: Floats
    rows: Ints
    typical: Floats

    def of_rows(self, place: Ints) -> SparseColumn:
        """The same of the held-out rows at these places, in their order; a place may stand there twice."""
        where = np.full(self.entry.size, -1)
        where[self.rows] = np.arange(self.rows.size)
        found = where[place]
        rows = np.flatnonzero(found >= 0)
        return replace(self, entry=self.entry[place], rows=rows, typical=self.typical[found[rows]])


@dataclass(frozen=True, slots=True, kw_only=True)
class SparseCategories:
    """All columns of text; none where the model has no such feature."""

    columns: tuple[SparseColumn, ...]
