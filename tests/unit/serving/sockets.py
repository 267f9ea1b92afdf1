"""A server on a real socket, with its connections under limits, and clients of it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
import pytest
import uvicorn

from roadworthy.serving.connections import Connection, Limits, close_overdue, connection_class
from roadworthy.serving.exchange import Answer, send_answer

GET = b"GET /x HTTP/1.1\r\nhost: a\r\n\r\n"
SMALL = Limits(connections=3, head_bytes=2_000, headers=10, message_bytes=600_000, head_seconds=0.3)

#: What makes of a connection another one.
Kind = Callable[[type[Connection]], type[Connection]]


class Client:
    """One connection; a server that closes it early does not take away what it said before."""

    def __init__(self, opened: socket.socket) -> None:
        self.socket = opened
        self._buffer = b""
        self._loop = asyncio.get_running_loop()

    async def send(self, *pieces: bytes) -> bool:
        """Write pieces one after the other, so that each is read by itself; False when the server has closed."""
        try:
            for piece in pieces:
                await self._loop.sock_sendall(self.socket, piece)
                await asyncio.sleep(0.01)
        except ConnectionError:
            return False
        return True

    async def _more(self) -> bool:
        try:
            piece = await asyncio.wait_for(self._loop.sock_recv(self.socket, 1 << 16), 5)
        except ConnectionError:
            return False
        self._buffer += piece
        return bool(piece)

    async def answer(self) -> tuple[int, dict[str, str], Any]:
        """Status, headers and content of the next answer."""
        while b"\r\n\r\n" not in self._buffer:
            assert await self._more()
        top, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        lines = top.decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
        length = int(headers["content-length"])
        while len(self._buffer) < length:
            assert await self._more()
        content, self._buffer = self._buffer[:length], self._buffer[length:]
        return int(lines[0].split(" ")[1]), headers, msgspec.json.decode(content)

    async def closed(self) -> bool:
        """Whether the server closes the connection without another word."""
        return not await self._more() and not self._buffer


class House:
    """A server that runs."""

    def __init__(self, port: int, counted: list[str], server: uvicorn.Server) -> None:
        self.port, self.counted, self.server = port, counted, server
        self._clients: list[Client] = []

    async def client(self) -> Client:
        """A new connection."""
        opened = socket.socket()
        opened.setblocking(False)
        await asyncio.get_running_loop().sock_connect(opened, ("127.0.0.1", self.port))
        self._clients.append(Client(opened))
        return self._clients[-1]

    def leave(self) -> None:
        """Close all connections."""
        while self._clients:
            self._clients.pop().socket.close()


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Says which address was asked; `/slow` takes its time, `/body` wants the body, `/large` answers at length."""
    path = scope["path"]
    if path == "/slow":
        await asyncio.sleep(0.6)
    while path == "/body":
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        if not message["more_body"]:
            break
    await send_answer(Answer(200, b'"%s"' % (b"x" * 8_000_000 if path == "/large" else path.encode())), send)


@contextlib.asynccontextmanager
async def serving(limits: Limits, kind: Kind) -> AsyncIterator[House]:
    """A server with such connections under these limits that looks for overdue ones ten times a second."""
    counted: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as bound:
        config = uvicorn.Config(
            application,
            http=kind(connection_class(limits, counted.append)),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
        )
        server = uvicorn.Server(config)
        with contextlib.ExitStack() as patched:
            monkey = pytest.MonkeyPatch()
            patched.callback(monkey.undo)
            monkey.setattr("roadworthy.serving.connections.SWEEP_SECONDS", 0.05)
            monkey.setattr(server, "capture_signals", contextlib.nullcontext)
            tasks = [
                asyncio.create_task(server.serve(sockets=[bound])),
                asyncio.create_task(close_overdue(server.server_state)),
            ]
            while not server.started:
                await asyncio.sleep(0.01)
            house = House(bound.getsockname()[1], counted, server)
            try:
                yield house
            finally:
                house.leave()
                server.should_exit = server.force_exit = True
                tasks[1].cancel()
                await asyncio.gather(*tasks, return_exceptions=True)


def run(
    test: Callable[[House], Awaitable[None]], limits: Limits = SMALL, kind: Kind = lambda plain: plain
) -> None:
    """A test against a server of its own."""

    async def whole() -> None:
        async with serving(limits, kind) as house:
            await test(house)

    asyncio.run(whole())
