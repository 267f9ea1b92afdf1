"""Predict requests straight from the connection to the model: no task, no messages, one write for the answer.

Not here: what is answered (app). A request that does not arrive in one piece, or waits behind another one of its
connection, or whose client reads slowly, goes the way of all others, through ASGI; the answers are the same.
"""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from roadworthy.serving.app import MODELS, PREDICT, Application
from roadworthy.serving.batching import Waiting
from roadworthy.serving.connections import Connection
from roadworthy.serving.exchange import Answer, Scope

_STATUS = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}


class ExpressConnection(Connection):
    """A connection whose predict requests are answered without a task each; see `express_class`."""

    application: Application

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._reading = False
        self._held: RequestResponseCycle | None = None
        self._waiting: Waiting | None = None

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """Hold or ask a predict request whose head was just read; all others are tasks.

        A request that waited behind another one is started by that one's answer: were it answered here, a row of
        refusals would be told each inside the one before, and one without its body would be held by nobody.
        """
        path: str = cycle.scope["path"]
        wanted = self._reading and app is self.config.loaded_app  # else the connection's limits refuse it
        plain = wanted and path.endswith(PREDICT) and path.startswith(MODELS)
        if not plain or cycle.scope["method"] != "POST" or cycle.waiting_for_100_continue:
            super()._start_asgi_task(cycle, app)
        elif cycle.more_body:
            self._held = cycle  # its body follows, nearly always in the same piece
        elif self.flow.write_paused:
            super()._start_asgi_task(cycle, app)
        else:
            self._express(cycle)

    def data_received(self, data: bytes) -> None:
        """Parse what came; a request whose body is still on its way becomes a task that waits for it."""
        self._reading = True
        try:
            super().data_received(data)
        finally:
            self._reading = False
        held, self._held = self._held, None
        if held is not None and not self.transport.is_closing():
            super()._start_asgi_task(held, self.app)

    def on_message_complete(self) -> None:
        """The request is here as a whole."""
        super().on_message_complete()
        held = self._held
        if held is not None and not held.more_body and not self.flow.write_paused:
            self._held = None
            self._express(held)

    def connection_lost(self, exc: Exception | None) -> None:
        """Free the place of a request that nobody waits for."""
        super().connection_lost(exc)
        if self._waiting is not None and not self._waiting.done:
            self._waiting.leave()
            self.count("disconnected")

    def _express(self, cycle: RequestResponseCycle) -> None:
        self.flow.resume_reading()  # paused for a large body; else nobody would hear that the client leaves
        respond = partial(self._respond, cycle)
        self._waiting = self.application.express(cast(Scope, cycle.scope), bytes(cycle.body), respond)

    def _respond(self, cycle: RequestResponseCycle, answer: Answer) -> None:
        """Write an answer as `RequestResponseCycle.send` would in two calls."""
        if cycle.disconnected or self.transport.is_closing():
            return
        head = [_STATUS[answer.status], b"content-type: ", answer.content_type]
        head.append(b"\r\ncontent-length: %d\r\n" % len(answer.body))
        for name, value in answer.headers:
            head += (name, b": ", value, b"\r\n")
        if not cycle.keep_alive:
            head.append(b"connection: close\r\n")
        head += (b"\r\n", answer.body)
        cycle.response_started = cycle.response_complete = True
        cycle.message_event.set()
        self.transport.write(b"".join(head))
        if not cycle.keep_alive:
            self.transport.close()
        cycle.on_response()


def express_class(connection: type[Connection], application: Application) -> type[ExpressConnection]:
    """The protocol of a server of this application, with the limits of `connection`."""
    return type("ExpressConnection", (ExpressConnection, connection), {"application": application})
