"""Load on one server: wrk in a closed loop, our own client at fixed rates; and what the server used meanwhile."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from bench.results import ROOT
from bench.serve_openloop import Orders, Seen
from bench.serve_process import ServerProcess

NEEDS_WRK = "wrk is not installed: run `apt-get install wrk` (Debian, Ubuntu) or `brew install wrk`"

_SCRIPT = """
wrk.method = "POST"
wrk.body = [==[%s]==]
wrk.headers["Content-Type"] = "application/json"
done = function(summary, latency, requests)
  local e = summary.errors
  io.stderr:write(string.format(
    '{"requests":%%d,"seconds":%%.6f,"refused":%%d,"broken":%%d,"p50":%%.4f,"p99":%%.4f,"p999":%%.4f}',
    summary.requests, summary.duration / 1e6, e.status, e.connect + e.read + e.write + e.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency:percentile(99.9) / 1e3))
end
"""


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """One run of wrk; latencies in milliseconds, processor time in microseconds a request.

    refused     answers with another status than 2xx or 3xx
    broken      connections that failed, and requests that timed out
    cpu         of all processes of the server
    cpu_worker  of those that answer
    """

    requests: int
    seconds: float
    refused: int
    broken: int
    p50: float
    p99: float
    p999: float
    cpu: float = 0.0
    cpu_worker: float = 0.0

    @property
    def rate(self) -> float:
        """Answers a second."""
        return (self.requests - self.refused) / self.seconds


def have_wrk() -> None:
    """Install wrk where that is possible; SystemExit with what to do where it is not."""
    if shutil.which("wrk") is None and shutil.which("apt-get"):
        subprocess.run(["apt-get", "install", "-y", "-qq", "wrk"], check=False, stdout=subprocess.DEVNULL)  # noqa: S607
    if shutil.which("wrk") is None:
        raise SystemExit(NEEDS_WRK)


def closed_loop(
    server: ServerProcess,
    port: int,
    path: str,
    body: bytes,
    *,
    connections: int,
    seconds: int,
    worker: str = "",
) -> Cell:
    """As many requests as `connections` clients get answered that ask again at once."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(_SCRIPT % body.decode())
        script.flush()
        url = f"http://127.0.0.1:{port}{path}"
        before = server.usage()
        done = subprocess.run(
            ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", script.name, url],  # noqa: S607
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=seconds + 30,
        )  # fmt: skip
        after = server.usage()
    cell = msgspec.json.decode(done.stderr, type=Cell)
    each = 1e6 / max(cell.requests, 1)
    return msgspec.structs.replace(
        cell, cpu=after.since(before) * each, cpu_worker=after.since(before, worker) * each
    )


def open_loop(port: int, path: str, body: bytes, **orders: Any) -> Seen:
    """Requests that are due at fixed times, whatever the server does; see `serve_openloop.Orders`."""
    given = msgspec.json.encode(Orders(port=port, path=path, body=body.decode(), **orders))
    done = subprocess.run(
        [sys.executable, "-m", "bench.serve_openloop"], input=given, check=True, stdout=subprocess.PIPE,
        cwd=Path(ROOT), timeout=orders["seconds"] + 60,
    )  # fmt: skip
    return msgspec.json.decode(done.stdout, type=Seen)
