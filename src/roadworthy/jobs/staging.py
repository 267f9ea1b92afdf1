"""Asks a real worker process for the golden requests of a version, before anybody else may ask it anything."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
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
        listening = socket.create_server(("127.0.0.1", 0))
        with (
            listening,
            (Path(room) / "worker.log").open("w+b") as log,
            _worker(node, listening, log.fileno()) as worker,
        ):
            port = listening.getsockname()[1]
            try:
                answered = _answers(f"http://127.0.0.1:{port}", worker, version.model, scorer)
            except RoadworthyError as error:
                log.seek(0)
                reason = _last_line(log.read()) or str(error)
                return Staging(
                    expected=expected, answered=np.array([]), error=reason, seconds=time.monotonic() - started
                )
            finally:
                worker.terminate()
    return Staging(expected=expected, answered=answered, seconds=time.monotonic() - started)


def _worker(node: NodeDirectory, listening: socket.socket, log: int) -> subprocess.Popen[bytes]:
    handle = listening.fileno()
    command = [
        sys.executable,
        "-m",
        "roadworthy.serving",
        "--node-dir",
        str(node.root),
        "--worker",
        "0",
        "--fd",
        str(handle),
    ]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ROADWORTHY_")}
    return subprocess.Popen(  # noqa: S603  # our own interpreter and module, no shell
        command, pass_fds=[handle], stdout=log, stderr=log, env=environment
    )


def _answers(url: str, worker: subprocess.Popen[bytes], model: str, scorer: Scorer) -> np.ndarray:
    deadline = time.monotonic() + PATIENCE_SECONDS
    with Sender(url, connections=1) as sender:
        while True:
            if worker.poll() is not None:
                raise NotReady(f"the staging worker ended with status {worker.returncode} before it answered")
            status, body = sender.get("/v2/health/ready")
            if status == 200:
                break
            if time.monotonic() > deadline:
                raise NotReady(
                    f"the staging worker was not ready after {PATIENCE_SECONDS:g} s: "
                    f"{body[:300].decode(errors='replace')}"
                )
            time.sleep(0.05)
        path = f"/v1/models/{model}:predict"
        posts = [
            Post(path, msgspec.json.encode({"instances": [golden.request]})) for golden in scorer.goldens
        ]
        bodies = sender.send_all(posts)
    return np.array([msgspec.json.decode(body, type=_Answer).predictions[0] for body in bodies])


def _last_line(log: bytes) -> str:
    lines = log.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""
