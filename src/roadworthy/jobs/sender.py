"""Sends many requests to a server on a few kept connections, and waits until all are answered.

Not a client for applications: it is what a replay needs, with all its connections in one thread, because threads that
wait for each other's interpreter cost a replay more than the server does.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httptools
import msgspec
import uvloop

from roadworthy.errors import NotReady, RoadworthyError

T = TypeVar("T")

EVENT_TIME = "x-roadworthy-event-time"


@dataclass(frozen=True, slots=True)
class Post:
    """One request: path, JSON body, and the virtual time it happens at (RFC 3339; "" on a server with a real clock)."""

    path: str
    body: bytes
    event_time: str = ""


class Sender:
    """A few connections to one server; use it as a context manager.

    url      such as `http://127.0.0.1:8080`
    token    sent as a bearer token when not empty; never logged
    """

    def __init__(
        self, url: str, *, connections: int = 4, token: str = "", timeout_seconds: float = 30.0
    ) -> None:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            parts, host, port = urlsplit(""), None, None
        if parts.scheme != "http" or not host:
            raise RoadworthyError(
                f"server address {url!r} is not understood: write it as http://127.0.0.1:8080"
            )
        self._host, self._port = host, port or 80
        self._timeout = timeout_seconds
        self._headers = {
            "host": parts.netloc,
            "content-type": "application/json",
            **({"authorization": f"Bearer {token}"} if token else {}),
        }
        self._connections: list[_Connection | None] = [None] * connections
        # A thread of its own, because a notebook runs a loop in the caller's.
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="sender", daemon=True)
        self._thread.start()

    def __enter__(self) -> Sender:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._wait_for(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def send_all(self, posts: Iterable[Post]) -> list[bytes]:
        """Send all, several at a time, and return the answers' bodies in the order of `posts`.

        raises   NotReady when the server cannot be reached after a second try, RoadworthyError when it refuses one
        """
        return self._wait_for(self._send_all(list(posts)))

    def get(self, path: str) -> tuple[int, bytes]:
        """One GET: status and body."""
        return self._wait_for(self._exchange(0, _request("GET", path, b"", self._headers)))

    def _wait_for(self, work: Coroutine[Any, Any, T]) -> T:
        task = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return task.result()
        finally:
            task.cancel()  # of the caller's interruption; nothing once it has ended

    async def _close(self) -> None:
        for connection in self._connections:
            if connection is not None:
                connection.close()
        await asyncio.sleep(0)  # lets the transports go

    async def _send_all(self, posts: list[Post]) -> list[bytes]:
        answers = [b""] * len(posts)
        waiting = iter(enumerate(posts))
        lanes = [
            self._loop.create_task(self._send_waiting(place, waiting, answers))
            for place in range(min(len(self._connections), len(posts)))
        ]
        try:
            await asyncio.gather(*lanes)
        finally:
            for lane in lanes:
                lane.cancel()
            await asyncio.gather(*lanes, return_exceptions=True)
        return answers

    async def _send_waiting(
        self, place: int, waiting: Iterator[tuple[int, Post]], answers: list[bytes]
    ) -> None:
        """Send one request after the other on one connection, for as long as any waits."""
        for number, post in waiting:
            headers = {**self._headers, EVENT_TIME: post.event_time} if post.event_time else self._headers
            status, body = await self._exchange(place, _request("POST", post.path, post.body, headers))
            if status != 200:
                raise RoadworthyError(f"POST {post.path} was answered with {status}: {_sentence(body)}")
            answers[number] = body

    async def _exchange(self, place: int, request: bytes) -> tuple[int, bytes]:
        for attempt in (1, 2):
            connection = self._connections[place]
            try:
                async with asyncio.timeout(self._timeout):
                    if connection is None or connection.over:
                        _, connection = await self._loop.create_connection(
                            lambda: _Connection(self._loop), self._host, self._port
                        )
                        self._connections[place] = connection
                    return await connection.ask(request)
            except (OSError, httptools.HttpParserError) as error:
                # A kept connection may have been closed while nobody used it: the same one is opened anew.
                if attempt == 2:
                    reason = str(error) or f"no answer within {self._timeout:g} s"
                    raise NotReady(
                        f"no server answers at http://{self._host}:{self._port}: {reason}"
                    ) from error
            finally:
                if connection is not None and connection.asked:
                    connection.close()
        raise AssertionError("unreachable: the second attempt returns or raises")


class _Connection(asyncio.Protocol):
    """One connection: one request, one answer.

    asked   whether an answer is still missing
    over    whether it takes no further request
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._parser = httptools.HttpResponseParser(self)
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._body: list[bytes] = []
        self.over = False

    @property
    def asked(self) -> bool:
        return self._answer is not None

    def ask(self, request: bytes) -> asyncio.Future[tuple[int, bytes]]:
        """The status and body that the server sends back; OSError when it hangs up before."""
        self._answer = self._loop.create_future()
        self._body = []
        self._transport.write(request)
        return self._answer

    def close(self) -> None:
        """Use it no more; what was asked stays without an answer."""
        self.over, self._answer = True, None
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]  # TCP transports write

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(error)

    def connection_lost(self, error: Exception | None) -> None:
        self._fail(error if isinstance(error, OSError) else ConnectionResetError("it closed the connection"))

    def on_body(self, data: bytes) -> None:
        """From the parser: a piece of the body."""
        self._body.append(data)

    def on_message_complete(self) -> None:
        """From the parser: the answer is whole."""
        self.over = not self._parser.should_keep_alive()
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            answer.set_result((self._parser.get_status_code(), b"".join(self._body)))

    def _fail(self, error: Exception) -> None:
        self.over = True
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            answer.set_exception(error)


def _request(method: str, path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, f"content-length: {len(body)}", "", ""]).encode() + body


def _sentence(body: bytes) -> str:
    try:
        return str(msgspec.json.decode(body)["error"]["message"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return body[:200].decode(errors="replace")
