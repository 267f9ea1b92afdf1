"""The servers that are measured: how each is started, what it is asked and where its answer stands.

Not here: the peers' environments (serve_environments) and the measuring (serve). Everything listens on loopback.
"""

from __future__ import annotations

import http.client
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.results import ROOT
from bench.serve_model import MODEL, Reference
from bench.serve_process import DidNotStart, ServerProcess, free_port
from roadworthy.node import NodeDirectory

Row = Mapping[str, Any]

#: Threads that wait without spinning, and one thread a call: what is measured is the server.
QUIET = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive", "PYTHONUNBUFFERED": "1"}


class Wrong(Exception):
    """A server whose answer is not what the model says."""


@dataclass
class Server:
    """One contestant.

    name      as it stands in the table
    note      what is special about it
    kind      echo, peer or roadworthy
    worker    text in the command line of the processes that answer; "" for all
    """

    name: str
    path: str
    note: str = ""
    kind: str = "peer"
    worker: str = ""
    process: ServerProcess | None = field(default=None, init=False)
    port: int = field(default=0, init=False)

    def command(self) -> Sequence[str]:
        """How it is started, on `self.port`."""
        raise NotImplementedError

    def environment(self) -> Mapping[str, str]:
        """What it finds in its environment."""
        return QUIET

    def body(self, row: Row) -> bytes:
        """The request for one row."""
        return json.dumps({"instances": [row]}).encode()

    def answer(self, content: Any) -> float:
        """The prediction in a decoded answer."""
        return float(content["predictions"][0])

    def start(self, row: Row, logs: Path) -> float:
        """Start it; returns seconds until it answered for the first time."""
        self.port = self.port or free_port()
        label = "".join(letter if letter.isalnum() else "-" for letter in self.name.lower())
        self.process = ServerProcess(self.command(), logs / f"{label}.log", self.environment(), ROOT)
        try:
            return self.process.wait(lambda: self.ask(row)[0] == 200)
        except DidNotStart:
            self.stop()
            raise

    def stop(self) -> bool:
        """End it; says whether it went when asked."""
        if self.process is None:
            return True
        process, self.process = self.process, None
        self.port = 0
        return process.stop()

    def ask(self, row: Row) -> tuple[int, bytes]:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("POST", self.path, self.body(row), {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def prepare(self) -> None:
        """Whatever it needs before it starts."""

    def check(self, reference: Reference) -> int:
        """Ask every row and compare; Wrong on the first that differs by more than 1e-9. Returns how many were asked."""
        for number, (row, expected) in enumerate(zip(reference.rows, reference.expected, strict=True)):
            status, content = self.ask(row)
            if status != 200:
                raise Wrong(f"row {number} is answered with status {status}: {content[:200]!r}")
            got = self.answer(json.loads(content))
            if not abs(got - expected) <= 1e-9:
                raise Wrong(f"row {number} is answered with {got!r}, the model says {expected!r}")
        return len(reference.rows)


class Echo(Server):
    """The ceiling: the request comes back."""

    def __init__(self) -> None:
        super().__init__("raw ASGI echo", "/", "uvicorn, httptools, uvloop, one process", "echo")

    def command(self) -> Sequence[str]:
        """Uvicorn as Roadworthy uses it."""
        options = "--loop uvloop --http httptools --no-access-log --no-server-header --no-date-header --lifespan off"
        return [
            sys.executable, "-m", "uvicorn", "bench.serve_echo:app", "--host", "127.0.0.1", "--port", str(self.port),
            "--log-level", "warning", *options.split(),
        ]  # fmt: skip

    def check(self, reference: Reference) -> int:
        """What is sent comes back."""
        for row in reference.rows:
            if self.ask(row) != (200, self.body(row)):
                raise Wrong("the echo does not echo")
        return len(reference.rows)


class Roadworthy(Server):
    """`roadworthy serve`: a supervisor and its workers, everything on."""

    def __init__(self, reference: Reference, *, durability: str = "process", workers: int = 1) -> None:
        plural = "" if workers == 1 else f", {workers} workers"
        super().__init__(
            f"Roadworthy, log at {durability}{plural}", f"/v1/models/{MODEL}:predict", "everything on", "roadworthy",
            "roadworthy.serving",
        )  # fmt: skip
        self._reference, self._durability, self._workers = reference, durability, workers
        self._started = 0

    @property
    def node(self) -> NodeDirectory:
        """Its directory, another one at every start."""
        return NodeDirectory(
            self._reference.settings.nodes / f"bench{self._workers}{self._durability}{self._started}"
        )

    def command(self) -> Sequence[str]:
        """The command as a user gives it."""
        self._started += 1
        settings = self._reference.settings
        return [
            sys.executable, "-m", "roadworthy.cli", "--workspace", str(settings.root), "--namespace",
            settings.namespace, "serve", "--port", str(self.port), "--workers", str(self._workers),
            "--durability", self._durability, "--node", self.node.root.name,
        ]  # fmt: skip

    def start(self, row: Row, logs: Path) -> float:
        """Start it, and wait until every worker answers."""
        seconds = super().start(row, logs)
        assert self.process is not None
        self.process.wait(lambda: all(self._serves(number) for number in range(self._workers)))
        return seconds

    def _serves(self, worker: int) -> bool:
        state = self.node.read_state(worker)
        return state is not None and state.plan_number is not None

    def answered(self) -> int:
        """Predict requests answered with 200, as its own telemetry counts them."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request("GET", "/metrics")
        lines = connection.getresponse().read().decode().splitlines()
        connection.close()
        wanted = ("roadworthy_requests_total{", f'model="{MODEL}"', 'code="200"')
        counts = [line.rsplit(" ", 1)[1] for line in lines if all(part in line for part in wanted)]
        return sum(int(float(count)) for count in counts)


class BareWorker(Server):
    """One worker without its supervisor, with its log or without: what is between them is what logging costs."""

    def __init__(self, reference: Reference, node: NodeDirectory, *, logged: bool) -> None:
        super().__init__(
            f"one worker, {'log at process' if logged else 'no log'}",
            f"/v1/models/{MODEL}:predict",
            "",
            "worker",
        )
        self._module = "roadworthy.serving" if logged else "bench.serve_unlogged"
        self._node = NodeDirectory(reference.settings.nodes / f"bare-{'logged' if logged else 'unlogged'}")
        self._node.create()
        self._node.plan.write_bytes(node.plan.read_bytes())

    def command(self) -> Sequence[str]:
        """As the supervisor starts it, with a port of its own."""
        return [
            sys.executable,
            "-m",
            self._module,
            "--node-dir",
            str(self._node.root),
            "--port",
            str(self.port),
        ]
