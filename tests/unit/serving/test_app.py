"""The ASGI application around the handlers."""

from __future__ import annotations

import asyncio
import random
from collections.abc import MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest

from roadworthy.clock import SystemClock
from roadworthy.node import NodeDirectory
from roadworthy.predictionlog.cases import CaseFiles
from roadworthy.predictionlog.journal import Journal
from roadworthy.serving.access import Guard
from roadworthy.serving.admission import Admission
from roadworthy.serving.app import Application
from roadworthy.serving.batching import Lane, Lanes
from roadworthy.serving.cases import Desk
from roadworthy.serving.committing import Committer
from roadworthy.serving.exchange import Receive
from roadworthy.serving.foreign import ForeignReader
from roadworthy.serving.foreign_schemas import ForeignSchemas
from roadworthy.serving.handlers import EVENT_TIME, Handlers, Rules
from roadworthy.serving.table import Table
from roadworthy.serving.telemetry import Telemetry
from roadworthy.traffic import Plan


def no_lane() -> Lane:
    """Nobody asks a model here."""
    raise AssertionError


def application(directory: Path, *, replay_clock: bool = False) -> Application:
    """One that serves no model yet."""
    node, telemetry, clock = NodeDirectory(directory), Telemetry(), SystemClock()
    journal = Journal(node.journals, 0)
    executor = ThreadPoolExecutor(1)
    committer = Committer(journal, executor, False)
    handlers = Handlers(
        Rules(replay_clock, 10, "0"), node, journal, committer, Lanes(no_lane),
        telemetry, clock, ForeignReader(ForeignSchemas(directory / "foreign"), random.Random(0)),
        Desk(CaseFiles(directory / "cases"), "n", random.Random(0)),
        lambda: Table(Plan(number=1), {}), dict,
    )  # fmt: skip
    return Application(handlers, Guard([]), telemetry, 1_000, Admission(0, 1), body_seconds=0.05)


def ask(
    app: Application, receive: Receive, *headers: tuple[bytes, bytes]
) -> tuple[int, dict[bytes, bytes], Any]:
    """Status, headers and decoded body of the answer to outcomes that are sent."""
    sent: list[MutableMapping[str, Any]] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/v1/outcomes", "headers": headers}
    asyncio.run(app(scope, receive, send))
    start, body = sent
    return start["status"], dict(start["headers"]), msgspec.json.decode(body["body"])


def whole(body: bytes) -> Receive:
    """A client that sends this at once."""

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def dripping(parts: Sequence[bytes]) -> Receive:
    """A client that sends these parts and then nothing, without leaving."""
    left = list(parts)

    async def receive() -> MutableMapping[str, Any]:
        if not left:
            await asyncio.sleep(30)
        return {"type": "http.request", "body": left.pop(0), "more_body": True}

    return receive


@pytest.mark.parametrize("parts", [[], [b'{"outc']])
def test_a_body_that_never_ends_is_refused_after_a_while(tmp_path: Path, parts: list[bytes]) -> None:
    """And the connection is closed: who holds many of them open would keep everybody else away."""
    status, headers, answer = ask(application(tmp_path), dripping(parts))
    assert (status, answer["error"]["kind"], headers[b"connection"]) == (408, "too_slow", b"close")


@pytest.mark.parametrize("time", [b"0001-01-01T00:00:00+14:00", b"1969-12-31T23:59:59Z", b"noon"])
def test_a_time_that_no_replay_has_is_a_fault_of_the_request(tmp_path: Path, time: bytes) -> None:
    """It is refused as one, instead of failing where ids are made of it."""
    app = application(tmp_path, replay_clock=True)
    status, _, answer = ask(app, whole(b'{"outcomes": []}'), (EVENT_TIME, time))
    assert (status, answer["error"]["kind"]) == (400, "event_time")
