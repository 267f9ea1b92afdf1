"""The open-loop client charges a server that stalls with everybody who was due meanwhile."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

import msgspec

ROOT = Path(__file__).resolve().parents[3]
RATE, SECONDS, STALL = 100, 1.0, 0.7


class Stalling(asyncio.Protocol):
    """Answers at once, and once not: the event loop stands still, as in a process that collects garbage."""

    stalled = False

    def connection_made(self, transport: Any) -> None:
        """Keep it."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """One whole request each, since they are small."""
        if not Stalling.stalled:
            Stalling.stalled = True
            time.sleep(STALL)
        self.transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")


async def seen(**orders: object) -> dict[str, Any]:
    """Run the client as a process against a stalling server."""
    Stalling.stalled = False
    server = await asyncio.get_running_loop().create_server(Stalling, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    client = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.serve_openloop", cwd=ROOT, stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    given = {
        "port": port,
        "path": "/",
        "body": "{}",
        "rate": RATE,
        "seconds": SECONDS,
        "warmup": 0.0,
        **orders,
    }
    output, _ = await client.communicate(msgspec.json.encode(given))
    server.close()
    await server.wait_closed()
    found: dict[str, Any] = msgspec.json.decode(output)
    return found


def test_latency_counts_from_when_a_request_was_due() -> None:
    """One stall delays the seventy requests that fall due in it, though only one of them was on its way."""
    found = asyncio.run(seen(connections=1))
    assert found["due"] == found["answered"] == RATE * SECONDS
    assert found["p50"] >= 0.1 * STALL * 1e3
    assert found["sent_p50"] <= 0.1 * STALL * 1e3


def test_a_client_that_gives_up_says_how_many_it_did_not_send() -> None:
    """While the only connection waits, what falls due is given up, and everybody is accounted for."""
    found = asyncio.run(seen(connections=1, give_up=True))
    assert found["unsent"] >= 0.5 * STALL * RATE
    assert found["answered"] + found["unsent"] == found["due"] == RATE * SECONDS
