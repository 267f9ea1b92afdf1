"""Predictions that were made elsewhere, as clients send them."""

from __future__ import annotations

import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from roadworthy.clock import instant
from roadworthy.features.schema import Field, InputSchema
from roadworthy.jobs.trace import instant_of
from roadworthy.predictionlog.journal import Journal
from roadworthy.predictionlog.read import PredictionLog
from roadworthy.predictionlog.record import ClassVector, Heads, Number
from roadworthy.serving.exchange import Rejected
from roadworthy.serving.foreign import ForeignBatch, ForeignReader
from roadworthy.serving.foreign_schemas import MAX_MODELS, ForeignSchemas

SENT: dict[str, Any] = {
    "id": "p1",
    "model": "fare",
    "unit": "trip 7",
    "inputs": {"km": 3, "vip": True, "zones": ["a"], "from": "EWR"},
    "context": {"app": "web"},
    "output": 0.25,
    "event_time": "2013-07-01T10:00:00Z",
}
SERVED: Any = {
    "delay": SimpleNamespace(
        versions={
            4: SimpleNamespace(
                scorer=SimpleNamespace(
                    schema=InputSchema(
                        (
                            Field("wind", "number"),
                            Field("dest", "string", role="context"),
                            Field("flight", "string", role="unit"),
                        )
                    )
                )
            )
        },
        sensitive={},
        unit_keys=frozenset([b""]),
    )
}


@pytest.fixture
def reader(tmp_path: Path) -> ForeignReader:
    """A reader that has held nothing yet."""
    return reader_of(tmp_path)


def reader_of(tmp_path: Path) -> ForeignReader:
    """A worker's reader; several of one node share a directory."""
    return ForeignReader(ForeignSchemas(tmp_path / "foreign"), random.Random(1))


def read(reader: ForeignReader, *sent: Any, limit: int = 10, **more: Any) -> ForeignBatch:
    """The batch of a request with these predictions."""
    body = msgspec.json.encode({"predictions": sent, **more})
    return reader.read(body, served=SERVED, namespace="default", event_time=7, logged_at=8, limit=limit)


def refused(reader: ForeignReader, *sent: Any, **more: Any) -> list[tuple[str, str, str]]:
    """The faults of a request with these predictions."""
    with pytest.raises(Rejected) as caught:
        read(reader, *sent, **more)
    assert caught.value.status == 422
    return [(fault.path, fault.expected, fault.got) for fault in caught.value.faults]


def test_a_prediction_becomes_a_record_that_the_log_shows_with_its_inputs(
    reader: ForeignReader, tmp_path: Path
) -> None:
    """As one that was made here: typed inputs, context, unit, both clocks; who answered says `elsewhere`."""
    batch = read(
        reader, SENT, {**SENT, "id": "p2", "request_id": "r", "row": 3, "source": "old-stack", "version": 9}
    )
    journal = Journal(tmp_path / "journals", 0)
    for schema in batch.schemas:
        journal.declare(schema)
    journal.append(batch.predictions)
    journal.append(batch.predictions)
    journal.seal()
    one, two = PredictionLog(tmp_path / "log", [tmp_path / "journals"]).predictions("fare").to_pylist()
    assert (one["id"], one["unit"], one["output"], one["version"], one["role"]) == (
        "p1",
        "trip 7",
        0.25,
        1,
        "champion",
    )
    assert (one["in_km"], one["in_vip"], one["in_zones"], one["in_from"], one["ctx_app"]) == (
        3.0,
        True,
        ["a"],
        "EWR",
        "web",
    )
    assert one["event_time"].isoformat() == "2013-07-01T10:00:00+00:00"
    assert (one["plan"], one["node"], one["status"]) == (0, "elsewhere", "ok")
    assert (two["request_id"], two["row"], two["node"], two["version"]) == ("r", 3, "old-stack", 9)


def test_what_is_not_said_is_drawn_or_now(reader: ForeignReader) -> None:
    """An identifier is drawn, the time is that of arrival."""
    (record,) = read(reader, {"model": "fare", "inputs": {}, "output": 1}).predictions
    assert len(record.id) == 36
    assert (record.event_time, record.logged_at, record.unit) == (7, 8, "")


