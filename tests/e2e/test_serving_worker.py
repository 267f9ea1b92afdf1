"""A worker as a process, without a supervisor: what it answers, refuses and writes down."""

from __future__ import annotations

import http.client
import random
import socket
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from processes import ROW, Server, Starter, Version, logged, plan_of, wait_until
from roadworthy.features.batch import Batch
from roadworthy.node import NodeDirectory
from roadworthy.predictionlog.journal import journals_in, read_journal
from roadworthy.scorer import Scorer
from roadworthy.supervisor.tokens import write_tokens
from roadworthy.tokens import Token
from roadworthy.traffic import Route, assign


@pytest.fixture(scope="module")
def worker(
    start_shared: Starter, versions: list[Version], tmp_path_factory: pytest.TempPathFactory
) -> Server:
    """A worker with version 1 as champion."""
    node = NodeDirectory(tmp_path_factory.mktemp("nodes") / "a")
    node.create()
    node.write_plan(plan_of(1, Route(champion=1), versions[0]))
    server = start_shared.worker(node)
    wait_until(server.ready, "readiness")
    return server


def rows(count: int) -> list[dict[str, Any]]:
    """Valid rows that differ."""
    chance = random.Random(count)
    return [
        {
            "carrier": chance.choice(["UA", "AA", "B6", "??", None]),
            "wind": chance.choice([None, 3, 9.5, 27.25]),
            "before": chance.choices(["EWR", "JFK", "SFO"], k=chance.randrange(3)),
            "dest": "IAH",
            "flight": f"UA{number}",
        }
        for number in range(count)
    ]


def test_answers_are_what_the_version_says_in_the_order_of_the_rows(
    worker: Server, versions: list[Version]
) -> None:
    """Both forms, one row or many: the numbers of the scorer, bit for bit."""
    asked = rows(50)
    scorer = Scorer.load(versions[0].directory, versions[0].digest)
    expected = scorer.score(Batch.from_rows(asked, scorer.schema)).output.tolist()
    by_row = worker.predict(*asked, request_id="r-1")
    assert by_row.status == 200
    assert by_row.content["predictions"] == expected
    assert (by_row.content["model"], by_row.content["versions"], by_row.content["request_id"]) == (
        "delay",
        [1] * 50,
        "r-1",
    )
    assert len(set(by_row.content["ids"])) == 50
    columns = {name: [row[name] for row in asked] for name in asked[0]}
    by_column = worker.ask("POST", "/v1/models/delay:predict", {"inputs": columns})
    assert by_column.content["outputs"] == expected
    assert [worker.predict(row).content["predictions"][0] for row in asked[:5]] == expected[:5]


def test_every_answer_stands_in_the_log_with_what_came_in_and_what_the_model_saw(
    worker: Server, versions: list[Version]
) -> None:
    """Raw inputs, context, unit, encoded columns, output, routing and both times."""
    answered = worker.predict(*rows(3), request_id="logged")
    found = {record.id: record for record in logged(worker.node.journals) if record.request_id == "logged"}
    assert list(found) == answered.content["ids"]
    scorer = Scorer.load(versions[0].directory, versions[0].digest)
    batch = Batch.from_rows(rows(3), scorer.schema)
    encoded = scorer.score(batch).encoded
    for number, record in enumerate(found.values()):
        assert record.inputs == tuple(batch.rows(scorer.schema)[number].values())
        assert np.frombuffer(record.encoded, "<f8").tolist() == encoded[number].tolist()
        assert record.output is not None
        assert getattr(record.output, "value", None) == answered.content["predictions"][number]
        assert (record.row, record.unit, record.role, record.version) == (
            number,
            f"UA{number}",
            "champion",
            1,
        )
        assert (record.plan, record.status, record.namespace, record.node) == (1, "ok", "default", "a")
        assert record.event_time == pytest.approx(record.logged_at, abs=5_000_000)
        assert 0 < record.latency < 5


