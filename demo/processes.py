"""The two processes the demo runs beside itself: a serving node and a controller, both real, both on loopback."""

from __future__ import annotations

import subprocess
from datetime import datetime
from pathlib import Path
from types import TracebackType

import msgspec

from roadworthy.errors import RoadworthyError
from roadworthy.jobs.processes import controller_command, supervisor_command
from roadworthy.jobs.tick import Ticked
from roadworthy.jobs.waiting import until_live
from roadworthy.node import NodeDirectory
from roadworthy.settings import Settings

NODE = "demo"


class Server:
    """`roadworthy serve --replay-clock` as a process of its own."""

    def __init__(self, settings: Settings) -> None:
        self._node = NodeDirectory(settings.nodes / NODE)
        self._log = (settings.root / "serve.log").open("wb")
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
        self.url = until_live(self._process, self._node, settings.root / "serve.log")

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
