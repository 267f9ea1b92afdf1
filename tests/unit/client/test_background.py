"""What is told in the background: batches, refusals, full queues, and what is left at the end."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

import pytest

from roadworthy.client import Client, Delivery
from roadworthy.client.background import BATCH
from roadworthy.client.retries import Pauses
from roadworthy.errors import SchemaError

from .scripted import Asked, Say, Scripted, error

QUICK = Pauses(first_seconds=0.01, longest_seconds=0.02)
FACT = {
    "model": "delay",
    "name": "late",
    "value": True,
    "unit": "UA1545",
    "event_time": "2013-07-01T10:00:00Z",
}


def client(server: Scripted, **more: Any) -> Client:
    """A client that does not pause for long."""
    return Client(server.url, **{"timeout": 5.0, "pauses": QUICK, **more})


def told(server: Scripted, kind: str = "outcomes") -> list[str]:
    """Identifiers of everything the server was told, repetitions left out."""
    return list(dict.fromkeys(one["id"] for asked in server.asked for one in asked.content[kind]))


def test_outcomes_and_predictions_are_sent_in_batches_when_the_client_closes_at_the_latest() -> None:
    """Without being waited for, each with an identifier, those of foreign predictions with a time."""
    with Scripted() as server, client(server) as asking:
        assert asking.outcomes([{**FACT, "id": f"o{number}"} for number in range(2_500)]) == 2_500
        assert asking.log([{"model": "fare", "inputs": {"km": 3.0}, "output": 0.5}]) == 1
        assert asking.close() == Delivery(sent=2_501)
    sent = [one for asked in server.asked for one in asked.content.get("outcomes", [])]
    assert [one["id"] for one in sent] == [f"o{number}" for number in range(2_500)]
    assert max(len(asked.content.get("outcomes", [])) for asked in server.asked) <= BATCH
    (foreign,) = [asked.content["predictions"] for asked in server.asked if asked.path == "/v1/log"]
    assert foreign[0]["id"]
    assert "T" in foreign[0]["event_time"]


def test_a_batch_is_repeated_with_the_same_identifiers_until_it_arrives() -> None:
    """A server that is away for a while loses nothing and doubles nothing."""
    script = [error(503), Say(hang_up=True), error(429), Say(hang_up=True)]
    with Scripted(*script) as server, client(server, timeout=0.05) as asking:
        asking.outcomes([FACT, FACT])
        assert asking.flush(10)
        assert asking.delivery() == Delivery(sent=2)
    assert len(told(server)) == 2
    assert len({tuple(one["id"] for one in asked.content["outcomes"]) for asked in server.asked}) == 1


def test_one_wrong_outcome_does_not_keep_the_others_from_arriving(caplog: pytest.LogCaptureFixture) -> None:
    """The server refuses whole batches; the client takes out what was named, says so, and sends the rest."""

    def answer(asked: Asked) -> Say:
        wrong = [number for number, one in enumerate(asked.content["outcomes"]) if one["name"] != "late"]
        fault = [
            {"path": f"$.outcomes[{number}].name", "expected": "late", "got": "lat"} for number in wrong[:1]
        ]
        return error(422, "invalid_request", fault) if wrong else Say()

    with Scripted(otherwise=answer) as server, client(server) as asking:
        asking.outcomes([{**FACT, "id": str(n), "name": "lat" if n in (3, 7) else "late"} for n in range(10)])
        done = asking.close()
    assert (done.sent, done.refused, done.dropped, done.waiting) == (8, 2, 0, 0)
    assert "$.outcomes[6].name" in done.reason
    assert "1 items were refused" in caplog.text
    assert {one["id"] for one in server.asked[-1].content["outcomes"]} == set("01245689")


def test_a_batch_that_is_too_large_is_halved_until_it_fits() -> None:
    """One item that is too large by itself is refused, the others arrive."""

    def answer(asked: Asked) -> Say:
        sent = asked.content["outcomes"]
        return error(413) if len(sent) > 3 or any(one["id"] == "5" for one in sent) else Say()

    with Scripted(otherwise=answer) as server, client(server) as asking:
        asking.outcomes([{**FACT, "id": str(number)} for number in range(10)])
        done = asking.close()
    assert (done.sent, done.refused) == (9, 1)


def test_what_a_full_queue_cannot_take_is_counted_and_said(caplog: pytest.LogCaptureFixture) -> None:
    """The caller learns it at once, and the first loss is an error in the log."""
    held = threading.Event()

    def hold(asked: Asked) -> Say:
        held.wait(10)
        return Say()

    with Scripted(otherwise=hold) as server, client(server, queue=5) as asking:
        asking.outcomes([FACT])
        while not server.asked:  # the first one is on its way, and waits no more
            time.sleep(0.001)
        assert [asking.outcomes([FACT] * 4) for _ in range(3)] == [4, 1, 0]
        assert (asking.delivery().waiting, asking.delivery().dropped) == (6, 7)
        held.set()
        done = asking.close()
    assert (done.sent, done.dropped) == (6, 7)
    assert any(record.levelno == logging.ERROR and "dropped" in record.message for record in caplog.records)


def test_closing_without_a_server_drops_what_waits_in_bounded_time() -> None:
    """And says how much was lost, and why; later calls take nothing."""
    asking = Client("http://127.0.0.1:1", timeout=0.3, pauses=QUICK)
    asking.outcomes([FACT] * 3)
    done = asking.close(0.3)
    assert (done.sent, done.dropped, done.waiting) == (0, 3, 0)
    assert done.reason
    assert asking.outcomes([FACT]) == 0
    assert asking.close().dropped == 4


def test_waiting_tells_errors_instead_of_counting_them() -> None:
    """For whoever wants to know now."""
    with Scripted(error(422), Say()) as server, client(server) as asking:
        with pytest.raises(SchemaError):
            asking.outcomes([FACT], wait=True)
        assert asking.outcomes([FACT], wait=True) == 1
        assert asking.outcomes([], wait=True) == 0
        assert asking.delivery() == Delivery()
    assert len(server.asked) == 2


def test_a_fork_starts_its_own_queue() -> None:
    """What the parent still has to send is the parent's to send."""
    with Scripted() as server, client(server) as asking:
        asking.outcomes([FACT])
        asking.flush()
        asking._background._pid += 1  # as a child sees it after a fork
        asking.outcomes([FACT])
        assert asking.close() == Delivery(sent=1)
    assert len(told(server)) == 2
