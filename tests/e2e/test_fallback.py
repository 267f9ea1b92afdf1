"""A real worker whose model breaks, says nothing or takes its time: who is hit, who answers, what is logged."""

from __future__ import annotations

import http.client
import random
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from brittle import NAN, RAISES, SLOW, SLOW_SECONDS, brittle
from processes import Answered, Server, Starter, Version, ask, logged, wait_until
from roadworthy.automation import Rule, ServingRules
from roadworthy.node import NodeDirectory
from roadworthy.predictionlog.record import Number
from roadworthy.traffic import Plan, Route, Staged

GUARDED = ServingRules(
    deadline_ms=20_000.0, fallback=("standby", "rule", 0.25), rule=Rule("by_wind", ("wind",))
)

HASTY = msgspec.structs.replace(GUARDED, deadline_ms=150.0)


@pytest.fixture(scope="module")
def server(
    start_shared: Starter, versions: list[Version], tmp_path_factory: pytest.TempPathFactory
) -> Server:
    """A worker with the model `delay`, brittle ones without and with deadline and fallbacks, and two asked slowly."""
    room = tmp_path_factory.mktemp("brittle")
    made = {
        "delay": versions[0],
        "bare": brittle(room, ServingRules(), "bare"),
        "guarded": brittle(room, GUARDED, "guarded"),
        "slow-bare": brittle(room, ServingRules(), "slow-bare"),
        "slow-guarded": brittle(room, HASTY, "slow-guarded"),
    }
    node = NodeDirectory(tmp_path_factory.mktemp("node"))
    node.create()
    staged = tuple(
        Staged(model=name, version=1, directory=str(one.directory), digest=one.digest)
        for name, one in made.items()
    )
    node.write_plan(Plan(number=1, routes={name: Route(champion=1) for name in made}, staged=staged))
    server = start_shared.worker(node)
    wait_until(server.ready, "readiness")
    for model in ("slow-bare", "slow-guarded"):  # from now on their lanes know that a batch may take long
        server.predict(row(SLOW), model=model)
    return server


def row(wind: float, flight: str = "f") -> dict[str, Any]:
    """A row of a brittle model."""
    return {"wind": wind, "flight": flight}


def told(answered: Answered) -> Any:
    """What a client learns, identifiers aside."""
    if answered.status != 200:
        return answered.status, answered.kind
    return answered.content["predictions"], answered.content.get("fallback", [])


def records(server: Server, unit: str) -> list[Any]:
    """What the log says of a unit."""
    found = [one for one in logged(server.node.journals) if one.unit == unit]
    return sorted(found, key=lambda one: one.role)


def test_what_breaks_is_answered_by_the_fallback_and_logged_as_both(server: Server) -> None:
    """The error of the version and the answer of the fallback, each with its reason and who it was."""
    answered = server.predict(row(1.0, "fb0"), row(NAN, "fb1"), model="guarded")
    assert answered.status == 200
    assert answered.content["fallback"] == [1]
    assert answered.content["predictions"][1] == 0.25
    champion, fallback = records(server, "fb1")
    assert (champion.role, champion.status, champion.output.value != champion.output.value) == (
        "champion",
        "error",
        True,
    )
    assert champion.error == "1 of 2 outputs are not finite numbers"
    assert (fallback.role, fallback.version, fallback.status, fallback.output) == (
        "fallback",
        1,
        "ok",
        Number(0.25),
    )
    assert answered.content["ids"][1] == fallback.id
    (fine,) = records(server, "fb0")
    assert (fine.role, fine.status, fine.id) == ("champion", "ok", answered.content["ids"][0])


def test_without_a_fallback_the_request_fails_and_says_why(server: Server) -> None:
    """500, with the reason in the answer and in the log."""
    answered = server.predict(row(RAISES, "bare0"), model="bare")
    assert told(answered) == (500, "model_failed")
    assert "bare@1 could not predict: it raised ZeroDivisionError" in answered.content["error"]["message"]
    (record,) = records(server, "bare0")
    assert (record.status, record.error) == ("error", "it raised ZeroDivisionError")


def test_the_metadata_says_what_a_version_does_beside_its_estimator(server: Server) -> None:
    """Whoever asks can know whom the answers may come from."""
    (version,) = server.ask("GET", "/v1/models/guarded").content["versions"]
    assert version["serving"] == {
        "deadline_ms": 20_000.0, "fallback": ["standby", "rule", 0.25], "bands": [],
        "rule": {"function": "by_wind", "inputs": ["wind"]},
    }  # fmt: skip


