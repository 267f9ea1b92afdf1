"""When shadows are asked: after the answers, beside the event loop when they are slow, and not where time is short."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from roadworthy.serving.batching import Limits
from roadworthy.traffic import Route

from .building import Arithmetic, Bench, half, version
from .queueing import PAUSE_SECONDS, SLOW, Queue, Slow


def shadowed(
    directory: Path,
    scenario: Callable[[Queue], Awaitable[None]],
    champion: Arithmetic = half,
    shadow: Arithmetic = half,
) -> Bench:
    """Play a scenario with a champion and its shadow; returns what it was played with."""
    bench = Bench(directory, Route(champion=1, shadow=2), version(1, champion), version(2, shadow))

    async def played() -> None:
        queue = Queue(bench, Limits(), at_once=False)
        await scenario(queue)
        await queue.close()

    asyncio.run(played())
    return bench


def shown(bench: Bench) -> list[float]:
    """The winds of the rows that the shadow was asked."""
    return [float(str(one.inputs[0])) for one in bench.log() if one.role == "shadow"]


async def said(bench: Bench, count: int) -> None:
    """Wait until the shadow has said so much."""
    async with asyncio.timeout(5):
        while len(shown(bench)) < count:
            await asyncio.sleep(0.005)


def left_out(bench: Bench) -> float:
    """Rows that the shadow was not asked."""
    return sum(bench.telemetry.samples()["roadworthy_shadow_shed_rows_total"].values())


def test_a_shadow_is_asked_after_the_answer(tmp_path: Path) -> None:
    """The same rows, once each."""

    async def scenario(queue: Queue) -> None:
        queue.ask(1.0, 2.0)
        assert await queue.all() == [[0.01, 0.02]]
        queue.ask(3.0)
        await said(queue.bench, 3)

    assert shown(shadowed(tmp_path, scenario)) == [1.0, 2.0, 3.0]


def test_a_slow_champion_has_a_shadow_too(tmp_path: Path) -> None:
    """Late is what takes longer than this model does, with its queue; not what takes long."""

    async def scenario(queue: Queue) -> None:
        await queue.is_known_to_be_slow()
        await said(queue.bench, 1)  # which at first nothing was known about
        queue.ask(SLOW)
        await queue.all()
        await said(queue.bench, 2)

    bench = shadowed(tmp_path, scenario, champion=Slow())
    assert shown(bench) == [SLOW] * 2
    assert left_out(bench) == 0


def test_a_slow_shadow_holds_up_nobody(tmp_path: Path) -> None:
    """Once it is known to be slow it is asked on a thread; answers go on, and it is shown their rows in its time."""
    shadow = Slow()

    async def scenario(queue: Queue) -> None:
        queue.ask(SLOW)
        await said(queue.bench, 1)
        queue.ask(SLOW)
        await asyncio.sleep(0.01)
        for wind in range(3):
            started = time.perf_counter()
            queue.ask(float(wind))
            await queue.all()
            assert time.perf_counter() - started < PAUSE_SECONDS / 2
        assert len(shown(queue.bench)) == 1, "the shadow is still at work"
        await said(queue.bench, 5)

    bench = shadowed(tmp_path, scenario, shadow=shadow)
    assert shown(bench) == [SLOW, SLOW, 0.0, 1.0, 2.0]
    assert shadow.at_once == 1
    assert len(shadow.threads - {threading.get_ident()}) >= 1


def test_rows_of_a_late_answer_are_not_shown(tmp_path: Path) -> None:
    """Its time belongs to the next answers; how many were left out is counted."""

    async def scenario(queue: Queue) -> None:
        queue.ask(1.0)
        time.sleep(0.08)  # the event loop had no time for it
        await queue.all()
        queue.ask(2.0)
        await said(queue.bench, 1)

    bench = shadowed(tmp_path, scenario)
    assert (shown(bench), left_out(bench)) == ([2.0], 1)


def test_a_worker_that_ends_asks_what_is_quick_and_leaves_out_what_is_not(tmp_path: Path) -> None:
    """Nobody waits for a slow shadow at the end."""

    async def scenario(queue: Queue) -> None:
        queue.ask(1.0)
        while not queue.answers()[0]:
            await asyncio.sleep(0)
        queue.shadows.finish()
        assert shown(queue.bench) == [1.0]
        queue.ask(SLOW)
        await said(queue.bench, 2)
        queue.ask(2.0)
        while not queue.answers()[2]:
            await asyncio.sleep(0)
        started = time.perf_counter()
        queue.shadows.finish()
        assert time.perf_counter() - started < PAUSE_SECONDS

    bench = shadowed(tmp_path, scenario, shadow=Slow())
    assert (shown(bench), left_out(bench)) == ([1.0, SLOW], 1)
