"""Who falls to which side is pinned: changing it would move users between arms in the middle of a release."""

from __future__ import annotations

import pytest

from roadworthy.traffic import Route, assign, fraction

#: Computed once with `printf 'salt\0unit' | sha256sum`: the first 53 bits over 2^53.
VECTORS = [
    ("", "", 0.4304816492364817),
    ("a", "2013-07-01 UA1545 EWR", 0.3523164236435524),
    ("salt", "unit", 0.9264938009903187),
    ("release-7", "użytkownik-42", 0.7983962719457289),
    ("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "0", 0.8057403494688383),
]


@pytest.mark.parametrize(("salt", "unit", "expected"), VECTORS)
def test_a_unit_falls_where_it_always_fell(salt: str, unit: str, expected: float) -> None:
    """The published vectors hold in every version of Roadworthy."""
    assert fraction(unit, salt) == expected


def test_a_canary_of_five_per_cent_gets_about_five_per_cent() -> None:
    """Over 20,000 units the share is right to within four standard errors."""
    route = Route(champion=1, canary=2, canary_share=0.05, salt="pinned")
    hits = sum(assign(route, f"unit-{number}") == ("canary", 2, 0.05) for number in range(20_000))
    assert abs(hits / 20_000 - 0.05) < 4 * (0.05 * 0.95 / 20_000) ** 0.5


def test_the_champions_probability_is_what_the_canary_leaves() -> None:
    """The logged propensity of both sides adds up to one."""
    route = Route(champion=1, canary=2, canary_share=0.25, salt="pinned")
    assert {assign(route, f"unit-{number}") for number in range(200)} == {
        ("canary", 2, 0.25),
        ("champion", 1, 0.75),
    }
