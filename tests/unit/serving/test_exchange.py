"""Bodies are read up to a limit, and every refusal has one form."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

import msgspec
import pytest

from roadworthy.errors import Fault
from roadworthy.serving.exchange import MAX_FAULTS, Disconnected, Receive, Rejected, read_body


def stream(*messages: MutableMapping[str, Any]) -> tuple[Receive, list[MutableMapping[str, Any]]]:
    """A client that sends these messages, and the ones that were not read."""
    left = list(messages)

    async def receive() -> MutableMapping[str, Any]:
        return left.pop(0)

    return receive, left


def part(body: bytes, more: bool = True) -> MutableMapping[str, Any]:
    """One piece of a body."""
    return {"type": "http.request", "body": body, "more_body": more}


def test_a_body_in_pieces_is_put_together() -> None:
    """The server hands over whatever arrived."""
    receive, _ = stream(part(b"ab"), part(b"c"), part(b"", more=False))
    assert asyncio.run(read_body({}, receive, 3)) == b"abc"


def test_an_announced_body_that_is_too_large_is_refused_unread() -> None:
    """The length is believed when it is bad news."""
    receive, left = stream(part(b"a" * 11, more=False))
    with pytest.raises(Rejected) as caught:
        asyncio.run(read_body({b"content-length": b"11"}, receive, 10))
    assert (caught.value.status, caught.value.kind, len(left)) == (413, "too_large", 1)


def test_a_streamed_body_is_refused_as_soon_as_it_is_too_large() -> None:
    """Without an announced length nothing beyond the limit is kept."""
    receive, left = stream(part(b"a" * 6), part(b"a" * 6), part(b"a" * 6))
    with pytest.raises(Rejected) as caught:
        asyncio.run(read_body({}, receive, 10))
    assert (caught.value.status, len(left)) == (413, 1)


def test_a_client_that_leaves_is_not_a_request() -> None:
    """Half a body is never decoded."""
    receive, _ = stream(part(b"ab"), {"type": "http.disconnect"})
    with pytest.raises(Disconnected):
        asyncio.run(read_body({}, receive, 10))


def test_a_refusal_lists_a_readable_number_of_faults() -> None:
    """Ten thousand bad rows do not make an answer of megabytes."""
    faults = [
        Fault(f"$.instances[{number}].wind", "a finite number", "null") for number in range(MAX_FAULTS + 5)
    ]
    error = msgspec.json.decode(Rejected(422, "invalid_request", "bad", faults).answer().body)["error"]
    assert len(error["faults"]) == MAX_FAULTS
    assert error["faults"][0] == {"path": "$.instances[0].wind", "expected": "a finite number", "got": "null"}
