"""Pauses between attempts."""

from __future__ import annotations

import pytest

from roadworthy.client.retries import Pauses, wished


def test_pauses_grow_to_a_bound_and_are_drawn_from_zero_up() -> None:
    """Full jitter: the whole range below the exponential bound is used."""
    pauses = Pauses(first_seconds=0.1, longest_seconds=2.0)
    most = [pauses.seconds(tried, 1.0) for tried in (1, 2, 3, 4, 5, 6, 500)]
    assert most == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0])
    assert pauses.seconds(4, 0.0) == 0.0
    assert pauses.seconds(4, 0.25) == pytest.approx(0.2)


def test_what_the_server_asked_for_is_never_undercut() -> None:
    """Jitter comes on top, so that those who were sent away together do not come back together."""
    found = {Pauses().seconds(6, draw / 10, 4.0) for draw in range(10)}
    assert min(found) == 4.0
    assert max(found) <= 6.0
    assert len(found) > 5


@pytest.mark.parametrize(
    ("header", "seconds"),
    [(None, None), ("0", 0.0), ("120", 120.0), ("-3", None), ("x", None), ("", None)],
)
def test_only_a_readable_wish_counts(header: str | None, seconds: float | None) -> None:
    """Anything else is as if nothing had been said."""
    assert wished(header, 0.0) == seconds
