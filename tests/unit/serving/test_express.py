"""Predict requests that are answered straight from their connection, at real sockets: nothing is bypassed by them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest

from roadworthy.serving.app import Application
from roadworthy.serving.batching import Waiting
from roadworthy.serving.connections import Connection, Limits
from roadworthy.serving.exchange import Answer, Scope
from roadworthy.serving.express import express_class
from roadworthy.serving.questions import Question

from .sockets import GET, SMALL, House, run

PREDICT = b"POST /v1/models/delay:predict HTTP/1.1\r\n"


def asked(body: bytes = b"x", *headers: bytes) -> bytes:
    """A predict request."""
    length = b"content-length: %d" % len(body)
    return PREDICT + b"\r\n".join([length, *headers]) + b"\r\n\r\n" + body


class Desk:
    """Answers at once, except to who says `later`: that one is told at `release`."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self._later: list[Callable[[Answer], None]] = []

    def express(self, scope: Scope, body: bytes, respond: Callable[[Answer], None]) -> Waiting | None:
        """As the application has it."""
        self.bodies.append(body)
        if body == b"later":
            self._later.append(respond)
        else:
            respond(Answer(503, b'"no"'))
        return None

    async def release(self) -> None:
        """Tell who waits, as soon as somebody does."""
        async with asyncio.timeout(5):
            while not self._later:
                await asyncio.sleep(0.01)
        self._later.pop()(Answer(200, b'"told"'))


def play(test: Callable[[House, Desk], Awaitable[None]], limits: Limits = SMALL) -> Desk:
    """A test against a server whose predict requests come to such a desk; returns it."""
    desk = Desk()

    def express(connection: type[Connection]) -> type[Connection]:
        return express_class(connection, cast(Application, desk))

    run(lambda house: test(house, desk), limits, express)
    return desk


def test_a_predict_request_comes_to_the_desk_and_others_do_not() -> None:
    """Whether it arrives in one piece or in two."""

    async def test(house: House, desk: Desk) -> None:
        client = await house.client()
        whole = asked()
        for pieces in ([whole], [whole[:-1], whole[-1:]], [GET]):
            await client.send(*pieces)
        assert [(await client.answer())[0] for _ in range(3)] == [503, 200, 200]

    assert play(test).bodies == [b"x"]


@pytest.mark.parametrize(
    "headers",
    [[b"a: b"] * 11, [b"a: " + b"x" * 3_000]],
    ids=["many headers", "large header"],
)
def test_a_predict_request_with_too_large_a_head_is_refused(headers: list[bytes]) -> None:
    """431, like any other request; no model is asked."""

    async def test(house: House, desk: Desk) -> None:
        client = await house.client()
        await client.send(asked(b"x", *headers))
        status, _, content = await client.answer()
        assert (status, content["error"]["kind"]) == (431, "head_too_large")
        assert await client.closed()

    assert play(test).bodies == []


def test_a_predict_request_on_one_connection_too_many_is_refused() -> None:
    """503 with Retry-After, and the connection ends; no model is asked."""

    async def test(house: House, desk: Desk) -> None:
        for _ in range(3):
            client = await house.client()
            await client.send(GET)
            await client.answer()
        excess = await house.client()
        await excess.send(asked())
        status, headers, content = await excess.answer()
        assert (status, headers["retry-after"], headers["connection"]) == (503, "1", "close")
        assert content["error"]["kind"] == "connections"
        assert await excess.closed()

    assert play(test).bodies == []


def test_however_many_refused_requests_follow_each_other_all_are_told() -> None:
    """Thousands of pipelined requests behind one that waits: each gets its answer, in turn."""

    async def test(house: House, desk: Desk) -> None:
        client = await house.client()
        await client.send(asked(b"later") + asked() * 3_000)
        await desk.release()
        assert [(await client.answer())[0] for _ in range(3_001)] == [200] * 3_001

    play(test, Limits())


def test_a_pipelined_predict_request_without_its_body_has_a_time_limit() -> None:
    """It waits for the body as an application does, which gives up; it does not hold the connection for ever."""
    begun: list[Any] = []

    async def test(house: House, desk: Desk) -> None:
        client = await house.client()
        await client.send(GET + asked(b"0123456789")[:-10])
        assert [(await client.answer())[0] for _ in range(2)] == [200, 200]
        begun.extend(desk.bodies)

    play(test)
    assert begun == [], "the application has it, not the desk"


def test_a_client_that_leaves_is_noticed_however_large_its_request_was() -> None:
    """The server stops reading a connection with a large body until somebody wants more of it."""
    body = b"x" * 66_000
    asked_for: list[bytes] = []

    class Patient(Desk):
        """Answers nobody."""

        def express(self, scope: Scope, body: bytes, respond: Callable[[Answer], None]) -> Waiting | None:
            asked_for.append(body)
            return Waiting(cast(Question, None), lambda result: None)

    async def test(house: House) -> None:
        client = await house.client()
        await client.send(asked(body))
        async with asyncio.timeout(5):
            while not asked_for:
                await asyncio.sleep(0.01)
            house.leave()
            while not house.counted:
                await asyncio.sleep(0.01)
        assert house.counted == ["disconnected"]

    desk = cast(Application, Patient())
    run(test, kind=lambda connection: express_class(connection, desk))
    assert asked_for == [body]
