"""What one connection may cost: how many there are, how large and how slow a request's head may be.

Not here: limits of bodies and rows, which the application holds itself (exchange, requests). The HTTP server knows none
of these limits; this is its protocol with them added, and with refusals in the form of all others.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from roadworthy.serving.exchange import Receive, Rejected, Scope, Send, send_answer

#: Beyond the limit so many connections more are heard, to be told no in words and to keep health probes answered.
SPARE_CONNECTIONS = 100

#: How often `close_overdue` is to be called.
SWEEP_SECONDS = 0.5

_CLOSE = (b"connection", b"close")
_PROBES = "/v2/health/"


@dataclass(frozen=True, slots=True)
class Limits:
    """What is asked of connections.

    connections     open at a time in one worker
    head_bytes      of request line and headers together
    headers         number of headers, trailers included
    message_bytes   of a whole request as it comes over the wire, chunk framing included
    head_seconds    until the head of a request is complete, from its first byte or from the opening of a connection;
                    also for the rest of a body that is not wanted any more
    answer_seconds  until a client takes what waits for it
    linger_seconds  that a kept connection stays when the worker drains: a request on it still gets its answer, with
                    the word that the connection ends. A client whose connection just closes can not know whether its
                    request was read
    """

    connections: int = 1_000
    head_bytes: int = 16 << 10
    headers: int = 100
    message_bytes: int = 32 << 20
    head_seconds: float = 15.0
    answer_seconds: float = 30.0
    linger_seconds: float = 3.0


class Connection(HttpToolsProtocol):
    """One connection under limits; see `connection_class`."""

    limits = Limits()
    count: Callable[[str], None] = staticmethod(lambda kind: None)

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._in_head = False
        #: Bytes of the message that is coming in, after the piece in which it began.
        self._received = 0
        self._piece = 0
        self._allowed_headers = self.limits.headers
        #: When the message that is coming in began, or the connection; None between two messages.
        self._began: float | None = time.monotonic()
        self._blocked: float | None = None
        self._crowded = False
        self._leaves_at: float | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Take it, or close it at once when there is not even room to say no."""
        super().connection_made(transport)
        excess = len(self.connections) - self.limits.connections
        self._crowded = excess > 0
        if excess > SPARE_CONNECTIONS:
            self.count("connections")
            transport.abort()

    def data_received(self, data: bytes) -> None:
        """Parse what came, and end the connection when a head or a message grows without end."""
        self._piece = len(data)
        self._received += self._piece
        if self._began is None:
            self._began = time.monotonic()
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._in_head and self._received > self.limits.head_bytes:
            self._refuse(_head_too_large(self.limits))
        elif self._received > self.limits.message_bytes or len(self.headers or ()) > self._allowed_headers:
            self.count("message_too_large")
            self.transport.abort()

    def on_message_begin(self) -> None:
        """A request begins."""
        self._in_head, self._began, self._received = True, time.monotonic(), 0
        self._allowed_headers = self.limits.headers
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Its head is whole: let it be answered, or refused."""
        self._in_head = False
        refusal = self._refusal()
        if refusal is None:
            super().on_headers_complete()
            if self._leaves_at is not None:
                self.cycle.keep_alive = False
            return
        self.count(refusal.kind)
        self._allowed_headers = max(self.limits.headers, len(self.headers))
        wanted, self.app = self.app, _Refuse(refusal)
        try:
            super().on_headers_complete()
        finally:
            self.app = wanted

    def on_message_complete(self) -> None:
        """The request is here as a whole."""
        self._began = None
        super().on_message_complete()

    def pause_writing(self) -> None:
        """The client does not take its answer as fast as it is made."""
        self._blocked = time.monotonic()
        super().pause_writing()

    def resume_writing(self) -> None:
        """It takes it again."""
        self._blocked = None
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP; uvicorn calls this."""
        self._refuse(Rejected(400, "not_http", "this is not a request of HTTP/1.1", headers=(_CLOSE,)))

    def shutdown(self) -> None:
        """The worker drains: the answer that is due is the last one; with none due, wait a little for a request."""
        self._leaves_at = time.monotonic() + self.limits.linger_seconds
        cycle = self._newest()
        if cycle is not None:
            cycle.keep_alive = False

    def close_if_overdue(self, now: float) -> bool:
        """Close the connection when it keeps the worker waiting; True when that was so.

        A request that is being answered is never cut: its body has its own time limit.
        """
        if self._blocked is not None and now - self._blocked > self.limits.answer_seconds:
            self.count("answer_not_taken")
            self.transport.abort()
            return True
        cycle = self._newest()
        answering = cycle is not None and not cycle.response_complete
        if self._leaves_at is not None and now >= self._leaves_at and not answering and not self._in_head:
            self.transport.close()
            return True
        if self._began is None or answering or now - self._began <= self.limits.head_seconds:
            return False
        # Whoever sent nothing at all is not told anything: it is a client that keeps connections ready.
        if self._in_head and self._received:
            self._refuse(
                Rejected(
                    408,
                    "too_slow",
                    f"the head of the request did not arrive within {self.limits.head_seconds:g} seconds",
                    headers=(_CLOSE,),
                )
            )
        else:
            self.count("idle")
            self.transport.close()
        return True

    def _newest(self) -> RequestResponseCycle | None:
        """The request whose head was read last, with its answer; None before the first."""
        return self.cycle

    def _refusal(self) -> Rejected | None:
        if self._crowded:
            path = self.url.partition(b"?")[0].decode("latin-1")
            return None if path.startswith(_PROBES) else _crowded(self.limits)
        if len(self.headers) > self.limits.headers:
            return _too_many_headers(self.limits)
        # Most heads come in one piece that is shorter than the limit, and need not be counted.
        if self._received + self._piece > self.limits.head_bytes:
            size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
            if size > self.limits.head_bytes:
                return _head_too_large(self.limits)
        return None

    def _refuse(self, refusal: Rejected) -> None:
        """Close, and say why unless the answer to an earlier request is still due: it would be taken for that one."""
        self.count(refusal.kind)
        cycle = self._newest()
        if self._in_head or cycle is None:
            silent = cycle is not None and not cycle.response_complete
        else:
            silent = bool(self.pipeline) or cycle.response_started
        if not silent:
            answer = refusal.answer()
            phrase = HTTPStatus(answer.status).phrase.encode()
            lines = [b"HTTP/1.1 %d %s" % (answer.status, phrase), b"content-type: " + answer.content_type]
            lines += [b"content-length: %d" % len(answer.body), *(b"%s: %s" % one for one in answer.headers)]
            self.transport.write(b"\r\n".join([*lines, b"", answer.body]))
        self.transport.close()


