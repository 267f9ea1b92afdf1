"""Calls that wait for their answer: what is sent, what comes back, what is tried again."""

from __future__ import annotations

import os
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from roadworthy.client import Client
from roadworthy.client.retries import Pauses
from roadworthy.errors import (
    DefinitionError,
    NotReady,
    Refused,
    RoadworthyError,
    SchemaError,
    UnknownName,
)

from .scripted import Say, Scripted, error, predictions

QUICK = Pauses(first_seconds=0.01, longest_seconds=0.02)
ROWS = [{"wind": 9.0, "carrier": "UA"}, {"wind": float("nan"), "carrier": None}]


def client(server: Scripted, **more: Any) -> Client:
    """A client that does not pause for long."""
    return Client(server.url, **{"timeout": 5.0, "pauses": QUICK, **more})


def test_rows_and_columns_are_sent_as_the_server_reads_them() -> None:
    """NaN is null, NumPy is JSON, the token is a bearer token, and an identifier is drawn."""
    with Scripted(otherwise=predictions) as server, client(server, token="secret") as asking:
        by_row = asking.predict("delay", ROWS)
        by_column = asking.predict(
            "delay", columns={"wind": np.array([1.0, np.nan]), "before": [np.float64(2), np.int64(3)]}
        )
    one, two = server.asked
    assert (one.method, one.path) == ("POST", "/v1/models/delay:predict")
    assert one.content["instances"] == [{"wind": 9.0, "carrier": "UA"}, {"wind": None, "carrier": None}]
    assert one.headers["authorization"] == "Bearer secret"
    assert one.headers["content-type"] == "application/json"
    assert two.content["inputs"] == {"wind": [1.0, None], "before": [2.0, 3]}
    assert UUID(one.content["request_id"]).version == 4
    assert by_row.outputs == by_column.outputs == [0.5, 0.5]
    assert (by_row.ids, by_row.versions, by_row.model) == (["p0", "p1"], [1, 1], "delay")
    assert by_row.request_id == one.content["request_id"]
    assert by_row.content["extra"] == 1


def test_what_to_do_with_a_row_and_who_answered_it_stand_in_the_answer() -> None:
    """Whoever reads only outputs would act on a row that was left to people; without either, both are still there."""
    answer = {"predictions": [0.31, 0.95], "ids": ["a", "b"], "model": "delay", "versions": [7, 7]}
    unusual = {"decisions": ["", "people"], "fallback": [1]}
    with Scripted(Say(content=answer), Say(content=answer | unusual)) as server, client(server) as asking:
        usual, other = asking.predict("delay", ROWS), asking.predict("delay", ROWS)
    assert (usual.decisions, usual.fallback) == (["", ""], [])
    assert (other.decisions, other.fallback) == (["", "people"], [1])


def test_a_refusal_without_faults_does_not_count_them() -> None:
    """An empty list of rows has nothing that could be at fault."""
    with (
        Scripted(otherwise=lambda asked: error(422, "invalid_request")) as server,
        client(server) as asking,
        pytest.raises(SchemaError, match=r"^POST http.* was answered with 422, invalid_request: said so$"),
    ):
        asking.predict("delay", [])


def test_a_single_row_is_asked_to_come_in_a_list() -> None:
    """The commonest mistake has its own sentence."""
    with pytest.raises(DefinitionError, match=r"put the row in a list, \[row\]"):
        Client("http://127.0.0.1:1").predict("delay", {"wind": 9.0})  # type: ignore[arg-type]  # the mistake


