"""The log is one table, wherever its rows lie at the moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest

from roadworthy.clock import instant
from roadworthy.errors import Conflict, CorruptArtifact, UnknownName
from roadworthy.predictionlog import read as reading
from roadworthy.predictionlog.journal import Journal, journals_in
from roadworthy.predictionlog.partitions import manifest_path
from roadworthy.predictionlog.read import PredictionLog
from roadworthy.predictionlog.record import LogField, LogSchema
from roadworthy.predictionlog.roll import roll

from .building import DAY, SCHEMA, START, journal_in, outcome, prediction, sealed

JULY = datetime(2013, 7, 1, tzinfo=UTC)


def ids(table: pa.Table) -> list[str]:
    """Ids of the rows in their order."""
    found: list[str] = table.column("id").to_pylist()
    return found


@pytest.fixture
def log(tmp_path: Path) -> PredictionLog:
    """An empty log with one directory of journals."""
    return PredictionLog(tmp_path / "log", [tmp_path / "journals"])


def test_rolled_sealed_and_open_rows_are_one_table(log: PredictionLog) -> None:
    """A monitor sees the last second."""
    (directory,) = log.journals
    roll([sealed(directory, [prediction(2)])], log.log)
    sealed(directory, [prediction(1)])
    journal = journal_in(directory)
    journal.append([prediction(0)])
    table = log.predictions("delay")
    assert ids(table) == ["id-0", "id-1", "id-2"]
    assert table.column("in_last").to_pylist() == [["ORD", "IAH"]] * 3
    assert set(table.column("model").to_pylist()) == {"delay"}
    assert set(table.column("schema").to_pylist()) == {SCHEMA.digest}


def test_rows_and_columns_are_the_same_before_and_after_rolling(log: PredictionLog) -> None:
    """Rolling is invisible."""
    path = sealed(log.journals[0], [prediction(1), prediction(0)], [outcome(0)])
    predictions, outcomes = log.predictions("delay"), log.outcomes("delay")
    roll([path], log.log)
    assert log.predictions("delay").equals(predictions)
    assert log.outcomes("delay").equals(outcomes)


@pytest.mark.parametrize("rolled", [True, False])
def test_a_window_is_half_open_in_event_time(log: PredictionLog, rolled: bool) -> None:
    """A row belongs to exactly one of two adjacent windows."""
    times = [START - 1, START, START + DAY - 1, START + DAY]
    path = sealed(log.journals[0], [prediction(number, event_time=at) for number, at in enumerate(times)])
    if rolled:
        roll([path], log.log)
    assert ids(log.predictions("delay", start=JULY, end=JULY + timedelta(days=1))) == ["id-1", "id-2"]
    assert ids(log.predictions("delay", end=JULY)) == ["id-0"]
    assert ids(log.predictions("delay", start=JULY + timedelta(days=1))) == ["id-3"]


@pytest.mark.parametrize("rolled", [True, False])
def test_versions_roles_namespaces_and_models_are_kept_apart(log: PredictionLog, rolled: bool) -> None:
    """A replay's rows never reach a production monitor."""
    rows = [
        prediction(0),
        prediction(1, version=2, role="shadow"),
        prediction(2, namespace="replay"),
        prediction(3, model="other"),
    ]
    path = sealed(log.journals[0], rows)
    if rolled:
        roll([path], log.log)
    assert ids(log.predictions("delay")) == ["id-0", "id-1"]
    assert ids(log.predictions("delay", versions=[2])) == ["id-1"]
    assert ids(log.predictions("delay", roles=["champion"])) == ["id-0"]
    assert ids(log.predictions("delay", namespace="replay")) == ["id-2"]
    assert ids(log.predictions("other")) == ["id-3"]


def test_rows_are_sorted_by_event_time_unit_version_and_role(log: PredictionLog) -> None:
    """Two readers of one log see one order, whichever worker wrote what."""
    rows = [
        prediction(0, event_time=START, unit="b", request_id="r"),
        prediction(1, event_time=START, unit="a", version=2, role="shadow"),
        prediction(2, event_time=START, unit="a", version=1),
        prediction(3, event_time=START - 1, unit="z"),
    ]
    sealed(log.journals[0], rows[:2], worker=1)
    sealed(log.journals[0], rows[2:], worker=0)
    assert ids(log.predictions("delay")) == ["id-3", "id-2", "id-1", "id-0"]


@pytest.mark.parametrize(
    "failed", [{"status": "error", "output": None}, {"decision": "unanswered"}], ids=["raised", "beside"]
)
def test_a_request_that_failed_and_was_answered_when_repeated_is_read_as_answered(
    log: PredictionLog, failed: dict[str, Any]
) -> None:
    """The client has the ids of the answer; outcomes that name them must find it."""
    journal = journal_in(log.journals[0])
    journal.append([prediction(0, id="failed", **failed), prediction(1)])
    journal.append([prediction(0, id="answered", event_time=START + 5_000_000)])
    journal.append([prediction(0, id="again", event_time=START + 6_000_000)])
    assert ids(log.predictions("delay")) == ["id-1", "answered"]
    assert log.predictions("delay", columns=["id"]).to_pydict() == {"id": ["id-1", "answered"]}


