"""The OpenAPI document: whole, and true of what is sent and answered."""

from __future__ import annotations

import random
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from roadworthy.features.schema import Field, InputSchema
from roadworthy.predictionlog.cases import Answered, Case, shown_answer, shown_case
from roadworthy.predictionlog.record import LogField, LogSchema
from roadworthy.serving.cases import Said as CaseAnswer
from roadworthy.serving.exchange import Rejected
from roadworthy.serving.foreign import ForeignReader
from roadworthy.serving.foreign_requests import Sent as SentPrediction
from roadworthy.serving.foreign_requests import SentField, SentSchema
from roadworthy.serving.foreign_schemas import ForeignSchemas
from roadworthy.serving.infer_rest import refused
from roadworthy.serving.openapi import openapi
from roadworthy.serving.outcomes import Sent as SentOutcome
from roadworthy.serving.outcomes import read_outcomes

jsonschema = pytest.importorskip("jsonschema")

SCHEMA = InputSchema((Field("wind", "number", nullable=True), Field("flight", "string", role="unit")))
SERVED: Any = SimpleNamespace(versions={1: SimpleNamespace(scorer=SimpleNamespace(schema=SCHEMA))})


@pytest.fixture(scope="module")
def document() -> Any:
    """Of a worker with one model, as a client reads it."""
    return msgspec.json.decode(msgspec.json.encode(openapi({"delay": SERVED}, "1.2")))


