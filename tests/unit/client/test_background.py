"""What is told in the background: batches, refusals, full queues, and what is left at the end."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from roadworthy.client import Client, Delivery
from roadworthy.client.background import BATCH, Background, Item, Kind
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
    assert "1 item was refused" in caplog.text
    assert {one["id"] for one in server.asked[-1].content["outcomes"]} == set("01245689")


def nested(depth: int) -> Any:
    """Lists in lists."""
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        (object(), "$.predictions[3].inputs.km: "),
        (np.float32("inf"), "$.predictions[3].inputs.km: "),
        ("\ud800", "$.predictions[3].inputs.km: "),
        (nested(100_000), "nested too deeply"),
        (float("inf"), "$.predictions[3].inputs.km: "),
    ],
    ids=["object", "numpy-infinity", "surrogate", "nested", "infinity"],
)
def test_an_item_that_cannot_be_written_as_json_does_not_take_its_batch_with_it(
    wrong: Any, place: str
) -> None:
    """It is refused and named; all others arrive, also those of other callers and later ones."""
    good = {"model": "fare", "inputs": {"km": 3.0}, "output": 0.5}
    with Scripted() as server, client(server) as asking:
        asking.log([{**good, "inputs": {"km": wrong if number == 3 else 3.0}} for number in range(10)])
        assert asking.flush(10)
        assert place in asking.delivery().reason
        asking.log([good])
        done = asking.close()
    assert (done.sent, done.refused) == (10, 1)


def test_a_refusal_that_names_no_item_is_about_the_wrong_ones_alone() -> None:
    """Something between client and server refuses a text; what is beside it arrives."""

    def answer(asked: Asked) -> Say:
        wrong = any(one["unit"] == "<script>" for one in asked.content["outcomes"])
        return Say(400, b"<html>no</html>") if wrong else Say()

    with Scripted(otherwise=answer) as server, client(server) as asking:
        asking.outcomes([{**FACT, "unit": "<script>" if n in (3, 7) else "UA1545"} for n in range(10)])
        done = asking.close()
    assert (done.sent, done.refused) == (8, 2)


def test_an_error_that_nobody_thought_of_does_not_end_the_sending(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged with its trace and counted; what is told later is sent."""
    failing = [ZeroDivisionError("nobody thought of it")]

    def send(kind: Kind, items: Sequence[Item], seconds: float) -> None:
        if failing:
            raise failing.pop()

    background = Background(send, 10, 1.0)
    background.put("outcomes", [FACT, FACT])
    assert background.flush(5)
    background.put("outcomes", [FACT])
    done = background.close(5)
    assert (done.sent, done.refused) == (1, 2)
    assert "nobody thought of it" in done.reason
    assert any(record.exc_info for record in caplog.records)


def test_a_reply_that_is_not_utf_8_is_a_refusal_like_any_other() -> None:
    """The client goes on to send what comes after it."""
    with Scripted(Say(500, b'{"error":{"kind":"\xff","message":""}}')) as server, client(server) as asking:
        asking.outcomes([FACT])
        asking.flush()
        asking.outcomes([FACT])
        done = asking.close()
    assert (done.sent, done.refused) == (1, 1)


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
