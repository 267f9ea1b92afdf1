"""Server processes of a measurement: started, waited for, looked at through /proc, ended with all their children.

Not here: which servers there are (serve_servers) and the load they get (serve_load). Linux only.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PATIENCE_SECONDS = 120.0


class DidNotStart(Exception):
    """A server that never answered; says why."""


@dataclass(frozen=True)
class Usage:
    """What the processes of a server used so far.

    seconds   processor time by process
    names     command line by process
    """

    seconds: Mapping[int, float]
    names: Mapping[int, str]

    def since(self, before: Usage, holding: str = "") -> float:
        """Processor seconds since then, of processes whose command line holds a text."""
        return sum(
            used - before.seconds.get(pid, 0.0)
            for pid, used in self.seconds.items()
            if holding in self.names.get(pid, "")
        )


class ServerProcess:
    """One server and its children, in a session of their own.

    log   file that gets what they print
    """

    def __init__(
        self, command: Sequence[str], log: Path, environment: Mapping[str, str], folder: Path
    ) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        self.log = log
        self.started = time.perf_counter()
        with log.open("wb") as file:
            self._process = subprocess.Popen(
                list(command), stdout=file, stderr=file, stdin=subprocess.DEVNULL, start_new_session=True,
                env={**os.environ, **environment}, cwd=folder,
            )  # fmt: skip

    def wait(self, answers: Callable[[], bool]) -> float:
        """Wait for the first answer; returns seconds since the start."""
        while time.perf_counter() - self.started < PATIENCE_SECONDS:
            if self._process.poll() is not None:
                raise DidNotStart(f"it ended with status {self._process.returncode}: {self._last_words()}")
            with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
                if answers():
                    return time.perf_counter() - self.started
            time.sleep(0.01)
        raise DidNotStart(f"no answer within {PATIENCE_SECONDS:g} s: {self._last_words()}")

    def usage(self) -> Usage:
        """Processor time of every living process of the server."""
        pids = self.pids()
        return Usage({pid: _cpu_seconds(pid) for pid in pids}, {pid: _command(pid) for pid in pids})

    def pss_megabytes(self, holding: str = "") -> float:
        """Proportional memory of its processes whose command line holds a text."""
        return sum(_pss_kilobytes(pid) for pid in self.pids() if holding in _command(pid)) / 1024

    def pids(self) -> list[int]:
        """The process and everything below it."""
        children: dict[int, list[int]] = {}
        for name in os.listdir("/proc"):
            if name.isdigit():
                fields = _stat(int(name))
                if fields:
                    children.setdefault(int(fields[1]), []).append(int(name))
        found, look = [], [self._process.pid]
        while look:
            pid = look.pop()
            found.append(pid)
            look += children.get(pid, [])
        return found

    def stop(self) -> bool:
        """Ask it to end, wait, and end what is left; says whether it went by itself."""
        everybody = self.pids()
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(40)
            orderly = True
        except subprocess.TimeoutExpired:
            orderly = False
        for pid in everybody:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()
        return orderly

    def _last_words(self) -> str:
        lines = [line.strip() for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        return " / ".join(lines[-2:])[:300] or "it printed nothing"


def free_port() -> int:
    """A port of loopback that nobody uses now."""
    with socket.create_server(("127.0.0.1", 0)) as bound:
        return int(bound.getsockname()[1])


def _stat(pid: int) -> list[str]:
    """Fields of /proc/PID/stat from the state on; empty when the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _cpu_seconds(pid: int) -> float:
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / TICKS if fields else 0.0


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def _pss_kilobytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
