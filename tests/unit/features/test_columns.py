"""Claims about columns."""

from __future__ import annotations

import numpy as np

from roadworthy.features.columns import NO_TIME, Lists, Strings, missing_rows


def test_a_function_of_text_is_called_once_per_distinct_text() -> None:
    """Ten thousand rows with two texts cost two calls."""
    calls: list[str] = []

    def upper(text: str) -> str:
        calls.append(text)
        return text.upper()

    mapped = Strings.of(["ua", "b6"] * 5_000).mapped(upper)
    assert calls == ["ua", "b6"]
    assert mapped.texts() == ["UA", "B6"] * 5_000


def test_texts_that_become_equal_become_one() -> None:
    """Uniques stay distinct after a function that merges them; None from it is missing."""
    mapped = Strings.of(["a", "A", "", None]).mapped(lambda text: text.upper() or None)
    assert mapped.uniques == ("A",)
    assert mapped.texts() == ["A", "A", None, None]


def test_taking_lists_keeps_each_list_whole() -> None:
    """Offsets are made anew."""
    lists = Lists.of([["a"], [], ["b", "c"]]).take(np.array([2, 1, 2]))
    assert lists.lists() == [["b", "c"], [], ["b", "c"]]
    assert lists.offsets.tolist() == [0, 2, 2, 4]


def test_missing_is_seen_in_every_kind_of_column() -> None:
    """A list is never missing."""
    assert missing_rows(np.array([1.0, np.nan])).tolist() == [False, True]
    assert missing_rows(np.array([0, NO_TIME])).tolist() == [False, True]
    assert missing_rows(Strings.of(["", None])).tolist() == [False, True]
    assert missing_rows(Lists.of([[], ["a"]])).tolist() == [False, False]
