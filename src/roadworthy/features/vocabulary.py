"""Vocabularies: the numbers that texts become.

0 is missing and padding, 1 is unknown, entries start at 2, the most frequent first, equals in order of their text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from roadworthy.features.columns import Strings

MISSING = 0
UNKNOWN = 1
RESERVED = 2

Clean = Callable[[str], str | None]


class Lookup(dict[str | None, float]):
    """Text → its number as a float, for a few plain values; None is missing, and what is not there is `other`.

    >>> lookup = Lookup({None: 0.0, "UA": 2.0}, 1.0)
    >>> lookup["UA"], lookup[None], lookup["XX"]
    (2.0, 0.0, 1.0)
    """

    def __init__(self, numbers: Mapping[str | None, float], other: float) -> None:
        super().__init__(numbers)
        self.other = other

    def __missing__(self, text: str | None) -> float:
        return self.other


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The entries, from number 2 upwards.

    >>> Vocabulary(("UA", "B6")).numbers(["B6", "XX"]).tolist()
    [3, 1, 0]
    """

    entries: tuple[str, ...]
    _index: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "_index", {text: number for number, text in enumerate(self.entries, RESERVED)}
        )

    @property
    def size(self) -> int:
        """How many numbers there are: the entries, missing and unknown."""
        return len(self.entries) + RESERVED

    def numbers(self, uniques: Sequence[str], clean: Clean | None = None) -> npt.NDArray[np.int32]:
        """The number of each text after cleaning, and MISSING behind the last, where code -1 finds it."""
        find = self._index.get
        if clean is None:
            numbers = [find(text, UNKNOWN) for text in uniques]
        else:
            cleaned = [clean(text) for text in uniques]
            numbers = [MISSING if text is None else find(text, UNKNOWN) for text in cleaned]
        numbers.append(MISSING)
        return np.array(numbers, dtype=np.int32)

    def lookup(self, unknown: int = UNKNOWN) -> Lookup:
        """The vocabulary for plain values; `unknown` is the number of a text that it does not have."""
        numbers: dict[str | None, float] = {text: float(number) for text, number in self._index.items()}
        return Lookup({None: float(MISSING), **numbers}, float(unknown))


def learn(texts: Strings, *, min_count: int = 1, max_size: int | None = None) -> Vocabulary:
    """The vocabulary of texts that occur at least `min_count` times, at most `max_size` of them.

    >>> learn(Strings.of(["b", "a", "c", "c"]), max_size=2).entries
    ('c', 'a')
    """
    occurrences = np.bincount(texts.codes[texts.codes >= 0], minlength=len(texts.uniques)).tolist()
    counts: Counter[str] = Counter()
    for text, count in zip(texts.uniques, occurrences, strict=True):
        counts[text] += count
    kept = [(-count, text) for text, count in counts.items() if count >= min_count]
    return Vocabulary(tuple(text for _, text in sorted(kept)[:max_size]))
