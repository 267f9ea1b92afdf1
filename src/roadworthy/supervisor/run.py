"""`roadworthy serve`: the process that starts the workers of one node and connects them to the rest.

Not here: answering requests. When this process dies its workers drain and end; when the control database is away they
go on with the last local plan.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
from pathlib import Path

import msgspec

from roadworthy.clock import SystemClock
from roadworthy.durable import write_whole
from roadworthy.node import NodeDirectory, Restarted, WorkerState
from roadworthy.predictionlog.retain import KEEP_FILE
from roadworthy.settings import Settings
from roadworthy.supervisor.binding import bind, check_exposure, is_loopback
from roadworthy.supervisor.control import ControlDatabase
from roadworthy.supervisor.crew import Crew
from roadworthy.supervisor.following import Follower, Reporter
from roadworthy.supervisor.lock import acquire
from roadworthy.supervisor.notify import Notifier
from roadworthy.supervisor.options import ServeOptions
from roadworthy.supervisor.repeating import Repeating, Troubles
from roadworthy.supervisor.rolling import Keeper, Roller
from roadworthy.supervisor.staging import Stager
from roadworthy.supervisor.tls import check_tls
from roadworthy.supervisor.tokens import TokenFollower
from roadworthy.tokens import configured_file, read_tokens

POLL_SECONDS = 0.2
REPORT_SECONDS = 0.1
ROLL_SECONDS = 1.0
KEEP_SECONDS = 60.0
TEND_SECONDS = 0.1
TOKENS_SECONDS = 1.0

#: How long a supervisor waits for the workers of one that died to drain.
LOCK_SECONDS = 35.0

logger = logging.getLogger("roadworthy.supervisor")


def run(settings: Settings, options: ServeOptions) -> int:
    """Serve until SIGTERM or SIGINT, then drain; returns the exit status. SIGHUP replaces the workers one by one.

    raises  Refused for an address that others reach without tokens, or a TLS key that others can read; NotReady when
            the address is taken; Conflict when another supervisor runs this node; DefinitionError for a file of tokens
            or of TLS that cannot be used
    """
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s supervisor %(levelname)s %(message)s"
    )
    tokens_file = configured_file()
    tokens = () if tokens_file is None else read_tokens(tokens_file)
    check_exposure(options.host, tokens)
    if options.tls_certificate is not None and options.tls_key is not None:
        check_tls(options.tls_certificate, options.tls_key)
    directory = NodeDirectory(settings.nodes / options.name)
    directory.create()
    lock = acquire(directory.lock, LOCK_SECONDS)
    try:
        with bind(options.host, options.port) as listening:
            bound = str(listening.getsockname()[0])
            check_exposure(bound, tokens)
            if tokens and not (options.tls_certificate or options.behind_proxy or is_loopback(bound)):
                logger.warning(
                    "tokens and predictions cross the network to %s in clear text: give --tls-certificate and "
                    "--tls-key, or say --behind-proxy when a proxy in front of it does TLS",
                    bound,
                )
            return _Supervisor(settings, directory, listening, lock, options, tokens_file).serve()
    finally:
        os.close(lock)


class _Supervisor:
    """One node at work."""

    def __init__(
        self,
        settings: Settings,
        node: NodeDirectory,
        listening: socket.socket,
        lock: int,
        options: ServeOptions,
        tokens_file: Path | None,
    ) -> None:
        self._node, self._listening, self._options = node, listening, options
        reports = (*node.state(0).parent.glob("*.json"), *node.telemetry(0).parent.glob("*.json"))
        for stale in (*reports, node.restart, node.restarted):
            stale.unlink(missing_ok=True)
        self._lifeline, self._workers_end = os.pipe()[::-1]
        clock = SystemClock()
        self._database = ControlDatabase(
            settings, node.root.name, may_create=not node.plan.exists(), clock=clock
        )
        self._stager = Stager(node.staged)
        self._follower = Follower(self._database, self._stager, node, settings.namespace, clock)
        self._roller = Roller(node.journals, settings.log)
        # A replay's days are not this year's: by the real clock all of them are old.
        keep_file = None if options.replay_clock else settings.root / KEEP_FILE
        keeper = Keeper(settings.log, keep_file, clock)
        self._crew = self._make_crew(lock, tokens=tokens_file is not None)
        reporter = Reporter(
            self._database, self._states, lambda: {**self._stager.errors, **self._crew.troubles}
        )
        self._troubles = Troubles()
        self._tasks = [
            Repeating("control database", self._follow, POLL_SECONDS, self._troubles),
            Repeating("heartbeat", reporter.report, REPORT_SECONDS, self._troubles),
            Repeating("prediction log", self._roller.roll, ROLL_SECONDS, self._troubles, yielding=True),
            Repeating("log files", keeper.keep, KEEP_SECONDS, self._troubles, yielding=True),
        ]
        self._follow_tokens(tokens_file)
        self._stopped = threading.Event()
        self._hung_up = threading.Event()
        self._notifier = Notifier.from_environment()
        self._has_terminal = sys.stderr.isatty()
        self._counted: dict[str, int] = {}
        self._restart_asked = ""

    def _follow_tokens(self, file: Path | None) -> None:
        self._node.tokens.unlink(missing_ok=True)
        if file is not None:
            tokens = TokenFollower(file, self._node)
            tokens.follow()
            self._tasks.append(Repeating("tokens", tokens.follow, TOKENS_SECONDS, self._troubles))

    def _make_crew(self, lock: int, *, tokens: bool) -> Crew:
        options = self._options
        arguments = ["--node-dir", str(self._node.root), "--fd", str(self._listening.fileno())]
        arguments += ["--parent-fd", str(self._workers_end), "--durability", options.durability]
        arguments += ["--max-batch", str(options.max_batch), "--on-full-log", options.on_full_log]
        arguments += ["--max-waiting", str(options.max_waiting)]
        arguments += ["--cache-rows", str(options.cache_rows), "--cache-seconds", str(options.cache_seconds)]
        if options.replay_clock:
            arguments.append("--replay-clock")
        if options.seed is not None:
            arguments += ["--seed", options.seed]
        if tokens:
            arguments.append("--tokens")
        if options.tls_certificate is not None and options.tls_key is not None:
            arguments += ["--tls-certificate", str(options.tls_certificate.resolve())]
            arguments += ["--tls-key", str(options.tls_key.resolve())]
        if options.max_connections is not None:
            arguments += ["--max-connections", str(options.max_connections)]
        if options.grpc_port is not None:
            arguments += ["--grpc-port", str(options.grpc_port)]
        inherited = [self._listening.fileno(), self._workers_end, lock]
        return Crew(self._node, options.workers, arguments, inherited, options.hang_seconds)

    def serve(self) -> int:
        """Work until told to stop; then drain."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stopped.set())
        signal.signal(signal.SIGHUP, lambda *_: self._hung_up.set())
        host, port = self._listening.getsockname()[:2]
        written = f"[{host}]" if ":" in host else host
        address = f"{'http' if self._options.tls_key is None else 'https'}://{written}:{port}"
        write_whole(self._node.address, f"{address}\n".encode())
        logger.info("node %s listens on %s", self._node.root.name, address)
        for task in self._tasks:
            task.start()
        while not self._stopped.is_set():
            self._tend()
            self._stopped.wait(TEND_SECONDS)
        return self._drain()

    def _tend(self) -> None:
        if self._hung_up.is_set():
            self._hung_up.clear()
            self._hang_up()
        try:
            self._serve_restart()
        except OSError as error:  # whoever asked gives up waiting; the workers matter more
            logger.error("cannot answer a request for new workers: %s", error)
        self._crew.tend()
        if self._crew.replaced != self._counted:
            self._counted = dict(self._crew.replaced)
            self._save_counts()
        if self._crew.accepts:
            self._notifier.ready()
        self._notifier.alive()

    def _hang_up(self) -> None:
        """SIGHUP: a person or an init system wants new workers, or the terminal this was started from is gone."""
        if self._has_terminal and not sys.stderr.isatty():
            self._stopped.set()
        else:
            self._roll()

    def _roll(self) -> str:
        """Begin to replace the workers; why not, or ""."""
        if self._options.seed is not None:
            reason = "the workers stay: new ones would repeat the identifiers that --seed makes"
            logger.error("%s", reason)
            return reason
        self._crew.roll()
        return ""

    def _serve_restart(self) -> None:
        """Take a request to replace the workers, and say how the one before ended."""
        error = self._crew.given_up
        if self._restart_asked and not self._crew.is_rolling:
            self._restart_ended(error)
        if not self._restart_asked and self._node.restart.exists():
            self._restart_asked = self._node.restart.read_text()
            self._node.restart.unlink(missing_ok=True)
            refused = self._roll()
            if refused:
                self._restart_ended(refused)

    def _restart_ended(self, error: str) -> None:
        ended = Restarted(self._restart_asked, error)
        write_whole(self._node.restarted, msgspec.json.encode(ended))
        self._restart_asked = ""

    def _save_counts(self) -> None:
        """Put what the supervisor counts beside the telemetry of the workers, which export it."""
        counts = {f'reason="{reason}"': count for reason, count in self._counted.items()}
        try:
            content = msgspec.json.encode({"roadworthy_worker_restarts_total": counts})
            write_whole(self._node.supervisor_telemetry, content)
        except OSError as error:
            logger.error("cannot write the supervisor's telemetry: %s", error)

    def _drain(self) -> int:
        logger.info("draining")
        self._notifier.stopping()
        self._listening.close()
        orderly = self._crew.stop()
        for task in self._tasks:
            task.stop(5.0)
        for name, last in (("prediction log", self._roller.roll), ("control database", self._database.leave)):
            Repeating(name, last, 0.0, self._troubles).once()
        self._stager.close()
        self._node.address.unlink(missing_ok=True)
        logger.info("stopped")
        return 0 if orderly else 1

    def _follow(self) -> None:
        """One look at the control database, after one at what workers could not load."""
        self._stager.suspect({key for state in self._states() if state for key in state.errors if "@" in key})
        self._follower.poll()

    def _states(self) -> list[WorkerState | None]:
        """What the living workers say; a state that another process left does not count."""
        found = ((pid, self._node.read_state(number)) for number, pid in self._crew.processes.items())
        return [state if state and state.pid == pid else None for pid, state in found]