def test_a_drawn_identifier_says_when_the_event_was(reader: ForeignReader) -> None:
    """Not when it arrived: `roadworthy trace` looks around that time."""
    sent = {"model": "fare", "inputs": {}, "output": 1}
    early, now = read(reader, {**sent, "event_time": SENT["event_time"]}, sent).predictions
    assert instant_of(early.id).isoformat() == "2013-07-01T10:00:00+00:00"
    assert instant_of(now.id) == instant(0)


def test_outputs_come_in_three_forms_and_a_failure_has_its_error(reader: ForeignReader) -> None:
    """One number, one a class, named ones; without one there is a reason."""
    base = {key: value for key, value in SENT.items() if key not in {"id", "output"}}
    records = read(
        reader, {**base, "output": 1}, {**base, "output": [0.2, 0.8]}, {**base, "output": {"a": 1.5}},
        {**base, "error": "timed out"},
    ).predictions  # fmt: skip
    assert [record.output for record in records] == [
        Number(1.0),
        ClassVector((0.2, 0.8)),
        Heads({"a": 1.5}),
        None,
    ]
    assert [(record.status, record.error) for record in records][2:] == [("ok", ""), ("error", "timed out")]
    assert refused(reader, base, {**SENT, "error": "why"}) == [
        ("$.predictions[0]", "either an `output` or the `error` why there is none", "neither"),
        ("$.predictions[1]", "either an `output` or the `error` why there is none", "both"),
    ]


def test_the_first_values_of_a_version_say_what_its_inputs_are_and_are_held(reader: ForeignReader) -> None:
    """What comes later must fit; what is missing is null, what is new is a fault."""
    read(reader, SENT)
    assert refused(
        reader,
        {**SENT, "inputs": {"km": "3", "vip": None}},
        {**SENT, "inputs": {"kms": 3.0}},
        {**SENT, "inputs": {"km": True, "app": "web"}, "context": {}},
    ) == [
        ("$.predictions[0].inputs.km", "a number, or null", '"3"'),
        (
            "$.predictions[1].inputs.kms",
            "no such name",
            "one that the schema of fare@1 does not have: declare it in `schemas`",
        ),
        ("$.predictions[2].inputs.km", "a number, or null", "true"),
        ("$.predictions[2].inputs.app", "it among the `context`, as its schema says", "it in the `inputs`"),
    ]
    (record,) = read(reader, {**SENT, "inputs": {"km": 4.5}}).predictions
    assert record.inputs == (4.5, None, None, None, "web")


def test_workers_of_a_node_and_those_after_a_restart_hold_the_same(tmp_path: Path) -> None:
    """What one worker held, another one reads, without being told."""
    one, two = reader_of(tmp_path), reader_of(tmp_path)
    first = read(one, SENT)
    assert refused(two, {**SENT, "inputs": {"km": "far"}})[0][:2] == (
        "$.predictions[0].inputs.km",
        "a number, or null",
    )
    assert read(two, SENT).schemas == first.schemas
    declared = {"model": "fare", "fields": [{"name": "tip", "kind": "number"}]}
    read(one, schemas=[declared])
    assert read(two, {**SENT, "inputs": {"tip": 2}}).predictions[0].inputs[-1] == 2.0
    assert reader_of(tmp_path).schemas.models() == ["fare"]


def test_a_name_that_was_only_null_so_far_gets_its_kind_with_its_first_value(reader: ForeignReader) -> None:
    """Until then it is not in the schema, and null is what the log reads for it."""
    unknown = read(reader, {**SENT, "inputs": {"km": None, "vip": False}})
    assert [field.name for field in unknown.schemas[0].fields] == ["vip", "app"]
    known = read(reader, {**SENT, "inputs": {"km": 2, "vip": None}})
    assert [(field.name, field.kind) for field in known.schemas[0].fields] == [
        ("km", "number"), ("vip", "boolean"), ("app", "string"),
    ]  # fmt: skip
    assert refused(reader, {**SENT, "inputs": {"km": "x"}})


