"""Encoders of the features that become numbers of a vocabulary: category, cross, categories.

Not here: the vocabulary itself (see `vocabulary`). Work on text is done once per distinct text of a batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from roadworthy.features.columns import Column, Floats, Lists, Strings
from roadworthy.features.declarations import Categories, Category
from roadworthy.features.distinct import distinct
from roadworthy.features.plain import Plain
from roadworthy.features.reading import Reading
from roadworthy.features.vocabulary import MISSING, UNKNOWN, Clean, Lookup, Vocabulary

SEPARATOR = "\x1f"

_CHUNK_ROWS = 65_536
_STATE_MISSING, _STATE_UNKNOWN = np.int8(1), np.int8(2)

States = npt.NDArray[np.int8]


class CategoryEncoder:
    """Looks up each distinct text of a column."""

    def __init__(
        self,
        columns: tuple[str, ...],
        options: Category,
        at: int,
        vocabulary: Vocabulary,
        clean: Clean | None,
    ) -> None:
        (self._column,) = columns
        self._merge = options.unknown == "as_missing"
        self._at = at
        self._vocabulary = vocabulary
        self._clean = clean

    def write(self, reading: Reading, matrix: Floats) -> None:
        """Fill the feature's column."""
        strings = reading.strings(self._column)
        numbers = self._vocabulary.numbers(strings.uniques, self._clean)
        if self._merge:
            numbers[numbers == UNKNOWN] = MISSING
        matrix[:, self._at] = numbers[strings.codes]

    def few(self, plain: Plain) -> list[Sequence[float]]:
        """The feature's column for a few rows."""
        texts = plain.columns[self._column]
        clean = self._clean
        if clean is not None:
            texts = [None if text is None else clean(text) for text in texts]
        return [list(map(self._lookup.__getitem__, texts))]

    @cached_property
    def _lookup(self) -> Lookup:
        return self._vocabulary.lookup(MISSING if self._merge else UNKNOWN)

    def states(self, reading: Reading) -> States:
        """0 present, 1 missing, 2 unknown, whatever they are encoded as."""
        strings = reading.strings(self._column)
        return state_of(self._vocabulary.numbers(strings.uniques, self._clean)[strings.codes])

    def cleaned(self, reading: Reading) -> Column:
        """The text as it is looked up."""
        strings = reading.strings(self._column)
        return strings if self._clean is None else strings.mapped(self._clean)


class CrossEncoder:
    """Looks up each distinct tuple of the texts of several columns."""

    def __init__(self, columns: tuple[str, ...], at: int, vocabulary: Vocabulary) -> None:
        self._columns = columns
        self._at = at
        self._vocabulary = vocabulary

    def write(self, reading: Reading, matrix: Floats) -> None:
        """Fill the feature's column."""
        matrix[:, self._at] = self._numbers(reading)

    def few(self, plain: Plain) -> list[Sequence[float]]:
        """The feature's column for a few rows."""
        rows = zip(*(plain.columns[name] for name in self._columns), strict=True)
        lookup = self._lookup
        return [[lookup[None if None in row else SEPARATOR.join(row)] for row in rows]]

    @cached_property
    def _lookup(self) -> Lookup:
        return self._vocabulary.lookup()

    def states(self, reading: Reading) -> States:
        """0 present, 1 missing: a part is, 2 unknown: the tuple is, though each part may be known."""
        return state_of(self._numbers(reading))

    def cleaned(self, reading: Reading) -> Strings:
        """The tuple as it is looked up, joined by the unit separator."""
        return crossed([reading.strings(name) for name in self._columns])

    def _numbers(self, reading: Reading) -> npt.NDArray[np.int32]:
        strings = self.cleaned(reading)
        numbers: npt.NDArray[np.int32] = self._vocabulary.numbers(strings.uniques)[strings.codes]
        return numbers


