"""Records become flat columns, and records again."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from roadworthy.predictionlog.columns import (
    TIME,
    outcome_records,
    outcome_table,
    prediction_records,
    prediction_schema,
    prediction_table,
)
from roadworthy.predictionlog.record import ClassVector, Heads, LogField, LogSchema, Number

from .building import SCHEMA, START, outcome, prediction


def test_each_kind_has_its_column_type() -> None:
    """Every engine reads these."""
    table, misfits = prediction_table(SCHEMA, "j", [prediction(1)])
    kinds = {name: table.schema.field(name).type for name in table.column_names}
    assert misfits == 0
    assert kinds["in_wind"] == pa.float64()
    assert kinds["in_heavy"] == pa.bool_()
    assert kinds["in_carrier"] == kinds["ctx_dest"] == pa.string()
    assert kinds["in_scheduled"] == kinds["event_time"] == TIME
    assert kinds["in_last"] == pa.list_(pa.string())
    assert kinds["enc_wind"] == pa.float64()
    assert "unit_flight" not in kinds, "a textual unit is the column `unit`"
    assert table.column("event_time")[0].as_py().isoformat() == "2013-07-01T00:00:01+00:00"


def test_records_come_back_from_their_columns_as_they_were() -> None:
    """All outputs, missing values, empty lists, errors without values, and what was sampled."""
    inputs = (None, None, None, None, [], None, "UA1")
    records = [
        prediction(0, cleaned=(0.0, True, "ua", START, ["ORD"], None, None)),
        prediction(1, inputs=inputs, output=ClassVector((0.1, 0.9)), position=3, candidates=("a", "b")),
        prediction(2, output=Heads({"late": 0.5, "lost": 0.1}), probabilities=(0.5, 0.5), propensity=0.5),
        prediction(3, inputs=(None,) * 6 + ("UA3",), encoded=b"", output=None, status="error", error="no"),
    ]
    for number, record in enumerate(records):
        record.journal_seq = number
    table, misfits = prediction_table(SCHEMA, "j", records)
    again = prediction_records(table, namespace="default", model="delay", digest=SCHEMA.digest, schema=SCHEMA)
    assert again == records
    assert misfits == 0


def test_outcomes_come_back_from_their_columns_as_they_were() -> None:
    """Tail readers rely on it."""
    records = [outcome(0, revision=3, source="x"), outcome(1, prediction_id="p")]
    assert outcome_records(outcome_table("j", records), namespace="default", model="delay") == records


def test_not_a_number_is_what_a_model_said_and_null_is_that_it_said_nothing() -> None:
    """A guard on NaN must not count errors, and the other way round."""
    encoded = np.array([np.nan, 0.0], dtype="<f8").tobytes()
    table, _ = prediction_table(
        SCHEMA,
        "j",
        [
            prediction(0, output=Number(float("nan")), encoded=encoded),
            prediction(1, output=None, encoded=b""),
        ],
    )
    assert table.column("output").null_count == 1
    assert np.isnan(table.column("output")[0].as_py())
    assert table.column("enc_wind").null_count == 1
    assert np.isnan(table.column("enc_wind")[0].as_py())


def test_a_value_of_the_wrong_kind_becomes_null_and_is_counted() -> None:
    """One row that a server should never have logged must not stop the log; what can be read as its kind is."""
    bad = ("n/a", "yes", 7, 2**70, "ORD", "ORD", "UA1")
    table, misfits = prediction_table(SCHEMA, "j", [prediction(0), prediction(1, inputs=bad)])
    assert misfits == 2
    assert table.column("in_wind").to_pylist() == [0.0, None]
    assert table.column("in_carrier").to_pylist() == ["UA", "7"]
    assert table.column("in_scheduled").null_count == 1


def test_a_unit_that_is_no_text_keeps_a_column_of_its_kind() -> None:
    """A join with history needs the number, not its text."""
    schema = LogSchema("delay", (LogField("user", "number", "unit"),))
    record = prediction(0, schema=schema.digest, inputs=(7.0,), encoded=b"", unit="7")
    table, _ = prediction_table(schema, "j", [record])
    assert table.column("unit_user").to_pylist() == [7.0]


def test_columns_of_cleaned_values_exist_only_where_some_were_sampled() -> None:
    """They would double the width of every file."""
    plain, _ = prediction_table(SCHEMA, "j", [prediction(0)])
    assert not [name for name in plain.column_names if name.startswith("clean_")]
    assert "clean_wind" in prediction_schema(SCHEMA).names
