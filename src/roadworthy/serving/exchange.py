"""One HTTP request and its answer, between the ASGI server and the handlers; every refusal is JSON of one form.

Not here: what any address means (routes) or what a prediction is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import Any

import msgspec

from roadworthy.errors import Fault, RoadworthyError

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

JSON = b"application/json"

#: More faults than this are not listed: the answer stays readable and small.
MAX_FAULTS = 100


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What goes back."""

    status: int
    body: bytes
    content_type: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Call(msgspec.Struct, frozen=True, gc=False):
    """What a handler gets.

    name         the part of the path that varies, such as the name of a model; "" without one
    headers      by lower-case name
    body         the whole body, b"" for a method without one
    started_ns   when the request was read, on the performance counter
    query        what stands behind `?` in the address
    """

    name: str
    headers: Mapping[bytes, bytes]
    body: bytes
    started_ns: int
    query: bytes = b""

    def header(self, name: bytes) -> bytes | None:
        """The header of that lower-case name."""
        return self.headers.get(name)


class Rejected(RoadworthyError):
    """A request that is refused; becomes `{"error": {"kind", "message", "faults"}}`.

    >>> Rejected(404, "unknown_model", "no such model").answer().body
    b'{"error":{"kind":"unknown_model","message":"no such model","faults":[]}}'
    """

    def __init__(
        self,
        status: int,
        kind: str,
        message: str,
        faults: Sequence[Fault] = (),
        headers: tuple[tuple[bytes, bytes], ...] = (),
    ) -> None:
        super().__init__(message)
        self.status, self.kind, self.faults, self.headers = status, kind, tuple(faults), headers

    def answer(self) -> Answer:
        """The refusal as it goes over the wire."""
        faults: list[dict[str, Any]] = [
            {"path": fault.path, "expected": fault.expected, "got": fault.got}
            for fault in self.faults[:MAX_FAULTS]
        ]
        error: dict[str, Any] = {"kind": self.kind, "message": str(self), "faults": faults}
        return Answer(self.status, msgspec.json.encode({"error": error}), headers=self.headers)


class Disconnected(Exception):  # not an error: the client went away and nobody is left to answer
    """The client closed the connection before its request was complete."""


async def read_body(headers: Mapping[bytes, bytes], receive: Receive, limit: int) -> bytes:
    """The whole body of at most `limit` bytes.

    raises Rejected (413) as soon as it is known to be larger, from its announced length or while it streams;
           Disconnected when the client leaves first
    """
    announced = headers.get(b"content-length", b"")
    if announced.isdigit() and int(announced) > limit:
        raise too_large(limit)
    message = await receive()
    body: bytes = message.get("body", b"")
    parts, size = [body], len(body)
    while message["type"] == "http.request" and message.get("more_body", False) and size <= limit:
        message = await receive()
        body = message.get("body", b"")
        parts.append(body)
        size += len(body)
    if message["type"] == "http.disconnect":
        raise Disconnected
    if size > limit:
        raise too_large(limit)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def too_large(limit: int) -> Rejected:
    """The refusal of a body of more than `limit` bytes."""
    return Rejected(
        413, "too_large", f"the body is larger than {limit:,} bytes: split it into several requests"
    )


async def send_answer(answer: Answer, send: Send) -> None:
    """Hand the answer to the server."""
    headers = [
        (b"content-type", answer.content_type),
        (b"content-length", str(len(answer.body)).encode()),
        *answer.headers,
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
