"""A unit is forgotten everywhere at once, and what cannot forget it is named."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from roadworthy.data.schema import STORED_AS, Column, TableSchema
from roadworthy.data.tables import ingest, read
from roadworthy.errors import DefinitionError, Refused, SchemaError, UnknownName
from roadworthy.jobs.forget import forget
from roadworthy.jobs.ingest import ingest_file
from roadworthy.jobs.stores import Stores
from roadworthy.jobs.trace import trace
from roadworthy.jobs.train import holdout_path, train
from roadworthy.predictionlog.gaps import gaps
from roadworthy.sensitive import hashed_text, key_path, make_key, read_key
from small_workspace import FIRST_UNTIL, HALF_MONTH, MODEL, Small, define


@pytest.fixture
def keyed(own_stores: Stores) -> Stores:
    """A workspace with a key."""
    make_key(key_path(own_stores.settings.root))
    return own_stores


def everything(root: Path) -> list[Path]:
    """Files that hold a text, in clear or in an uncompressed page; control database apart."""
    return [path for path in root.rglob("*") if path.is_file()]


def trained_on(stores: Stores) -> str:
    """A unit that both versions learned from and that has no prediction."""
    found: str = read(stores.settings.tables, "trips", ["trip"]).column("trip")[30].as_py()
    return found


def logged(stores: Stores) -> str:
    """A unit with a prediction in Parquet that is a held-out row of version 2 as well."""
    held = pq.read_table(holdout_path(stores, stores.versions.get(MODEL, 2).digest))
    units = set(stores.log().predictions(MODEL, columns=["unit"]).column("unit").to_pylist())
    return next(unit for unit in held.column("trip").to_pylist() if unit in units)


def test_a_logged_unit_leaves_log_tables_and_evidence(keyed: Stores) -> None:
    """Nothing of it is left but its hash, and no row counts as lost."""
    unit = logged(keyed)
    done = forget(keyed, unit, actor="anna", reason="she asked")
    assert done.rows["log predictions"] == 1
    assert done.rows["table trips"] == 1
    assert done.rows[f"evidence {MODEL}@2"] == 1
    assert unit not in keyed.log().predictions(MODEL, columns=["unit"]).column("unit").to_pylist()
    assert unit not in read(keyed.settings.tables, "trips", ["trip"]).column("trip").to_pylist()
    for path in everything(keyed.settings.log) + everything(keyed.settings.evidence):
        assert unit.encode() not in path.read_bytes(), path
    assert gaps(keyed.settings.log, keyed.journals()) == []


def test_the_tombstone_says_what_when_and_who_but_not_whom(keyed: Stores) -> None:
    """In the log and in the ledger; the unit only as its keyed hash."""
    unit = logged(keyed)
    done = forget(keyed, unit, actor="anna", reason="she asked")
    assert done.unit == hashed_text(unit, read_key(key_path(keyed.settings.root)))
    (entry,) = keyed.ledger.entries(action="forget")
    assert (entry.actor, entry.reason, entry.details["unit"]) == ("anna", "she asked", done.unit)
    assert unit not in repr(entry)
    (stone,) = (keyed.settings.log / "forgotten").iterdir()
    assert done.unit in stone.read_text()
    assert unit not in stone.read_text()


def test_a_mistyped_model_or_unit_is_not_said_to_be_forgotten(keyed: Stores) -> None:
    """Somebody would tell a customer that nothing is left of them."""
    unit = logged(keyed)
    with pytest.raises(UnknownName, match=f"no model 'trip-dela'.*registered are: {MODEL}"):
        forget(keyed, unit, model="trip-dela", actor="anna")
    assert not list((keyed.settings.log / "forgotten").glob("*"))
    done = forget(keyed, f"{unit}x", model=MODEL, actor="anna")
    assert done.sentences()[0] == (
        f"no row of this unit was found; check its spelling. That it was asked for is kept as {done.unit}"
    )
    assert "is forgotten: " in forget(keyed, unit, model=MODEL, actor="anna").sentences()[0]


def test_the_advice_about_versions_that_learned_names_a_step_that_exists(keyed: Stores) -> None:
    """Nothing is called retiring here; a release replaces a version."""
    text = " ".join(forget(keyed, trained_on(keyed), actor="anna").sentences())
    assert "release the new version with --promote" in text
    assert "retire" not in text


def test_versions_that_learned_from_a_unit_are_named_again_and_again(keyed: Stores) -> None:
    """Also once its key is gone from their manifests, which are still those of the versions."""
    unit = trained_on(keyed)
    first = forget(keyed, unit, actor="anna")
    assert first.learned == (f"{MODEL}@1", f"{MODEL}@2")
    assert any("still learned from it" in line for line in first.sentences())
    again = forget(keyed, unit, actor="anna")
    assert again.learned == first.learned
    assert sum(again.rows.values()) == 0
    found = trace(keyed, f"{MODEL}:{first.unit}")
    assert [version.version for version in found.versions] == [1, 2]  # type: ignore[union-attr]


def test_a_journal_of_a_dead_worker_is_rolled_without_the_unit(keyed: Stores) -> None:
    """April is still in a journal that nobody writes any more."""
    april = keyed.log().predictions(MODEL, versions=[2], columns=["unit"]).column("unit").to_pylist()[0]
    done = forget(keyed, april, actor="anna")
    assert done.open == ()
    assert april not in keyed.log().predictions(MODEL, columns=["unit"]).column("unit").to_pylist()
    assert gaps(keyed.settings.log, keyed.journals()) == []


def test_ingesting_the_same_history_again_does_not_bring_a_unit_back(keyed: Stores, own: Small) -> None:
    """The batch is known by the fingerprint that it had."""
    unit = trained_on(keyed)
    forget(keyed, unit, actor="anna")
    assert all(batch.unchanged for batch in ingest_file(keyed.settings, own.definition))
    assert unit not in read(keyed.settings.tables, "trips", ["trip"]).column("trip").to_pylist()


def test_forgetting_needs_a_key_that_others_cannot_read(own_stores: Stores) -> None:
    """Otherwise a tombstone could be tried out."""
    with pytest.raises(Refused, match="roadworthy hash-key"):
        forget(own_stores, "T00001", actor="anna")
    path = make_key(key_path(own_stores.settings.root))
    os.chmod(path, 0o644)
    with pytest.raises(Refused, match="others can read"):
        forget(own_stores, "T00001", actor="anna")


def test_rows_without_a_unit_cannot_be_forgotten_as_one(keyed: Stores) -> None:
    """The empty text stands for many."""
    with pytest.raises(DefinitionError, match="no unit"):
        forget(keyed, "", actor="anna")


#: A unit as a column of some type holds it, and as the log writes it.
HELD = (
    (pa.array([7, 8], pa.int64()), "7"),
    (pa.array([7.0, 1e16]), "7"),
    (pa.array([7.0, 1e16]), "10000000000000000"),
    (pa.array([True, False]), "True"),
    (pa.array(["7", "8"], pa.large_string()), "7"),
    (pa.array(["7", "8"]).dictionary_encode(), "7"),
    (pa.array([7, None]).dictionary_encode(), "7"),
)


@pytest.mark.parametrize(("units", "unit"), HELD, ids=lambda value: str(getattr(value, "type", value)))
def test_a_refused_batch_loses_a_unit_whatever_type_it_came_in(
    keyed: Stores, units: pa.Array, unit: str
) -> None:
    """Numbers are compared as the log writes them, text however it is encoded."""
    schema = TableSchema("rides", ("trip",), (Column("trip", "string"), Column("fare", "float")))
    with pytest.raises(SchemaError):
        ingest(keyed.settings.tables, keyed.settings.quarantine, schema, pa.table({"trip": units}), "one")
    assert forget(keyed, unit, actor="anna").rows["refused one"] == 1
    with pa.OSFile(str(keyed.settings.quarantine / "rides" / "one" / "rows.arrow")) as file:
        assert pa.ipc.open_file(file).read_all().num_rows == 1


@pytest.mark.parametrize("kind", ["int", "float"])
def test_a_unit_that_is_a_number_leaves_ingested_tables(keyed: Stores, kind: Literal["int", "float"]) -> None:
    """Otherwise the next training learns from it again."""
    schema = TableSchema("rides", ("ride",), (Column("ride", "int"), Column("trip", kind)))
    rows = pa.table({"ride": [1, 2, 3], "trip": pa.array([7, 8, 7]).cast(STORED_AS[kind])})
    ingest(keyed.settings.tables, keyed.settings.quarantine, schema, rows, "one")
    assert forget(keyed, "7", actor="anna").rows["table rides"] == 2
    assert read(keyed.settings.tables, "rides", ["trip"]).column("trip").to_pylist() == [8]


def test_a_unit_that_is_a_large_number_is_named_alike_in_the_log_and_in_what_was_trained_on(
    tmp_path: Path,
) -> None:
    """Numbers of cards that came as floats: trace and forget find them by the text that the log has."""
    small = define(tmp_path)
    text = small.definition.read_text().replace('"trip": [f"T', '"card": 4e15 + np.arange(n), "trip": [f"T')
    text = text.replace('"trip": "string"', '"card": "float", "trip": "string"').replace(
        'unit="trip"', 'unit="card"'
    )
    small.definition.write_text(text)
    stores = small.stores()
    make_key(key_path(stores.settings.root))
    ingest_file(stores.settings, small.definition)
    train(stores, small.definition, until=FIRST_UNTIL, holdout=HALF_MONTH)
    found = trace(stores, f"{MODEL}:4000000000000005")
    assert [version.version for version in found.versions] == [1]  # type: ignore[union-attr]
    done = forget(stores, "4000000000000005", actor="anna")
    assert (done.learned, done.rows["table trips"]) == ((f"{MODEL}@1",), 1)
    stores.engine.dispose()
