"""One measurement after the other, each beside the echo: closed loop, open loop, overload, memory, and the log's tally.

Not here: what figures mean (serve_report).
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import msgspec

from bench.serve_load import Cell, closed_loop, open_loop
from bench.serve_model import Reference
from bench.serve_openloop import Seen
from bench.serve_process import DidNotStart, ServerProcess
from bench.serve_report import Closed, Measured, Report, Tally
from bench.serve_servers import Echo, Roadworthy, Server, Wrong

CONNECTIONS = (1, 16, 64)
RATES = (500, 1_000, 2_000, 4_000)
RATES_OF_PEERS = (500, 1_000)
RATES_QUICK = (1_000,)
OPEN_SECONDS, OPEN_SECONDS_QUICK = 5.0, 3.0

#: A rate at which the median waits this long is beyond the server; higher ones tell nothing more.
BEYOND_MS = 500.0
OVERLOAD_SECONDS, OVERLOAD_CONNECTIONS = 6.0, 512


class Contest:
    """Everything of one run."""

    def __init__(self, reference: Reference, report: Report, chosen: argparse.Namespace, logs: Path) -> None:
        self._reference, self._report, self._chosen, self._logs = reference, report, chosen, logs
        self._row = reference.rows[0]
        self._echo = Echo()

    def run(self) -> None:
        """Measure what was chosen."""
        self._start(self._echo)
        try:
            self._own_ceiling()
            for server in self._servers():
                self._measure(server)
        finally:
            self._echo.stop()

    def _wanted(self, *names: str) -> bool:
        return not self._chosen.only or bool(self._chosen.only & {name.lower() for name in names})

    def _servers(self) -> list[Server]:
        found: list[Server] = []
        if self._wanted("roadworthy"):
            found += [
                Roadworthy(self._reference),
                Roadworthy(self._reference, durability="disk"),
                Roadworthy(self._reference, workers=2),
            ]
        return found

    def _start(self, server: Server) -> float:
        seconds = server.start(self._row, self._logs)
        server.check(self._reference)
        return seconds

    def _measure(self, server: Server) -> None:
        self._reference.forget()
        self._report.say(f"measuring {server.name} ...")
        try:
            ready = server.start(self._row, self._logs)
            measured = Measured(server.name, server.kind, server.note, ready_seconds=ready)
            tally = Tally(1 + server.check(self._reference))
            self._load(server, measured, tally)
        except (DidNotStart, Wrong) as reason:
            server.stop()
            self._report.failed(server.name, str(reason))
            return
        if isinstance(server, Roadworthy):
            self._settle(server, measured, tally)
        else:
            server.stop()
        self._report.add(measured)

    def _load(self, server: Server, measured: Measured, tally: Tally) -> None:
        process = _running(server)
        self._closed(server, 16, 1, tally)
        for connections in CONNECTIONS:
            pairs = []
            for _ in range(self._chosen.rounds):
                beside = self._closed(self._echo, connections, self._chosen.seconds, Tally(0))
                pairs.append((beside, self._closed(server, connections, self._chosen.seconds, tally)))
            measured.closed[connections] = _summary(pairs)
        measured.pss_megabytes = process.pss_megabytes()
        measured.pss_worker_megabytes = process.pss_megabytes(server.worker)
        self._open(server, measured, tally)

    def _closed(self, server: Server, connections: int, seconds: int, tally: Tally) -> Cell:
        cell = closed_loop(
            _running(server), server.port, server.path, server.body(self._row), connections=connections,
            seconds=seconds, worker=server.worker,
        )  # fmt: skip
        tally.answered += cell.requests - cell.refused
        tally.cut += connections
        if cell.broken:
            self._report.strange(
                f"{server.name}: {cell.broken} connections broke at {connections} connections"
            )
        return cell

    def _open(self, server: Server, measured: Measured, tally: Tally) -> None:
        quick = self._chosen.quick
        rates = RATES_QUICK if quick else RATES_OF_PEERS if server.kind == "peer" else RATES
        for rate in rates:
            seen = open_loop(
                server.port, server.path, server.body(self._row), rate=rate,
                seconds=OPEN_SECONDS_QUICK if quick else OPEN_SECONDS,
            )  # fmt: skip
            tally.answered += seen.statuses.get("200", 0)
            tally.cut += seen.statuses.get("unanswered", 0) + seen.statuses.get("broken", 0)
            measured.open[rate] = seen
            if seen.p50 > BEYOND_MS or seen.p50 < 0:
                break

    def _own_ceiling(self) -> None:
        """How fast our own client is when only the echo holds it back; with the echo's own figures."""
        body = self._echo.body(self._row)
        bare = open_loop(self._echo.port, "/", body, rate=0, seconds=2.0)
        self._report.client(
            bare.answered / max(bare.seconds, 1e-9), bare.cpu_seconds / max(bare.seconds, 1e-9)
        )
        measured = Measured(self._echo.name, "echo", self._echo.note)
        self._load(self._echo, measured, Tally(0))
        self._report.add(measured)

    def _settle(self, server: Roadworthy, measured: Measured, tally: Tally) -> None:
        """Overload, then end the server and hold its log to what was answered."""
        if server.name.endswith("process") and not self._chosen.quick:
            measured.overload = self._overload(server, measured, tally)
        time.sleep(1.5)
        counted = server.answered()
        orderly = server.stop()
        rows, distinct = self._reference.logged()
        measured.log = tally.against(counted, rows, distinct)
        if not orderly:
            self._report.wrong.append(f"{server.name} did not end when asked")
        if not measured.log.right:
            self._report.wrong.append(f"{server.name}: {measured.log.sentence}")

    def _overload(self, server: Roadworthy, measured: Measured, tally: Tally) -> Seen:
        """Three times what it can do."""
        rate = 3 * measured.closed[64].rate
        seen = open_loop(
            server.port, server.path, server.body(self._row), rate=rate, seconds=OVERLOAD_SECONDS,
            connections=OVERLOAD_CONNECTIONS, give_up=True, warmup=1.0,
        )  # fmt: skip
        tally.answered += seen.statuses.get("200", 0)
        tally.cut += seen.statuses.get("unanswered", 0) + seen.statuses.get("broken", 0)
        return seen


def _running(server: Server) -> ServerProcess:
    assert server.process is not None
    return server.process


def _summary(pairs: list[tuple[Cell, Cell]]) -> Closed:
    """The best round, and the median of the ratios to the echo measured beside each."""
    best = max((cell for _, cell in pairs), key=lambda cell: cell.rate)
    return Closed(
        rate=best.rate,
        echo_rate=max(cell.rate for cell, _ in pairs),
        share=statistics.median(cell.rate / beside.rate for beside, cell in pairs),
        shares=[cell.rate / beside.rate for beside, cell in pairs],
        share_cpu=statistics.median(beside.cpu_worker / cell.cpu_worker for beside, cell in pairs),
        best=best,
        refused=sum(cell.refused for _, cell in pairs),
        rounds=[msgspec.structs.asdict(cell) for _, cell in pairs],
    )
