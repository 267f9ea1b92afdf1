"""Claims about vocabularies."""

from __future__ import annotations

from roadworthy.features.columns import Strings
from roadworthy.features.vocabulary import Vocabulary, learn


def test_the_most_frequent_text_comes_first_and_equals_in_order_of_text() -> None:
    """So that two fits on the same rows in another order give the same numbers."""
    texts = ["b", "a", "c", "c", "é", "B"]
    assert learn(Strings.of(texts)).entries == ("c", "B", "a", "b", "é")
    assert learn(Strings.of(texts[::-1])) == learn(Strings.of(texts))


def test_rare_texts_get_no_entry() -> None:
    """They become unknown."""
    assert learn(Strings.of(["a", "b", "b", "c", "c", "c"]), min_count=2).entries == ("c", "b")


def test_a_vocabulary_keeps_to_its_size() -> None:
    """The rarest fall away."""
    assert learn(Strings.of(["a", "b", "b", "c", "c", "c"]), max_size=1).entries == ("c",)


def test_missing_texts_and_texts_in_no_row_are_not_counted() -> None:
    """A batch that was cut from a larger one may still know texts it does not hold."""
    strings = Strings(Strings.of(["a", None, "b"]).codes[:2], ("a", "b"))
    assert learn(strings).entries == ("a",)


def test_numbers_start_at_two_and_end_with_missing() -> None:
    """0 missing, 1 unknown; the extra last number is what code -1 finds."""
    vocabulary = Vocabulary(("UA", "B6"))
    assert vocabulary.size == 4
    assert vocabulary.numbers(["B6", "XX", "UA"]).tolist() == [3, 1, 2, 0]
    assert vocabulary.numbers(["ua", ""], lambda text: text.upper() or None).tolist() == [2, 0, 0]
    assert [vocabulary.lookup()[text] for text in ("B6", None, "XX")] == [3, 0, 1]
