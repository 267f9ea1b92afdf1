"""Slow models: what comes too late, who is gone, and what goes on meanwhile."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from roadworthy.automation import ServingRules
from roadworthy.serving.batching import Lanes, Limits
from roadworthy.serving.exchange import Rejected
from roadworthy.traffic import Route

from .building import Bench, fail, half, version
from .queueing import PAUSE_SECONDS, SLOW, Queue, Slow, broken, run


def test_a_fallback_answers_what_comes_too_late(tmp_path: Path) -> None:
    """Within the deadline; the log has the late version as an error, and never its answer, which nobody was told."""
    model = Slow()
    took: list[float] = []

    async def scenario(queue: Queue) -> None:
        await queue.is_known_to_be_slow()
        started = time.perf_counter()
        queue.ask(SLOW, 1.0, within=0.03)
        assert await queue.all() == [([0.25, 0.25], [0, 1])]
        took.append(time.perf_counter() - started)
        await asyncio.sleep(PAUSE_SECONDS)

    made = run(tmp_path, scenario, model, 0.25)
    assert 0.03 <= took[0] < PAUSE_SECONDS
    late = made.log()[1:]
    assert sorted((one.role, one.row, one.status) for one in late) == [
        ("champion", 0, "error"), ("champion", 1, "error"), ("fallback", 0, "ok"), ("fallback", 1, "ok"),
    ]  # fmt: skip
    assert {one.error for one in late if one.status == "error"} == {"it did not answer in time"}


def test_without_a_fallback_what_comes_too_late_is_refused_in_time(tmp_path: Path) -> None:
    """504; those who gave more time get their answer from the same batch."""

    async def scenario(queue: Queue) -> None:
        await queue.is_known_to_be_slow()
        queue.ask(SLOW, within=0.03)
        queue.ask(2.0)
        await asyncio.sleep(0.06)
        assert queue.answers() == ["too_late", None]
        (refused,) = queue.told[0]
        assert isinstance(refused, Rejected)
        assert refused.status == 504
        assert await queue.all() == ["too_late", [0.02]]

    run(tmp_path, scenario, Slow())


def test_who_waits_behind_a_slow_batch_is_answered_in_time_too(tmp_path: Path) -> None:
    """The deadline counts from the request, not from the model's first look at it; it is not scored any more."""
    model = Slow()

    async def scenario(queue: Queue) -> None:
        await queue.is_known_to_be_slow()
        queue.ask(SLOW)
        await asyncio.sleep(0.01)
        queue.ask(3.0, within=0.03)
        await asyncio.sleep(0.06)
        assert queue.answers() == [None, ([0.25], [0])]
        assert await queue.all() == [[0.99], ([0.25], [0])]

    run(tmp_path, scenario, model, 0.25)
    assert [3.0] not in model.batches


def test_who_is_left_out_of_a_slow_batch_is_answered_in_time_too(tmp_path: Path) -> None:
    """Nothing said that the model is slow when two requests came in one turn, with a flip between them."""
    model = Slow()

    async def scenario(queue: Queue) -> None:
        await queue.is_known_to_be_slow()
        queue.ask(1.0, 2.0)
        await queue.all()
        assert not queue.lane.slow, "batches of two are quick"
        queue.ask(SLOW)
        other = Bench(tmp_path / "other", Route(champion=1), *queue.bench.served.versions.values())
        queue.bench.served = other.served
        queue.ask(3.0, within=0.03)
        await asyncio.sleep(0.08)
        assert queue.answers()[1:] == [None, ([0.25], [0])]
        assert await queue.all() == [[0.01, 0.02], [0.99], ([0.25], [0])]

    run(tmp_path, scenario, model, 0.25)
    assert [3.0] not in model.batches


