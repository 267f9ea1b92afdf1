"""What a record is on the wire stays what it is."""

from __future__ import annotations

import msgspec
import pytest

from roadworthy.predictionlog.record import (
    ClassVector,
    Heads,
    LogField,
    LogSchema,
    Number,
    Outcome,
    Prediction,
)

from .building import SCHEMA, outcome, prediction


@pytest.mark.parametrize("output", [Number(0.5), ClassVector((0.1, 0.9)), Heads({"late": 0.2}), None])
def test_a_prediction_comes_back_from_its_bytes_as_it_was(
    output: Number | ClassVector | Heads | None,
) -> None:
    """Every kind of output, missing values and lists included."""
    record = prediction(
        3, output=output, inputs=(None, False, "é", 5, [], None, "UA3"), probabilities=(0.1, 0.9)
    )
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(record), type=Prediction) == record


def test_an_outcome_comes_back_from_its_bytes_as_it_was() -> None:
    """Nothing is lost between server and log."""
    record = outcome(3, revision=2, source="airline", prediction_id="id-3")
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(record), type=Outcome) == record


def test_the_order_of_fields_is_frozen() -> None:
    """Records are arrays: a field that moves makes every old journal unreadable, so this list only grows at its end."""
    assert Prediction.__struct_fields__ == (
        *(
            "id",
            "request_id",
            "row",
            "namespace",
            "model",
            "version",
            "schema",
            "unit",
            "event_time",
            "logged_at",
        ),
        *(
            "inputs",
            "encoded",
            "output",
            "status",
            "error",
            "latency",
            "plan",
            "attempt",
            "role",
            "propensity",
        ),
        *(
            "probabilities",
            "experiment",
            "arm",
            "position",
            "candidates",
            "decision",
            "node",
            "build",
            "cleaned",
        ),
        "journal_seq",
    )
    assert Outcome.__struct_fields__ == (
        *("id", "namespace", "model", "name", "value", "prediction_id", "unit", "event_time", "arrival_time"),
        *("logged_at", "revision", "source", "journal_seq"),
    )


def test_a_record_without_the_latest_fields_is_still_read() -> None:
    """An older Roadworthy wrote shorter arrays: what it did not know has its default."""
    old = msgspec.msgpack.decode(msgspec.msgpack.encode(prediction(1)))[:11]
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(old), type=Prediction).role == "champion"


def test_the_digest_of_a_schema_depends_on_order_kind_role_and_encoding() -> None:
    """Files never mix two meanings of one column."""
    variants = [
        LogSchema("delay", (LogField("a", "number"), LogField("b", "number"))),
        LogSchema("delay", (LogField("b", "number"), LogField("a", "number"))),
        LogSchema("delay", (LogField("a", "string"), LogField("b", "number"))),
        LogSchema("delay", (LogField("a", "number", "context"), LogField("b", "number"))),
        LogSchema("delay", (LogField("a", "number"), LogField("b", "number")), ("a",)),
        LogSchema("other", (LogField("a", "number"), LogField("b", "number"))),
    ]
    assert len({schema.digest for schema in variants}) == len(variants)


def test_a_schema_comes_back_from_json_with_its_digest() -> None:
    """The log keeps schemas as JSON beside the data."""
    assert msgspec.json.decode(msgspec.json.encode(SCHEMA), type=LogSchema).digest == SCHEMA.digest
