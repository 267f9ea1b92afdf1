"""A serving node of a deployment as a process of its own: what `roadworthy serve --replay-clock` starts."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import msgspec

from roadworthy.drills.launcher import Patch, launched, wrap
from roadworthy.errors import NotReady
from roadworthy.jobs.processes import supervisor_command
from roadworthy.jobs.waiting import PATIENCE_SECONDS, until_live
from roadworthy.node import NodeDirectory
from roadworthy.scorer import Scorer
from roadworthy.settings import Settings

NODE = "drill"


class Server:
    """One node with one worker; use it as a context manager.

    patches     what differs in its processes
    home        where its log and the patches are written
    replaying   whether requests say what time it is; else it is the time of the machine
    """

    def __init__(
        self, settings: Settings, home: Path, patches: Sequence[Patch] = (), *, replaying: bool = True
    ) -> None:
        self._node = NodeDirectory(settings.nodes / NODE)
        self._node.address.unlink(missing_ok=True)
        self._log = home / "serve.log"
        command = supervisor_command(
            settings, host="127.0.0.1", port=0, workers=1, replay_clock=replaying, durability="process", node=NODE,
            seed="1",
        )  # fmt: skip
        if patches:
            command = launched(command, write_patches(home, patches), "supervisor")
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(command, stdout=output, stderr=output)  # noqa: S603  # our own module
        try:
            self.url = until_live(self._process, self._node, self._log)
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def signal(self, number: int, *, worker: int | None = None) -> None:
        """Send a signal to the supervisor, or to one of its workers."""
        if worker is None:
            self._process.send_signal(signal.Signals(number))
            return
        state = self._node.read_state(worker)
        if state is None:
            raise NotReady(f"worker {worker} of the drilled server has not said which process it is")
        os.kill(state.pid, number)


def write_patches(home: Path, patches: Sequence[Patch]) -> Path:
    """The patches as a file that the launcher reads."""
    path = patches_file(home)
    path.write_bytes(msgspec.json.encode(list(patches)))
    return path


def patches_file(home: Path) -> Path:
    """Where the patches of a deployment are written."""
    return home / "patches.json"


def take_any() -> None:
    """Let nodes serve a version whose golden requests they answer otherwise; a patch where `release` is off."""
    wrap(Scorer, "require_goldens", lambda honest: lambda *given: None)