@pytest.mark.parametrize(
    "first",
    [error(429), error(503), error(502), error(504), Say(503, b"<html>proxy</html>"), Say(hang_up=True)],
    ids=["429", "503", "502", "504", "proxy", "hung-up"],
)
def test_what_may_pass_is_tried_again_under_the_same_identifier(first: Say) -> None:
    """So that the log, which reads a repeated identifier once, neither loses nor doubles anything."""
    with Scripted(first, first, otherwise=predictions) as server, client(server) as asking:
        answered = asking.predict("delay", ROWS)
    assert {asked.content["request_id"] for asked in server.asked} == {answered.request_id}
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (error(400), SchemaError),
        (error(422), SchemaError),
        (error(401), Refused),
        (error(403), Refused),
        (error(404), UnknownName),
        (error(413), RoadworthyError),
        (error(500), RoadworthyError),
    ],
    ids=lambda value: str(value.status) if isinstance(value, Say) else "",
)
def test_what_is_wrong_is_said_at_once_and_never_tried_again(said: Say, kind: type[Exception]) -> None:
    """The error is named by what the caller can do about it, and quotes the server."""
    with (
        Scripted(said) as server,
        client(server) as asking,
        pytest.raises(kind, match="busy: said so"),
    ):
        asking.predict("delay", ROWS)
    assert len(server.asked) == 1


def test_the_faults_of_a_refused_request_are_all_listed() -> None:
    """As data and as text."""
    fault = {"path": "$.instances[0].wind", "expected": "a finite number", "got": '"n/a"'}
    with (
        Scripted(error(422, "invalid_request", [fault])) as server,
        client(server) as asking,
        pytest.raises(SchemaError, match=r"\$\.instances\[0\]\.wind: expected a finite number") as caught,
    ):
        asking.predict("delay", [{"wind": "n/a"}])
    assert [(one.path, one.got) for one in caught.value.faults] == [(fault["path"], fault["got"])]


def test_a_wish_to_wait_is_honoured_within_the_deadline() -> None:
    """`Retry-After` is at least waited for; one beyond the deadline ends the call at once."""
    with Scripted(error(429, Retry_After="1"), otherwise=predictions) as server, client(server) as asking:
        began = time.monotonic()
        asking.predict("delay", ROWS)
        assert 1.0 <= time.monotonic() - began < 3.0
    with Scripted(error(503, Retry_After="60")) as server, client(server) as asking:
        began = time.monotonic()
        with pytest.raises(NotReady, match=r"no answer within 5 s, asked once: it said 503, busy: said so"):
            asking.predict("delay", ROWS)
        assert time.monotonic() - began < 1.0


def test_a_deadline_ends_all_attempts_and_is_told_to_the_server() -> None:
    """Each attempt says how many milliseconds are left."""
    with Scripted(*[error(503)] * 500) as server, client(server, timeout=0.5) as asking:
        began = time.monotonic()
        with pytest.raises(NotReady, match=r"asked [0-9]+ times"):
            asking.predict("delay", ROWS)
        assert time.monotonic() - began < 0.8
    left = [int(asked.headers["x-roadworthy-deadline-ms"]) for asked in server.asked]
    assert len(left) > 5
    assert 350 < left[0] <= 500
    assert left == sorted(left, reverse=True)