def test_one_name_is_of_one_kind_in_all_versions_of_a_model(reader: ForeignReader) -> None:
    """The log reads versions together by name."""
    read(reader, SENT)
    assert refused(reader, {**SENT, "version": 2, "inputs": {"km": "far", "new": 1}})[0][:2] == (
        "$.predictions[0].inputs.km",
        "a number, or null",
    )
    read(reader, {**SENT, "version": 2, "inputs": {"km": 1, "new": 1}})
    declared = {"model": "fare", "version": 3, "fields": [{"name": "new", "kind": "string"}]}
    assert refused(reader, schemas=[declared]) == [("$.schemas[0].new", "a number as it is held", "a string")]


def test_a_declared_schema_says_what_values_cannot(reader: ForeignReader) -> None:
    """A text that is a time, a list that is empty, a name that is null; declaring again may add names."""
    fields = [
        {"name": "booked_at", "kind": "timestamp"},
        {"name": "zones", "kind": "strings"},
        {"name": "shop", "kind": "string", "role": "context"},
    ]
    declared = {"model": "fare", "fields": fields}
    sent = {**SENT, "inputs": {"booked_at": "1970-01-01T00:00:01Z", "zones": []}, "context": {}}
    batch = read(reader, sent, schemas=[declared])
    assert batch.predictions[0].inputs == (1_000_000, [], None)
    assert [field.role for field in batch.schemas[0].fields] == ["input", "input", "context"]
    assert read(reader, {**sent, "inputs": {"booked_at": 5}}).predictions[0].inputs[0] == 5
    assert refused(reader, {**sent, "inputs": {"booked_at": "noon"}})[0][1].startswith(
        "a time with an offset"
    )
    more = {"model": "fare", "fields": [{"name": "tip", "kind": "number"}]}
    assert read(reader, {**sent, "inputs": {"tip": 1}}, schemas=[more]).predictions[0].inputs == (
        None,
        None,
        None,
        1.0,
    )


def test_what_is_said_of_a_model_served_here_is_a_shadow_with_the_schema_of_its_version(
    reader: ForeignReader,
) -> None:
    """Nobody with a token for predictions can trip the guards of the version that answers."""
    sent = {
        "model": "delay",
        "version": 4,
        "inputs": {"wind": 3},
        "context": {"dest": "IAH"},
        "output": 0.5,
        "unit": "UA1",
    }
    (record,) = read(reader, sent).predictions
    assert (record.role, record.inputs, record.unit) == ("shadow", (3.0, "IAH"), "UA1")
    faults = refused(reader, {**sent, "role": "champion"})
    assert faults[0][0] == "$.predictions[0].role"
    assert (
        refused(reader, {**sent, "inputs": {"wind": "x", "flight": "UA1"}})[0][0]
        == "$.predictions[0].inputs.wind"
    )
    assert refused(reader, {**sent, "version": 9, "inputs": {"wind": "x"}})[0][1] == "a number, or null"


def test_all_faults_of_all_predictions_are_listed_and_nothing_is_held(reader: ForeignReader) -> None:
    """Half a batch is never accepted."""
    found = [
        path
        for path, _, _ in refused(reader, SENT, {**SENT, "model": "../etc", "extra": 1, "output": "x"}, 3, {})
    ]
    assert found == [
        "$.predictions[1].extra",
        "$.predictions[1].output",
        "$.predictions[2]",
        "$.predictions[3].model",
        "$.predictions[3].inputs",
    ]
    wrong = [
        {**SENT, "model": "../etc"},
        {**SENT, "inputs": {"a b": 1, "__x": 1}},
        {**SENT, "context": {"km": 1}},
        {**SENT, "event_time": "0001-01-01T00:00:00+14:00"},
    ]
    assert [path for path, _, _ in refused(reader, *wrong)] == [
        "$.predictions[0].model",
        "$.predictions[1].inputs.a b",
        "$.predictions[1].inputs.__x",
        "$.predictions[2].context.km",
        "$.predictions[3].event_time",
    ]
    assert refused(reader, {**SENT, "inputs": {"km": 3}}, {**SENT, "inputs": {"km": "x"}})
    assert reader.schemas.models() == []


