"""Starts a real worker process on one version and asks it, before anybody else may ask it anything.

Not here: what it is asked, and what comes of it (gate_infrastructure).
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from roadworthy.errors import NotReady, Refused, RoadworthyError
from roadworthy.jobs.sender import Post, Sender
from roadworthy.node import NodeDirectory
from roadworthy.registry.artifact import stage
from roadworthy.registry.versions import VersionRow
from roadworthy.scorer import COMPUTES_ANOTHER
from roadworthy.traffic import Plan, Route, Staged

#: A worker that has not answered after this long will not.
PATIENCE_SECONDS = 60.0

#: How long one request may take.
ASK_SECONDS = 30.0

#: A worker that still runs so long after it was told to end is killed: it may be stuck in the code of the artifact.
DRAIN_SECONDS = 10.0


class ComputesAnother(Refused):
    """The worker replayed the golden requests, and they go another way there than when the version was trained."""


class _Answers(msgspec.Struct):
    predictions: list[float]


@dataclass(frozen=True)
class Server:
    """A worker that serves one version and nothing else, ready to be asked.

    pid             its process
    port            of 127.0.0.1, where it answers over HTTP
    start_seconds   from starting the process until it said that it is ready
    """

    version: VersionRow
    node: NodeDirectory
    pid: int
    port: int
    start_seconds: float

    @property
    def path(self) -> str:
        """Where predictions are asked for."""
        return f"/v1/models/{self.version.model}:predict"

    def answers(self, asked: Sequence[Sequence[Mapping[str, Any]]]) -> list[list[float]]:
        """What it says to each request, which carries one row or several; in their order.

        raises   NotReady when it does not answer, RoadworthyError when it refuses one
        """
        with Sender(f"http://127.0.0.1:{self.port}", connections=1, timeout_seconds=ASK_SECONDS) as sender:
            bodies = sender.send_all([Post(self.path, body_of(rows)) for rows in asked])
        return [msgspec.json.decode(body, type=_Answers).predictions for body in bodies]

    def libraries(self) -> Mapping[str, str]:
        """The libraries that it says it runs with, by name; empty where it does not say."""
        state = self.node.read_state(0)
        return {} if state is None else state.libraries


def body_of(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """The body of a request for these rows."""
    return msgspec.json.encode({"instances": list(rows)})


@contextmanager
def serving(version: VersionRow, artifacts: Path) -> Iterator[Server]:
    """A real worker on a copy of the artifact, in a node of its own; it has ended when this is left.

    raises   ComputesAnother where its golden requests go another way in the worker; NotReady with the worker's last
             words where it does not become ready, or what is asked of it fails
    """
    with tempfile.TemporaryDirectory(prefix="roadworthy-staging-") as room:
        node = NodeDirectory(Path(room))
        node.create()
        directory = stage(artifacts / version.digest, node.staged, version.digest)
        staged = Staged(
            model=version.model, version=version.version, directory=str(directory), digest=version.digest
        )
        routes = {version.model: Route(champion=version.version)}
        node.write_plan(Plan(number=1, namespace="staging", routes=routes, staged=(staged,)))
        log = Path(room) / "worker.log"
        started = time.monotonic()
        try:
            with _worker(node, log) as (worker, port):
                _until_ready(f"http://127.0.0.1:{port}", worker, node, version)
                yield Server(version, node, worker.pid, port, time.monotonic() - started)
        except ComputesAnother:
            raise
        except RoadworthyError as refusal:
            last = _last_line(log.read_bytes())
            raise NotReady(f"{refusal}; its last words: {last}" if last else str(refusal)) from refusal


@contextmanager
def _worker(node: NodeDirectory, log: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A worker and the port it answers at; it has ended when this is left, one way or the other.

    Only the worker holds the listening socket: where it dies, whoever asks it is told so at once.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ROADWORTHY_")}
    with socket.create_server(("127.0.0.1", 0)) as listening, log.open("wb") as output:
        handle, port = listening.fileno(), listening.getsockname()[1]
        command = [sys.executable, "-m", "roadworthy.serving", "--node-dir", str(node.root), "--hashed"]
        command += ["--worker", "0", "--fd", str(handle)]
        worker = subprocess.Popen(  # noqa: S603  # our own interpreter and module, no shell
            command, pass_fds=[handle], stdout=output, stderr=output, env=environment
        )
    try:
        yield worker, port
    finally:
        worker.terminate()
        try:
            worker.wait(DRAIN_SECONDS)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()


def _until_ready(url: str, worker: subprocess.Popen[bytes], node: NodeDirectory, version: VersionRow) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    with Sender(url, connections=1, timeout_seconds=ASK_SECONDS) as sender:
        while True:
            if worker.poll() is not None:
                raise NotReady(f"the staging worker ended with status {worker.returncode} before it answered")
            try:
                status, body = sender.get("/v2/health/ready")
            except NotReady:  # gone, or not listening yet: the next round sees which
                status, body = 503, b"it does not listen"
            if status == 200:
                return
            state = node.read_state(0)
            if state is not None and version.reference in state.errors:
                raise _not_loaded(state.errors[version.reference])
            if time.monotonic() > deadline:
                raise NotReady(
                    f"the staging worker was not ready after {PATIENCE_SECONDS:g} s: "
                    f"{body[:300].decode(errors='replace')}"
                )
            time.sleep(0.05)


def _not_loaded(error: str) -> RoadworthyError:
    """What a worker says of a version that it did not load, as an exception."""
    kind, _, words = error.partition(": ")
    if kind == Refused.__name__ and words.startswith(COMPUTES_ANOTHER):
        return ComputesAnother(words)
    return NotReady(f"the staging worker cannot load it: {error}")


def _last_line(log: bytes) -> str:
    lines = log.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""
