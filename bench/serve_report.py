"""What the measurement of serving found, as values, as a table in the terminal, and as build/bench/serve.json.

Not here: the values (serve_figures) and the page under docs (serve_page).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from bench.results import ROOT, publish
from bench.serve_aims import judged
from bench.serve_figures import LogCheck, Logging, Measured, Memory
from bench.serve_load import Cell
from bench.serve_page import write_page


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
        self.setting: dict[str, Any] = {}
        self.logging_cost: dict[int, Logging] = {}
        self.memory: Memory | None = None

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

    def logging(self, connections: int, pairs: Sequence[tuple[Cell, Cell]]) -> None:
        """What logging costs: pairs of a run without and one with it."""
        found = Logging.between(pairs)
        self.logging_cost[connections] = found
        self.say(
            f"  {connections:>3} connections: {found.processor:.1%} of the worker's processor time "
            f"({found.microseconds:.1f} µs a request), {found.rate:.1%} of its rate"
        )

    def soak(self, line: Sequence[tuple[int, float, float]], log: LogCheck) -> None:
        """Memory over many predictions: (predictions, PSS of the worker, PSS of everything) at points in time."""
        self.memory = Memory(
            predictions=[point[0] for point in line],
            worker=[point[1] for point in line],
            everything=[point[2] for point in line],
            log=log,
        )
        self.say(f"  {self.memory.sentence}")
        self.say(f"  {'log right' if log.right else '[red]LOG WRONG[/red]'}: {log.sentence}")

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
        for times, seen in measured.overload.items():
            self.say(
                f"  overload, {times}: {seen.due:,} due, {seen.statuses}, {seen.unsent:,} never sent (all "
                f"connections waited); accepted p50 {seen.sent_p50:.1f} p99 {seen.sent_p99:.1f} ms from when sent"
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
        aims = judged(self)
        publish("serve", self.figures(), aims)
        if docs:
            for path in write_page():
                self.say(f"written: {path.relative_to(ROOT)}")

    def figures(self) -> dict[str, Any]:
        """Everything, for the file."""
        return {
            "servers": {name: asdict(found) for name, found in self.measured.items()},
            "not_measured": self.failures,
            "wrong": self.wrong,
            "remarks": self.remarks,
            "in_process": self.calls,
            "logging_cost": self.logging_cost,
            "memory": self.memory,
            "setting": self.setting,
            "client": {"rate": self.client_rate, "core_share": self.client_share},
        }

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
