"""How the values of one input are sorted into cells, learned once from the reference and fixed from then on.

Not here: the counts (`summary`). Two windows can be added and compared only because both were counted in the same
cells, so cells are data: they travel with the artifact.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from roadworthy.errors import DefinitionError
from roadworthy.features.columns import Column, Lists, Strings

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

#: Cells between the smallest and the largest reference value of a number with many distinct values.
NUMBER_CELLS = 16
#: Category values that get a cell of their own; rarer ones share one.
CATEGORY_CELLS = 24
#: A value is summed in whole units; beyond this many it counts as this many, so that a sum fits in 63 bits.
MOST_UNITS = 2**36


class NumberCells(msgspec.Struct, frozen=True, tag="number"):
    """Cells of a number or boolean: below the first edge, between edges, from the last edge on.

    edges   ascending; the first is the smallest reference value, so that what was never seen has cells of its own
    unit    a power of two in which values are summed, about a millionth of the reference range: whole numbers add
            to the same sum in any order
    """

    edges: tuple[float, ...]
    unit: float

    @property
    def size(self) -> int:
        """Number of cells."""
        return len(self.edges) + 1


class CategoryCells(msgspec.Struct, frozen=True, tag="category"):
    """Cells of a text or of the items of a list: one for each of `values`, one for all others, one for empty lists."""

    values: tuple[str, ...]

    @property
    def size(self) -> int:
        """Number of cells."""
        return len(self.values) + 2


class NoCells(msgspec.Struct, frozen=True, tag="none"):
    """A timestamp: it moves on by nature, so its values are not compared; hour and weekday are features."""

    @property
    def size(self) -> int:
        """No cells."""
        return 0


Cells: TypeAlias = NumberCells | CategoryCells | NoCells


def learn_cells(column: Column) -> Cells:
    """The cells for a column, from its reference rows.

    A number with at most 16 distinct values gets a cell for each, one with more gets cells of about equal counts.

    >>> learn_cells(np.array([0.0, 1.0, 1.0, np.nan])).edges
    (0.0, 0.5, 1.0000000000000002)
    """
    if isinstance(column, Lists):
        return learn_cells(column.values)
    if isinstance(column, Strings):
        counts = np.bincount(column.codes[column.codes >= 0], minlength=len(column.uniques))
        order = sorted(range(len(column.uniques)), key=lambda code: (-counts[code], column.uniques[code]))
        return CategoryCells(tuple(column.uniques[code] for code in order[:CATEGORY_CELLS] if counts[code]))
    if column.dtype == np.int64:
        return NoCells()
    values = column[np.isfinite(column)].astype(np.float64)
    if values.size == 0:
        return NumberCells((), 1.0)
    distinct = np.unique(values)
    if distinct.size <= NUMBER_CELLS:
        inner = (distinct[:-1] + distinct[1:]) / 2
    else:
        shares = np.arange(1, NUMBER_CELLS) / NUMBER_CELLS
        inner = np.unique(np.quantile(values, shares, method="higher"))
    low, high = float(distinct[0]), float(distinct[-1])
    above = float(np.nextafter(high, np.inf))
    edges = [low, *(float(edge) for edge in inner if low < edge < above), above]
    span = max(high - low, abs(low), abs(high), 2.0**-500)
    return NumberCells(tuple(edges), float(2.0 ** (np.floor(np.log2(span)) - 20)))


def cell_of(cells: Cells, column: Column) -> tuple[Integers, Integers]:
    """Which cell each value falls in, and which row it is of.

    returns (cell, row), int64 arrays of one shape: one entry for each value that is there, several for a row
            that holds a list of several, none for a missing one
    raises  DefinitionError when the column is of another kind than the cells
    """
    if isinstance(cells, NoCells):
        nothing = np.zeros(0, dtype=np.int64)
        return nothing, nothing
    if isinstance(cells, CategoryCells) and isinstance(column, Lists):
        lengths = np.diff(column.offsets)
        inside = _category(cells, column.values)[column.offsets[0] : column.offsets[-1]]
        empty = np.flatnonzero(lengths == 0)
        cell = np.concatenate([inside, np.full(empty.size, cells.size - 1)])
        return cell, np.concatenate([np.repeat(np.arange(lengths.size), lengths), empty])
    if isinstance(cells, CategoryCells) and isinstance(column, Strings):
        there = np.flatnonzero(column.codes >= 0)
        return _category(cells, column)[there], there
    if isinstance(cells, NumberCells) and isinstance(column, np.ndarray) and column.dtype == np.float64:
        there = np.flatnonzero(~np.isnan(column))
        return np.searchsorted(cells.edges, column[there], side="right").astype(np.int64), there
    raise DefinitionError(
        f"an input of kind {type(column).__name__} was counted as {type(cells).__name__} in the reference: "
        "compare a version only with its own reference"
    )


def units(cells: Cells, column: Column) -> Integers:
    """The values of a number column in whole units, missing ones as 0; zeros for other kinds; shape (n,)."""
    if not isinstance(cells, NumberCells) or not isinstance(column, np.ndarray):
        return np.zeros(_length(column), dtype=np.int64)
    with np.errstate(over="ignore"):
        scaled = np.nan_to_num(column / cells.unit, nan=0.0, posinf=MOST_UNITS, neginf=-MOST_UNITS)
    return np.rint(np.clip(scaled, -MOST_UNITS, MOST_UNITS)).astype(np.int64)


def labels(cells: Cells) -> Sequence[str]:
    """A name for each cell, for people."""
    if isinstance(cells, NumberCells):
        ends = ["-inf", *(f"{edge:.6g}" for edge in cells.edges), "inf"]
        return [f"{low} to {high}" for low, high in itertools.pairwise(ends)]
    return [*cells.values, "(other)", "(empty)"] if isinstance(cells, CategoryCells) else []


def _category(cells: CategoryCells, column: Strings) -> Integers:
    index = {value: cell for cell, value in enumerate(cells.values)}
    table = [index.get(text, len(cells.values)) for text in column.uniques]
    return np.array([*table, len(cells.values)], dtype=np.int64)[column.codes]


def _length(column: Column) -> int:
    if isinstance(column, Lists):
        return len(column.offsets) - 1
    return len(column.codes) if isinstance(column, Strings) else len(column)
