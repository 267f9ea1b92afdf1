"""What the measurement of serving found, as values, as a table in the terminal, and as build/bench/serve.json.

Not here: the page under docs (serve_docs).
"""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass, field
from typing import Any

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table

from bench.results import Aim, publish
from bench.serve_load import Cell
from bench.serve_openloop import Seen

ROADWORTHY = "Roadworthy, log at process"


class Closed(msgspec.Struct, frozen=True, kw_only=True):
    """All rounds at one number of connections.

    rate     of the best round
    share    median over the rounds of rate / rate of the echo measured right before
    share_cpu   the same of processor time a request, echo / server: what others do on the machine hardly changes it
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
    rows       predictions in the log; distinct: their ids
    """

    answered: int
    cut: int
    counted: int
    rows: int
    distinct: int

    @property
    def right(self) -> bool:
        """Nothing answered is missing, nothing stands twice, nothing is there that was not asked."""
        return (
            self.counted <= self.rows == self.distinct
            and self.answered <= self.rows <= self.answered + self.cut
        )

    @property
    def sentence(self) -> str:
        """For people."""
        return (
            f"{self.answered:,} answers seen by clients (and at most {self.cut:,} cut off when a client stopped), "
            f"{self.counted:,} counted by the server, {self.rows:,} rows in the log with {self.distinct:,} ids"
        )


@dataclass
class Tally:
    """What clients got from one server."""

    answered: int
    cut: int = 0

    def against(self, counted: int, rows: int, distinct: int) -> LogCheck:
        """Hold the log to it."""
        return LogCheck(answered=self.answered, cut=self.cut, counted=counted, rows=rows, distinct=distinct)


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
    overload: Seen | None = None


class Report:
    """Collects, prints, writes."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, width=None if sys.stdout.isatty() else 150)
        self.measured: dict[str, Measured] = {}
        self.failures: dict[str, str] = {}
        self.wrong: list[str] = []
        self.remarks: list[str] = []
        self.calls: dict[str, dict[str, float]] = {}
        self.client_rate = self.client_share = 0.0

    def say(self, text: str) -> None:
        """One line."""
        self._console.print(text)

    def floor(self, calls: dict[str, dict[str, float]]) -> None:
        """The bare calls."""
        self.calls = calls
        for name, cost in calls.items():
            self.say(f"  in process: {name}: p50 {cost['p50_us']:.0f} µs, p99 {cost['p99_us']:.0f} µs")

    def client(self, rate: float, share: float) -> None:
        """The client's own ceiling."""
        self.client_rate, self.client_share = rate, share
        self.say(f"  our open-loop client, bare against the echo: {rate:,.0f} req/s on {share:.0%} of a core")

    def strange(self, remark: str) -> None:
        """Something that is no failure, and stands in the report."""
        self.remarks.append(remark)

    def failed(self, name: str, reason: str) -> None:
        """A server that could not be measured."""
        self.failures[name] = reason
        self.say(f"  [red]{name}: not measured: {reason}[/red]")

    def add(self, measured: Measured) -> None:
        """A server that was."""
        self.measured[measured.name] = measured
        for connections, found in measured.closed.items():
            self.say(
                f"  {connections:>3} connections: {found.rate:>8,.0f} req/s, {found.share:>5.1%} of the echo "
                f"(by processor time {found.share_cpu:.1%}), "
                f"p50 {found.best.p50:.2f} p99 {found.best.p99:.2f} p99.9 {found.best.p999:.2f} ms, "
                f"CPU {found.best.cpu:.0f} µs a request (answering processes {found.best.cpu_worker:.0f})"
            )
        for rate, seen in measured.open.items():
            self.say(
                f"  {rate:>5,} req/s due: p50 {seen.p50:.2f} p99 {seen.p99:.2f} p99.9 {seen.p999:.2f} "
                f"longest {seen.longest:.1f} ms, {seen.statuses}"
            )
        if measured.overload is not None:
            seen = measured.overload
            self.say(
                f"  overload: {seen.due:,} due, {seen.statuses}, {seen.unsent:,} never sent; accepted p99 "
                f"{seen.p99:.1f} ms ({seen.sent_p99:.1f} from when they were sent)"
            )
        if measured.kind != "echo":
            self.say(f"  ready in {measured.ready_seconds:.2f} s, PSS {measured.pss_megabytes:.0f} MB")
        if measured.log is not None:
            self.say(
                f"  {'log right' if measured.log.right else '[red]LOG WRONG[/red]'}: {measured.log.sentence}"
            )

    def publish(self, docs: bool) -> None:
        """The tables, the aims, the file."""
        self._console.print(self._table())
        for name, reason in self.failures.items():
            self.say(f"not measured: {name}: {reason}")
        for remark in self.remarks:
            self.say(f"noted: {remark}")
        for fault in self.wrong:
            self.say(f"[bold red]WRONG: {fault}[/bold red]")
        publish("serve", self.figures(), self.aims())

    def figures(self) -> dict[str, Any]:
        """Everything, for the file."""
        return {
            "servers": {name: asdict(found) for name, found in self.measured.items()},
            "not_measured": self.failures,
            "wrong": self.wrong,
            "remarks": self.remarks,
            "in_process": self.calls,
            "client": {"rate": self.client_rate, "core_share": self.client_share},
        }

    def aims(self) -> list[Aim]:
        """What the issue wanted."""
        found: list[Aim] = []
        own = self.measured.get(ROADWORTHY)
        if own is None:
            return found
        for connections, goal in ((16, 0.40), (64, 0.55)):
            share = own.closed[connections].share
            text = f"{share:.1%} ({own.closed[connections].rate:,.0f} req/s)"
            found.append(
                Aim(
                    f"share of the raw echo, {connections} connections, log at process",
                    f">= {goal:.0%}",
                    text,
                    share >= goal,
                )
            )
        found.append(Aim("ready", "< 3 s", f"{own.ready_seconds:.2f} s", own.ready_seconds < 3))
        return found

    def _table(self) -> Table:
        table = Table(
            box=box.SIMPLE_HEAD, pad_edge=False, title="closed loop: req/s (share of the echo), p99 at 64"
        )
        for column in (
            "server",
            "1",
            "16",
            "64",
            "p50 at 1, ms",
            "p99 at 64, ms",
            "CPU µs at 64",
            "PSS MB",
            "ready s",
        ):
            table.add_column(column, justify="left" if column == "server" else "right")
        for found in self.measured.values():
            cells = [f"{found.closed[n].rate:,.0f} ({found.closed[n].share:.0%})" for n in (1, 16, 64)]
            first, last = found.closed[1].best, found.closed[64].best
            table.add_row(
                found.name, *cells, f"{first.p50:.2f}", f"{last.p99:.1f}", f"{last.cpu:.0f}",
                f"{found.pss_megabytes:.0f}", f"{found.ready_seconds:.1f}",
            )  # fmt: skip
        return table
