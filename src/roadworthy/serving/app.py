"""The ASGI application: finds the handler of a request, lets it work, and turns whatever happens into an answer.

Not here: what handlers do (handlers) and the process around (worker). Any ASGI server can run it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Literal

from roadworthy.serving.access import Guard
from roadworthy.serving.exchange import (
    Answer,
    Call,
    Disconnected,
    Receive,
    Rejected,
    Scope,
    Send,
    read_body,
    send_answer,
)
from roadworthy.serving.handlers import Handlers
from roadworthy.serving.telemetry import Telemetry
from roadworthy.tokens import TokenScope

logger = logging.getLogger("roadworthy.worker")

Handler = Callable[[Call], Answer | Awaitable[Answer]]

_MODELS = "/v1/models/"
_PREDICT = ":predict"
#: A client that needs longer to send a body keeps a connection and nothing else; shorter than the workers drain.
BODY_SECONDS = 20.0

_JSON_TYPES = (b"application/json", b"text/json")


class Application:
    """Serves the addresses of one worker."""

    def __init__(
        self,
        handlers: Handlers,
        guard: Guard,
        telemetry: Telemetry,
        max_body_bytes: int,
        body_seconds: float = BODY_SECONDS,
    ) -> None:
        self._handlers, self._guard, self._telemetry = handlers, guard, telemetry
        self._limit, self._body_seconds = max_body_bytes, body_seconds
        self._open: dict[str, Handler] = {
            "/v2/health/live": handlers.live,
            "/v2/health/ready": handlers.ready,
        }
        self._gets: dict[str, Handler] = {"/metrics": handlers.metrics, "/openapi.json": handlers.openapi}
        self._posts: dict[str, Handler] = {"/v1/outcomes": handlers.outcomes}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; every end of it is an answer, except when the client has gone."""
        if scope["type"] != "http":
            return
        started_ns = time.perf_counter_ns()
        path: str = scope["path"]
        name = path.removeprefix(_MODELS).removesuffix(_PREDICT) if path.startswith(_MODELS) else ""
        try:
            answer = await self._answer(scope, receive, name, started_ns)
        except Disconnected:
            self._telemetry.error("disconnected")
            return
        except Rejected as rejected:
            self._telemetry.error(rejected.kind)
            answer = rejected.answer()
        except Exception:
            logger.exception("a request failed in a way nobody foresaw")
            self._telemetry.error("internal")
            answer = Rejected(500, "internal", "the server failed; its log says why").answer()
        model = name if self._handlers.knows(name) else ""
        self._telemetry.request(model, answer.status)
        await send_answer(answer, send)
        if model and path.endswith(_PREDICT):
            self._telemetry.latency(model, (time.perf_counter_ns() - started_ns) / 1e9)

    async def _answer(self, scope: Scope, receive: Receive, name: str, started_ns: int) -> Answer:
        method, path, headers = scope["method"], scope["path"], scope["headers"]
        if path in self._open:
            handler = self._open[path]
            expected = "GET"
        else:
            token = next((value for key, value in headers if key == b"authorization"), None)
            found = self._find(path, name)
            self._guard.check(token, found[2] if found else "read")
            if found is None:
                raise self._unknown_path()
            handler, expected, _ = found
        if method != expected:
            raise Rejected(
                405,
                "method",
                f"{path} answers {expected}, not {method}",
                headers=((b"allow", expected.encode()),),
            )
        body = b""
        if expected == "POST":
            _check_content(headers)
            try:
                async with asyncio.timeout(self._body_seconds):
                    body = await read_body(headers, receive, self._limit)
            except TimeoutError:
                raise Rejected(
                    408,
                    "too_slow",
                    f"the body did not arrive within {self._body_seconds:g} seconds: send it again",
                    headers=((b"connection", b"close"),),
                ) from None
        answer = handler(Call(name, headers, body, started_ns, receive))
        return answer if isinstance(answer, Answer) else await answer

    def _find(self, path: str, name: str) -> tuple[Handler, Literal["GET", "POST"], TokenScope] | None:
        """The handler of a path, the method it answers and the scope it wants; None without one."""
        if name and "/" not in name:
            if path.endswith(_PREDICT):
                return self._handlers.predict, "POST", "predict"
            return self._handlers.metadata, "GET", "read"
        if path in self._gets:
            return self._gets[path], "GET", "read"
        if path in self._posts:
            return self._posts[path], "POST", "outcome"
        return None

    def _unknown_path(self) -> Rejected:
        known = ", ".join(
            sorted([*self._open, *self._gets, *self._posts, "/v1/models/{name}", "/v1/models/{name}:predict"])
        )
        return Rejected(404, "unknown_path", f"there is nothing at this path; there is: {known}")


def _check_content(headers: list[tuple[bytes, bytes]]) -> None:
    """Rejected (415) for anything that says it is not plain JSON."""
    for name, value in headers:
        if name == b"content-type" and value.split(b";")[0].strip().lower() not in _JSON_TYPES:
            raise Rejected(415, "content_type", "send the body as JSON with `Content-Type: application/json`")
        if name == b"content-encoding" and value.strip().lower() != b"identity":
            raise Rejected(415, "content_encoding", "send the body as it is, not compressed")
