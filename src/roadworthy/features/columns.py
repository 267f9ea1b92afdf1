"""The columns a batch is made of, and the kinds they come in.

Not here: where columns come from (rows, Arrow) and what features make of them. Plain arrays serve numbers,
booleans and timestamps; text is dictionary-encoded so that work on text is done once per distinct text.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from roadworthy.clock import micros

Kind = Literal["number", "boolean", "string", "timestamp", "strings"]

Floats: TypeAlias = npt.NDArray[np.float64]
Times: TypeAlias = npt.NDArray[np.int64]
Codes: TypeAlias = npt.NDArray[np.int32]
Indices: TypeAlias = npt.NDArray[np.integer]

#: A missing timestamp.
NO_TIME = int(np.iinfo(np.int64).min)

#: Timestamps lie in [EARLIEST, LATEST]: within a day of what a datetime can hold, so every time zone can show them.
EARLIEST = micros(datetime(1, 1, 2, tzinfo=UTC))
LATEST = micros(datetime(9999, 12, 30, tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Strings:
    """A column of text: `uniques[codes[i]]` is the text of row i, code -1 is a missing one.

    codes     int32 of shape (n,)
    uniques   distinct texts; some may be in no row
    """

    codes: Codes
    uniques: tuple[str, ...]

    @classmethod
    def of(cls, texts: Sequence[str | None]) -> Strings:
        """The column of these texts, None for missing, uniques in order of appearance.

        >>> Strings.of(["UA", None, "UA"]).uniques
        ('UA',)
        """
        index: dict[str, int] = {}
        codes = [-1 if text is None else index.setdefault(text, len(index)) for text in texts]
        return cls(np.array(codes, dtype=np.int32), tuple(index))

    def take(self, indices: Indices) -> Strings:
        """The rows at `indices`; texts that fall away are dropped once they outnumber the rows."""
        codes = self.codes[indices]
        if len(self.uniques) <= len(codes):
            return Strings(codes, self.uniques)
        used, inverse = np.unique(codes, return_inverse=True)
        shift = int(used.size > 0 and used[0] < 0)
        kept = tuple(self.uniques[code] for code in used[shift:])
        return Strings((inverse.reshape(-1) - shift).astype(np.int32), kept)

    def mapped(self, change: Callable[[str], str | None]) -> Strings:
        """The column with `change` applied to each distinct text; None from it means missing."""
        index: dict[str, int] = {}
        table = []
        for unique in self.uniques:
            text = change(unique)
            table.append(-1 if text is None else index.setdefault(text, len(index)))
        table.append(-1)  # code -1 finds the last entry, and stays missing
        return Strings(np.array(table, dtype=np.int32)[self.codes], tuple(index))

    def texts(self) -> list[str | None]:
        """The text of every row, None where it is missing."""
        table: list[str | None] = [*self.uniques, None]
        return [table[code] for code in self.codes.tolist()]


@dataclass(frozen=True, slots=True)
class Lists:
    """A column of lists of text: row i holds `values` from `offsets[i]` up to `offsets[i + 1]`. Never missing."""

    values: Strings
    offsets: npt.NDArray[np.int64]

    @classmethod
    def of(cls, lists: Sequence[Sequence[str]]) -> Lists:
        """The column of these lists."""
        offsets = np.zeros(len(lists) + 1, dtype=np.int64)
        np.cumsum([len(items) for items in lists], out=offsets[1:])
        return cls(Strings.of([text for items in lists for text in items]), offsets)

    def take(self, indices: Indices) -> Lists:
        """The rows at `indices`."""
        starts = self.offsets[:-1][indices]
        lengths = self.offsets[1:][indices] - starts
        offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
        np.cumsum(lengths, out=offsets[1:])
        positions = np.repeat(starts - offsets[:-1], lengths) + np.arange(offsets[-1])
        return Lists(self.values.take(positions), offsets)

    def lists(self) -> list[list[str | None]]:
        """The list of every row."""
        texts, offsets = self.values.texts(), self.offsets.tolist()
        return [texts[start:end] for start, end in itertools.pairwise(offsets)]


Column: TypeAlias = Floats | Times | Strings | Lists


def missing_rows(column: Column) -> npt.NDArray[np.bool_]:
    """Which rows of a column are missing; shape (n,)."""
    if isinstance(column, Strings):
        return column.codes < 0
    if isinstance(column, Lists):
        return np.zeros(len(column.offsets) - 1, dtype=np.bool_)
    if column.dtype == np.int64:
        return np.equal(column, NO_TIME)
    return np.isnan(column)