BAD = [
    (b'{"instances": [{"carrier": "UA"', 400, "malformed_json"),
    (b"", 400, "malformed_json"),
    (msgspec.json.encode({"instances": [ROW]}).replace(b"9.0", b"NaN"), 400, "malformed_json"),
    (msgspec.json.encode({"instances": [ROW]}).replace(b"9.0", b"Infinity"), 400, "malformed_json"),
    (msgspec.json.encode({"instances": [ROW]}).replace(b"9.0", b"1e999"), 400, "malformed_json"),
    (msgspec.json.encode({"instances": [ROW]}).replace(b"UA1545", b"\xff\xfe"), 400, "malformed_json"),
    (b'{"instances": ' + b"[" * 50_000, 400, "too_deep"),
    ({"instances": []}, 422, "empty_batch"),
    ({"instances": [{**ROW, "wind": "9"}]}, 422, "invalid_request"),
    ({"instances": [{**ROW, "wind": True}]}, 422, "invalid_request"),
    ({"instances": [{**ROW, "before": None}]}, 422, "invalid_request"),
    ({"instances": [{**ROW, "flight": None}]}, 422, "invalid_request"),
    ({"instances": [{**ROW, "extra": 1}]}, 422, "invalid_request"),
    ({"instances": [{"carrier": "UA"}]}, 422, "invalid_request"),
    ({"instances": [ROW], "inputs": {}}, 422, "invalid_request"),
    ({"instances": [ROW] * 10_001}, 413, "too_many_rows"),
    ([ROW], 422, "invalid_request"),
]


@pytest.mark.parametrize(
    ("body", "status", "kind"), BAD, ids=[f"{number}-{one[2]}" for number, one in enumerate(BAD)]
)
def test_a_bad_request_gets_a_clear_error_and_leaves_no_prediction(
    worker: Server, body: Any, status: int, kind: str
) -> None:
    """Never a traceback, never a 500, nothing logged; the next request is served."""
    before = len(logged(worker.node.journals))
    answered = worker.ask("POST", "/v1/models/delay:predict", body)
    assert (answered.status, answered.kind) == (status, kind)
    assert set(answered.content["error"]) >= {"kind", "message", "faults"}
    assert "Traceback" not in str(answered.content)
    assert len(logged(worker.node.journals)) == before
    assert worker.predict().status == 200


def test_all_faults_of_a_request_come_with_path_expected_and_got(worker: Server) -> None:
    """The client repairs everything at once."""
    answered = worker.predict(ROW, {**ROW, "wind": "n/a", "before": [3]}, {"carrier": 7})
    faults = {
        fault["path"]: (fault["expected"], fault["got"]) for fault in answered.content["error"]["faults"]
    }
    assert faults["$.instances[1].wind"] == ("a finite number", '"n/a"')
    assert faults["$.instances[1].before"] == ("a list of strings", "[3]")
    assert faults["$.instances[2].carrier"] == ("a string", "7")
    assert faults["$.instances[2].flight"][1] == "nothing: the key is absent"


def test_an_unknown_model_is_refused_naming_the_known_ones(worker: Server) -> None:
    """404, for predictions and metadata; the name does not become a telemetry label."""
    for answered in (worker.predict(model="nosuch"), worker.ask("GET", "/v1/models/nosuch")):
        assert (answered.status, answered.kind) == (404, "unknown_model")
        assert "delay" in answered.content["error"]["message"]
    assert "nosuch" not in worker.ask("GET", "/metrics").content


def test_wrong_content_types_methods_and_paths_are_refused(worker: Server) -> None:
    """415, 405 with what is allowed, 404 with what there is."""
    body = msgspec.json.encode({"instances": [ROW]})
    path = "/v1/models/delay:predict"
    assert worker.ask("POST", path, body, {"Content-Type": "text/csv"}).kind == "content_type"
    assert worker.ask("POST", path, body, {"Content-Encoding": "gzip"}).kind == "content_encoding"
    refused = worker.ask("GET", path)
    assert (refused.status, refused.headers["allow"]) == (405, "POST")
    assert worker.ask("POST", "/v2/health/live", body).status == 405
    nowhere = worker.ask("GET", "/v1/nothing")
    assert nowhere.status == 404
    assert "/v1/outcomes" in nowhere.content["error"]["message"]


@pytest.mark.parametrize("chunked", [False, True])
def test_an_oversized_body_is_refused_and_the_connection_goes_on(worker: Server, chunked: bool) -> None:
    """413 whether the length was announced or not; the same connection then serves."""
    connection = http.client.HTTPConnection("127.0.0.1", worker.port, timeout=20)
    piece = b" " * (1 << 20)
    headers = {"Content-Type": "application/json"}
    body: Any = iter([piece] * 5) if chunked else piece * 5
    connection.request("POST", "/v1/models/delay:predict", body, headers, encode_chunked=chunked)
    response = connection.getresponse()
    assert response.status == 413
    assert msgspec.json.decode(response.read())["error"]["kind"] == "too_large"
    connection.request("POST", "/v1/models/delay:predict", msgspec.json.encode({"instances": [ROW]}), headers)
    assert connection.getresponse().status == 200
    connection.close()


