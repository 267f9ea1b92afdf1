"""Batches that nobody waits for: what has been read by the time the model is free is answered together.

Not here: what an answer is (predicting). A quick model is asked on the event loop; a slow one on a thread, so that
health, outcomes and other models go on meanwhile. Everything here runs on the event loop except `_ask`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial

from roadworthy.serving.committing import Committer
from roadworthy.serving.cost import INLINE_SECONDS, Cost, timed
from roadworthy.serving.exchange import Rejected
from roadworthy.serving.predicting import Predictor, Result, Work, prepare, rescue_lost, score
from roadworthy.serving.questions import Question
from roadworthy.serving.scoring import Said, Share
from roadworthy.serving.shadowing import Shadows
from roadworthy.serving.telemetry import Telemetry

logger = logging.getLogger("roadworthy.worker")


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a model's queue takes.

    max_batch     most rows of a batch, unless one request alone has more
    max_waiting   most rows that wait; beyond them the oldest requests are refused
    """

    max_batch: int = 128
    max_waiting: int = 20_000


@dataclass(eq=False, slots=True)
class Waiting:
    """A request that waits for its answer.

    told   called once with the answer or the refusal
    done   nobody waits any more
    late   its time was over and a fallback is asked: the version's answer comes to nothing
    """

    question: Question
    told: Callable[[Result], None]
    done: bool = False
    late: bool = False
    timer: asyncio.TimerHandle | None = None

    def settle(self, result: Result) -> None:
        """Tell the answer; only the first one counts. Who cannot be told leaves nobody else untold."""
        if not self.done:
            self.leave()
            try:
                self.told(result)
            except Exception:
                logger.exception("an answer could not be told")

    def leave(self) -> None:
        """Wait no longer, because the client is gone: what is not scored yet is not scored for it."""
        self.done = True
        if self.timer is not None:
            self.timer.cancel()


@dataclass(frozen=True, slots=True)
class Executors:
    """Who asks what is slow.

    scoring    asks versions
    rescuing   asks standbys for requests whose time is over: what made them late may hold every other thread
    shadowing  asks shadows
    """

    scoring: Executor
    rescuing: Executor
    shadowing: Executor


