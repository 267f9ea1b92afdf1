"""One measurement after the other, each beside the echo: closed loop, open loop, overload, memory, and the log's tally.

Not here: what figures mean (serve_report).
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import msgspec

from bench.serve_aims import DEADLINE_MS
from bench.serve_figures import ROADWORTHY, Closed, LogCheck, Measured, Tally
from bench.serve_load import Cell, closed_loop, open_loop
from bench.serve_model import Reference
from bench.serve_openloop import Seen
from bench.serve_peers import PEERS, GranianEcho
from bench.serve_process import DidNotStart, ServerProcess
from bench.serve_report import Report
from bench.serve_servers import BareWorker, Echo, Roadworthy, Server, Wrong

CONNECTIONS = (1, 16, 64)
RATES = (500, 1_000, 2_000, 4_000)
RATES_QUICK = (1_000,)
OPEN_SECONDS, OPEN_SECONDS_QUICK = 5.0, 3.0

#: A rate at which the median waits this long is beyond the server; higher ones tell nothing more.
BEYOND_MS = 500.0
OVERLOAD_SECONDS = 5.0
#: A worker takes 1,000 by default; so many clients may wait at once, each for one answer.
OVERLOAD_CONNECTIONS = 900

SOAK_SECONDS_AT_MOST = 3_600.0


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
            if self._wanted("roadworthy"):
                self._logging_cost()
            if self._wanted("roadworthy", "soak") and not self._chosen.quick:
                self._soak()
        finally:
            self._echo.stop()

    def _wanted(self, *names: str) -> bool:
        return not self._chosen.only or bool(self._chosen.only & {name.lower() for name in names})

    def _servers(self) -> list[Server]:
        found: list[Server] = []
        if self._wanted("granian", "echo") and not self._chosen.quick:
            found.append(GranianEcho())
        if not self._chosen.quick:
            peers = [make(self._reference) for make in PEERS]
            found += [peer for peer in peers if self._wanted("peers", peer.label)]
        found = [server for server in found if self._prepared(server)]
        if self._wanted("roadworthy"):
            found += [
                Roadworthy(self._reference),
                Roadworthy(self._reference, durability="disk"),
                Roadworthy(self._reference, workers=2),
            ]
        return found

    def _prepared(self, server: Server) -> bool:
        """Install a peer; one that cannot be is reported, not left out."""
        self._report.say(f"preparing {server.name} ...")
        try:
            server.prepare()
        except DidNotStart as reason:
            self._report.failed(server.name, f"not installed: {reason}")
            return False
        return True

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
        rates = RATES_QUICK if quick else RATES
        for rate in rates:
            seen = open_loop(
                server.port, server.path, server.body(self._row), rate=rate,
                seconds=OPEN_SECONDS_QUICK if quick else OPEN_SECONDS,
            )  # fmt: skip
            self._count(seen, tally)
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
        if server.name == ROADWORTHY and not self._chosen.quick:
            measured.overload = self._overload(server, measured, tally)
        measured.log = self._log_held(server, tally)

    def _log_held(self, server: Roadworthy, tally: Tally) -> LogCheck:
        time.sleep(1.5)
        counted = server.answered()
        orderly = server.stop()
        found = tally.against(counted, *self._reference.logged())
        if not orderly:
            self._report.wrong.append(f"{server.name} did not end when asked")
        if not found.right:
            self._report.wrong.append(f"{server.name}: {found.sentence}")
        return found

    def _logging_cost(self) -> None:
        """The same worker with and without its log, in turn."""
        self._report.say("measuring what logging costs ...")
        self._reference.forget()
        whole = Roadworthy(self._reference)
        whole.start(self._row, self._logs)
        whole.stop()
        logged, bare = (BareWorker(self._reference, whole.node, logged=logged) for logged in (True, False))
        try:
            for server in (logged, bare):
                self._start(server)
                self._closed(server, 16, 1, Tally(0))
            for connections in (1, 16, 64):
                pairs = [
                    tuple(
                        self._closed(one, connections, self._chosen.seconds, Tally(0))
                        for one in (bare, logged)
                    )
                    for _ in range(self._chosen.rounds + 1)
                ]
                self._report.logging(connections, [(without, with_log) for without, with_log in pairs])
        except (DidNotStart, Wrong) as reason:
            self._report.failed("what logging costs", str(reason))
        finally:
            logged.stop()
            bare.stop()

    def _soak(self) -> None:
        """Many predictions, and how the memory of the worker and the supervisor goes meanwhile."""
        self._report.say(f"asking {self._chosen.soak:,} times and watching memory ...")
        self._reference.forget()
        server = Roadworthy(self._reference)
        server.start(self._row, self._logs)
        tally = Tally(1)
        process = _running(server)
        line: list[tuple[int, float, float]] = []
        until = time.monotonic() + SOAK_SECONDS_AT_MOST
        while tally.answered < self._chosen.soak and time.monotonic() < until:
            line.append((tally.answered, process.pss_megabytes(server.worker), process.pss_megabytes()))
            self._closed(server, 16, 5, tally)
        line.append((tally.answered, process.pss_megabytes(server.worker), process.pss_megabytes()))
        self._report.soak(line, self._log_held(server, tally))

    def _overload(self, server: Roadworthy, measured: Measured, tally: Tally) -> dict[str, Seen]:
        """Half and three times what it can do, from the same clients; then from clients that say how long they wait."""
        rate = measured.closed[64].rate
        deadline = {"X-Roadworthy-Deadline-Ms": str(DEADLINE_MS)}
        wanted: dict[str, tuple[float, dict[str, str]]] = {
            "half": (0.5 * rate, {}),
            "three times": (3.0 * rate, {}),
            "three times, deadline": (3.0 * rate, deadline),
        }
        found = {}
        for name, (due, headers) in wanted.items():
            seen = open_loop(
                server.port, server.path, server.body(self._row), rate=due, seconds=OVERLOAD_SECONDS, warmup=1.0,
                connections=OVERLOAD_CONNECTIONS, give_up=True, headers=headers,
            )  # fmt: skip
            self._count(seen, tally)
            found[name] = seen
        return found

    def _count(self, seen: Seen, tally: Tally) -> None:
        tally.answered += seen.statuses.get("200", 0)
        tally.cut += seen.statuses.get("unanswered", 0) + seen.statuses.get("broken", 0)


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
        share_cpu=min(beside.cpu_worker for beside, _ in pairs) / min(cell.cpu_worker for _, cell in pairs),
        best=best,
        refused=sum(cell.refused for _, cell in pairs),
        rounds=[msgspec.structs.asdict(cell) for _, cell in pairs],
    )
