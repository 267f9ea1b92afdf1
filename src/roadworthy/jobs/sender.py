"""Sends many requests to a server on a few kept connections, and waits until all are answered.

Not a client for applications: it is what a replay needs, with the standard library's HTTP.
"""

from __future__ import annotations

import http.client
import queue
import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from urllib.parse import urlsplit

import msgspec

from roadworthy.errors import NotReady, RoadworthyError

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
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname:
            raise RoadworthyError(
                f"server address {url!r} is not understood: write it as http://127.0.0.1:8080"
            )
        self._host, self._port = parts.hostname, parts.port or 80
        self._timeout = timeout_seconds
        self._headers = {
            "content-type": "application/json",
            **({"authorization": f"Bearer {token}"} if token else {}),
        }
        self._idle: queue.SimpleQueue[http.client.HTTPConnection] = queue.SimpleQueue()
        self._open: list[http.client.HTTPConnection] = []
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(connections, thread_name_prefix="sender")

    def __enter__(self) -> Sender:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)
        for connection in self._open:
            connection.close()

    def send_all(self, posts: Iterable[Post]) -> list[bytes]:
        """Send all, several at a time, and return the answers' bodies in the order of `posts`.

        raises   NotReady when the server cannot be reached after a second try, RoadworthyError when it refuses one
        """
        return list(self._pool.map(self._send, posts))

    def get(self, path: str) -> tuple[int, bytes]:
        """One GET: status and body."""
        return self._exchange("GET", path, b"", {})

    def _send(self, post: Post) -> bytes:
        headers = {EVENT_TIME: post.event_time} if post.event_time else {}
        status, body = self._exchange("POST", post.path, post.body, headers)
        if status != 200:
            raise RoadworthyError(f"POST {post.path} was answered with {status}: {_sentence(body)}")
        return body

    def _exchange(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        connection = self._borrow()
        try:
            for attempt in (1, 2):
                try:
                    connection.request(method, path, body, {**self._headers, **headers})
                    answer = connection.getresponse()
                    return answer.status, answer.read()
                except (OSError, http.client.HTTPException) as error:
                    # A kept connection may have been closed while nobody used it: the same one is opened anew.
                    connection.close()
                    if attempt == 2:
                        raise NotReady(
                            f"no server answers at http://{self._host}:{self._port}: {error}"
                        ) from error
        finally:
            self._idle.put(connection)
        raise AssertionError("unreachable: the second attempt returns or raises")

    def _borrow(self) -> http.client.HTTPConnection:
        try:
            return self._idle.get_nowait()
        except queue.Empty:
            connection = http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)
            with self._lock:
                self._open.append(connection)
            return connection


def _sentence(body: bytes) -> str:
    try:
        return str(msgspec.json.decode(body)["error"]["message"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return body[:200].decode(errors="replace")