def test_the_event_loop_goes_on_while_a_slow_model_works(tmp_path: Path) -> None:
    """Another model answers meanwhile, and again and again."""
    model = Slow()
    ticks: list[float] = []

    async def scenario(queue: Queue) -> None:
        quick = Queue(Bench(tmp_path / "quick", Route(champion=1), version(1, half)), Limits())
        await queue.is_known_to_be_slow()
        queue.ask(SLOW)
        while not queue.told[0]:
            started = time.perf_counter()
            quick.ask(1.0)
            await quick.all()
            ticks.append(time.perf_counter() - started)
            await asyncio.sleep(0.005)
        assert queue.answers() == [[0.99]]
        assert all(answer == [0.01] for answer in quick.answers())

    run(tmp_path, scenario, model)
    assert len(ticks) >= 5
    assert sorted(ticks)[len(ticks) // 2] < 0.05
    assert len(model.threads) == 2, "the first time on the event loop, then on a thread"


def test_who_is_gone_is_neither_scored_nor_logged(tmp_path: Path) -> None:
    """A client that leaves before its batch frees its place; one that leaves during it costs nobody else anything."""
    model = Slow()

    async def scenario(queue: Queue) -> None:
        await queue.is_known_to_be_slow()
        during = queue.ask(SLOW)
        queue.ask(1.0)
        await asyncio.sleep(0.01)
        before = queue.ask(2.0)
        queue.ask(3.0)
        before.leave()
        during.leave()
        async with asyncio.timeout(10):
            while not (queue.told[1] and queue.told[3]):
                await asyncio.sleep(0.001)
        assert queue.answers() == [None, [0.01], None, [0.03]]

    made = run(tmp_path, scenario, model)
    assert model.batches[1:] == [[SLOW, 1.0], [3.0]]
    assert sorted(one.inputs[0] for one in made.log()[1:]) == [1.0, 3.0]


def test_a_lane_is_stuck_for_as_long_as_its_batch_does_not_come_back(tmp_path: Path) -> None:
    """What the supervisor replaces a worker by."""

    async def scenario(queue: Queue) -> None:
        lanes = Lanes(lambda: queue.lane)
        assert lanes.of("delay") is lanes.of("delay") is queue.lane
        await queue.is_known_to_be_slow()
        assert lanes.stuck_seconds == 0.0
        queue.ask(SLOW)
        await asyncio.sleep(0.05)
        assert 0.0 < lanes.stuck_seconds < PAUSE_SECONDS * 2
        await queue.all()
        assert lanes.stuck_seconds == 0.0

    run(tmp_path, scenario, Slow())


def test_a_model_that_was_quick_and_becomes_slow_keeps_its_deadline_soon(tmp_path: Path) -> None:
    """The first slow batch cannot be foreseen; the second can."""
    took: list[float] = []

    async def scenario(queue: Queue) -> None:
        for _ in range(3):
            queue.ask(1.0)
            await queue.all()
        for _ in range(2):
            started = time.perf_counter()
            queue.ask(SLOW, within=0.03)
            await queue.all()
            took.append(time.perf_counter() - started)

    run(tmp_path, scenario, Slow(), 0.25)
    assert took[1] < PAUSE_SECONDS


def test_an_answer_that_waits_for_the_disk_is_the_only_one_logged(tmp_path: Path) -> None:
    """What the log says was answered is what the caller was told: not the version's answer and a fallback's too."""
    bench = Bench(tmp_path, Route(champion=1), version(1, Slow(), serving=ServingRules(fallback=(0.25,))))

    def slow_disk() -> Callable[[], None]:
        return lambda: time.sleep(0.1)

    bench.journal.sync_later = slow_disk  # type: ignore[method-assign]  # a disk that takes its time

    async def played() -> None:
        queue = Queue(bench, Limits(), to_disk=True)
        await queue.is_known_to_be_slow()
        queue.ask(SLOW, within=PAUSE_SECONDS + 0.05)
        await queue.all()
        await queue.close()

    asyncio.run(played())
    assert [(one.role, one.status) for one in bench.log()[1:]] in (
        [("champion", "ok")],
        [("champion", "error"), ("fallback", "ok")],
    )


def test_threads_that_do_not_come_back_keep_no_fallback_away(tmp_path: Path) -> None:
    """Who made a request late does not decide when the standby is asked for it."""
    free = threading.Event()

    async def scenario(queue: Queue) -> None:
        await queue.is_known_to_be_slow()
        for _ in range(2):
            queue.executor.submit(free.wait, 10)
        try:
            queue.ask(SLOW, within=0.03)
            assert await queue.all(seconds=1.0) == [([0.99], [0])]
        finally:
            free.set()

    run(tmp_path, scenario, Slow(), "standby", 0.25, standby=half)


@pytest.mark.parametrize("where", ["batching.prepare", "predicting.Predictor.finish"])
def test_whatever_breaks_for_the_late_nobody_is_left_waiting(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """500 at the deadline, with or without a standby; the slow batch has nothing more to say."""

    async def scenario(queue: Queue) -> None:
        await queue.is_known_to_be_slow()
        queue.ask(SLOW, within=0.03)
        await asyncio.sleep(0.01)
        with monkeypatch.context() as patch:
            patch.setattr(f"roadworthy.serving.{where}", broken)
            assert await queue.all(seconds=PAUSE_SECONDS * 0.6) == ["internal"]

    run(tmp_path / "bare", scenario, Slow(), 0.25)
    run(tmp_path / "standby", scenario, Slow(), "standby", standby=half)


def test_a_batch_that_breaks_says_nothing_to_whom_a_fallback_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log has the fallback as the answer, and so the caller is told it, though it takes longer."""

    def late_and_broken(work: Any) -> None:
        time.sleep(0.06)
        raise RuntimeError("a fault of ours")

    async def scenario(queue: Queue) -> None:
        await queue.is_known_to_be_slow()
        monkeypatch.setattr("roadworthy.serving.batching.score", late_and_broken)
        queue.ask(SLOW, within=0.03)
        queue.ask(1.0)
        assert await queue.all() == [([0.99], [0]), "internal"]

    made = run(tmp_path, scenario, Slow(), "standby", standby=Slow())
    assert [one.role for one in made.log()[1:]] == ["champion", "fallback"]


def test_who_is_refused_for_want_of_room_is_nobody_whom_a_fallback_is_asked_for(tmp_path: Path) -> None:
    """His place is free already, and his answer is on its way."""

    async def scenario(queue: Queue) -> None:
        await queue.is_known_to_be_slow()
        queue.ask(SLOW)
        await asyncio.sleep(0.01)
        queue.ask(SLOW, within=0.02)
        await asyncio.sleep(0.05)
        queue.ask(1.0, 2.0)
        assert await queue.all() == [[0.99], ([0.99], [0]), [0.01, 0.02]]

    run(tmp_path, scenario, Slow(), "standby", standby=Slow(), limits=Limits(max_waiting=2))


def test_a_slow_standby_is_asked_on_a_thread_for_what_a_version_did_not_answer(tmp_path: Path) -> None:
    """Once it is known to be slow; who is answered at his deadline meanwhile is not answered again by the batch."""
    standby = Slow()

    async def scenario(queue: Queue) -> None:
        await queue.is_known_to_be_slow()
        queue.ask(SLOW)
        queue.ask(SLOW, within=0.03)
        assert await queue.all() == [([0.99], [0])] * 2
        assert len(standby.threads) > 1

    made = run(tmp_path, scenario, fail, "standby", standby=standby)
    assert threading.get_ident() in standby.threads, "the first time nothing was known"
    assert sorted(one.role for one in made.log()[2:]) == ["champion"] * 2 + ["fallback"] * 2
