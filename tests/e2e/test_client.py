"""The Python client against real workers, one of which dies and comes back."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from processes import ROW, Starter, Version, Workspace, plan_of, wait_until
from roadworthy.client import Client, Delivery
from roadworthy.errors import SchemaError, UnknownName
from roadworthy.node import NodeDirectory
from roadworthy.predictionlog.read import PredictionLog
from roadworthy.traffic import Route

FACT = {"model": "delay", "name": "late", "value": True, "event_time": "2013-07-01T10:00:00Z"}


@pytest.fixture
def node(tmp_path: Path, versions: list[Version]) -> NodeDirectory:
    """A node directory with version 1 as champion."""
    made = NodeDirectory(tmp_path / "n")
    made.create()
    made.write_plan(plan_of(1, Route(champion=1), versions[0]))
    return made


def log_of(node: NodeDirectory) -> PredictionLog:
    """What readers of the log see, nothing of it rolled yet."""
    return PredictionLog(node.root.parent / "log", [node.journals])


def test_a_worker_that_dies_and_comes_back_costs_no_answer_and_doubles_none(
    node: NodeDirectory, start: Starter
) -> None:
    """Killed under load and started again: every call is answered, and read from the log exactly once."""
    worker = start.worker(node)
    wait_until(worker.ready, "readiness")
    url, calls = f"http://127.0.0.1:{worker.port}", 400
    done: Counter[str] = Counter()

    def ask(number: int) -> tuple[str, list[str]]:
        answered = client.predict("delay", [{**ROW, "flight": f"UA{number}"}] * 2)
        client.outcomes([{**FACT, "id": f"o{number}", "prediction_id": answered.ids[0]}])
        done["calls"] += 1
        return answered.request_id, answered.ids

    with Client(url, timeout=40) as client, ThreadPoolExecutor(8) as pool:
        answers = pool.map(ask, range(calls))
        wait_until(lambda: done["calls"] > 50, "fifty answers")
        worker.process.kill()
        worker.process.wait()
        before = done["calls"]
        time.sleep(0.3)
        again = start.worker(node, "--port", str(worker.port))
        answered = list(answers)
        told = client.close(20)
    assert before < calls
    assert again.ready()
    assert told == Delivery(sent=calls)
    found = log_of(node).predictions("delay").to_pylist()
    assert Counter((row["request_id"], row["row"]) for row in found) == {
        (request_id, row): 1 for request_id, _ in answered for row in (0, 1)
    }
    outcomes = log_of(node).outcomes("delay").to_pylist()
    assert Counter(row["id"] for row in outcomes) == {f"o{number}": 1 for number in range(calls)}


def test_answers_and_refusals_come_as_values_and_errors(node: NodeDirectory, start: Starter) -> None:
    """What a user of the client sees of a real server."""
    worker = start.worker(node)
    with Client(f"http://127.0.0.1:{worker.port}", timeout=20) as client:
        wait_until(client.ready, "readiness")
        by_row = client.predict("delay", [ROW, {**ROW, "wind": float("nan")}], request_id="mine")
        columns: dict[str, Any] = {name: [value] for name, value in ROW.items()}
        assert client.predict("delay", columns=columns).outputs == by_row.outputs[:1]
        assert (by_row.versions, by_row.request_id) == ([1, 1], "mine")
        with pytest.raises(SchemaError, match=r"\$\.instances\[0\]\.wind: expected a finite number"):
            client.predict("delay", [{**ROW, "wind": "n/a"}])
        with pytest.raises(UnknownName, match="models: delay"):
            client.predict("dealy", [ROW])
        fact = {**FACT, "id": "o1", "prediction_id": by_row.ids[0]}
        assert client.outcomes([fact], wait=True) == 1
        assert client.outcomes([{**fact, "value": None, "revision": 1}], wait=True) == 1
    found = log_of(node).outcomes("delay").to_pylist()
    assert [(one["revision"], one["value"] == one["value"]) for one in found] == [(0, True), (1, False)]


def test_predictions_made_elsewhere_stand_in_the_log_once_and_take_outcomes(
    node: NodeDirectory, start: Starter
) -> None:
    """Of a model this node has never heard of: inputs, output and label, whatever was sent twice."""
    worker = start.worker(node)
    sent = [
        {"id": f"p{number}", "model": "fare", "version": 7, "unit": f"trip {number}", "output": number / 10,
         "inputs": {"km": number, "zone": "A" if number % 2 else None}}
        for number in range(10)
    ]  # fmt: skip
    with Client(f"http://127.0.0.1:{worker.port}", timeout=20) as client:
        wait_until(client.ready, "readiness")
        fact = {**FACT, "model": "fare", "name": "tipped", "prediction_id": "p3"}
        with pytest.raises(SchemaError, match="a model served here"):
            client.outcomes([fact], wait=True)
        assert client.log(sent) == 10
        assert client.flush()
        assert client.log(sent, wait=True) == 10
        assert client.outcomes([fact], wait=True) == 1
        with pytest.raises(SchemaError, match=r"inputs\.km: expected a number, or null, got \"far\""):
            client.log([{**sent[0], "inputs": {"km": "far"}}], wait=True)
        assert client.delivery() == Delivery(sent=10)
    found = log_of(node).predictions("fare").to_pylist()
    assert [(row["id"], row["version"], row["unit"], row["output"], row["in_km"]) for row in found] == [
        (f"p{number}", 7, f"trip {number}", number / 10, float(number)) for number in range(10)
    ]
    assert [one["prediction_id"] for one in log_of(node).outcomes("fare").to_pylist()] == ["p3"]
    metrics = worker.ask("GET", "/metrics").content
    assert 'roadworthy_rows_total{model="fare",version="0",role="champion",status="ok"} 20' in metrics


def test_the_example_of_the_client_page_runs_as_it_stands_there(node: NodeDirectory, start: Starter) -> None:
    """Only the address is another."""
    page = (Path(__file__).parents[2] / "docs" / "client.md").read_text()
    (example,) = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    worker = start.worker(node)
    wait_until(worker.ready, "readiness")
    exec(example.replace("http://127.0.0.1:8080", f"http://127.0.0.1:{worker.port}"), {})
    assert log_of(node).predictions("delay").num_rows == log_of(node).predictions("fare").num_rows == 1
    assert log_of(node).outcomes("delay").num_rows == 1


def test_the_command_line_shows_what_was_predicted_elsewhere(workspace: Workspace, start: Starter) -> None:
    """A model without a version of its own has a log all the same."""
    node = start.supervisor(workspace)
    wait_until(lambda: node.serves(1), "both workers")
    sent = {"id": "p1", "model": "fare", "version": 7, "unit": "trip 7", "output": 0.25, "inputs": {"km": 3}}
    with Client(f"http://127.0.0.1:{node.port}") as client:
        client.log([sent], wait=True)
    arguments = ["--workspace", str(workspace.settings.root), "log", "fare", "--json"]
    command = [sys.executable, "-m", "roadworthy.cli", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert [(row["id"], row["unit"], row["version"], row["output"]) for row in json.loads(done.stdout)] == [
        ("p1", "trip 7", 7, 0.25)
    ]