class CategoriesEncoder:
    """Looks up the first `length` texts of each list."""

    def __init__(
        self,
        columns: tuple[str, ...],
        options: Categories,
        at: int,
        vocabulary: Vocabulary,
        clean: Clean | None,
    ) -> None:
        (self._column,) = columns
        self._steps = np.arange(options.length)
        self._at = at
        self._vocabulary = vocabulary
        self._clean = clean

    def write(self, reading: Reading, matrix: Floats) -> None:
        """Fill the feature's columns."""
        lists = reading.lists(self._column)
        columns = slice(self._at, self._at + len(self._steps))
        table = self._vocabulary.numbers(lists.values.uniques, self._clean)
        for first in range(0, reading.n, _CHUNK_ROWS):
            last = min(first + _CHUNK_ROWS, reading.n)
            matrix[first:last, columns] = table[self._codes(lists, first, last)]

    def few(self, plain: Plain) -> list[Sequence[float]]:
        """The feature's columns for a few rows."""
        length, find, clean = len(self._steps), self._lookup.__getitem__, self._clean
        padding = [float(MISSING)] * length
        rows = []
        for texts in plain.columns[self._column]:
            found = texts[:length] if clean is None else [clean(text) for text in texts[:length]]
            rows.append([*map(find, found), *padding[len(found) :]])
        return list(zip(*rows, strict=True))

    @cached_property
    def _lookup(self) -> Lookup:
        return self._vocabulary.lookup()

    def states(self, reading: Reading) -> States:
        """0 present, an empty list included; 2 unknown: any of the texts that are encoded is."""
        lists = reading.lists(self._column)
        unknown = self._vocabulary.numbers(lists.values.uniques, self._clean) == UNKNOWN
        states = np.zeros(reading.n, dtype=np.int8)
        for first in range(0, reading.n, _CHUNK_ROWS):
            last = min(first + _CHUNK_ROWS, reading.n)
            states[first:last][unknown[self._codes(lists, first, last)].any(axis=1)] = _STATE_UNKNOWN
        return states

    def cleaned(self, reading: Reading) -> Column:
        """The lists with their texts as they are looked up, at full length."""
        lists = reading.lists(self._column)
        return lists if self._clean is None else Lists(lists.values.mapped(self._clean), lists.offsets)

    def _codes(self, lists: Lists, first: int, last: int) -> npt.NDArray[np.int32]:
        """Codes of the encoded texts of rows `first` to `last`, -1 for padding; shape (last - first, length)."""
        positions = lists.offsets[first:last, np.newaxis] + self._steps
        beyond = positions >= lists.offsets[first + 1 : last + 1, np.newaxis]
        if len(lists.values.codes) == 0:
            return np.full(positions.shape, -1, dtype=np.int32)
        codes = lists.values.codes.take(positions, mode="clip")
        codes[beyond] = -1
        return codes


def state_of(numbers: npt.NDArray[np.int32]) -> States:
    """The state that vocabulary numbers stand for: 0 present, 1 missing, 2 unknown."""
    states = np.zeros(len(numbers), dtype=np.int8)
    states[numbers == MISSING] = _STATE_MISSING
    states[numbers == UNKNOWN] = _STATE_UNKNOWN
    return states


def crossed(parts: Sequence[Strings]) -> Strings:
    """The column of the tuples of `parts`, joined by the unit separator; missing where any part is.

    >>> crossed([Strings.of(["JFK", None]), Strings.of(["SEA", "SEA"])]).texts() == ["JFK\\x1fSEA", None]
    True
    """
    together = parts[0]
    for part in parts[1:]:
        together = _pair(together, part)
    return together


def _pair(left: Strings, right: Strings) -> Strings:
    width = len(right.uniques)
    present = (left.codes >= 0) & (right.codes >= 0)
    keys = left.codes[present].astype(np.int64) * width + right.codes[present]
    found, places = distinct(keys)
    index: dict[str, int] = {}
    table = []
    for key in found.tolist():
        first, second = divmod(key, width)
        text = f"{left.uniques[first]}{SEPARATOR}{right.uniques[second]}"
        table.append(index.setdefault(text, len(index)))
    codes = np.full(len(present), -1, dtype=np.int32)
    codes[present] = np.array(table, dtype=np.int32)[places]
    return Strings(codes, tuple(index))