def test_a_server_that_never_replies_ends_at_the_deadline() -> None:
    """A call is over when its time is, whatever the other side does."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        asking = Client(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=0.3)
        began = time.monotonic()
        with pytest.raises(NotReady, match="it did not reply in time"):
            asking.predict("delay", ROWS)
        assert time.monotonic() - began < 1.0
        assert not asking.ready()


@pytest.mark.parametrize(("timeout", "said"), [(0.2, "0.2"), (0.0679096, "0.068")])
def test_nobody_there_is_said_with_the_address(timeout: float, said: str) -> None:
    """After as many attempts as the deadline allows."""
    with pytest.raises(NotReady, match=rf"http://127\.0\.0\.1:1 gave no answer within {said} s"):
        Client("http://127.0.0.1:1", timeout=timeout, pauses=QUICK).predict("delay", ROWS)


def test_connections_are_kept_and_threads_may_share_a_client() -> None:
    """Many calls from four threads, each with its own answer, over no more connections than threads."""

    def answer(asked: Any) -> Say:
        said = predictions(asked)
        said.content["predictions"] = [row["wind"] for row in asked.content["instances"]]
        return said

    with Scripted(otherwise=answer) as server, client(server) as asking, ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda wind: asking.predict("delay", [{"wind": wind}]).outputs, range(100)))
    assert found == [[wind] for wind in range(100)]
    assert len({asked.client for asked in server.asked}) <= 4


def test_a_kept_connection_that_was_closed_is_opened_anew_at_once() -> None:
    """An idle connection that the server closed costs no pause."""
    patient = Pauses(first_seconds=30, longest_seconds=30)
    script = [Say(content=predictions_of_one()), Say(hang_up=True)]
    with Scripted(*script, otherwise=predictions) as server, client(server, pauses=patient) as asking:
        asking.predict("delay", ROWS[:1])
        began = time.monotonic()
        asking.predict("delay", ROWS[:1])
        assert time.monotonic() - began < 2.0
    assert len(server.asked) == 3


def predictions_of_one() -> dict[str, Any]:
    """An answer for one row."""
    return {"predictions": [0.5], "ids": ["p"], "versions": [1], "model": "delay"}


def test_a_fork_does_not_share_the_connections_of_its_parent() -> None:
    """Two processes on one connection would read each other's answers."""
    with Scripted(otherwise=predictions) as server, client(server) as asking:
        asking.predict("delay", ROWS)
        pool = asking._connections
        pool._pid = os.getpid() + 1  # as a child sees it after a fork
        asking.predict("delay", ROWS)
    assert len({asked.client for asked in server.asked}) == 2


def test_infinity_and_strange_values_are_refused_before_anything_is_sent() -> None:
    """JSON would make a missing value of infinity without a word."""
    with Scripted() as server, client(server) as asking:
        with pytest.raises(SchemaError, match=r"\$\.instances\[1\]\.wind: expected a finite number, or NaN"):
            asking.predict("delay", [{"wind": 1.0}, {"wind": float("-inf")}])
        with pytest.raises(SchemaError, match="infinite"):
            asking.predict("delay", columns={"wind": np.array([1.0, np.inf])})
        with pytest.raises(SchemaError, match="a value of object"):
            asking.predict("delay", [{"wind": object()}])
    assert server.asked == []


def test_wrong_arguments_are_refused_saying_what_is_wanted() -> None:
    """A row where rows are wanted, both forms, no time, an address that is none."""
    asking = Client("http://127.0.0.1:1")
    with pytest.raises(DefinitionError, match="list of rows"):
        asking.predict("delay", {"wind": 1.0})  # type: ignore[arg-type]  # the mistake
    with pytest.raises(DefinitionError, match="one of the two"):
        asking.predict("delay", [{}], columns={})
    with pytest.raises(DefinitionError, match="timeout of 0"):
        Client("http://127.0.0.1:1", timeout=0)
    with pytest.raises(DefinitionError, match="list of dictionaries"):
        asking.outcomes({"id": "o1"})  # type: ignore[arg-type]  # the mistake
    for url in ("127.0.0.1:8080", "ftp://a", "http://", "http://a/path", "http://a:port", "http://[::1"):
        with pytest.raises(DefinitionError, match="is not understood"):
            Client(url)
    with pytest.raises(DefinitionError, match="no header can hold") as caught:
        Client("http://127.0.0.1:1", token="secret\n")
    assert "secret" not in str(caught.value)


def test_an_interrupted_call_leaves_no_half_read_connection_behind() -> None:
    """The next call gets its own answer, not the rest of the interrupted one."""
    go = threading.Event()

    def slow(asked: Any) -> Say:
        go.wait(5)
        return predictions(asked)

    with Scripted(otherwise=slow) as server, client(server) as asking:
        with pytest.raises(NotReady):
            asking.predict("delay", ROWS, timeout=0.1)
        go.set()
        assert len(asking.predict("delay", ROWS[:1]).outputs) == 1
