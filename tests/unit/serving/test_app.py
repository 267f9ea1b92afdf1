"""The ASGI application around the handlers."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
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
from roadworthy.serving.batching import Lane, Lanes, Waiting
from roadworthy.serving.cases import Desk
from roadworthy.serving.committing import Committer
from roadworthy.serving.exchange import Answer, Call, Receive, Rejected
from roadworthy.serving.foreign import ForeignReader
from roadworthy.serving.foreign_schemas import ForeignSchemas
from roadworthy.serving.handlers import EVENT_TIME, Handlers, Rules
from roadworthy.serving.infer_rest import InferRest
from roadworthy.serving.table import Table
from roadworthy.serving.telemetry import Telemetry
from roadworthy.traffic import Plan


def no_lane() -> Lane:
    """Nobody asks a model here."""
    raise AssertionError


def application(
    directory: Path, *, replay_clock: bool = False, lane: Callable[[], Lane] = no_lane
) -> Application:
    """One that serves no model yet."""
    handlers, telemetry = handlers_of(directory, replay_clock=replay_clock, lane=lane)
    return Application(handlers, Guard([]), telemetry, 1_000, Admission(0, 1), body_seconds=0.05)


def handlers_of(
    directory: Path, *, replay_clock: bool, lane: Callable[[], Lane]
) -> tuple[Handlers, Telemetry]:
    """The handlers of a worker, and what they count with."""
    node, telemetry, clock = NodeDirectory(directory), Telemetry(), SystemClock()
    journal = Journal(node.journals, 0)
    executor = ThreadPoolExecutor(1)
    committer = Committer(journal, executor, False)
    handlers = Handlers(
        Rules(replay_clock, 10, "0"), node, journal, committer, Lanes(lane),
        telemetry, clock, ForeignReader(ForeignSchemas(directory / "foreign"), random.Random(0)),
        Desk(CaseFiles(directory / "cases"), "n", random.Random(0)),
        lambda: Table(Plan(number=1), {}), dict,
    )  # fmt: skip
    return handlers, telemetry


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


def test_a_model_that_is_not_there_is_told_how_one_comes_to_be_there(tmp_path: Path) -> None:
    """After training, the missing step is the release."""
    handlers, _ = handlers_of(tmp_path, replay_clock=False, lane=no_lane)
    with pytest.raises(Rejected, match="models: none, release one: roadworthy release NAME@N --promote"):
        handlers.served("fraud")


class Patient:
    """A lane that answers nobody by itself."""

    def __init__(self) -> None:
        self.waiting: list[Waiting] = []

    def ask(self, question: Any, told: Callable[[Any], None]) -> Waiting:
        """Let it wait."""
        self.waiting.append(Waiting(question, told))
        return self.waiting[-1]


QUESTION: Any = SimpleNamespace(served=SimpleNamespace(name="delay"))


def test_a_client_of_the_inference_protocol_that_leaves_frees_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one of `:predict` does: what is not scored yet is not scored for it, and it is counted as gone."""

    async def infer(self: InferRest, call: Call) -> Answer:
        await self._answering.ask(QUESTION)
        raise AssertionError("nobody is left to answer")

    monkeypatch.setattr(InferRest, "infer", infer)
    lane: Any = Patient()
    messages = [{"type": "http.request", "body": b"{}", "more_body": False}, {"type": "http.disconnect"}]
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        while len(messages) == 1 and not lane.waiting:
            await asyncio.sleep(0)
        return messages.pop(0)

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    async def played() -> None:
        scope = {"type": "http", "method": "POST", "path": "/v2/models/delay/infer", "headers": []}
        async with asyncio.timeout(5):
            await application(tmp_path, lane=lambda: lane)(scope, receive, send)
        await asyncio.sleep(0)

    asyncio.run(played())
    assert (sent, [one.done for one in lane.waiting]) == ([], [True])


def test_an_answer_to_who_is_leaving_at_that_moment_comes_to_nothing(tmp_path: Path) -> None:
    """It does not fail, which would leave the others of its batch untold."""
    lane: Any = Patient()

    async def played() -> None:
        handlers, _ = handlers_of(tmp_path, replay_clock=False, lane=lambda: lane)
        asking = asyncio.create_task(handlers.ask(QUESTION))
        await asyncio.sleep(0)
        asking.cancel()
        lane.waiting[0].told(None)
        with pytest.raises(asyncio.CancelledError):
            await asking

    asyncio.run(played())
