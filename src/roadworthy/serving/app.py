"""The ASGI application: finds the handler of a request, lets it work, and turns whatever happens into an answer.

Not here: what handlers do (handlers) and the process around (worker). Any ASGI server can run it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal

from roadworthy.serving import infer_rest
from roadworthy.serving.access import Guard
from roadworthy.serving.admission import Admission
from roadworthy.serving.batching import Waiting, overloaded
from roadworthy.serving.exchange import (
    JSON,
    Answer,
    Call,
    Disconnected,
    Receive,
    Rejected,
    Scope,
    Send,
    read_body,
    send_answer,
    too_large,
)
from roadworthy.serving.handlers import Handlers
from roadworthy.serving.infer_rest import InferRest
from roadworthy.serving.telemetry import Telemetry
from roadworthy.tokens import TokenScope

logger = logging.getLogger("roadworthy.worker")

Handler = Callable[[Call], Answer | Awaitable[Answer]]

MODELS = "/v1/models/"
PREDICT = ":predict"
CASES = "/v1/cases"
_ASKING = (PREDICT, "/infer")
#: A client that needs longer to send a body keeps a connection and nothing else; shorter than the workers drain.
BODY_SECONDS = 20.0

_JSON_TYPES = (b"application/json", b"text/json")
#: JSON with binary tensors behind it.
_TENSOR_TYPES = (*_JSON_TYPES, b"application/octet-stream")

_NAMED = (
    "/v1/cases/{id}",
    "/v1/models/{name}",
    "/v1/models/{name}:predict",
    "/v2/models/{name}",
    "/v2/models/{name}/infer",
)


class Application:
    """Serves the addresses of one worker."""

    def __init__(
        self,
        handlers: Handlers,
        guard: Guard,
        telemetry: Telemetry,
        max_body_bytes: int,
        admission: Admission,
        body_seconds: float = BODY_SECONDS,
    ) -> None:
        self._handlers, self._guard, self._telemetry = handlers, guard, telemetry
        self._limit, self._body_seconds, self._admission = max_body_bytes, body_seconds, admission
        self._open: dict[str, Handler] = {
            "/v2/health/live": handlers.live,
            "/v2/health/ready": handlers.ready,
        }
        self._infer = InferRest(handlers, handlers.release)
        self._gets: dict[str, Handler] = {
            "/v2": self._infer.server,
            CASES: handlers.cases,
            "/metrics": handlers.metrics,
            "/openapi.json": handlers.openapi,
        }
        self._posts: dict[str, tuple[Handler, TokenScope]] = {
            "/v1/outcomes": (handlers.outcomes, "outcome"),
            "/v1/log": (handlers.log, "predict"),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; every end of it is an answer, except when the client has gone."""
        if scope["type"] != "http":
            return
        started_ns = time.perf_counter_ns()
        try:
            answer = await self._answer(scope, receive, started_ns)
        except Disconnected:
            self._telemetry.error("disconnected")
            return
        except Rejected as rejected:
            answer = self._refused(rejected, scope["path"])
        except Exception as error:  # noqa: BLE001  # whatever it is, the client gets an answer
            answer = self._failed(error, scope["path"])
        self._count(scope["path"], answer.status, started_ns)
        await send_answer(answer, send)

    def express(self, scope: Scope, body: bytes, respond: Callable[[Answer], None]) -> Waiting | None:
        """Answer a predict request that is here as a whole, without a task of its own; the same as `__call__` says.

        respond   called once with the answer, perhaps before this returns
        returns   what waits for the answer, to be told when the client leaves; None when there is an answer already
        """
        started_ns = time.perf_counter_ns()
        path: str = scope["path"]

        def told(answer: Answer) -> None:
            self._count(path, answer.status, started_ns)
            respond(answer)

        try:
            headers = dict(scope["headers"])
            self._guard.check(headers.get(b"authorization"), "predict")
            _check_content(headers, _JSON_TYPES)
            if not self._admission.takes(started_ns):
                raise overloaded()
            if len(body) > self._limit:
                raise too_large(self._limit)
            return self._handlers.predict(Call(_name(path), headers, body, started_ns), told)
        except Rejected as rejected:
            told(self._refused(rejected, path))
        except Exception as error:  # noqa: BLE001  # whatever it is, the client gets an answer
            told(self._failed(error, path))
        return None

    def _refused(self, rejected: Rejected, path: str) -> Answer:
        self._telemetry.error(rejected.kind)
        return infer_rest.refused(rejected) if path.startswith("/v2") else rejected.answer()

    def _failed(self, error: Exception, path: str) -> Answer:
        logger.error("a request failed in a way nobody foresaw", exc_info=error)
        return self._refused(Rejected(500, "internal", "the server failed; its log says why"), path)

    def _count(self, path: str, status: int, started_ns: int) -> None:
        name = _name(path) or infer_rest.model_of(path)
        model = name if self._handlers.knows(name) else ""
        self._telemetry.request(model, status)
        if model and path.endswith(_ASKING):
            self._telemetry.latency(model, (time.perf_counter_ns() - started_ns) / 1e9)

    async def _answer(self, scope: Scope, receive: Receive, started_ns: int) -> Answer:
        method, path, headers = scope["method"], scope["path"], dict(scope["headers"])
        name = _name(path)
        if path in self._open:
            handler: Handler | None = self._open[path]
            expected = "GET"
        else:
            found = self._find(path, name, method)
            self._guard.check(headers.get(b"authorization"), found[2] if found else "read")
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
            _check_content(headers, _TENSOR_TYPES if path.startswith(infer_rest.MODELS) else _JSON_TYPES)
            body = await self._body(headers, receive)
        subject = name or path.removeprefix(f"{CASES}/")
        call = Call(subject, headers, body, started_ns, scope.get("query_string", b""))
        if handler is None:
            return await self._predicted(call, receive)
        answer = handler(call)
        if isinstance(answer, Answer):
            return answer
        if not path.endswith(_ASKING):
            return await answer  # what is to be written is written, whoever leaves
        asked = asyncio.ensure_future(answer)
        try:
            return await _unless_left(asked, receive)
        finally:
            asked.cancel()

    async def _body(self, headers: Mapping[bytes, bytes], receive: Receive) -> bytes:
        try:
            async with asyncio.timeout(self._body_seconds):
                return await read_body(headers, receive, self._limit)
        except TimeoutError:
            raise Rejected(
                408,
                "too_slow",
                f"the body did not arrive within {self._body_seconds:g} seconds: send it again",
                headers=((b"connection", b"close"),),
            ) from None

    async def _predicted(self, call: Call, receive: Receive) -> Answer:
        """The answer to a predict request; a client that leaves before it frees its place."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        waiting = self._handlers.predict(call, answer.set_result)
        try:
            return await _unless_left(answer, receive)
        finally:
            waiting.leave()

    def _find(
        self, path: str, name: str, method: str
    ) -> tuple[Handler | None, Literal["GET", "POST"], TokenScope] | None:
        """The handler of a path (None: it predicts), the method it answers and the scope it wants; None without one."""
        if name and "/" not in name:
            if path.endswith(PREDICT):
                return None, "POST", "predict"
            return self._handlers.metadata, "GET", "read"
        if path in self._gets:
            return self._gets[path], "GET", "read"
        if path in self._posts:
            handler, scope = self._posts[path]
            return handler, "POST", scope
        if path.startswith(f"{CASES}/"):
            if method == "GET":
                return self._handlers.case, "GET", "read"
            return self._handlers.answer_case, "POST", "operate"
        return self._infer.find(path) if path.startswith(infer_rest.MODELS) else None

    def _unknown_path(self) -> Rejected:
        known = ", ".join(sorted([*self._open, *self._gets, *self._posts, *_NAMED]))
        return Rejected(404, "unknown_path", f"there is nothing at this path; there is: {known}")


async def _unless_left(answer: asyncio.Future[Answer], receive: Receive) -> Answer:
    """An answer once it is there; Disconnected when its client leaves before that."""
    leaving: asyncio.Future[Any] = asyncio.ensure_future(receive())
    try:
        await asyncio.wait([answer, leaving], return_when=asyncio.FIRST_COMPLETED)
    finally:
        leaving.cancel()
    if not answer.done():
        raise Disconnected
    return answer.result()


def _name(path: str) -> str:
    """The name of a model in a path; "" without one.

    >>> _name("/v1/models/flight-delay:predict"), _name("/metrics")
    ('flight-delay', '')
    """
    return path.removeprefix(MODELS).removesuffix(PREDICT) if path.startswith(MODELS) else ""


def _check_content(headers: Mapping[bytes, bytes], types: tuple[bytes, ...]) -> None:
    """Rejected (415) for anything that says it is of no such type, or compressed."""
    kind = headers.get(b"content-type", JSON)
    if kind != JSON and kind.split(b";")[0].strip().lower() not in types:
        raise Rejected(415, "content_type", "send the body as JSON with `Content-Type: application/json`")
    if headers.get(b"content-encoding", b"identity").strip().lower() != b"identity":
        raise Rejected(415, "content_encoding", "send the body as it is, not compressed")
