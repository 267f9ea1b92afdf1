"""The tables of the reference application: real rows, with the mistakes that real rows have."""

from __future__ import annotations

import importlib.util
from datetime import timedelta
from pathlib import Path
from types import ModuleType

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from roadworthy.data.conform import conform, duplicates
from roadworthy.data.tables import ingest

FILE = Path(__file__).parents[3] / "examples" / "flights" / "tables.py"


@pytest.fixture(scope="module")
def example() -> ModuleType:
    """The definition file, loaded as `roadworthy ingest` loads it."""
    spec = importlib.util.spec_from_file_location("flights_tables", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def loaded(example: ModuleType) -> dict[str, pa.Table]:
    """The rows of every table, loaded once."""
    return {schema.name: schema.load() for schema in example.tables}


def test_every_row_of_the_year_fits_its_table_and_has_a_key_of_its_own(
    example: ModuleType, loaded: dict[str, pa.Table]
) -> None:
    """336,776 flights; no id is there twice, not even in the hour that daylight saving repeats."""
    counts = {}
    for schema in example.tables:
        rows, faults = conform(loaded[schema.name], schema)
        assert [*faults, *duplicates(rows, schema.key, rows.slice(0, 0))] == []
        counts[schema.name] = rows.num_rows
    assert counts == {"flights": 336_776, "departures": 328_521, "weather": 26_115, "planes": 3_322}


def test_a_flight_is_named_by_its_scheduled_minute_its_number_and_its_origin(
    loaded: dict[str, pa.Table],
) -> None:
    """The first flight of the year left Newark for Houston at 05:15 local time, 10:15 UTC."""
    first = loaded["flights"].slice(0, 1).to_pylist()[0]
    assert first["flight"] == "2013-01-01T10:15Z UA1545 EWR"
    assert first["scheduled"].isoformat() == "2013-01-01T10:15:00+00:00"


def test_what_is_not_known_about_a_flight_is_missing(loaded: dict[str, pa.Table]) -> None:
    """9,430 flights never landed where they meant to: 8,255 cancelled, the others diverted or not recorded."""
    flights = loaded["flights"]
    assert flights["late"].null_count == flights["landed_at"].null_count == 9_430
    assert pc.sum(flights["cancelled"]).as_py() == 8_255
    assert pc.sum(pc.and_(flights["cancelled"], pc.is_valid(flights["late"]))).as_py() == 0


def test_nobody_knows_of_a_cancellation_before_the_longest_delay_has_passed(
    loaded: dict[str, pa.Table],
) -> None:
    """Otherwise flights that left a day late would have counted as cancelled."""
    flights, departures = loaded["flights"], loaded["departures"]
    waited = pc.subtract(flights["settled_at"], flights["scheduled"]).filter(flights["cancelled"])
    assert pc.unique(waited).to_pylist() == [timedelta(days=1)]
    assert pc.max(departures["dep_delay"]).as_py() == 1_301


def test_the_hurricane_that_never_was_is_refused_as_it_came_and_missing_as_loaded(
    example: ModuleType, loaded: dict[str, pa.Table], tmp_path: Path
) -> None:
    """One row of the published data says 1,048 miles an hour, at Newark on 12 February 2013."""
    raw = example.read("weather").rename_columns({"time_hour": "observed_at"})
    as_it_came = raw.select(loaded["weather"].column_names)
    (fault,) = conform(as_it_came, example.weather)[1]
    assert (fault.path, fault.got, fault.rows) == ("$.wind_speed", "1048.36058", 1)
    assert ingest(tmp_path / "t", tmp_path / "q", example.weather, loaded["weather"], "2013").rows == 26_115
