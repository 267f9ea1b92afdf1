"""Which requests of one turn of the event loop are taken."""

from __future__ import annotations

import asyncio

from roadworthy.serving.admission import Admission


def taken(admission: Admission, *times: int) -> list[bool]:
    """Ask within one turn."""
    return [admission.takes(time) for time in times]


def test_a_turn_that_lasts_too_long_takes_no_more_and_the_next_one_does() -> None:
    """After the patience and the least number; never before either."""

    async def played() -> None:
        admission = Admission(100, 3)
        assert taken(admission, 1, 2, 3, 100, 101, 102, 103) == [True] * 5 + [False] * 2
        await asyncio.sleep(0)
        assert taken(admission, 200, 400, 401, 402) == [True, True, True, False]
        await asyncio.sleep(0)
        assert taken(admission, 1_000) == [True]

    asyncio.run(played())


def test_without_patience_whatever_comes_is_taken() -> None:
    """A replay has all the time there is."""
    assert all(taken(Admission(0, 1), *range(1, 1_000_000, 10_000)))
