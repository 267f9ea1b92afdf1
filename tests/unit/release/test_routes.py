"""Release actions on routes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadworthy.errors import Conflict, DefinitionError
from roadworthy.release.routes import promoted, rolled_back, shadowed, with_canary
from roadworthy.traffic import Route, assign

versions = st.integers(1, 50)


@given(champion=versions, candidate=versions)
def test_rollback_after_promote_restores_the_champion(champion: int, candidate: int) -> None:
    """The version that answered before a promotion answers again after its rollback, and the newcomer is named."""
    if champion == candidate:
        return
    route, rejected = rolled_back(promoted(Route(champion=champion), candidate))
    assert route.champion == champion
    assert rejected == candidate


@given(
    champion=versions,
    candidate=versions,
    share=st.floats(0.01, 0.99),
    units=st.lists(st.text(), min_size=1, max_size=30),
)
def test_a_growing_canary_never_gives_a_unit_back(
    champion: int, candidate: int, share: float, units: list[str]
) -> None:
    """A unit that the canary answers at 5 % is still answered by it at 20 %."""
    if champion == candidate:
        return
    small = with_canary(Route(champion=champion), candidate, share / 2, "a", "salt-1")
    large = with_canary(small, candidate, share, "a", "salt-2")
    for unit in units:
        before, after = assign(small, unit), assign(large, unit)
        assert before is not None
        assert after is not None
        assert before[0] == "champion" or after[0] == "canary"


def test_a_rollback_drops_the_canary_first() -> None:
    """While a canary runs, rolling back means that the champion answers everything again."""
    route = with_canary(Route(champion=1, standby=None), 2, 0.05, "a", "s")
    assert rolled_back(route) == (Route(champion=1), 2)


def test_a_rollback_without_a_target_is_refused() -> None:
    """With neither canary nor standby there is nothing to go back to, and the message says what to do."""
    with pytest.raises(Conflict, match="nothing to roll back to"):
        rolled_back(Route(champion=1))


def test_only_the_standby_can_be_returned_to() -> None:
    """A version that is not loaded and checked is not a target of a rollback."""
    with pytest.raises(Conflict, match="not the standby"):
        rolled_back(Route(champion=3, standby=2), to=1)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, 5.0])
def test_a_share_outside_zero_and_one_is_refused(share: float) -> None:
    """`--canary 5` is a slip for 5 %, not five hundred per cent."""
    with pytest.raises(DefinitionError, match="between 0 and 1"):
        with_canary(Route(champion=1), 2, share, "a", "s")


def test_nothing_shadows_before_a_champion_serves() -> None:
    """A shadow has nobody to stand behind on a first release."""
    with pytest.raises(Conflict, match="no champion"):
        shadowed(Route(), 1, "a")
