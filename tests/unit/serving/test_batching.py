"""What is answered together, who finds no room, and that nobody is left waiting when something breaks."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from roadworthy.serving.batching import Limits
from roadworthy.serving.exchange import Rejected
from roadworthy.serving.questions import Predicted
from roadworthy.traffic import Route

from .building import Bench, half, rows, version
from .queueing import SLOW, Queue, Slow, broken, run


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


def test_a_lane_has_one_batch_at_a_time(tmp_path: Path) -> None:
    """A full batch that goes to a thread at once is not joined by what was to be looked at in the next turn."""
    model = Slow()

    async def scenario(queue: Queue) -> None:
        await queue.is_known_to_be_slow()
        queue.ask(SLOW, 1.0)
        queue.ask(SLOW, 2.0)
        await asyncio.sleep(0.01)
        assert len(model.batches) == 2, "the first of the two is at work"
        assert queue.lane.busy_since is not None
        assert await queue.all() == [[0.99, 0.01], [0.99, 0.02]]

    run(tmp_path, scenario, model, limits=Limits(max_batch=3))
    assert model.batches[1:] == [[SLOW, 1.0], [SLOW, 2.0]]
    assert model.at_once == 1


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


def test_one_client_that_cannot_be_told_leaves_nobody_else_untold(tmp_path: Path) -> None:
    """What is wrong with him is his own."""

    async def scenario(queue: Queue) -> None:
        queue.lane.ask(queue.bench.question(*rows(1.0)), broken)
        queue.ask(2.0)
        assert await queue.all() == [[0.02]]

    run(tmp_path, scenario, half)


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


def test_what_breaks_about_a_shadow_harms_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody is answered already; whoever came last does not hear of it, and the next batch has its turn."""

    async def scenario(queue: Queue) -> None:
        monkeypatch.setattr("roadworthy.serving.predicting.Predictor.shadow", broken)
        for wind in (1.0, 2.0, 3.0):
            queue.ask(wind, wind)
        assert await queue.all(seconds=1.0) == [[0.01] * 2, [0.02] * 2, [0.03] * 2]

    run(tmp_path, scenario, half, limits=Limits(max_batch=3))
