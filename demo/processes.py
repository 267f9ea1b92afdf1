"""The two processes the demo runs beside itself: a serving node and a controller, both real, both on loopback."""

from __future__ import annotations

import subprocess
import time
from datetime import datetime
from pathlib import Path
from types import TracebackType

import msgspec

from roadworthy.errors import NotReady, RoadworthyError
from roadworthy.jobs.processes import controller_command, supervisor_command
from roadworthy.jobs.sender import Sender
from roadworthy.jobs.tick import Ticked
from roadworthy.node import NodeDirectory
from roadworthy.settings import Settings

NODE = "demo"


class Server:
    """`roadworthy serve --replay-clock` as a process of its own."""

    def __init__(self, settings: Settings) -> None:
        self._node = NodeDirectory(settings.nodes / NODE)
        self._log_path = settings.root / "serve.log"
        self._log = self._log_path.open("wb")
        command = supervisor_command(
            settings,
            host="127.0.0.1",
            port=0,
            workers=2,
            replay_clock=True,
            durability="process",
            node=NODE,
            seed="1",
        )
        self._process = subprocess.Popen(command, stdout=self._log, stderr=self._log)
        self.url = self._wait_ready()

    def _wait_ready(self, patience_seconds: float = 60.0) -> str:
        deadline = time.monotonic() + patience_seconds
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise NotReady(f"the server ended at once; its log: {self._log_path}")
            if self._node.address.exists():
                url = self._node.address.read_text().strip()
                try:
                    with Sender(url, connections=1) as sender:
                        if sender.get("/v2/health/live")[0] == 200:
                            return url
                except NotReady:
                    pass
            time.sleep(0.05)
        raise NotReady(f"the server was not up after {patience_seconds:g} s; its log: {self._log_path}")

    def wait(self) -> None:
        """Until somebody stops it."""
        self._process.wait()

    def stop(self) -> None:
        """Drain and end."""
        self._process.terminate()
        self._process.wait(30)
        self._log.close()


class Controller:
    """`roadworthy controller --replay` as a process of its own; it beats when it is told the time."""

    def __init__(self, settings: Settings) -> None:
        self._log = (settings.root / "controller.log").open("wb")
        self._process = subprocess.Popen(
            controller_command(settings, replay=True),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )

    def __enter__(self) -> Controller:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._log.close()

    def beat(self, now: datetime) -> Ticked:
        """Have it look at the log as of `now`, and act; waits until it has."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(now.isoformat().encode() + b"\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RoadworthyError(
                f"the controller ended with status {self._process.wait(10)}; see controller.log"
            )
        try:
            return msgspec.json.decode(line, type=Ticked)
        except msgspec.ValidationError:
            raise RoadworthyError(f"the controller could not do its work: {line.decode().strip()}") from None


def fresh_settings(root: Path) -> Settings:
    """A workspace of its own, with a namespace of its own, as replays have."""
    return Settings(root.resolve(), "replay")