def test_a_client_that_leaves_in_the_middle_harms_nobody(worker: Server) -> None:
    """Half a request is no request."""
    before = len(logged(worker.node.journals))
    with socket.create_connection(("127.0.0.1", worker.port)) as client:
        client.sendall(b"POST /v1/models/delay:predict HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n{")
    assert worker.predict().status == 200
    assert len(logged(worker.node.journals)) == before + 1


def test_outcomes_are_written_to_the_same_journal(worker: Server) -> None:
    """By prediction or by unit; a bad one is refused with its faults and nothing is written."""
    identifier = worker.predict().content["ids"][0]
    fact = {"model": "delay", "name": "late", "value": True, "event_time": "2013-07-01T10:00:00Z"}
    sent = [
        {**fact, "id": "o1", "prediction_id": identifier},
        {**fact, "id": "o2", "unit": "UA1545", "revision": 1},
    ]
    assert worker.ask("POST", "/v1/outcomes", {"outcomes": sent}).content == {"accepted": 2}
    refused = worker.ask(
        "POST", "/v1/outcomes", {"outcomes": [{**fact, "id": "o3"}, {**fact, "id": "o4", "value": "?"}]}
    )
    assert refused.status == 422
    assert [fault["path"] for fault in refused.content["error"]["faults"]] == ["$.outcomes[1].value"]
    found = [one for path in journals_in([worker.node.journals]) for one in read_journal(path).outcomes]
    assert [(one.id, one.prediction_id, one.unit, one.value, one.revision) for one in found] == [
        ("o1", identifier, "", 1.0, 0),
        ("o2", "", "UA1545", 1.0, 1),
    ]


def test_a_live_server_refuses_an_event_time(worker: Server) -> None:
    """Nobody writes yesterday's predictions into a live log by accident."""
    answered = worker.ask(
        "POST",
        "/v1/models/delay:predict",
        {"instances": [ROW]},
        {"x-roadworthy-event-time": "2013-07-01T10:00:00Z"},
    )
    assert (answered.status, answered.kind) == (400, "event_time")


def test_health_metadata_and_the_api_document_describe_what_is_served(worker: Server) -> None:
    """Without reading any documentation a client finds fields, kinds and limits."""
    assert worker.ask("GET", "/v2/health/live").content == {"live": True}
    ready = worker.ready()
    assert ready is not None
    assert (ready["plan"], ready["models"]) == (1, ["delay"])
    assert ready["plan_age_seconds"] >= 0
    metadata = worker.ask("GET", "/v1/models/delay").content
    assert [one["version"] for one in metadata["versions"]] == [1]
    assert [field["name"] for field in metadata["versions"][0]["fields"]] == [
        "carrier",
        "wind",
        "before",
        "dest",
        "flight",
    ]
    document = worker.ask("GET", "/openapi.json").content
    assert "/v1/models/delay:predict" in document["paths"]
    row = document["components"]["schemas"]["delay.Row"]
    assert row["required"] == ["carrier", "wind", "before", "dest", "flight"]
    assert row["properties"]["before"]["type"] == "array"


def test_telemetry_counts_requests_rows_and_errors(worker: Server) -> None:
    """One good and one bad request move their series by one."""

    def value(series: str) -> float:
        lines = worker.ask("GET", "/metrics").content.splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(series))

    champion = 'roadworthy_rows_total{model="delay",version="1",role="champion",status="ok"}'
    empty = 'roadworthy_errors_total{kind="empty_batch"}'
    count = 'roadworthy_predict_seconds_count{model="delay"}'
    before = [value(series) for series in (champion, empty, count)]
    worker.predict(*rows(3))
    worker.ask("POST", "/v1/models/delay:predict", {"instances": []})
    assert [value(series) for series in (champion, empty, count)] == [
        before[0] + 3,
        before[1] + 1,
        before[2] + 2,
    ]
    assert value("roadworthy_plan_number") == 1


