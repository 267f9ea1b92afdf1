"""What requests carried is compared with the history joined again; what cannot be compared never passes."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from msgspec.structs import replace

from roadworthy.clock import micros
from roadworthy.jobs.days import Watched, read_day
from roadworthy.jobs.source_parity import check_source_parity
from roadworthy.jobs.stores import Stores
from roadworthy.predictionlog.record import Prediction
from roadworthy.verdict import Verdict
from smalltown import MODEL, OPENED, Town, a_week, answer


def _verdict(stores: Stores, version: int = 1) -> Verdict:
    watched = Watched.open(stores, stores.versions.get(MODEL, version))
    day = micros(OPENED) // 86_400_000_000
    return check_source_parity(stores, watched, read_day(stores, watched, day, OPENED).table)


def _rewrite(directory: Path, column: str, change: dict[str, float]) -> None:
    """Alter values of a static table behind everybody's back, for some keys."""
    for path in directory.rglob("*.parquet"):
        table = pq.read_table(path)
        rows = [{**row, column: change.get(row["street"], row[column])} for row in table.to_pylist()]
        pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)


def test_a_clean_run_passes(town: Town, town_stores: Stores) -> None:
    """All rows of the day, value by value."""
    a_week(town, town_stores)
    verdict = _verdict(town_stores)
    assert (verdict.ruling, verdict.n) == ("pass", 70)


def test_a_source_that_was_altered_afterwards_fails_naming_the_input(town: Town, town_stores: Stores) -> None:
    """The steepness of one street was rewritten: only its rows differ."""
    a_week(town, town_stores)
    _rewrite(town_stores.settings.tables / "streets", "steep", {"hill": 8.0})
    verdict = _verdict(town_stores)
    assert verdict.ruling == "fail"
    assert verdict.reason.startswith("streets_latest_steep differs at the stage `raw`")
    assert "logged 9.0, again 8.0" in verdict.reason


def test_a_request_that_carried_another_value_fails_naming_the_input(town: Town, town_stores: Stores) -> None:
    """One caller multiplied the rain by ten."""
    names = town_stores.scorer(town_stores.versions.get(MODEL, 1)).schema.names()
    place = names.index("weather_latest_rain")

    def alter(record: Prediction) -> Prediction:
        if record.request_id != "1-7":
            return record
        return replace(record, inputs=(*record.inputs[:place], 10.0, *record.inputs[place + 1 :]))

    records = a_week(town, town_stores, alter=alter)
    verdict = _verdict(town_stores)
    assert verdict.ruling == "fail"
    assert "weather_latest_rain differs at the stage `raw` in 1 of 70 rows" in verdict.reason
    assert records[7].id in verdict.reason
    assert records[7].unit not in repr(verdict)


def test_a_definition_that_changed_since_is_an_error_that_names_it(town: Town, town_stores: Stores) -> None:
    """Another definition may join otherwise, so nothing is compared."""
    town.definition.write_text(town.definition.read_text() + "\n# a second thought\n")
    trained = town.train(town_stores)
    assert trained.known, "the same model, so the record of the first training stays"
    row = town_stores.versions.get(MODEL, 1)
    path = Path(row.run.details["definition"])
    changed = replace(row, run=replace(row.run, details={"definition": str(town.definition)}))
    assert path != town.definition
    answer(town_stores, 1, town.questions(town_stores, OPENED, OPENED.replace(day=23)))
    watched = Watched.open(town_stores, changed)
    rows = read_day(town_stores, watched, micros(OPENED) // 86_400_000_000, OPENED)
    verdict = check_source_parity(town_stores, watched, rows.table)
    assert verdict.ruling == "error"
    assert "is not the definition that parcel-late@1 was trained from" in verdict.reason


def test_a_value_that_is_missing_now_is_a_difference(town: Town, town_stores: Stores) -> None:
    """Streets are gone from their table: not an exception, a fail."""
    a_week(town, town_stores)
    for path in (town_stores.settings.tables / "streets").rglob("*.parquet"):
        table = pq.read_table(path)
        pq.write_table(table.filter(pa.compute.field("street") != "hill"), path)
    verdict = _verdict(town_stores)
    assert verdict.ruling == "fail"
    assert "again None" in verdict.reason