def valid(document: Any, name: str, content: Any) -> bool:
    """Whether JSON fits a named schema."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    return bool(jsonschema.Draft202012Validator(schema).is_valid(content))


def test_every_reference_leads_somewhere_and_every_operation_has_its_own_name(document: Any) -> None:
    """What a generator of clients stumbles over first."""
    text = msgspec.json.encode(document).decode()
    names = set(re.findall(r'"\$ref":"#/components/schemas/([^"]+)"', text))
    assert names <= set(document["components"]["schemas"])
    operations = [
        operation
        for path in document["paths"].values()
        for method, operation in path.items()
        if method != "parameters"
    ]
    identifiers = [operation["operationId"] for operation in operations]
    assert len(identifiers) == len(set(identifiers)) == 18
    for operation in operations:
        assert operation["responses"].keys() >= {"200", "default"}
        assert operation["responses"]["200"]["content"]
    for schema in document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_an_operation_says_what_its_token_must_be_allowed(document: Any) -> None:
    """Or nothing at all, where probes ask."""
    found = {
        path: operation["security"]
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method != "parameters"
    }
    assert found["/v2/health/live"] == found["/v2/health/ready"] == []
    assert found["/v1/outcomes"] == [{}, {"bearer": ["outcome"]}]
    assert found["/v1/log"] == found["/v2/models/delay/infer"] == [{}, {"bearer": ["predict"]}]
    assert found["/metrics"] == [{}, {"bearer": ["read"]}]


def test_telemetry_is_text(document: Any) -> None:
    """Not JSON."""
    assert list(document["paths"]["/metrics"]["get"]["responses"]["200"]["content"]) == ["text/plain"]


@pytest.mark.parametrize(
    ("name", "struct"),
    [("Outcome", SentOutcome), ("ForeignPrediction", SentPrediction), ("ForeignSchema", SentSchema)],
)
def test_the_document_has_exactly_the_fields_that_are_read(
    document: Any, name: str, struct: type[msgspec.Struct]
) -> None:
    """A field that is read and not documented, or documented and not read, is found here."""
    schema = document["components"]["schemas"][name]
    fields = msgspec.structs.fields(struct)
    assert set(schema["properties"]) == {field.name for field in fields}
    assert set(schema["required"]) == {field.name for field in fields if field.required}
    inner = document["components"]["schemas"]["ForeignSchema"]["properties"]["fields"]["items"]
    assert set(inner["properties"]) == {field.name for field in msgspec.structs.fields(SentField)}


OUTCOME = {
    "id": "o",
    "model": "delay",
    "name": "late",
    "value": None,
    "event_time": 1,
    "unit": "u",
    "revision": 1,
}
FOREIGN = {"model": "fare", "inputs": {"km": 1.5, "zones": ["a"]}, "output": {"a": 1}}


@pytest.mark.parametrize(
    "change",
    [
        {}, {"id": ""}, {"id": 3}, {"value": "x"}, {"value": True}, {"revision": -1}, {"revision": 2**31}, {"extra": 1},
        {"source": "x" * 513}, {"event_time": "2013-07-01T10:00:00Z"}, {"unit": ""}, {"name": None},
    ],
)  # fmt: skip
def test_outcomes_that_the_document_allows_are_read_and_others_are_not(document: Any, change: Any) -> None:
    """In both directions."""
    sent = {**OUTCOME, **change}
    try:
        read_outcomes(
            msgspec.json.encode({"outcomes": [sent]}),
            models={"delay": ()},
            namespace="n",
            arrival_time=0,
            logged_at=0,
            limit=9,
        )
    except Rejected:
        accepted = False
    else:
        accepted = True
    assert accepted == valid(document, "Outcome", sent)


@pytest.mark.parametrize(
    "change",
    [
        {}, {"id": ""}, {"id": None}, {"model": "Fare"}, {"model": "9"}, {"version": -1}, {"version": 1.5},
        {"row": 2**31},
        {"inputs": 3}, {"inputs": {"a": {}}}, {"inputs": {"a": [1]}}, {"output": []}, {"output": {}}, {"output": "x"},
        {"role": "arm"}, {"role": None}, {"latency_seconds": -1}, {"decision": "x" * 129}, {"extra": 1},
        {"context": {"b": None}},
        {"event_time": None}, {"unit": 3},
    ],
)  # fmt: skip
def test_foreign_predictions_that_the_document_allows_are_read_and_others_are_not(
    document: Any, change: Any, tmp_path: Path
) -> None:
    """In both directions."""
    sent = {**FOREIGN, **change}
    reader = ForeignReader(ForeignSchemas(tmp_path), random.Random(0))
    try:
        reader.read(
            msgspec.json.encode({"predictions": [sent]}),
            served={},
            namespace="n",
            event_time=0,
            logged_at=0,
            limit=9,
        )
    except Rejected:
        accepted = False
    else:
        accepted = True
    assert accepted == valid(document, "ForeignPrediction", sent)


def test_refusals_are_as_the_document_says(document: Any) -> None:
    """In both forms."""
    rejected = Rejected(422, "invalid_request", "no")
    assert valid(document, "Error", msgspec.json.decode(rejected.answer().body))
    assert valid(document, "InferError", msgspec.json.decode(refused(rejected).body))


@pytest.mark.parametrize(
    ("sent", "fits"),
    [
        ({"output": 0.5, "by": "ann"}, True),
        ({"output": True, "by": "ann", "note": "why"}, True),
        ({"output": 1}, False),
        ({"output": "1", "by": "ann"}, False),
        ({"output": 1, "by": ""}, False),
        ({"output": 1, "by": "a" * 129}, False),
        ({"output": 1, "by": "ann", "note": "n" * 2_001}, False),
        ({"output": 1, "by": "ann", "because": "x"}, False),
        ({"output": None, "by": "ann"}, False),
    ],
)
def test_an_answer_to_a_case_is_described_as_it_is_read(document: Any, sent: Any, fits: bool) -> None:
    """What the document allows is taken, what it does not is refused."""
    try:
        msgspec.convert(sent, CaseAnswer)
        taken = True
    except msgspec.ValidationError:
        taken = False
    assert (taken, valid(document, "CaseAnswer", sent)) == (fits, fits)


def test_a_case_is_described_as_it_is_shown(document: Any) -> None:
    """Waiting, answered, and in a list."""
    schema = LogSchema("delay", (LogField("wind", "number"), LogField("at", "timestamp", "context")))
    case = Case(
        id="i", namespace="d", model="delay", version=1, schema=schema, unit="f", event_time=0, inputs=(1.0, 5),
        output=0.5, outputs=(0.0, 1.0), opened_at=0,
    )  # fmt: skip
    answered = Answered(case=case, id="p", output=1.0, by="ann", note="", event_time=1, answered_at=1)
    shown = shown_case(case)
    assert valid(document, "Case", shown)
    assert valid(document, "Case", {**shown, "answer": shown_answer(answered)})
    assert valid(document, "Cases", {"cases": [shown], "open": 1})
    assert shown["context"] == {"at": "1970-01-01T00:00:00.000005+00:00"}
