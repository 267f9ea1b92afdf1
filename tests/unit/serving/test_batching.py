"""Waiting for a model: what is answered together, what comes too late, who finds no room, who is gone."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pytest

from roadworthy.automation import ServingRules
from roadworthy.serving.batching import Lane, Lanes, Limits, Waiting
from roadworthy.serving.committing import Committer
from roadworthy.serving.exchange import Rejected
from roadworthy.serving.predicting import Result
from roadworthy.serving.questions import Predicted
from roadworthy.serving.shadowing import Shadows
from roadworthy.traffic import Route

from .building import Arithmetic, Bench, half, rows, version

#: The wind that takes long.
SLOW = 99.0
PAUSE_SECONDS = 0.15


@dataclass
class Slow:
    """A version that takes its time over one wind, and remembers every batch."""

    batches: list[list[float]] = field(default_factory=list)
    threads: set[int] = field(default_factory=set)

    def __call__(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """A hundredth."""
        self.batches.append(values.tolist())
        self.threads.add(threading.get_ident())
        if (values == SLOW).any():
            time.sleep(PAUSE_SECONDS)
        return values / 100


class Queue:
    """A lane of one model, and what each of its clients was told."""

    def __init__(self, bench: Bench, limits: Limits, *, to_disk: bool = False) -> None:
        self.bench, self.told = bench, dict[int, list[Result]]()
        self.executor = ThreadPoolExecutor(2)
        committer = Committer(bench.journal, self.executor, to_disk, bench.predictor.unwritten)
        shadows = Shadows(bench.telemetry, at_once=True)
        self.lane = Lane(bench.predictor, committer, bench.telemetry, self.executor, limits, shadows)

    def ask(self, *winds: float, within: float = 0.0) -> Waiting:
        """A request with these winds; `within` seconds, if that is given."""
        number = len(self.told)
        self.told[number] = []
        question = self.bench.question(*rows(*winds))
        now = time.perf_counter_ns()
        deadline = now + int(within * 1e9) if within else 0
        question = msgspec.structs.replace(question, started_ns=now, deadline_ns=deadline)
        return self.lane.ask(question, self.told[number].append)

    def answers(self) -> list[Any]:
        """What was told to each: outputs, or the kind of the refusal; once."""
        assert all(len(told) <= 1 for told in self.told.values()), "nobody is told twice"
        return [_brief(told[0]) if told else None for told in self.told.values()]

    async def all(self, seconds: float = 10.0) -> list[Any]:
        """Wait until everybody is told."""
        async with asyncio.timeout(seconds):
            while not all(self.told.values()):
                await asyncio.sleep(0.001)
        return self.answers()

    async def is_known_to_be_slow(self) -> None:
        """Ask once, so that the next batch is scored on a thread."""
        self.ask(SLOW)
        await self.all()
        self.told.clear()


def _brief(result: Result) -> Any:
    if isinstance(result, Rejected):
        return result.kind
    return (result.outputs, result.fallback) if result.fallback else result.outputs


def run(
    directory: Path,
    scenario: Callable[[Queue], Awaitable[None]],
    arithmetic: Arithmetic,
    *fallback: Any,
    limits: Limits = Limits(),  # noqa: B008  # frozen
) -> Bench:
    """Play a scenario on an event loop; returns what it was played with."""
    bench = Bench(
        directory, Route(champion=1), version(1, arithmetic, serving=ServingRules(fallback=fallback))
    )

    async def played() -> None:
        queue = Queue(bench, limits)
        await scenario(queue)
        await asyncio.to_thread(queue.executor.shutdown)

    asyncio.run(played())
    return bench


def test_what_was_read_together_is_answered_together_to_whom_it_belongs(tmp_path: Path) -> None:
    """One call of the model for all requests that wait; nobody waits for a timer."""
    model = Slow()

    async def scenario(queue: Queue) -> None:
        for wind in range(5):
            queue.ask(float(wind), wind + 10.0)
        assert await queue.all() == [[wind / 100, (wind + 10) / 100] for wind in range(5)]

    run(tmp_path, scenario, model)
    assert len(model.batches) == 1


def test_a_batch_has_a_largest_size_and_a_request_is_never_cut(tmp_path: Path) -> None:
    """A request that is larger than a batch is one by itself."""
    model = Slow()

    async def scenario(queue: Queue) -> None:
        for winds in ((1.0, 2.0), (3.0,), (4.0,), (5.0, 6.0, 7.0, 8.0), (9.0,)):
            queue.ask(*winds)
        await queue.all()

    run(tmp_path, scenario, model, limits=Limits(max_batch=3))
    assert model.batches == [[1.0, 2.0, 3.0], [4.0], [5.0, 6.0, 7.0, 8.0], [9.0]]


def test_a_flip_between_two_requests_parts_their_batch(tmp_path: Path) -> None:
    """Each is answered by the version it found when it was read, by its log too."""

    async def scenario(queue: Queue) -> None:
        before = queue.bench.served
        queue.ask(1.0)
        other = Bench(tmp_path / "other", Route(champion=2), version(2, lambda values: values / 50))
        queue.bench.served = other.served
        queue.bench.journal.declare(other.served.versions[2].scorer.log_schema)
        queue.ask(1.0)
        queue.bench.served = before
        queue.ask(1.0)
        assert await queue.all() == [[0.01], [0.02], [0.01]]

    made = run(tmp_path, scenario, half)
    assert [one.version for one in made.log()] == [1, 2, 1]


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


def test_without_room_the_oldest_are_refused(tmp_path: Path) -> None:
    """Who has waited longest has most likely given up: 503 with Retry-After; the newest are answered."""

    async def scenario(queue: Queue) -> None:
        await queue.is_known_to_be_slow()
        queue.ask(SLOW)
        await asyncio.sleep(0.01)
        for wind in range(6):
            queue.ask(float(wind))
        assert queue.answers()[1:4] == ["overloaded", "overloaded", None]
        assert await queue.all() == [[0.99], "overloaded", "overloaded", [0.02], [0.03], [0.04], [0.05]]
        (refused,) = queue.told[1]
        assert isinstance(refused, Rejected)
        assert refused.status == 503
        assert dict(refused.headers) == {b"retry-after": b"1"}

    made = run(tmp_path, scenario, Slow(), limits=Limits(max_waiting=4))
    assert len(made.log()) == 6, "what is refused leaves no record"


def test_a_request_larger_than_the_queue_is_answered_when_nobody_waits(tmp_path: Path) -> None:
    """The bound is for crowds."""

    async def scenario(queue: Queue) -> None:
        queue.ask(*([1.0] * 9))
        assert await queue.all() == [[0.01] * 9]

    run(tmp_path, scenario, half, limits=Limits(max_waiting=4))


def test_places_are_counted_back(tmp_path: Path) -> None:
    """After thousands of answered, refused, late and gone requests the queue takes as many as at first."""

    async def scenario(queue: Queue) -> None:
        await queue.is_known_to_be_slow()
        for turn in range(8):
            queue.ask(SLOW if turn % 4 == 0 else 1.0, within=0.02 if turn % 2 else 0.0)
            for number in range(6):
                waiting = queue.ask(float(number), float(number))
                if number % 3 == 0:
                    waiting.leave()
                    queue.told[len(queue.told) - 1].append(Predicted([], [], []))
            await asyncio.sleep(0.01)
        await queue.all()
        queue.told.clear()
        queue.ask(SLOW)
        await asyncio.sleep(0.01)
        for _ in range(4):
            queue.ask(1.0)
        assert await queue.all() == [[0.99], *[[0.01]] * 4]

    run(tmp_path, scenario, Slow(), limits=Limits(max_waiting=4))


def broken(*_: Any) -> None:
    """A fault of ours."""
    raise RuntimeError("a fault of ours")


@pytest.mark.parametrize("where", ["batching.prepare", "predicting.Predictor.finish"])
def test_whatever_breaks_nobody_is_left_waiting(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of ours is a 500 for the batch; the next one is answered."""

    async def scenario(queue: Queue) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(f"roadworthy.serving.{where}", broken)
            queue.ask(1.0)
            assert await queue.all() == ["internal"]
        queue.ask(1.0)
        assert await queue.all() == ["internal", [0.01]]

    run(tmp_path, scenario, half)


def test_what_breaks_on_a_thread_leaves_nobody_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the lane is free again."""

    async def scenario(queue: Queue) -> None:
        await queue.is_known_to_be_slow()
        with monkeypatch.context() as patch:
            patch.setattr("roadworthy.serving.batching.score", broken)
            queue.ask(SLOW)
            assert await queue.all() == ["internal"]
        queue.ask(1.0)
        assert await queue.all() == ["internal", [0.01]]

    run(tmp_path, scenario, Slow())


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


def test_what_breaks_in_scoring_on_the_event_loop_leaves_nobody_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a thread."""

    async def scenario(queue: Queue) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
        monkeypatch.setattr("roadworthy.serving.batching.score", broken)
        queue.ask(1.0)
        assert await queue.all(seconds=0.3) == ["internal"]

    run(tmp_path, scenario, half)


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
        await asyncio.to_thread(queue.executor.shutdown)

    asyncio.run(played())
    assert [(one.role, one.status) for one in bench.log()[1:]] in (
        [("champion", "ok")],
        [("champion", "error"), ("fallback", "ok")],
    )