class Lane:
    """The requests to one model of one worker, in order."""

    def __init__(
        self,
        predictor: Predictor,
        committer: Committer,
        telemetry: Telemetry,
        executors: Executors,
        limits: Limits,
        shadows: Shadows,
    ) -> None:
        self._predictor, self._committer, self._telemetry = predictor, committer, telemetry
        self._executors, self._limits, self.shadows = executors, limits, shadows
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[Waiting] = deque()
        self._rows = 0
        self._scheduled = False
        self._cost = Cost()
        self.busy_since: float | None = None

    @property
    def slow(self) -> bool:
        """Whether a request may have to wait for longer than a turn of the event loop."""
        return self.busy_since is not None or self._cost.slow

    def ask(self, question: Question, told: Callable[[Result], None]) -> Waiting:
        """Queue a request; `told` is called with its answer or refusal, perhaps before this returns."""
        waiting = Waiting(question, told)
        rows = len(question.request.rows)
        if self._rows + rows > self._limits.max_waiting and self._rows:
            self._shed(rows)
        if question.deadline_ns and self.slow:
            seconds = max(0.0, (question.deadline_ns - time.perf_counter_ns()) / 1e9)
            waiting.timer = self._loop.call_later(seconds, self._late, waiting)
        self._waiting.append(waiting)
        self._rows += rows
        if self.busy_since is None:
            if self._rows >= self._limits.max_batch:
                self._flush()  # a full batch gains nothing by waiting for what else can be read
            elif not self._scheduled:
                self._scheduled = True
                self._loop.call_soon(self._flush)
        return waiting

    def _shed(self, rows: int) -> None:
        """Make room by refusing the oldest: who has waited longest is the first to have given up."""
        while self._waiting and self._rows + rows > self._limits.max_waiting:
            oldest = self._waiting.popleft()
            self._rows -= len(oldest.question.request.rows)
            if not oldest.late:
                oldest.settle(overloaded())

    def _flush(self) -> None:
        """Answer what waits, as far as it goes into one batch, unless one is at work already."""
        self._scheduled = False
        if self.busy_since is not None:
            return
        batch = self._take()
        if not batch:
            return
        questions = [waiting.question for waiting in batch]
        rows = sum(len(question.request.rows) for question in questions)
        try:
            work = prepare(questions)
            here = self._cost.expected(rows) <= INLINE_SECONDS
            if here:
                self._cost.here(rows, partial(_ask, work))
        except Exception as error:  # noqa: BLE001  # whatever it is, nobody may be left waiting
            self._broken(batch, error)
        else:
            if here:
                self._finish(batch, work)
            else:
                self._score_elsewhere(batch, work, rows)
        if self.busy_since is None:
            self._flush_soon()

    def _flush_soon(self) -> None:
        if self._waiting and not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._flush)

    def _take(self) -> list[Waiting]:
        """The oldest requests that found the same table, up to the largest batch; whose time is over are refused."""
        batch: list[Waiting] = []
        late: list[Waiting] = []
        rows, now = 0, time.perf_counter_ns()
        waiting = self._waiting
        while waiting:
            head = waiting[0]
            size = len(head.question.request.rows)
            if batch and (
                rows + size > self._limits.max_batch or head.question.served is not batch[0].question.served
            ):
                break
            waiting.popleft()
            self._rows -= size
            if head.done or head.late:
                continue
            if 0 < head.question.deadline_ns <= now:
                late.append(head)
                continue
            batch.append(head)
            rows += size
        while late:
            same = [one for one in late if one.question.served is late[0].question.served]
            late = [one for one in late if one.question.served is not late[0].question.served]
            self._late(*same)
        return batch

    def _score_elsewhere(self, batch: list[Waiting], work: Work, rows: int) -> None:
        self.busy_since = time.perf_counter()
        done = self._loop.run_in_executor(self._executors.scoring, timed, partial(_ask, work))
        for waiting in (*batch, *self._waiting):  # who is not in this batch waits for it all the same
            deadline = waiting.question.deadline_ns
            if deadline and waiting.timer is None:
                seconds = max(0.0, (deadline - time.perf_counter_ns()) / 1e9)
                waiting.timer = self._loop.call_later(seconds, self._late, waiting)

        def scored(finished: asyncio.Future[tuple[None, float]]) -> None:
            self.busy_since = None
            self._flush_soon()
            if finished.exception() is not None:
                self._broken(batch, finished.exception())
            else:
                self._cost.learn(rows, finished.result()[1])
                self._finish(batch, work)

        done.add_done_callback(scored)

    def _late(self, *late: Waiting) -> None:
        """The time of these requests is over: a fallback answers, or nobody; the version's answer comes to nothing."""
        waited = [waiting for waiting in late if not (waiting.done or waiting.late)]
        if not waited:
            return
        for waiting in waited:
            waiting.late = True
        try:
            work = prepare([waiting.question for waiting in waited])
        except Exception as error:  # noqa: BLE001  # whatever it is, nobody may be left waiting
            self._broken(waited, error, late=True)
            return
        for share in work.shares:
            share.said = Said(b"", None, "it did not answer in time")
        if work.served.route.standby is None:
            self._finish_late(waited, work)
            return
        asked = self._loop.run_in_executor(self._executors.rescuing, rescue_lost, work)
        asked.add_done_callback(lambda done: self._finish_late(waited, work, done.exception()))

    def _finish_late(self, waited: Sequence[Waiting], work: Work, error: BaseException | None = None) -> None:
        try:
            if error is not None:
                raise error
            answers = self._predictor.finish(work)
        except Exception as failed:  # noqa: BLE001  # whatever it is, nobody may be left waiting
            self._broken(waited, failed, late=True)
            return
        results: list[Result] = [
            too_late() if isinstance(answer, Rejected) and answer.kind == "model_failed" else answer
            for answer in answers
        ]
        self._keep(waited, results, work)

    def _finish(self, batch: list[Waiting], work: Work) -> None:
        """Log and answer; whom a fallback has answered meanwhile, or who is gone, is left out."""
        settled = {number for number, waiting in enumerate(batch) if waiting.done or waiting.late}
        if settled:
            work.shares = _without(settled, work.shares)
            work.rescued = _without(settled, work.rescued or ())
        try:
            results = self._predictor.finish(work)
        except Exception as error:  # noqa: BLE001  # whatever it is, nobody may be left waiting
            self._broken(batch, error)
            return
        waited = [waiting for number, waiting in enumerate(batch) if number not in settled]
        answers = [result for number, result in enumerate(results) if number not in settled]
        for waiting in waited:  # what is in the log is the answer, however long the disk takes to keep it
            if waiting.timer is not None:
                waiting.timer.cancel()
        self._telemetry.batch(work.served.name)
        self._keep(waited, answers, work)
        asked = [question for number, question in enumerate(work.questions) if number not in settled]
        try:
            self._show(asked)
        except Exception:
            logger.exception("a shadow could not be asked in a way nobody foresaw")

    def _show(self, asked: Sequence[Question]) -> None:
        """Let the shadow see what was answered."""
        shadow = self._predictor.shadow(asked) if asked else None
        if shadow is not None:
            rows = sum(len(question.request.rows) for question in asked)
            self.shadows.add(shadow, rows, asked[0].started_ns, self._cost.expected(rows))

    def _keep(self, batch: Sequence[Waiting], results: Sequence[Result], work: Work) -> None:
        """Answer once the records are where they were promised to be."""
        if self._committer.needed:
            kept = self._predictor.kept
            self._committer.after(lambda failure: self._deliver(batch, results, kept(work, failure)))
        else:
            self._deliver(batch, results, None)

    def _deliver(self, batch: Sequence[Waiting], results: Sequence[Result], failure: Rejected | None) -> None:
        for waiting, result in zip(batch, results, strict=True):
            waiting.settle(failure or result)

    def _broken(self, batch: Sequence[Waiting], error: BaseException | None, *, late: bool = False) -> None:
        """Tell a batch that it failed: those who are late when their fallback did, else those who are not."""
        logger.error("a batch failed in a way nobody foresaw", exc_info=error)
        for waiting in batch:
            if waiting.late == late:
                waiting.settle(Rejected(500, "internal", "the server failed; its log says why"))