def test_a_repeated_request_counts_once_for_each_row_version_and_role(log: PredictionLog) -> None:
    """A client that retries under its request id does not double its traffic; without one it is taken at its word."""
    sealed(
        log.journals[0],
        [
            prediction(0, request_id="r", logged_at=2),
            prediction(0, request_id="r", logged_at=1, id="first"),
            prediction(0, request_id="r", row=1, id="row 1", unit="b"),
            prediction(0, request_id="r", version=2, role="shadow", id="shadow"),
            prediction(4, request_id="", id="x"),
            prediction(4, request_id="", id="y"),
        ],
    )
    assert ids(log.predictions("delay")) == ["first", "shadow", "row 1", "x", "y"]


def test_asked_columns_come_in_that_order_and_nothing_else(log: PredictionLog) -> None:
    """What a monitor does not need is not read."""
    roll([sealed(log.journals[0], [prediction(0)])], log.log)
    sealed(log.journals[0], [prediction(1)], worker=1)
    table = log.predictions("delay", columns=["in_wind", "output", "model", "clean_wind"])
    assert table.column_names == ["in_wind", "output", "model", "clean_wind"]
    assert table.column("in_wind").to_pylist() == [0.0, 1.0]


def test_a_column_that_nobody_has_is_an_error(log: PredictionLog) -> None:
    """A typing mistake must not look like a column of nulls."""
    sealed(log.journals[0], [prediction(0)])
    with pytest.raises(UnknownName, match="no column in_wnd"):
        log.predictions("delay", columns=["in_wnd"])


def test_an_empty_log_is_an_empty_table_with_its_columns(log: PredictionLog) -> None:
    """A monitor that starts before the first request needs no special case."""
    table = log.predictions("delay")
    assert table.num_rows == 0
    assert {"id", "event_time", "output", "schema", "model", "namespace"} <= set(table.column_names)
    assert log.predictions("delay", columns=["event_time", "in_wind"]).column_names == [
        "event_time",
        "in_wind",
    ]
    assert log.outcomes("delay").num_rows == 0


@pytest.mark.parametrize("rolled", [True, False])
def test_a_window_without_rows_has_the_columns_of_the_model(log: PredictionLog, rolled: bool) -> None:
    """Code that sums a column of a quiet day gets a sum of nothing, of the right type."""
    path = sealed(log.journals[0], [prediction(0)])
    if rolled:
        roll([path], log.log)
    table = log.predictions("delay", end=JULY - timedelta(days=9))
    assert table.num_rows == 0
    assert table.schema.field("in_last").type == pa.list_(pa.string())


def other_schema(directory: Path, field: LogField, value: Any, number: int) -> Path:
    """A sealed journal with one record of a model whose schema has this one input."""
    schema = LogSchema("delay", (field,))
    journal = Journal(directory, "other")
    digest = journal.declare(schema)
    journal.append([prediction(number, schema=digest, inputs=(value,), encoded=b"")])
    path = journal.seal()
    assert path is not None
    return path


@pytest.mark.parametrize("rolled", [True, False])
def test_versions_with_other_inputs_are_read_together_by_name(log: PredictionLog, rolled: bool) -> None:
    """A model that gained an input keeps its history; what a version did not have is null."""
    paths = [
        sealed(log.journals[0], [prediction(0)]),
        other_schema(log.journals[0], LogField("visibility", "number"), 9.0, 1),
    ]
    if rolled:
        roll(paths, log.log)
    table = log.predictions("delay", columns=["in_wind", "in_visibility", "enc_wind"])
    assert table.to_pylist() == [
        {"in_wind": 0.0, "in_visibility": None, "enc_wind": 0.0},
        {"in_wind": None, "in_visibility": 9.0, "enc_wind": None},
    ]


def test_an_input_whose_kind_changed_is_read_as_text(log: PredictionLog) -> None:
    """A window across the change stays readable."""
    sealed(log.journals[0], [prediction(7)])
    other_schema(log.journals[0], LogField("wind", "string"), "strong", 8)
    assert log.predictions("delay").column("in_wind").to_pylist() == ["7", "strong"]


def test_an_input_that_became_a_list_cannot_be_read_with_its_past(log: PredictionLog) -> None:
    """The error says how to ask for one of them."""
    sealed(log.journals[0], [prediction(0)])
    other_schema(log.journals[0], LogField("wind", "strings"), ["a"], 1)
    with pytest.raises(Conflict, match="column in_wind is a list"):
        log.predictions("delay")
    assert log.predictions("delay", columns=["id"]).num_rows == 2


def test_parquet_without_a_manifest_is_not_part_of_the_log(log: PredictionLog) -> None:
    """The roll crashed; the rows are still in the journal and would count twice."""
    path = sealed(log.journals[0], [prediction(0)], [outcome(0)])
    content = path.read_bytes()
    roll([path], log.log)
    manifest_path(log.log, path.stem).unlink()
    path.write_bytes(content)
    assert ids(log.predictions("delay")) == ["id-0"]
    assert log.outcomes("delay").num_rows == 1


