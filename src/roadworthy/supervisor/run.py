"""`roadworthy serve`: the process that starts the workers of one node and connects them to the rest.

Not here: answering requests. When this process dies its workers drain and end; when the control database is away they
go on with the last local plan.
"""

from __future__ import annotations

import logging
import os
import re
import signal
import socket
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from roadworthy.clock import SystemClock
from roadworthy.errors import DefinitionError
from roadworthy.node import NodeDirectory, WorkerState, write_whole
from roadworthy.predictionlog.journal import Durability
from roadworthy.settings import Settings
from roadworthy.supervisor.binding import bind, check_exposure
from roadworthy.supervisor.control import ControlDatabase
from roadworthy.supervisor.crew import Crew
from roadworthy.supervisor.following import Follower, Reporter
from roadworthy.supervisor.lock import acquire
from roadworthy.supervisor.repeating import Repeating, Troubles
from roadworthy.supervisor.rolling import Roller
from roadworthy.supervisor.staging import Stager
from roadworthy.supervisor.tokens import TokenFollower
from roadworthy.tokens import configured_file, read_tokens

POLL_SECONDS = 0.2
REPORT_SECONDS = 0.1
ROLL_SECONDS = 1.0
TEND_SECONDS = 0.1
TOKENS_SECONDS = 1.0

#: How long a supervisor waits for the workers of one that died to drain.
LOCK_SECONDS = 35.0

#: A node's name becomes a directory and the beginning of its journals' names.
_NODE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")

logger = logging.getLogger("roadworthy.supervisor")


@dataclass(frozen=True, slots=True)
class _Options:
    workers: int
    replay_clock: bool
    durability: Durability
    tokens_file: Path | None
    seed: str | None


def run(
    settings: Settings,
    host: str = "127.0.0.1",
    port: int = 8080,
    workers: int = 2,
    replay_clock: bool = False,
    durability: Durability = "process",
    *,
    node: str | None = None,
    seed: str | None = None,
) -> int:
    """Serve until SIGTERM or SIGINT, then drain; returns the exit status. Tokens: see ROADWORTHY_TOKENS_FILE.

    port           0 takes a free one; the address stands in the file `address` of the node's directory
    replay_clock   every request brings its event time
    node           name of this node, by default that of the machine; it names a directory that outlives the process
    seed           makes prediction ids of a replay repeatable

    raises  Refused for an address that others reach without tokens; NotReady when the address is taken;
            Conflict when another supervisor runs this node; DefinitionError for wrong arguments
    """
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s supervisor %(levelname)s %(message)s"
    )
    if workers < 1:
        raise DefinitionError(f"{workers} workers cannot serve: start at least one")
    name = node or node_name()
    if not _NODE_NAME.fullmatch(name):
        raise DefinitionError(
            f"{name!r} cannot name a node: use at most 64 letters, digits, '.', '_' and '-', a letter or digit first"
        )
    tokens_file = configured_file()
    check_exposure(host, () if tokens_file is None else read_tokens(tokens_file))
    directory = NodeDirectory(settings.nodes / name)
    directory.create()
    lock = acquire(directory.lock, LOCK_SECONDS)
    try:
        with bind(host, port) as listening:
            options = _Options(workers, replay_clock, durability, tokens_file, seed)
            return _Supervisor(settings, directory, listening, lock, options).serve()
    finally:
        os.close(lock)


class _Supervisor:
    """One node at work."""

    def __init__(
        self, settings: Settings, node: NodeDirectory, listening: socket.socket, lock: int, options: _Options
    ) -> None:
        self._node, self._listening = node, listening
        for stale in (*node.state(0).parent.glob("*.json"), *node.telemetry(0).parent.glob("*.json")):
            stale.unlink(missing_ok=True)
        self._lifeline, self._workers_end = os.pipe()[::-1]
        clock = SystemClock()
        self._database = ControlDatabase(
            settings, node.root.name, may_create=not node.plan.exists(), clock=clock
        )
        self._stager = Stager(node.staged)
        follower = Follower(self._database, self._stager, node, settings.namespace, clock)
        self._roller = Roller(node.journals, settings.log)
        self._crew = self._make_crew(lock, options)
        reporter = Reporter(self._database, self._states)
        self._troubles = Troubles()
        self._tasks = [
            Repeating("control database", follower.poll, POLL_SECONDS, self._troubles),
            Repeating("heartbeat", reporter.report, REPORT_SECONDS, self._troubles),
            Repeating("prediction log", self._roller.roll, ROLL_SECONDS, self._troubles),
        ]
        self._follow_tokens(options.tokens_file)
        self._stopped = threading.Event()

    def _follow_tokens(self, file: Path | None) -> None:
        self._node.tokens.unlink(missing_ok=True)
        if file is not None:
            tokens = TokenFollower(file, self._node)
            tokens.follow()
            self._tasks.append(Repeating("tokens", tokens.follow, TOKENS_SECONDS, self._troubles))

    def _make_crew(self, lock: int, options: _Options) -> Crew:
        arguments = ["--node-dir", str(self._node.root), "--fd", str(self._listening.fileno())]
        arguments += ["--parent-fd", str(self._workers_end), "--durability", options.durability]
        if options.replay_clock:
            arguments.append("--replay-clock")
        if options.seed is not None:
            arguments += ["--seed", options.seed]
        if options.tokens_file is not None:
            arguments.append("--tokens")
        inherited = [self._listening.fileno(), self._workers_end, lock]
        return Crew(self._node, options.workers, arguments, inherited)

    def serve(self) -> int:
        """Work until told to stop; then drain."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stopped.set())
        host, port = self._listening.getsockname()[:2]
        written = f"[{host}]" if ":" in host else host
        write_whole(self._node.address, f"http://{written}:{port}\n".encode())
        logger.info("node %s listens on http://%s:%d", self._node.root.name, written, port)
        for task in self._tasks:
            task.start()
        while not self._stopped.is_set():
            self._crew.tend()
            self._stopped.wait(TEND_SECONDS)
        return self._drain()

    def _drain(self) -> int:
        logger.info("draining")
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

    def _states(self) -> list[WorkerState | None]:
        """What the living workers say; a state that another process left does not count."""
        processes = self._crew.processes
        found = ((number, self._node.read_state(number)) for number in self._crew.numbers)
        return [state if state and state.pid == processes.get(number) else None for number, state in found]


def node_name() -> str:
    """The name of this machine, as a node is named.

    >>> all(letter.isalnum() or letter == "-" for letter in node_name())
    True
    """
    name = re.sub(r"[^a-z0-9]", "-", socket.gethostname().lower())[:64].strip("-")
    return name or "node"
