"""The Open Inference Protocol v2 over gRPC against a real worker, spoken by an existing client."""

from __future__ import annotations

import hashlib
import json
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from processes import ROW, Server, Starter, Version, Workspace, logged, plan_of, wait_until
from roadworthy.features.batch import Batch
from roadworthy.node import NodeDirectory
from roadworthy.scorer import Scorer
from roadworthy.tokens import Token
from roadworthy.traffic import Route

triton = pytest.importorskip("tritonclient.grpc")

ROWS = [ROW, {**ROW, "wind": None, "before": [], "flight": "UA2"}]
TEXTS = ("carrier", "dest", "flight")


def started(start: Starter, root: Path, version: Version) -> Server:
    """A worker that speaks gRPC too, to those with a token."""
    node = NodeDirectory(root / "n")
    node.create()
    node.write_plan(plan_of(1, Route(champion=1), version))
    tokens = [
        Token(name, hashlib.sha256(name.encode()).hexdigest(), scopes)  # type: ignore[arg-type]  # names of scopes
        for name, scopes in (("asker", ("predict", "read")), ("teller", ("outcome",)))
    ]
    node.tokens.write_bytes(msgspec.json.encode(tokens))
    server = start.worker(node, "--grpc-port", "0", "--tokens")
    wait_until(server.ready, "readiness")
    wait_until((node.root / "grpc_address").exists, "the address of gRPC")
    return server


@pytest.fixture(scope="module")
def worker(
    start_shared: Starter, versions: list[Version], tmp_path_factory: pytest.TempPathFactory
) -> Server:
    """One for all tests of this file."""
    return started(start_shared, tmp_path_factory.mktemp("nodes"), versions[0])


def client_of(worker: Server) -> Any:
    """An existing client of the protocol."""
    return triton.InferenceServerClient((worker.node.root / "grpc_address").read_text().strip())


@pytest.fixture
def client(worker: Server) -> Any:
    """A client that is closed again."""
    made = client_of(worker)
    yield made
    made.close()


def inputs(rows: list[dict[str, Any]] = ROWS, **values: Any) -> list[Any]:
    """Tensors of the rows."""
    found = {
        "wind": np.array([np.nan if row["wind"] is None else row["wind"] for row in rows]),
        "before": np.array([json.dumps(row["before"]).encode() for row in rows], dtype=object),
        **{name: np.array([row[name].encode() for row in rows], dtype=object) for name in TEXTS},
        **values,
    }
    made = []
    for name, array in found.items():
        kind = {"f": "FP64", "O": "BYTES", "i": "INT64"}[array.dtype.kind]
        sent = triton.InferInput(name, list(array.shape), kind)
        sent.set_data_from_numpy(array)
        made.append(sent)
    return made


ASKER = {"headers": {"authorization": "Bearer asker"}}


def test_an_existing_client_gets_the_numbers_of_the_model_and_they_are_logged(
    worker: Server, client: Any, versions: list[Version]
) -> None:
    """The same handler as over HTTP: identifiers, version, request id."""
    scorer = Scorer.load(versions[0].directory, versions[0].digest)
    expected = scorer.score(Batch.from_rows(ROWS, scorer.schema)).output.tolist()
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("delay", **ASKER)
    metadata = client.get_model_metadata("delay", **ASKER)
    assert {one.name: one.datatype for one in metadata.inputs}["wind"] == "FP64"
    assert list(client.get_server_metadata(**ASKER).extensions) == ["binary_tensor_data"]
    answered = client.infer("delay", inputs(), request_id="by-grpc", **ASKER)
    assert answered.as_numpy("output").tolist() == expected
    assert (answered.get_response().model_version, answered.get_response().id) == ("1", "by-grpc")
    found = [record for record in logged(worker.node.journals) if record.request_id == "by-grpc"]
    assert [record.id.encode() for record in found] == answered.as_numpy("id").tolist()
    wanted = [triton.InferRequestedOutput("fallback")]
    assert client.infer("delay", inputs(), model_version="1", outputs=wanted, **ASKER).as_numpy(
        "fallback"
    ).tolist() == [False, False]


def test_refusals_have_the_codes_of_grpc_and_list_their_faults(client: Any) -> None:
    """Wrong values, unknown names, tokens, versions that do not answer."""

    def refused(*arguments: Any, **options: Any) -> tuple[str, str]:
        with pytest.raises(triton.InferenceServerException) as caught:
            client.infer(*arguments, **{**ASKER, **options})
        return caught.value.status(), caught.value.message()

    code, text = refused(
        "delay", inputs(wind=np.array([1.0, np.inf]), before=np.array([b"[]", b"x"], dtype=object))
    )
    assert code == "StatusCode.INVALID_ARGUMENT"
    assert "$.inputs[0].data[1]: expected a finite number" in text
    assert "$.inputs[1].data[1]: expected JSON" in text
    assert refused("delay", inputs(many=np.arange(2)))[1].count("$.inputs[5].name") == 1
    assert refused("nosuch", inputs())[0] == "StatusCode.NOT_FOUND"
    assert refused("delay", inputs(), model_version="2")[0] == "StatusCode.NOT_FOUND"
    assert refused("delay", inputs(), headers={})[0] == "StatusCode.UNAUTHENTICATED"
    assert (
        refused("delay", inputs(), headers={"authorization": "Bearer teller"})[0]
        == "StatusCode.PERMISSION_DENIED"
    )
    long = [{**ROW, "flight": f"UA{number}"} for number in range(300)]
    code, text = refused("delay", inputs(long, before=np.array([b"x"] * 300, dtype=object)))
    assert (code, "faults_not" in text) == ("StatusCode.INVALID_ARGUMENT", False)
    assert len(text) < 5_000


