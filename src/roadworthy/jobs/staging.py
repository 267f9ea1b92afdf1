"""Asks a real worker process for the golden requests of a version, before anybody else may ask it anything."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np

from roadworthy.errors import NotReady, RoadworthyError
from roadworthy.gate.evidence import Staging
from roadworthy.jobs.sender import Post, Sender
from roadworthy.node import NodeDirectory
from roadworthy.registry.artifact import stage
from roadworthy.registry.versions import VersionRow
from roadworthy.scorer import Scorer
from roadworthy.traffic import Plan, Route, Staged

#: A worker that has not answered after this long will not.
PATIENCE_SECONDS = 60.0

#: How long one request may take.
ASK_SECONDS = 30.0

#: A worker that still runs so long after it was told to end is killed: it may be stuck in the code of the artifact.
DRAIN_SECONDS = 10.0


class _Answer(msgspec.Struct):
    predictions: list[float]


def ask_goldens(version: VersionRow, artifacts: Path, scorer: Scorer) -> Staging:
    """Start a worker on a copy of the artifact, send every golden request over HTTP, and stop it again.

    A worker that does not come up, or refuses a request, is evidence, not an exception: its reason is in `error`.
    """
    expected = np.array([float(golden.prediction) for golden in scorer.goldens])
    started = time.monotonic()
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
        answered, error = np.array([]), None
        with _worker(node, log) as (worker, port):
            try:
                answered = _answers(f"http://127.0.0.1:{port}", worker, node, version, scorer)
            except RoadworthyError as refusal:
                error = str(refusal)
        if error is not None:
            last = _last_line(log.read_bytes())
            error += f"; its last words: {last}" if last else ""
    return Staging(expected=expected, answered=answered, error=error, seconds=time.monotonic() - started)


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


def _answers(
    url: str, worker: subprocess.Popen[bytes], node: NodeDirectory, version: VersionRow, scorer: Scorer
) -> np.ndarray:
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
                break
            state = node.read_state(0)
            if state is not None and version.reference in state.errors:
                raise NotReady(f"the staging worker cannot load it: {state.errors[version.reference]}")
            if time.monotonic() > deadline:
                raise NotReady(
                    f"the staging worker was not ready after {PATIENCE_SECONDS:g} s: "
                    f"{body[:300].decode(errors='replace')}"
                )
            time.sleep(0.05)
        path = f"/v1/models/{version.model}:predict"
        posts = [
            Post(path, msgspec.json.encode({"instances": [golden.request]})) for golden in scorer.goldens
        ]
        bodies = sender.send_all(posts)
    return np.array([msgspec.json.decode(body, type=_Answer).predictions[0] for body in bodies])


def _last_line(log: bytes) -> str:
    lines = log.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""
