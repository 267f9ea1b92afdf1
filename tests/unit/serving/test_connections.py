"""Limits of connections, at real sockets in front of an application that answers everything."""

from __future__ import annotations

import asyncio
import time

import pytest

from roadworthy.serving.connections import SPARE_CONNECTIONS, Limits

from .sockets import GET, House, run


def test_one_connection_too_many_is_told_so_and_probes_are_answered_still() -> None:
    """503 in our own form, with Retry-After; when others leave, there is room again."""

    async def test(house: House) -> None:
        first = [await house.client() for _ in range(3)]
        for client in first:
            await client.send(GET)
            assert (await client.answer())[0] == 200
        probe = await house.client()
        await probe.send(b"GET /v2/health/live HTTP/1.1\r\nhost: a\r\n\r\n")
        assert (await probe.answer())[0] == 200
        excess = await house.client()
        await excess.send(GET)
        status, headers, content = await excess.answer()
        assert (status, headers["retry-after"], headers["connection"]) == (503, "1", "close")
        assert content["error"]["kind"] == "connections"
        assert await excess.closed()
        assert house.counted == ["connections"]
        house.leave()
        await asyncio.sleep(0.1)
        again = await house.client()
        await again.send(GET)
        assert (await again.answer())[0] == 200

    run(test)


def test_a_flood_of_connections_is_not_even_told() -> None:
    """Beyond the spare ones a connection is closed at once: it costs neither memory nor a parse."""

    async def test(house: House) -> None:
        for _ in range(3 + SPARE_CONNECTIONS):
            await house.client()
        assert await (await house.client()).closed()

    run(test)


@pytest.mark.parametrize(
    "head",
    [
        [b"GET /" + b"x" * 3_000 + b" HTTP/1.1\r\n\r\n"],
        [b"GET /x HTTP/1.1\r\na: " + b"x" * 3_000 + b"\r\n\r\n"],
        [b"GET /x HTTP/1.1\r\n", *[b"a: " + b"x" * 1_000 + b"\r\n"] * 5],
        [b"GET /", *[b"x" * 1_000] * 5],
        [b"GET /x HTTP/1.1\r\n" + b"a: b\r\n" * 11 + b"\r\n"],
    ],
    ids=["address", "header", "headers in pieces", "endless address", "many headers"],
)
def test_a_head_that_is_too_large_is_refused(head: list[bytes]) -> None:
    """431, whether it comes in one piece or never ends."""

    async def test(house: House) -> None:
        client = await house.client()
        await client.send(*head)
        status, _, content = await client.answer()
        assert (status, content["error"]["kind"]) == (431, "head_too_large")
        assert await client.closed()

    run(test)


def test_small_heads_behind_each_other_are_no_large_one() -> None:
    """Pipelined requests that arrive together are judged one by one, the last one cut in the middle."""

    async def test(house: House) -> None:
        client = await house.client()
        await client.send(GET * 200 + GET[:-5], GET[-5:])
        for _ in range(201):
            assert (await client.answer())[0] == 200
        assert house.counted == []

    run(test)


def test_a_slow_head_is_refused_in_time() -> None:
    """A byte now and then does not keep a connection: 408, well before the client is through."""

    async def test(house: House) -> None:
        client = await house.client()
        began = time.monotonic()
        for byte in GET:
            if not await client.send(bytes([byte])):
                break
            await asyncio.sleep(0.04)
        assert (await client.answer())[0] == 408
        assert await client.closed()
        assert time.monotonic() - began < len(GET) * 0.05 + 1

    run(test)


@pytest.mark.parametrize("words", [b"", b"\r\n", GET])
def test_a_connection_that_says_nothing_is_closed(words: bytes) -> None:
    """Nothing at all, empty lines, or a request and then empty lines for ever."""

    async def test(house: House) -> None:
        client = await house.client()
        if words == GET:
            await client.send(GET)
            assert (await client.answer())[0] == 200
        for _ in range(10):
            await client.send(b"" if words == b"" else b"\r\n")
            await asyncio.sleep(0.05)
        assert await client.closed()
        assert house.counted == ["idle"]

    run(test)


def test_a_client_between_two_requests_is_left_alone() -> None:
    """The time for a head begins with the head: kept connections live as long as the server keeps them."""

    async def test(house: House) -> None:
        client = await house.client()
        for _ in range(2):
            await client.send(GET)
            assert (await client.answer())[0] == 200
            await asyncio.sleep(0.5)
        assert house.counted == []

    run(test)