class _Refuse:
    """An application that says no, whatever is asked."""

    def __init__(self, refusal: Rejected) -> None:
        self._refusal = refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send_answer(self._refusal.answer(), send)


def connection_class(limits: Limits, count: Callable[[str], None]) -> type[Connection]:
    """The protocol of a server with these limits.

    count   is told the kind of every refusal
    """
    return type("Connection", (Connection,), {"limits": limits, "count": staticmethod(count)})


async def close_overdue(state: ServerState) -> None:
    """Until cancelled: close connections that keep the worker waiting."""
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        now = time.monotonic()
        for connection in list(state.connections):
            if isinstance(connection, Connection):
                connection.close_if_overdue(now)


def _crowded(limits: Limits) -> Rejected:
    return Rejected(
        503,
        "connections",
        f"this worker has {limits.connections:,} connections open already: try again in a second",
        headers=((b"retry-after", b"1"), _CLOSE),
    )


def _too_many_headers(limits: Limits) -> Rejected:
    return Rejected(431, "head_too_large", f"more than {limits.headers} headers", headers=(_CLOSE,))


def _head_too_large(limits: Limits) -> Rejected:
    return Rejected(
        431,
        "head_too_large",
        f"address and headers are larger than {limits.head_bytes:,} bytes",
        headers=(_CLOSE,),
    )