def test_names_and_numbers_of_models_are_bounded(reader: ForeignReader) -> None:
    """Each becomes a directory of the log and a label of the telemetry."""
    for number in range(MAX_MODELS):
        read(reader, {**SENT, "model": f"m{number}", "inputs": {"km": 1}, "context": {}})
    assert refused(reader, {**SENT, "model": "one-more"})[0][1].startswith(f"one of the {MAX_MODELS} models")
    read(reader, {**SENT, "model": "m3", "inputs": {"km": 1}, "context": {}})
    assert refused(reader, {**SENT, "model": "m3", "inputs": {f"x{n}": 1 for n in range(501)}, "version": 2})
    with pytest.raises(Rejected, match="11 predictions"):
        read(reader, *[SENT] * 11)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"predictions": {}}',
        b'{"predictions": [], "x": 1}',
        b'{"predictions": [], "schemas": 3}',
    ],
)
def test_a_body_that_is_something_else_is_refused(reader: ForeignReader, body: bytes) -> None:
    """With its faults, never with a traceback."""
    with pytest.raises(Rejected) as caught:
        reader.read(body, served={}, namespace="default", event_time=7, logged_at=8, limit=10)
    assert caught.value.status in {400, 422}


def test_a_request_without_predictions_declares_or_does_nothing(reader: ForeignReader) -> None:
    """Declaring ahead is allowed."""
    declared = {"model": "fare", "fields": [{"name": "km", "kind": "number"}]}
    assert read(reader, schemas=[declared]).predictions == []
    assert read(reader).schemas == []
    wrong = {"model": "fare", "fields": [{"name": "km", "kind": "float"}, {"name": "a b", "kind": "number"}]}
    assert refused(reader, schemas=[wrong])[0][0].startswith("$.schemas[0].fields")
    twice = {"model": "x", "fields": [{"name": "km", "kind": "number"}] * 2}
    assert refused(reader, schemas=[twice, {"model": "x", "fields": []}]) == [
        ("$.schemas[0].fields", "km once", "it more than once"),
        ("$.schemas[1].fields", "at least one input", "none"),
    ]


def test_what_a_served_version_hashes_is_hashed_wherever_it_is_named_or_refused(
    reader: ForeignReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an input, as context, in a list and as the unit; a number in its place could only be kept as it is."""
    hiding = SimpleNamespace(**vars(SERVED["delay"]))
    hiding.sensitive, hiding.unit_keys = {"card": bytes(32)}, frozenset([bytes(32), b""])
    base = {
        "model": "delay",
        "version": 9,
        "inputs": {"wind": 1.0, "card": "4711"},
        "unit": "4711",
        "output": 0.5,
    }
    read(reader, {**base, "version": 7, "inputs": {"card": 4711}})  # held before the model hid its cards
    monkeypatch.setitem(SERVED, "delay", hiding)
    assert refused(reader, {**base, "version": 7, "inputs": {"card": 4712}}) == [
        (
            "$.predictions[0].inputs.card",
            "a text, because a version of delay that is served here hashes it",
            "a value that cannot be hashed: leave it out",
        )
    ]
    other = reader_of(reader.schemas.directory / "other")
    (record, empty) = read(other, base, {**base, "inputs": {"card": None}, "unit": ""}).predictions
    assert record.inputs == (1.0, "#847ca528a0b63f7d14e96298cd0f9fb2")
    assert (record.unit, empty.inputs, empty.unit) == ("#847ca528a0b63f7d14e96298cd0f9fb2", (None, None), "")
    another = reader_of(reader.schemas.directory / "another")
    (record,) = read(another, {**base, "inputs": {"wind": None}, "context": {"card": ["4711"]}}).predictions
    assert record.inputs == (None, ["#847ca528a0b63f7d14e96298cd0f9fb2"])
