"""The Open Inference Protocol v2 against a real worker, spoken by an existing client and by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from processes import ROW, Server, Starter, Version, logged, plan_of, wait_until
from roadworthy.features.batch import Batch
from roadworthy.node import NodeDirectory
from roadworthy.scorer import Scorer
from roadworthy.traffic import Route

triton = pytest.importorskip("tritonclient.http")

PATH = "/v2/models/delay"
ROWS = [
    ROW,
    {**ROW, "wind": None, "before": [], "flight": "UA2"},
    {**ROW, "wind": 27.5, "before": ["JFK", "EWR"]},
]


@pytest.fixture(scope="module")
def worker(
    start_shared: Starter, versions: list[Version], tmp_path_factory: pytest.TempPathFactory
) -> Server:
    """A worker with version 1 as champion and version 2 as its standby."""
    node = NodeDirectory(tmp_path_factory.mktemp("nodes") / "a")
    node.create()
    node.write_plan(plan_of(1, Route(champion=1, standby=2), *versions))
    server = start_shared.worker(node)
    wait_until(server.ready, "readiness")
    return server


@pytest.fixture(scope="module")
def expected(versions: list[Version]) -> list[float]:
    """What version 1 says to the rows."""
    scorer = Scorer.load(versions[0].directory, versions[0].digest)
    found: list[float] = scorer.score(Batch.from_rows(ROWS, scorer.schema)).output.tolist()
    return found


def tensors(rows: list[dict[str, Any]] = ROWS) -> list[dict[str, Any]]:
    """The rows as JSON tensors."""
    n = len(rows)
    kinds = {"carrier": "BYTES", "wind": "FP64", "before": "BYTES", "dest": "BYTES", "flight": "BYTES"}
    return [
        {"name": name, "datatype": kind, "shape": [n, 1] if name == "dest" else [n],
         "data": [json.dumps(row[name]) if name == "before" else row[name] for row in rows]}
        for name, kind in kinds.items()
    ]  # fmt: skip


def column(name: str) -> list[Any]:
    """One field of all rows."""
    return [row[name] for row in ROWS]


def test_an_existing_client_gets_the_numbers_of_the_model(worker: Server, expected: list[float]) -> None:
    """Binary tensors, as it sends them by itself: NaN is missing, a list is text in JSON."""
    client = triton.InferenceServerClient(f"127.0.0.1:{worker.port}")
    try:
        assert client.is_server_live()
        assert client.is_server_ready()
        assert client.is_model_ready("delay")
        assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
        described = {one["name"]: one["datatype"] for one in client.get_model_metadata("delay")["inputs"]}
        values = {
            "wind": np.array([np.nan if wind is None else wind for wind in column("wind")]),
            "before": np.array([json.dumps(one).encode() for one in column("before")], dtype=object),
            **{
                name: np.array([text.encode() for text in column(name)], dtype=object)
                for name in ("carrier", "dest", "flight")
            },
        }
        inputs = []
        for name, datatype in described.items():
            sent = triton.InferInput(name, [3], datatype)
            sent.set_data_from_numpy(values[name])
            inputs.append(sent)
        for options in ({}, {"outputs": [triton.InferRequestedOutput("output", binary_data=False)]}):
            answered = client.infer("delay", inputs, request_id="triton", **options)
            assert answered.as_numpy("output").tolist() == expected
            assert answered.get_response()["model_version"] == "1"
            assert answered.get_response()["id"] == "triton"
        with pytest.raises(
            triton.InferenceServerException, match=r"inputs: expected an input named wind, got none"
        ):
            client.infer("delay", [one for one in inputs if one.name() != "wind"])
    finally:
        client.close()
    found = [record for record in logged(worker.node.journals) if record.request_id == "triton"]
    assert {record.unit for record in found} == {"UA1545", "UA2"}
    assert len(found) == 6


def test_json_tensors_are_answered_as_the_model_answers(worker: Server, expected: list[float]) -> None:
    """With identifiers that stand in the log, and the version that answered."""
    answered = worker.ask("POST", f"{PATH}/infer", {"id": "mine", "inputs": tensors()})
    assert answered.status == 200
    content = answered.content
    assert (content["model_name"], content["model_version"], content["id"]) == ("delay", "1", "mine")
    outputs = {one["name"]: one for one in content["outputs"]}
    assert list(outputs) == ["output", "id", "version"]
    assert outputs["output"] == {"name": "output", "datatype": "FP64", "shape": [3], "data": expected}
    assert outputs["version"]["data"] == [1, 1, 1]
    found = [record.id for record in logged(worker.node.journals) if record.request_id == "mine"]
    assert outputs["id"]["data"] == found
    nested = tensors()
    nested[1].update(shape=[3, 1], data=[[wind] for wind in column("wind")])
    asked = {"inputs": nested, "outputs": [{"name": "decision"}, {"name": "output"}]}
    content = worker.ask("POST", f"{PATH}/versions/1/infer", asked).content
    assert [one["name"] for one in content["outputs"]] == ["decision", "output"]
    assert content["outputs"][1]["data"] == expected


def test_text_may_be_declared_to_be_json_so_that_anything_can_be_missing(
    worker: Server, expected: list[float]
) -> None:
    """BYTES with the encoding `json`: a number or null as text."""
    sent = tensors()
    sent[1] = {
        "name": "wind",
        "datatype": "BYTES",
        "shape": [3],
        "parameters": {"encoding": "json"},
        "data": ["9.0", "null", "27.5"],
    }
    content = worker.ask("POST", f"{PATH}/infer", {"inputs": sent}).content
    assert content["outputs"][0]["data"] == expected


def test_all_faults_are_listed_where_the_tensors_stand(worker: Server) -> None:
    """As data, and in the one text that clients of this protocol show; nothing is logged."""
    before = len(logged(worker.node.journals))
    sent = tensors()
    sent[0].update(data=["UA", 7, None])
    sent[1].update(datatype="INT64", data=[1, "x", 3])
    sent[2].update(data=["[]", "nonsense", "[3]"])
    sent[3].update(shape=[3, 2])
    sent[4].update(datatype="FP64")
    sent.append({"name": "extra", "datatype": "FP64", "shape": [3], "data": [1, 2, 3]})
    sent.append(sent[0])
    asked = {
        "inputs": sent,
        "outputs": [{"name": "nothing"}],
        "parameters": {"sequence_id": 3},
        "id": "x" * 200,
    }
    answered = worker.ask("POST", f"{PATH}/infer", asked)
    assert answered.status == 422
    assert {fault["path"] for fault in answered.content["faults"]} >= {
        "$.parameters.sequence_id", "$.outputs[0].name", "$.id", "$.inputs[2].data[1]", "$.inputs[3].shape",
        "$.inputs[3].data", "$.inputs[4].datatype", "$.inputs[5].name", "$.inputs[6].name", "$.inputs[0].data[1]",
        "$.inputs[1].data[1]",
    }  # fmt: skip
    assert "$.inputs[3].shape: expected [3] or [3, 1]" in answered.content["error"]
    assert len(logged(worker.node.journals)) == before


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400), (b"{", 400), (b"[]", 422), (b"{}", 422), (b'{"inputs": [3]}', 422), (b'{"inputs": []}', 422),
        (b'{"inputs": [{"name": "wind"}]}', 422),
        (b'{"inputs": [{"name": "wind", "datatype": "FP64", "shape": [1e9], "data": []}]}', 422),
        (b'{"inputs": [{"name": "wind", "datatype": "FP64", "shape": [-1], "data": []}]}', 422),
        (b'{"inputs": [{"name": "wind", "datatype": "FP64", "shape": [], "data": [1]}]}', 422),
        (b'{"inputs": [{"name": "wind", "datatype": "FP64", "shape": [1], "parameters": {"binary_data_size": 8}}]}',
         422),
        (b'{"inputs": [{"name": "wind", "datatype": "FP64", "shape": [1]}]}', 422),
        (b'{"inputs": [], "parameters": {"timeout": "soon"}}', 422),
    ],
)  # fmt: skip
def test_a_body_of_another_form_is_refused_in_the_form_of_the_protocol(
    worker: Server, body: bytes, status: int
) -> None:
    """Never a 500, and `error` is text."""
    answered = worker.ask("POST", f"{PATH}/infer", body)
    assert answered.status == status
    assert isinstance(answered.content["error"], str)


def test_binary_tensors_that_lie_about_their_size_are_refused(worker: Server) -> None:
    """Too long, too short, not a whole number, a text that ends nowhere, a header that is none."""
    head = {"name": "wind", "datatype": "FP64", "shape": [1]}
    text = {"name": "carrier", "datatype": "BYTES", "shape": [1]}
    cases = [
        ([{**head, "parameters": {"binary_data_size": 16}}], b"\0" * 8),
        ([{**head, "parameters": {"binary_data_size": 4}}], b"\0" * 4),
        ([{**head, "parameters": {"binary_data_size": 8}}], b"\0" * 16),
        ([{**head, "parameters": {"binary_data_size": -8}}], b"\0" * 8),
        ([{**head, "parameters": {"binary_data_size": "8"}}], b"\0" * 8),
        ([{**text, "parameters": {"binary_data_size": 6}}], b"\xff\0\0\0UA"),
        ([{**head, "datatype": "FP128", "parameters": {"binary_data_size": 8}}], b"\0" * 8),
        ([{**head, "parameters": {"binary_data_size": 8}}], np.array([np.inf]).tobytes()),
    ]  # fmt: skip
    for inputs, behind in cases:
        json_part = json.dumps({"inputs": inputs}).encode()
        headers = {
            "Inference-Header-Content-Length": str(len(json_part)),
            "Content-Type": "application/octet-stream",
        }
        answered = worker.ask("POST", f"{PATH}/infer", json_part + behind, headers)
        assert answered.status == 422, inputs
        assert answered.content["faults"]
    for length in ("x", "-1", "999"):
        answered = worker.ask("POST", f"{PATH}/infer", b"{}", {"Inference-Header-Content-Length": length})
        assert answered.status == 400


def test_the_plan_decides_who_answers(
    worker: Server, start: Starter, versions: list[Version], tmp_path: Path
) -> None:
    """A version is answered for only where it alone answers; else 404 says who does."""
    assert worker.ask("GET", f"{PATH}/versions/1").content["versions"] == ["1", "2"]
    assert worker.ask("GET", f"{PATH}/versions/1/ready").content == {"name": "delay", "ready": True}
    refused = worker.ask("POST", f"{PATH}/versions/2/infer", {"inputs": tensors()})
    assert (refused.status, refused.content["kind"]) == (404, "version_does_not_answer")
    assert "the plan lets version 1 answer" in refused.content["error"]
    assert worker.ask("GET", f"{PATH}/versions/2/ready").status == 404
    assert worker.ask("GET", "/v2/models/nosuch").content["error"].endswith("models: delay")
    assert worker.ask("GET", f"{PATH}/nothing").status == 404
    assert worker.ask("GET", f"{PATH}/infer").status == 405
    assert worker.ask("GET", "/v2").content["name"] == "roadworthy"
    node = NodeDirectory(tmp_path / "n")
    node.create()
    node.write_plan(plan_of(1, Route(champion=1, canary=2, canary_share=0.5, salt="s"), *versions))
    other = start.worker(node)
    wait_until(other.ready, "readiness")
    split = other.ask("POST", f"{PATH}/versions/1/infer", {"inputs": tensors()})
    assert "splits traffic between versions 1 and 2" in split.content["error"]
    rows = [{**ROW, "flight": f"UA{number}"} for number in range(20)]
    content = other.ask("POST", f"{PATH}/infer", {"inputs": tensors(rows)}).content
    assert "model_version" not in content
    assert set(content["outputs"][2]["data"]) == {1, 2}


def test_requests_by_this_protocol_count_as_requests_to_the_model(worker: Server) -> None:
    """The same series as by the other address."""
    series = 'roadworthy_predict_seconds_count{model="delay"}'

    def value() -> float:
        lines = worker.ask("GET", "/metrics").content.splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(series))

    before = value()
    worker.ask("POST", f"{PATH}/infer", {"inputs": tensors()})
    assert value() == before + 1
