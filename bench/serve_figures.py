"""What the measurement of serving finds, as values.

Not here: measuring (serve_contest), judging (serve_aims), telling (serve_report, serve_page).
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from bench.serve_load import Cell
from bench.serve_openloop import Seen

ROADWORTHY = "Roadworthy, log at process"


class Closed(msgspec.Struct, frozen=True, kw_only=True):
    """All rounds at one number of connections.

    rate     of the best round
    share    median over the rounds of rate / rate of the echo measured right before
    share_cpu   least processor time a request of the echo / of the server: others on the machine hardly change it
    """

    rate: float
    echo_rate: float
    share: float
    shares: list[float]
    share_cpu: float
    best: Cell
    refused: int
    rounds: list[dict[str, Any]]


class LogCheck(msgspec.Struct, frozen=True, kw_only=True):
    """Whether every answer stands in the log once.

    answered   200s that clients saw
    cut        requests that were under way when a client stopped looking
    counted    200s that the server counted
    rows       answered predictions in the log
    failed     predictions in the log that came to nothing, such as those whose client waited no longer
    distinct   ids of all of them
    """

    answered: int
    cut: int
    counted: int
    rows: int
    failed: int
    distinct: int

    @property
    def right(self) -> bool:
        """Nothing answered is missing, nothing stands twice, nothing is there that was not asked."""
        once = self.distinct == self.rows + self.failed
        return once and self.counted <= self.rows and self.answered <= self.rows <= self.answered + self.cut

    @property
    def sentence(self) -> str:
        """For people."""
        return (
            f"{self.answered:,} answers seen by clients (and at most {self.cut:,} cut off when a client stopped), "
            f"{self.counted:,} counted by the server, {self.rows:,} answered and {self.failed:,} failed rows in the "
            f"log with {self.distinct:,} ids"
        )


@dataclass
class Tally:
    """What clients got from one server."""

    answered: int
    cut: int = 0

    def against(self, counted: int, rows: int, failed: int, distinct: int) -> LogCheck:
        """Hold the log to it."""
        return LogCheck(
            answered=self.answered, cut=self.cut, counted=counted, rows=rows, failed=failed, distinct=distinct
        )


@dataclass
class Measured:
    """Everything about one server."""

    name: str
    kind: str
    note: str = ""
    ready_seconds: float = 0.0
    closed: dict[int, Closed] = field(default_factory=dict)
    open: dict[int, Seen] = field(default_factory=dict)
    pss_megabytes: float = 0.0
    pss_worker_megabytes: float = 0.0
    log: LogCheck | None = None
    overload: dict[str, Seen] = field(default_factory=dict)


class Logging(msgspec.Struct, frozen=True, kw_only=True):
    """What logging costs a worker.

    processor      share of its processor time a request, from the least of all runs without and with it
    rate           share of its requests a second, median over pairs of runs
    microseconds   of processor time a request
    """

    processor: float
    rate: float
    microseconds: float

    @classmethod
    def between(cls, pairs: Sequence[tuple[Cell, Cell]]) -> Logging:
        """From runs (without, with)."""
        without = min(cell.cpu for cell, _ in pairs)
        logged = min(cell.cpu for _, cell in pairs)
        rate = statistics.median(1 - second.rate / first.rate for first, second in pairs)
        return cls(processor=1 - without / logged, rate=rate, microseconds=logged - without)


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """PSS in megabytes after so many predictions, of the worker and of everything."""

    predictions: list[int]
    worker: list[float]
    everything: list[float]
    log: LogCheck

    @property
    def growth_megabytes(self) -> float:
        """What the worker gained after the first quarter, when every buffer has found its size."""
        settled = next(
            number for number, count in enumerate(self.predictions) if count >= self.predictions[-1] / 4
        )
        return self.worker[-1] - self.worker[settled]

    @property
    def sentence(self) -> str:
        """For people."""
        return (
            f"{self.predictions[-1]:,} predictions: the worker's PSS went from {self.worker[0]:.1f} to "
            f"{self.worker[-1]:.1f} MB, {self.growth_megabytes:+.1f} MB of it after the first quarter; with the "
            f"supervisor, which rolls the log, {self.everything[0]:.1f} to {self.everything[-1]:.1f} MB"
        )
