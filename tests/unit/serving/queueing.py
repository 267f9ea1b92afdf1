"""A lane of one model on a real event loop, and what its clients are told; for the tests of waiting."""

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

from roadworthy.automation import ServingRules
from roadworthy.serving.batching import Executors, Lane, Limits, Waiting
from roadworthy.serving.committing import Committer
from roadworthy.serving.exchange import Rejected
from roadworthy.serving.predicting import Result
from roadworthy.serving.shadowing import Shadows
from roadworthy.traffic import Route

from .building import Arithmetic, Bench, rows, version

#: The wind that takes long.
SLOW = 99.0
PAUSE_SECONDS = 0.15


@dataclass
class Slow:
    """A version that takes its time over one wind, and remembers every batch and how many it had at once."""

    batches: list[list[float]] = field(default_factory=list)
    threads: set[int] = field(default_factory=set)
    now: int = 0
    at_once: int = 0

    def __call__(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """A hundredth."""
        self.batches.append(values.tolist())
        self.threads.add(threading.get_ident())
        self.now += 1
        self.at_once = max(self.at_once, self.now)
        if (values == SLOW).any():
            time.sleep(PAUSE_SECONDS)
        self.now -= 1
        return values / 100


class Queue:
    """A lane of one model, and what each of its clients was told."""

    def __init__(self, bench: Bench, limits: Limits, *, to_disk: bool = False, at_once: bool = True) -> None:
        self.bench, self.told = bench, dict[int, list[Result]]()
        self.executor, self.rescuers = ThreadPoolExecutor(2), ThreadPoolExecutor(2)
        self.beside = ThreadPoolExecutor(1)
        committer = Committer(bench.journal, self.executor, to_disk)
        self.shadows = Shadows(bench.telemetry, self.beside, at_once=at_once)
        executors = Executors(self.executor, self.rescuers, self.beside)
        self.lane = Lane(bench.predictor, committer, bench.telemetry, executors, limits, self.shadows)

    def ask(self, *winds: float, within: float = 0.0) -> Waiting:
        """A request with these winds; `within` seconds, if that is given."""
        number = len(self.told)
        self.told[number] = []
        question = self.bench.question(*rows(*winds))
        now = time.perf_counter_ns()
        deadline = now + int(within * 1e9) if within else 0
        question = msgspec.structs.replace(question, started_ns=now, deadline_ns=deadline)
        return self.lane.ask(question, self.told[number].append)

    async def close(self) -> None:
        """Wait until nothing is at work any more."""
        for executor in (self.executor, self.rescuers, self.beside):
            await asyncio.to_thread(executor.shutdown)

    def answers(self) -> list[Any]:
        """What was told to each: outputs, or the kind of the refusal; once."""
        assert all(len(told) <= 1 for told in self.told.values()), "nobody is told twice"
        return [brief(told[0]) if told else None for told in self.told.values()]

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


def brief(result: Result) -> Any:
    """The kind of a refusal, or the outputs."""
    if isinstance(result, Rejected):
        return result.kind
    return (result.outputs, result.fallback) if result.fallback else result.outputs


def run(
    directory: Path,
    scenario: Callable[[Queue], Awaitable[None]],
    arithmetic: Arithmetic,
    *fallback: Any,
    limits: Limits = Limits(),  # noqa: B008  # frozen
    standby: Arithmetic | None = None,
) -> Bench:
    """Play a scenario on an event loop; returns what it was played with."""
    champion = version(1, arithmetic, serving=ServingRules(fallback=fallback))
    if standby is None:
        bench = Bench(directory, Route(champion=1), champion)
    else:
        bench = Bench(directory, Route(champion=1, standby=2), champion, version(2, standby))

    async def played() -> None:
        queue = Queue(bench, limits)
        await scenario(queue)
        await queue.close()

    asyncio.run(played())
    return bench


def broken(*_: Any) -> None:
    """A fault of ours."""
    raise RuntimeError("a fault of ours")