def test_a_request_that_takes_long_to_answer_is_not_cut() -> None:
    """What the application is at work on has no limit here."""

    async def test(house: House) -> None:
        client = await house.client()
        await client.send(GET.replace(b"/x", b"/slow"))
        assert (await client.answer())[::2] == (200, "/slow")

    run(test)


def test_a_body_that_nobody_wants_does_not_keep_a_connection() -> None:
    """An answer went out already; the rest of the body may trickle only so long."""

    async def test(house: House) -> None:
        client = await house.client()
        await client.send(b"POST /x HTTP/1.1\r\ncontent-length: 100000\r\n\r\n")
        assert (await client.answer())[0] == 200
        for _ in range(12):
            await client.send(b"x")
            await asyncio.sleep(0.05)
        assert await client.closed()
        assert house.counted == ["idle"]

    run(test)


@pytest.mark.parametrize("endless", [b"a: b\r\n" * 20, b"1\r\nx\r\n" * 2_000])
def test_trailers_and_chunks_without_end_are_cut(endless: bytes) -> None:
    """What follows a head is bounded too: the framing of chunks and the headers after the last one."""

    async def test(house: House) -> None:
        client = await house.client()
        await client.send(b"POST /body HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n")
        if endless.startswith(b"a"):
            await client.send(b"1\r\nx\r\n0\r\n")
        for _ in range(100):
            if not await client.send(endless):
                break
        assert await client.closed()
        assert house.counted == ["message_too_large"]

    run(test)


@pytest.mark.parametrize("words", [b"\x16\x03\x01\x02\x00", b"GET / HTTP/9.9\r\n\r\n", b"nonsense\r\n\r\n"])
def test_what_is_not_http_is_refused_in_the_usual_form(words: bytes) -> None:
    """400 as JSON, also for somebody who speaks TLS to a plain port."""

    async def test(house: House) -> None:
        client = await house.client()
        await client.send(words)
        status, _, content = await client.answer()
        assert (status, content["error"]["kind"]) == (400, "not_http")
        assert await client.closed()

    run(test)


def test_a_body_framed_wrongly_is_refused_once() -> None:
    """The application waits for it and is told that the client went."""

    async def test(house: House) -> None:
        client = await house.client()
        await client.send(b"POST /body HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n", b"zzz\r\n")
        assert (await client.answer())[0] == 400
        assert await client.closed()

    run(test)


def test_nonsense_behind_an_unanswered_request_gets_no_answer_that_could_be_taken_for_its_own() -> None:
    """Answers come in the order of requests, or not at all."""

    async def test(house: House) -> None:
        client = await house.client()
        await client.send(GET.replace(b"/x", b"/slow") + b"nonsense\r\n\r\n")
        assert await client.closed()

    run(test)


def test_a_client_that_does_not_take_its_answer_is_cut() -> None:
    """A full buffer is held only so long."""

    async def test(house: House) -> None:
        client = await house.client()
        for _ in range(3):
            await client.send(GET.replace(b"/x", b"/large"))
        deadline = time.monotonic() + 5
        while house.counted != ["answer_not_taken"] and time.monotonic() < deadline:
            await asyncio.sleep(0.05)
        assert house.counted == ["answer_not_taken"]

    run(test, Limits(answer_seconds=0.3))


def test_a_kept_connection_gets_its_next_answer_while_the_worker_drains() -> None:
    """With the word that it was the last: a client never meets a connection that closes under its request."""

    async def test(house: House) -> None:
        client = await house.client()
        fresh = await house.client()
        await client.send(GET)
        assert "connection" not in (await client.answer())[1]
        house.server.should_exit = True
        await asyncio.sleep(0.3)
        for one in (client, fresh):
            await one.send(GET)
            status, headers, _ = await one.answer()
            assert (status, headers["connection"]) == (200, "close")
            assert await one.closed()

    run(test, Limits(linger_seconds=5))


def test_an_idle_connection_does_not_hold_up_a_drain() -> None:
    """It is closed when it has had its chance."""

    async def test(house: House) -> None:
        client = await house.client()
        await client.send(GET)
        await client.answer()
        began = time.monotonic()
        house.server.should_exit = True
        assert await client.closed()
        assert 0.3 < time.monotonic() - began < 3

    run(test, Limits(linger_seconds=0.4))