def test_a_request_that_is_too_large_or_has_no_time_is_refused(client: Any) -> None:
    """Bounded as over HTTP."""
    huge = inputs(carrier=np.array([b"x" * (5 << 20)] * 2, dtype=object))
    with pytest.raises(triton.InferenceServerException) as caught:
        client.infer("delay", huge, **ASKER)
    assert caught.value.status() == "StatusCode.RESOURCE_EXHAUSTED"
    with pytest.raises(triton.InferenceServerException) as caught:
        client.infer("delay", inputs(), client_timeout=1e-5, **ASKER)
    assert caught.value.status() in {"StatusCode.DEADLINE_EXCEEDED"}


def test_many_threads_ask_at_once_and_each_gets_its_own(client: Any, versions: list[Version]) -> None:
    """Batches are made of requests of different connections; answers go where they belong."""
    scorer = Scorer.load(versions[0].directory, versions[0].digest)
    rows = [{**ROW, "wind": float(number % 28)} for number in range(80)]
    expected = scorer.score(Batch.from_rows(rows, scorer.schema)).output.tolist()
    found: dict[int, float] = {}

    def ask(first: int) -> None:
        for number in range(first, 80, 4):
            found[number] = client.infer("delay", inputs([rows[number]]), **ASKER).as_numpy("output")[0]

    threads = [threading.Thread(target=ask, args=(first,)) for first in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[number] for number in range(80)] == expected


def test_a_stopped_worker_lets_calls_in_flight_end_and_takes_its_grpc_with_it(
    start: Starter, versions: list[Version], tmp_path: Path
) -> None:
    """Whoever got an answer got a whole one, it is logged, and the worker exits in order."""
    server = started(start, tmp_path, versions[0])
    client = client_of(server)
    answered: list[str] = []
    refused: list[str] = []

    def ask() -> None:
        while not refused:
            try:
                answer = client.infer("delay", inputs(), request_id=f"r{len(answered)}", **ASKER)
                answered.append(answer.get_response().id)
            except triton.InferenceServerException as error:
                refused.append(error.status())

    asking = threading.Thread(target=ask)
    asking.start()
    wait_until(lambda: len(answered) > 20, "twenty answers")
    assert server.stop() == 0
    asking.join()
    client.close()
    # gRPC cancels a call that arrives while it stops, and refuses one that comes later.
    assert refused in (["StatusCode.UNAVAILABLE"], ["StatusCode.CANCELLED"])
    assert set(answered) <= {record.request_id for record in logged(server.node.journals)}
    said = server.log.read_text()
    assert "Traceback" not in said
    assert "ERROR" not in said


def test_all_workers_of_a_node_share_the_port(workspace: Workspace, start: Starter) -> None:
    """Connections are spread over them by the kernel; the node drains in order."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    node = start.supervisor(workspace, "--grpc-port", str(port))
    wait_until(lambda: node.serves(1), "both workers")
    served = wait_until(lambda: _served_by(workspace, port), "an answer of each worker")
    assert served == {"n-0", "n-1"}
    assert node.stop() == 0


def _served_by(workspace: Workspace, port: int) -> set[str]:
    """The workers that answered, once there are two: each asks on a connection of its own."""
    client = triton.InferenceServerClient(
        f"127.0.0.1:{port}", channel_args=[("grpc.use_local_subchannel_pool", 1)]
    )
    with suppress(triton.InferenceServerException):  # ready by HTTP, about to listen here
        client.infer("delay", inputs())
    client.close()
    names = {row["journal"].rsplit("-", 2)[0] for row in workspace.logged()}
    return names if len(names) > 1 else set()


def test_a_port_that_is_taken_by_something_else_stops_the_worker_in_words(
    versions: list[Version], tmp_path: Path
) -> None:
    """Half of what was asked for is not served as if it were all."""
    node = NodeDirectory(tmp_path / "n")
    node.create()
    node.write_plan(plan_of(1, Route(champion=1), versions[0]))
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        command = [
            sys.executable,
            "-m",
            "roadworthy.serving",
            "--node-dir",
            str(node.root),
            "--grpc-port",
            port,
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "cannot be bound for gRPC" in done.stderr
    assert "Traceback" not in done.stderr