@pytest.mark.parametrize("model", ["bare", "guarded"])
def test_clients_beside_a_failing_one_get_their_own_answers(model: str, server: Server) -> None:
    """Eight connections at once, one request in four breaks: everybody is told what he is told alone."""
    chance = random.Random(4)
    winds = [RAISES, NAN, *(float(number) for number in range(6))]
    asked = [[row(chance.choice(winds)) for _ in range(chance.randint(1, 3))] for _ in range(240)]
    alone = {
        msgspec.json.encode(one): told(server.predict(*one, model=model)) for one in asked
    }  # fmt: skip

    def client(mine: list[list[dict[str, Any]]]) -> list[Any]:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        path = f"/v1/models/{model}:predict"
        answers = [told(ask(connection, "POST", path, {"instances": one}, {})) for one in mine]
        connection.close()
        return answers

    with ThreadPoolExecutor(8) as pool:
        together = [
            answer
            for answers in pool.map(client, [asked[first::8] for first in range(8)])
            for answer in answers
        ]
    expected = [alone[msgspec.json.encode(one)] for first in range(8) for one in asked[first::8]]
    assert together == expected
    kinds = {answer[1] if isinstance(answer[0], int) else "answered" for answer in expected}
    assert kinds == ({"model_failed", "answered"} if model == "bare" else {"answered"})


def test_a_slow_model_is_answered_for_in_time_while_everything_else_goes_on(server: Server) -> None:
    """The rule answers after 150 ms; the node stays healthy and other models answer meanwhile."""
    found: list[tuple[Answered, float]] = []

    def client() -> None:
        started = time.perf_counter()
        answered = server.predict(row(SLOW, "slow0"), model="slow-guarded")
        found.append((answered, time.perf_counter() - started))

    started = time.perf_counter()
    thread = threading.Thread(target=client)
    thread.start()
    meanwhile = []
    while time.perf_counter() - started < SLOW_SECONDS - 0.1:
        assert server.ask("GET", "/v2/health/live").status == 200
        assert server.predict().status == 200
        meanwhile.append(time.perf_counter())
    thread.join()
    answered, took = found[0]
    assert (answered.content["predictions"], answered.content["fallback"]) == ([0.125], [0])
    assert 0.15 <= took < SLOW_SECONDS
    assert len(meanwhile) >= 5
    assert max(later - earlier for earlier, later in pairwise(meanwhile)) < SLOW_SECONDS / 2
    wait_until(lambda: len(records(server, "slow0")) == 2, "the records")
    champion, fallback = records(server, "slow0")
    assert (champion.error, fallback.output) == ("it did not answer in time", Number(0.125))
    time.sleep(SLOW_SECONDS)
    assert len(records(server, "slow0")) == 2, "the late answer, which nobody was told, is not logged as one"


def test_a_client_may_allow_less_time_than_the_model(server: Server) -> None:
    """504 for a model without fallbacks, in time."""
    started = time.perf_counter()
    headers = {"X-Roadworthy-Deadline-Ms": "100"}
    answered = server.ask("POST", "/v1/models/slow-bare:predict", {"instances": [row(SLOW)]}, headers)
    assert told(answered) == (504, "too_late")
    assert time.perf_counter() - started < SLOW_SECONDS
    assert "within the deadline" in answered.content["error"]["message"]
    wrong = server.ask(
        "POST", "/v1/models/slow-bare:predict", {"instances": [row(1.0)]}, {"X-Roadworthy-Deadline-Ms": "-1"}
    )
    assert told(wrong) == (400, "deadline")


def test_a_client_that_leaves_frees_its_place(server: Server) -> None:
    """What it asked is not scored for it, not logged as an answer, and counted."""
    busy = threading.Thread(target=lambda: server.predict(row(SLOW, "busy"), model="slow-bare"))
    busy.start()
    time.sleep(0.1)
    before = disconnected(server)
    body = msgspec.json.encode({"instances": [row(2.0, "gone")]})
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(
            b"POST /v1/models/slow-bare:predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            + f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        time.sleep(0.05)
    wait_until(lambda: disconnected(server) == before + 1, "the count of the one that left")
    busy.join()
    assert told(server.predict(row(3.0, "next"), model="slow-bare"))[1] == []
    assert [len(records(server, unit)) for unit in ("busy", "gone", "next")] == [1, 0, 1]


def disconnected(server: Server) -> float:
    """Clients that left before their answer."""
    lines = server.ask("GET", "/metrics").content.splitlines()
    return sum(float(line.split()[-1]) for line in lines if 'kind="disconnected"' in line)


def test_the_brittle_model_trains_to_the_same_digest_twice(tmp_path: Path) -> None:
    """With its deadline, its rule and its constant."""
    one, other = (brittle(tmp_path / name, GUARDED, "twice") for name in ("a", "b"))
    assert one.digest == other.digest
