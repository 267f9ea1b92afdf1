"""A batch is ingested whole or not at all, and what is stored is never skipped."""

from __future__ import annotations

import fcntl
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from roadworthy.data.schema import TableSchema, table
from roadworthy.data.tables import Ingested, batches, ingest, read, table_names, table_schema
from roadworthy.errors import Conflict, CorruptArtifact, DefinitionError, NotReady, SchemaError, UnknownName

WEATHER = table(
    "weather", key="id", columns={"id": "int", "wind_speed": "float? >= 0", "carrier": "string(2)"}
)


def rows(*ids: int, wind: float = 1.0) -> pa.Table:
    """Rows that fit."""
    return pa.table(
        {"id": pa.array(ids, pa.int64()), "wind_speed": [wind] * len(ids), "carrier": ["UA"] * len(ids)}
    )


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A workspace, with a name that a glob would misread."""
    return tmp_path / "space [1]"


def put(place: Path, given: pa.Table, batch: str, schema: TableSchema = WEATHER) -> Ingested:
    """Ingest into `place`."""
    return ingest(place / "tables", place / "quarantine", schema, given, batch)


def ids(place: Path) -> list[int]:
    """What a reader sees."""
    seen: list[int] = read(place / "tables", "weather").column("id").to_pylist()
    return seen


def test_batches_are_read_in_the_order_of_their_names(place: Path) -> None:
    """Reading does not depend on the order of arrival or on the file system."""
    put(place, rows(5, 4), "b")
    put(place, rows(1), "c")
    put(place, rows(9), "a")
    assert ids(place) == [9, 5, 4, 1]
    assert [(item.batch, item.rows) for item in batches(place / "tables", "weather")] == [
        ("a", 1),
        ("b", 2),
        ("c", 1),
    ]
    assert table_names(place / "tables") == ["weather"]


def test_columns_and_rows_can_be_chosen(place: Path) -> None:
    """In the order asked for; a condition may be on a column that is not."""
    put(place, rows(1, 2, 3), "a")
    some = read(place / "tables", "weather", ["carrier", "id"], pc.field("id") > 1)
    assert some.to_pylist() == [{"carrier": "UA", "id": 2}, {"carrier": "UA", "id": 3}]
    with pytest.raises(
        UnknownName, match=r"table 'weather' has no column 'x'; it has id, wind_speed, carrier"
    ):
        read(place / "tables", "weather", ["x"])


def test_a_refusal_tells_every_fault_and_sets_the_batch_aside(place: Path) -> None:
    """The message is the whole report; the file is the batch as it came."""
    bad = pa.table({"id": [1, 2, 2], "wind_speed": ["n/a", "3", None], "carrier": ["UA", "AAL", None]})
    with pytest.raises(SchemaError) as error:
        put(place, bad, "2013-07-02T10")
    assert str(error.value) == (
        "4 faults in batch 2013-07-02T10 of table weather (3 rows)\n"
        '  $.wind_speed: expected float? >= 0, got string such as "n/a" (3 rows, first row 0)\n'
        '  $.carrier: expected string(2), got "AAL" (1 row, row 1)\n'
        "  $.carrier: expected string(2), got null (1 row, row 2)\n"
        "  $.id: expected a key that occurs once in the batch, got 2 again (1 row, row 2)\n"
        "The batch was set aside in quarantine/weather/2013-07-02T10; nothing was ingested."
    )
    aside = place / "quarantine" / "weather" / "2013-07-02T10"
    assert len(json.loads((aside / "faults.json").read_text())) == 4
    with pa.OSFile(str(aside / "rows.arrow")) as file:
        assert pa.ipc.open_file(file).read_all() == bad
    assert table_names(place / "tables") == []


def test_a_batch_refused_twice_leaves_its_last_faults(place: Path) -> None:
    """A half-corrected batch replaces the one before it in quarantine."""
    for given in (rows(1, 1, wind=-1.0), rows(1, 1)):
        with pytest.raises(SchemaError):
            put(place, given, "a")
    (fault,) = json.loads((place / "quarantine" / "weather" / "a" / "faults.json").read_text())
    assert fault["path"] == "$.id"


def test_a_key_of_an_earlier_batch_is_a_fault(place: Path) -> None:
    """A row is ingested once."""
    put(place, rows(1, 2), "a")
    with pytest.raises(
        SchemaError,
        match=r"\$\.id: expected a key that is not in the table yet \(.* only new rows\), got 2 again",
    ):
        put(place, rows(2, 3), "b")
    assert ids(place) == [1, 2]


def test_the_same_batch_again_changes_nothing_and_other_rows_under_its_name_conflict(place: Path) -> None:
    """A job that is run again after a crash is safe; history is not overwritten."""
    first = put(place, rows(1, 2), "a")
    again = put(place, rows(2, 1), "a")
    assert not first.unchanged
    assert again.unchanged
    assert again.fingerprint == first.fingerprint
    with pytest.raises(
        Conflict, match="batch 'a' of table 'weather' is already ingested with other rows"
    ) as told:
        put(place, rows(1, 3), "a")
    assert "have the loader return only those and name a new batch (--batch NAME)" in str(told.value)
    assert ids(place) == [1, 2]


def test_a_crash_before_publishing_leaves_nothing_to_see_and_the_next_ingest_clears_it(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rename is the moment of truth: the rows are all written by then, and none is visible before."""
    put(place, rows(1), "a")

    def die(self: Path, *more: Any, **named: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", die)
        patched.setattr(Path, "unlink", die)
        with pytest.raises(KeyboardInterrupt):
            put(place, rows(2), "b")
    home = place / "tables" / "weather"
    assert len(list(home.glob(".draft-*"))) == 1
    assert ids(place) == [1]
    put(place, rows(2), "b")
    assert ids(place) == [1, 2]
    assert not list(home.glob(".draft-*"))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_file_that_is_cut_off_is_named_and_never_skipped(place: Path, share: float) -> None:
    """Reading the rest would be an answer that nobody asked for."""
    put(place, rows(1), "a")
    put(place, rows(*range(2, 500)), "b")
    file = place / "tables" / "weather" / "b.parquet"
    file.write_bytes(file.read_bytes()[: int(file.stat().st_size * share)])
    with pytest.raises(CorruptArtifact) as error:
        read(place / "tables", "weather")
    assert str(file) in str(error.value)
    assert "delete it and ingest batch 'b' again" in str(error.value)


def test_one_bit_that_flipped_on_the_disk_is_found(place: Path) -> None:
    """Pages carry checksums."""
    put(place, rows(*range(500)), "a")
    file = place / "tables" / "weather" / "a.parquet"
    data = bytearray(file.read_bytes())
    data[100] ^= 1
    file.write_bytes(data)
    with pytest.raises(CorruptArtifact, match=r"a\.parquet is not a whole batch"):
        read(place / "tables", "weather")


def test_a_file_that_somebody_put_there_is_not_history(place: Path) -> None:
    """Rows that were never checked do not slip in."""
    put(place, rows(1), "a")
    pq.write_table(rows(2), place / "tables" / "weather" / "b.parquet")
    with pytest.raises(CorruptArtifact, match="it was not written by an ingest"):
        read(place / "tables", "weather")


def test_two_ingests_of_one_table_at_once_do_not_miss_each_others_keys(place: Path) -> None:
    """The second is told to come back."""
    put(place, rows(1), "a")
    with (place / "tables" / "weather" / ".lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(NotReady, match="another process is ingesting into table 'weather'"):
            put(place, rows(2), "b")


def test_a_table_may_gain_columns_that_may_be_missing(place: Path) -> None:
    """Rows of before have null there."""
    put(place, rows(1), "a")
    columns = {"id": "int", "gust": "float?", "wind_speed": "float?", "carrier": "string(2)?"}
    put(
        place,
        rows(2).append_column("gust", pa.array([7.0])),
        "b",
        table("weather", key="id", columns=columns),
    )
    assert read(place / "tables", "weather", ["id", "gust"]).to_pylist() == [
        {"id": 1, "gust": None},
        {"id": 2, "gust": 7.0},
    ]


@pytest.mark.parametrize(
    ("key", "columns", "reason"),
    [
        ("id", {"id": "int", "wind_speed": "float?"}, "carrier was 'string(2)', now missing"),
        (
            "id",
            {"id": "int", "wind_speed": "float", "carrier": "string"},
            "wind_speed was 'float? >= 0', now 'float'",
        ),
        (
            "id",
            {"id": "int", "wind_speed": "int?", "carrier": "string"},
            "wind_speed was 'float? >= 0', now 'int?'",
        ),
        (
            "id",
            {"id": "int", "wind_speed": "float?", "carrier": "string", "x": "int"},
            "x is new and not nullable",
        ),
        (
            "carrier",
            {"id": "int", "wind_speed": "float?", "carrier": "string"},
            "key was ('id',), now ('carrier',)",
        ),
    ],
)
def test_a_schema_that_contradicts_stored_rows_conflicts(
    place: Path, key: str, columns: dict[str, str], reason: str
) -> None:
    """What was promised to readers of old rows still holds."""
    put(place, rows(1), "a")
    with pytest.raises(Conflict) as error:
        put(place, rows(2), "b", table("weather", key=key, columns=columns))
    assert reason in str(error.value)
    assert table_schema(place / "tables", "weather") == WEATHER


@pytest.mark.parametrize("batch", ["", "../a", "a/b", ".a", "a b", "x" * 129])
def test_a_batch_name_that_would_leave_its_directory_is_refused(place: Path, batch: str) -> None:
    """Names become paths."""
    with pytest.raises(DefinitionError, match="batch name"):
        put(place, rows(1), batch)


def test_an_unknown_table_names_those_that_are_there(place: Path) -> None:
    """A typing mistake is seen at once, and a path is no name."""
    put(place, rows(1), "a")
    with pytest.raises(UnknownName, match="table 'wether' was never ingested; there are: weather"):
        read(place / "tables", "wether")
    with pytest.raises(UnknownName):
        read(place / "tables", "../tables/weather")


def test_an_empty_batch_is_a_batch(place: Path) -> None:
    """An hour without departures is not an error."""
    assert put(place, rows(), "a").rows == 0
    assert ids(place) == []