def test_canary_and_champion_share_one_request_by_unit(
    start: Starter, versions: list[Version], tmp_path: Path
) -> None:
    """Each row is answered by the version its unit falls to, and the answers keep their order."""
    route = Route(champion=1, canary=2, canary_share=0.4, salt="s", attempt="a1")
    node = NodeDirectory(tmp_path / "n")
    node.create()
    node.write_plan(plan_of(5, route, *versions))
    server = start.worker(node)
    wait_until(server.ready, "readiness")
    asked = rows(60)
    content = server.predict(*asked, request_id="both").content
    expected = [assign(route, row["flight"]) for row in asked]
    assert content["versions"] == [answer[1] for answer in expected if answer]
    assert set(content["versions"]) == {1, 2}
    outputs = {}
    for version, one in enumerate(versions, 1):
        scorer = Scorer.load(one.directory, one.digest)
        outputs[version] = scorer.score(Batch.from_rows(asked, scorer.schema)).output.tolist()
    assert content["predictions"] == [
        outputs[version][row] for row, version in enumerate(content["versions"])
    ]
    found = {record.row: record for record in logged(node.journals)}
    assert [(found[row].role, found[row].version, found[row].propensity) for row in range(60)] == expected
    assert {record.attempt for record in found.values()} == {"a1"}


def test_a_shadow_is_asked_and_logged_and_never_answers(
    start: Starter, versions: list[Version], tmp_path: Path
) -> None:
    """The answer is the champion's; the shadow's is in the log beside it."""
    node = NodeDirectory(tmp_path / "n")
    node.create()
    node.write_plan(plan_of(2, Route(champion=1, shadow=2), *versions))
    server = start.worker(node)
    wait_until(server.ready, "readiness")
    content = server.predict(*rows(4)).content
    assert content["versions"] == [1] * 4
    wait_until(lambda: len(logged(node.journals)) == 8, "the shadow's records")
    found = logged(node.journals)
    assert [(record.role, record.version) for record in found] == [("champion", 1)] * 4 + [("shadow", 2)] * 4
    assert server.stop() == 0


def test_a_replay_takes_event_times_from_requests_and_repeats_itself(
    start: Starter, versions: list[Version], tmp_path: Path
) -> None:
    """Two replays with one seed give the same answers, ids and records; only the real clock differs."""
    moment = {"x-roadworthy-event-time": "2013-07-01T10:00:00Z"}
    told = []
    for name in ("one", "two"):
        node = NodeDirectory(tmp_path / name / "n")
        node.create()
        node.write_plan(plan_of(2, Route(champion=1, shadow=2), *versions))
        server = start.worker(node, "--replay-clock", "--seed", "7")
        wait_until(server.ready, "readiness")
        refused = server.predict()
        assert (refused.status, refused.kind) == (400, "event_time")
        answered = server.ask("POST", "/v1/models/delay:predict", {"instances": rows(3)}, moment)
        assert (
            server.ask(
                "POST", "/v1/models/delay:predict", {"instances": rows(3)}, {next(iter(moment)): "noon"}
            ).status
            == 400
        )
        found = logged(node.journals)
        assert {record.event_time for record in found} == {1_372_672_800_000_000}
        assert all(record.logged_at > 1_700_000_000_000_000 for record in found)
        told.append(
            (answered.content, [(one.id, one.role, one.version, one.encoded, one.output) for one in found])
        )
    assert told[0] == told[1]
    assert [one[1] for one in told[0][1]] == ["champion"] * 3 + ["shadow"] * 3


def test_tokens_are_wanted_everywhere_but_at_the_health_probes(
    start: Starter, versions: list[Version], tmp_path: Path
) -> None:
    """401 without a known token, 403 without the scope; probes need none; a new file is taken without a restart."""
    digest = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"  # of "secret"
    node = NodeDirectory(tmp_path / "n")
    node.create()
    node.write_plan(plan_of(1, Route(champion=1), versions[0]))
    write_tokens(node, (Token("booking", digest),))
    server = start.worker(node, "--tokens")
    wait_until(server.ready, "readiness")
    for path in ("/metrics", "/openapi.json", "/v1/models/delay"):
        assert server.ask("GET", path).kind == "unauthorized"
    assert server.predict().status == 401
    server.headers["Authorization"] = "Bearer secret"
    assert server.predict().status == 200
    write_tokens(node, (Token("booking", digest, ("read",)),))
    wait_until(lambda: server.predict().status == 403, "the new scopes")
    assert server.ask("GET", "/v1/models/delay").status == 200
