"""The queue for people with real workers: it outlives them, two people cannot both answer, and tokens guard it."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest

from brittle import brittle
from processes import Server, Starter, Version, Workspace, logged, plan_of, wait_until
from roadworthy.automation import Band, ServingRules
from roadworthy.node import NodeDirectory
from roadworthy.predictionlog.read import PredictionLog
from roadworthy.predictionlog.record import Number
from roadworthy.tokens import Token, TokenScope
from roadworthy.traffic import Route

#: The windy are late nearly for certain, and go to people; the undecided are deferred.
BANDS = ServingRules(bands=(Band(0.4, 0.6, "defer"), Band(0.9, 1.0, "people")))
WINDY = 29.0


@pytest.fixture(scope="module")
def careful(tmp_path_factory: pytest.TempPathFactory) -> Version:
    """A version that leaves its surest answers to people."""
    return brittle(tmp_path_factory.mktemp("careful"), BANDS, "careful")


@pytest.fixture
def node(tmp_path: Path, careful: Version) -> NodeDirectory:
    """A node that serves it."""
    made = NodeDirectory(tmp_path / "node")
    made.create()
    made.write_plan(plan_of(1, Route(champion=1), careful, model="careful"))
    return made


def worker(start: Starter, node: NodeDirectory, *arguments: str) -> Server:
    """A worker of that node that answers."""
    server = start.worker(node, *arguments)
    wait_until(server.ready, "readiness")
    return server


def windy(server: Server, flight: str = "f") -> str:
    """The identifier of a prediction that is left to people."""
    answered = server.predict({"wind": WINDY, "flight": flight}, model="careful")
    assert answered.content["decisions"] == ["people"]
    return str(answered.content["ids"][0])


def people(node: NodeDirectory) -> list[Any]:
    """What the log has of people."""
    return [one for one in logged(node.journals) if one.role == "person"]


def test_a_case_is_answered_over_http_and_logged(start: Starter, node: NodeDirectory) -> None:
    """From the answer that says `people` to the record of the person, under the same version and inputs."""
    server = worker(start, node)
    identifier = windy(server, "UA1")
    (case,) = server.ask("GET", "/v1/cases?model=careful&limit=5").content["cases"]
    assert (case["id"], case["unit"], case["inputs"], case["output"] > 0.9) == (
        identifier,
        "UA1",
        {"wind": WINDY},
        True,
    )
    answered = server.ask(
        "POST", f"/v1/cases/{identifier}", {"output": 0, "by": "ann", "note": "ferry flight"}
    )
    assert answered.status == 200
    (record,) = people(node)
    assert (record.id, record.request_id, record.output) == (
        answered.content["answer"]["id"],
        identifier,
        Number(0.0),
    )
    assert server.ask("GET", "/v1/cases").content == {"cases": [], "open": 0}
    assert server.ask("GET", f"/v1/cases/{identifier}").content["answer"]["by"] == "ann"
    assert (
        'roadworthy_cases_total{model="careful",event="answered"} 1' in server.ask("GET", "/metrics").content
    )
    assert server.ask("PUT", f"/v1/cases/{identifier}").status == 405
    assert server.ask("GET", "/v1/cases/").status == 404


def test_cases_outlive_a_killed_worker(start: Starter, node: NodeDirectory) -> None:
    """kill -9 right after the answers: every case is there, and the next worker takes their answers."""
    server = worker(start, node)
    told = [windy(server, f"f{number}") for number in range(5)]
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait(10)
    again = worker(start, node)
    assert [case["id"] for case in again.ask("GET", "/v1/cases").content["cases"]] == sorted(told)
    for identifier in told:
        assert again.ask("POST", f"/v1/cases/{identifier}", {"output": 1, "by": "ann"}).status == 200
    assert sorted(record.request_id for record in people(node)) == sorted(told)


def test_of_two_people_at_two_workers_one_is_heard(start: Starter, node: NodeDirectory) -> None:
    """At the same moment: one 200 and one 409 that names the other, one record; a retry of the first is harmless."""
    one, other = worker(start, node), worker(start, node, "--worker", "1")
    for number in range(5):
        identifier = windy(one, f"f{number}")

        def say(server: Server, by: str, identifier: str = identifier) -> Any:
            return server.ask("POST", f"/v1/cases/{identifier}", {"output": int(by == "ann"), "by": by})

        with ThreadPoolExecutor(2) as pool:
            both = list(pool.map(say, [one, other], ["ann", "bob"]))
        assert sorted(answered.status for answered in both) == [200, 409]
        first = next(answered for answered in both if answered.status == 200)
        second = next(answered for answered in both if answered.status == 409)
        by = first.content["answer"]["by"]
        assert f"{by} answered this case" in second.content["error"]["message"]
        assert say(other if by == "ann" else one, by).content["answer"] == first.content["answer"]
    assert len(people(node)) == 5


def test_reading_cases_and_answering_them_are_two_scopes(start: Starter, node: NodeDirectory) -> None:
    """`read` looks, `operate` decides, `predict` does neither."""
    scopes: tuple[TokenScope, ...] = ("predict", "read", "operate")
    tokens = [Token(scope, hashlib.sha256(scope.encode()).hexdigest(), (scope,)) for scope in scopes]
    node.tokens.write_bytes(msgspec.json.encode(tokens))
    server = start.worker(node, "--tokens")
    wait_until(server.ready, "readiness")

    def status(token: str, method: str, path: str, body: Any = None) -> int:
        return server.ask(method, path, body, {"Authorization": f"Bearer {token}"}).status

    rows = {"instances": [{"wind": WINDY, "flight": "f"}]}
    answered = server.ask("POST", "/v1/models/careful:predict", rows, {"Authorization": "Bearer predict"})
    path = f"/v1/cases/{answered.content['ids'][0]}"
    body = {"output": 1, "by": "ann"}
    assert [status(scope, "GET", "/v1/cases") for scope in scopes] == [403, 200, 403]
    assert [status(scope, "GET", path) for scope in scopes] == [403, 200, 403]
    assert [status(scope, "POST", path, body) for scope in scopes] == [403, 403, 200]


def test_the_command_line_lists_what_waits_on_all_nodes(
    start: Starter, careful: Version, tmp_path: Path
) -> None:
    """`roadworthy cases`, for people and for scripts; the log reads the person's answer like any other."""
    workspace = Workspace(tmp_path / "workspace")
    workspace.register(careful, "careful")
    workspace.flip(Route(champion=1), "careful")
    server = start.supervisor(workspace)
    wait_until(server.ready, "readiness")
    told = [windy(server, f"f{number}") for number in range(3)]

    def cases(*arguments: str) -> str:
        root = str(workspace.settings.root)
        command = [sys.executable, "-m", "roadworthy.cli", "--workspace", root, "cases", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout

    listed = json.loads(cases("careful", "--json"))
    assert [case["id"] for case in listed] == sorted(told)
    assert {case["node"] for case in listed} == {"n"}
    printed = cases()
    assert all(identifier in printed for identifier in told)
    for identifier in told:
        assert server.ask("POST", f"/v1/cases/{identifier}", {"output": 1, "by": "ann"}).status == 200
    assert "nobody waits for a person" in cases("careful")
    assert server.stop() == 0
    workspace.engine.dispose()
    log = PredictionLog(workspace.settings.log, [server.node.journals])
    rows = log.predictions("careful", roles=["person"]).to_pylist()
    assert sorted(row["request_id"] for row in rows) == sorted(told)
    assert {(row["version"], row["output"], row["in_wind"], row["status"]) for row in rows} == {
        (1, 1.0, WINDY, "ok")
    }
    first = log.predictions("careful", roles=["champion"]).to_pylist()
    assert {row["decision"] for row in first} == {"people"}
