"""The lint finds what is one thing twice and what nobody meant, and keeps quiet about ordinary texts."""

from __future__ import annotations

import pytest

from roadworthy.features.lint import Twins, cleaned, odd, shown, twins

ROYAL_MATCH = "com.dreamgames.royalmatch"


def test_the_published_pair_is_one_thing_and_the_cleaner_that_merges_it_is_named() -> None:
    """The entry with a parameter was its own number, and the one without another."""
    counts = {ROYAL_MATCH: 120, f"{ROYAL_MATCH}$hl=en_US": 40, "com.other": 7}
    assert twins(counts, counts) == [Twins(ROYAL_MATCH, (f"{ROYAL_MATCH}$hl=en_US",), "without_parameters")]


@pytest.mark.parametrize(
    ("other", "cleaner"),
    [
        ("Com.App", "folded"),
        ("com.app ", "tidy"),
        ("com.app?utm_source=x", "without_parameters"),
        ("\u0441om.app", "latin"),
        ("com\u200b.app$hl=en", "app_id"),
        ("COM.APP$hl=en", "folded_id"),
    ],
)
def test_the_mildest_cleaner_that_merges_twins_is_named(other: str, cleaner: str) -> None:
    """Nobody has to fold cases to lose a space."""
    assert twins({"com.app": 2, other: 1}, ["com.app"]) == [Twins("com.app", (other,), cleaner)]


def test_texts_without_an_entry_are_no_twins_of_each_other() -> None:
    """Both are unknown to the model, so nothing is told apart that should not be."""
    assert twins({"com.app": 2, "com.app ": 1}, []) == []


def test_codes_that_differ_in_case_are_two_things() -> None:
    """Only words that one writer capitalised are one."""
    assert twins({"aB3xYzQ": 2, "Ab3XyZq": 1, "dQ": 5, "DQ": 5}, ["aB3xYzQ", "dQ", "DQ"]) == []


def test_a_cross_is_compared_part_by_part() -> None:
    """The character between its parts is ours and no fault."""
    counts = {"EWR\x1fSEA": 5, "EWR\x1fSEA ": 1, "JFK\x1fSEA": 3}
    assert twins(counts, counts) == [Twins("EWR\x1fSEA", ("EWR\x1fSEA ",), "tidy")]
    assert [each.kind for each in odd(counts)] == ["spaces"]
    assert cleaned("EWR\x1f \x00", "tidy") == "EWR\x1f"


def test_crosses_with_an_empty_part_are_told_apart_by_the_other() -> None:
    """A table often holds an empty text where nothing is known; that makes no two airports one."""
    assert twins({"JFK\x1f": 50, "LGA\x1f": 40, "JFK\x1f ": 2}, ["JFK\x1f", "LGA\x1f"]) == [
        Twins("JFK\x1f", ("JFK\x1f ",), "tidy")
    ]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("com.app$hl=en_US", "parameters"),
        ("com\x00app", "control character"),
        ("com\u200bapp", "control character"),
        (" com.app", "spaces"),
        ("two  words", "spaces"),
        ("p\u0430ypal", "look-alike letters"),
        ("cafe\u0301", "normal form"),
        ("ﬁnance", "normal form"),
        ("TEST", "test value"),
        ("n/a", "missing written out"),
    ],
)
def test_each_kind_of_oddity_is_found(text: str, kind: str) -> None:
    """One at a time, among texts that are in order."""
    assert [(each.text, each.kind) for each in odd({text: 1, "com.other": 5})] == [(text, kind)]


def test_ordinary_vocabularies_are_not_talked_about() -> None:
    """Codes of airports, carriers, tails, countries, jobs, dotted and Cyrillic names, versions, paths."""
    names = [
        "EWR",
        "JFK",
        "UA",
        "9E",
        "N14228",
        "NA",
        "self-employed",
        "admin.",
        "AT&T",
        "мир",
        "Ελλάδα",
        "café",
        "C#",
    ]
    names += [f"N{number}AA" for number in range(100, 400)] + [
        "/news/sport",
        "/news/sports",
        "com.app.lite",
        "com.app",
    ]
    names += [f"release-1.{number}.0" for number in range(30)] + [
        "housemaid",
        "blue-collar",
        "東京",
        "Ünal",
        "none of it",
    ]
    counts = {name: 100.0 - place % 90 for place, name in enumerate(names)}
    assert odd(counts) == []
    assert twins(counts, counts) == []


def test_a_rare_text_one_letter_from_a_frequent_one_is_shown_beside_it() -> None:
    """Changed, lost, added or swapped; digits and short texts are codes, and two frequent texts are two names."""
    counts = {"headphones": 900, "headphnes": 2, "headphomes": 2, "headphoness": 1, "haedphones": 1}
    found = odd({**counts, "item-00017": 900, "item-00018": 2, "JFK": 900, "JFX": 1, "headphonez": 500})
    assert {(each.text, each.beside) for each in found} == {
        (text, "headphones") for text in counts if text != "headphones"
    }


def test_an_entry_with_something_appended_is_shown_beside_the_entry() -> None:
    """Whatever was appended, where the entry is there without it as well."""
    assert [each.beside for each in odd({"com.app": 9, "com.app|de": 1, "x|y": 1})] == ["com.app"]


def test_what_cannot_be_seen_is_escaped_when_it_is_shown() -> None:
    """Two texts that look alike in print would otherwise be the same sentence."""
    assert shown("p\u0430ypal\u200b") == r"'p\u0430ypal\u200b'"
    assert shown("мир") == "'мир'"