def test_a_journal_with_a_manifest_is_not_read_again(log: PredictionLog) -> None:
    """The roll crashed before it deleted the journal."""
    path = sealed(log.journals[0], [prediction(0, request_id="")])
    content = path.read_bytes()
    roll([path], log.log)
    path.write_bytes(content)
    table = log.predictions("delay")
    assert table.num_rows == 1


@pytest.mark.parametrize("moment", ["before reading", "after reading"])
def test_a_roll_in_the_middle_of_a_read_loses_and_doubles_nothing(
    log: PredictionLog, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Whether the journal vanishes just before it is opened, or just after."""
    path = sealed(log.journals[0], [prediction(0, request_id="")])
    read = reading.read_journal

    def interrupted(journal: Path) -> Any:
        if moment == "before reading":
            roll([path], log.log)
        contents = read(journal)
        roll([path], log.log)
        return contents

    monkeypatch.setattr(reading, "read_journal", interrupted)
    assert ids(log.predictions("delay")) == ["id-0"]


def test_a_damaged_journal_is_an_error_and_not_fewer_rows(log: PredictionLog) -> None:
    """A monitor then says that it could not measure."""
    path = sealed(log.journals[0], [prediction(0), prediction(1)])
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(CorruptArtifact, match="damaged"):
        log.predictions("delay")


def test_cleaned_values_are_read_where_they_were_sampled(log: PredictionLog) -> None:
    """One sampled row among many."""
    rows = [prediction(0), prediction(1, cleaned=(1.5, None, "ua", None, [], None, None))]
    roll([sealed(log.journals[0], rows)], log.log)
    assert log.predictions("delay").column("clean_wind").to_pylist() == [None, 1.5]
    roll([sealed(log.journals[0], [prediction(2)])], log.log)
    assert log.predictions("delay", columns=["clean_wind"]).column("clean_wind").to_pylist() == [
        None,
        1.5,
        None,
    ]


@pytest.mark.parametrize("rolled", [True, False])
def test_an_outcome_sent_twice_is_one_and_its_revisions_are_all_there(
    log: PredictionLog, rolled: bool
) -> None:
    """Sending again is harmless; which revision counts is the rule's business."""
    rows = [outcome(0), outcome(0), outcome(0, revision=1, value=1.0), outcome(1, name="cost")]
    path = sealed(log.journals[0], [], rows)
    if rolled:
        roll([path], log.log)
    table = log.outcomes("delay")
    assert list(zip(ids(table), table.column("revision").to_pylist(), strict=True)) == [
        ("late:UA0", 0),
        ("late:UA0", 1),
        ("late:UA1", 0),
    ]
    assert log.outcomes("delay", names=["cost"]).num_rows == 1
    assert log.outcomes("delay", end=instant(START)).num_rows == 0


@pytest.mark.parametrize("rolled", [0, 1, 2])
def test_outcomes_are_chosen_by_when_they_arrived(log: PredictionLog, rolled: int) -> None:
    """A monitor that was here yesterday reads what came since, from files and from journals."""
    (directory,) = log.journals
    old = outcome(0)
    late = msgspec.structs.replace(outcome(1), arrival_time=old.arrival_time + DAY)
    revised = msgspec.structs.replace(outcome(0, revision=1), arrival_time=old.arrival_time + DAY)
    paths = [sealed(directory, [], [old]), sealed(directory, [], [revised, late])]
    roll(paths[:rolled], log.log)
    since = instant(old.arrival_time + DAY)
    assert ids(log.outcomes("delay", arrived_from=instant(old.arrival_time))) == [
        "late:UA0",
        "late:UA0",
        "late:UA1",
    ]
    assert ids(log.outcomes("delay", arrived_from=since)) == ["late:UA0", "late:UA1"]
    assert log.outcomes("delay", arrived_from=since + timedelta(microseconds=1)).num_rows == 0


def test_the_days_of_a_model_are_those_of_its_files_and_of_its_journals(log: PredictionLog) -> None:
    """In order, once each, without those of other models."""
    (directory,) = log.journals
    roll([sealed(directory, [prediction(0)])], log.log)
    later = prediction(1, event_time=START + 3 * DAY)
    sealed(directory, [later, prediction(2), prediction(3, model="other", event_time=START + 9 * DAY)])
    assert log.days("delay") == [START // DAY, START // DAY + 3]
    assert log.days("nobody") == []


def test_reading_leaves_the_log_as_it_is(log: PredictionLog) -> None:
    """Readers need no right to write."""
    sealed(log.journals[0], [prediction(0)])
    log.predictions("delay")
    assert len(journals_in(log.journals)) == 1
    assert not log.log.exists()


def test_a_journal_that_is_sealed_between_listing_and_reading_is_read(
    log: PredictionLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its name changes under the reader; half a day of rows would be missing, and a volume alarm would be false."""
    journal = journal_in(log.journals[0])
    journal.append([prediction(0), prediction(1)])
    listed = journals_in(log.journals)
    journal.seal()
    monkeypatch.setattr(reading, "journals_in", lambda directories: listed)
    assert ids(log.predictions("delay")) == ["id-0", "id-1"]