def _without(settled: Collection[int], shares: Iterable[Share]) -> list[Share]:
    """What is left of shares without the rows of these requests."""
    kept = [
        share.keep([at for at, owner in enumerate(share.owners) if owner not in settled]) for share in shares
    ]
    return [share for share in kept if share.rows]


def _ask(work: Work) -> None:
    """Ask every version its share, and fallbacks what it did not answer."""
    score(work)
    rescue_lost(work)


class Lanes:
    """The lanes of one worker, by model; made when a model is first asked."""

    def __init__(self, make: Callable[[], Lane]) -> None:
        self._make = make
        self._lanes: dict[str, Lane] = {}

    def of(self, model: str) -> Lane:
        """The lane of that model, which must be one of the plan's."""
        lane = self._lanes.get(model)
        if lane is None:
            lane = self._lanes[model] = self._make()
        return lane

    @property
    def stuck_seconds(self) -> float:
        """For how long the slowest batch now on a thread has been there; 0.0 when none is."""
        since = [lane.busy_since for lane in self._lanes.values() if lane.busy_since is not None]
        return time.perf_counter() - min(since) if since else 0.0

    def finish_shadows(self) -> None:
        """Ask the shadows what waits for them."""
        for lane in self._lanes.values():
            lane.shadows.finish()


def too_late() -> Rejected:
    """The refusal of a request whose deadline has passed."""
    sentence = "the answer did not come within the deadline: ask again, or allow more time"
    return Rejected(504, "too_late", sentence)


def overloaded() -> Rejected:
    """The refusal of a request for which there is no room."""
    return Rejected(
        503,
        "overloaded",
        "more requests wait than can be answered in time: try again after a moment",
        headers=((b"retry-after", b"1"),),
    )
