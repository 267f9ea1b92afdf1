"""Tables come in from a user's file."""

from __future__ import annotations

from pathlib import Path

import pytest

from roadworthy.errors import DefinitionError, SchemaError
from roadworthy.jobs.ingest import ingest_file
from roadworthy.jobs.stores import open_stores
from roadworthy.model import load_definition
from roadworthy.settings import Settings


def test_a_directory_is_said_to_be_one(tmp_path: Path) -> None:
    """It is there; it is only no file."""
    with pytest.raises(
        DefinitionError, match="is a directory: give the Python file that declares the tables"
    ):
        ingest_file(Settings(tmp_path), tmp_path)
    with pytest.raises(DefinitionError, match="is a directory: give the Python file that defines the model"):
        load_definition(tmp_path)


def test_a_file_that_does_not_exist_is_said_not_to(tmp_path: Path) -> None:
    """With the path as it was given."""
    with pytest.raises(DefinitionError, match=r"there is no file nowhere\.py: give the Python file"):
        ingest_file(Settings(tmp_path), "nowhere.py")


RIDES = """
import numpy as np
import pyarrow as pa
from roadworthy import table

FROM, UNTIL, FACTOR = 0, 40, 1.0


def load():
    day = np.repeat(np.arange(FROM, UNTIL), 30)
    at = pa.array(day * 86_400_000_000 + 3_600_000_000, pa.timestamp("us", "UTC"))
    miles = np.random.default_rng(FROM).lognormal(1.5, 0.2, len(day)) * FACTOR
    return pa.table({"ride": [f"{FROM}-{n}" for n in range(len(day))], "left_at": at, "miles": miles})


rides = table("rides", key="ride", columns={"ride": "string", "left_at": "timestamp", "miles": "float"}, load=load)
"""


def test_a_batch_in_another_unit_is_taken_only_with_a_reason_that_the_ledger_keeps(tmp_path: Path) -> None:
    """What needed no reason leaves no entry, whatever was given."""
    file, settings = tmp_path / "rides.py", Settings(tmp_path / "workspace")
    file.write_text(RIDES)
    ingest_file(settings, file, batch="first", accept="not needed", actor="anna")
    file.write_text(RIDES.replace("0, 40, 1.0", "40, 47, 1.609344"))
    with pytest.raises(SchemaError, match=r"as kilometres for miles[\s\S]*ingest it again with --accept"):
        ingest_file(settings, file, batch="second")
    (done,) = ingest_file(settings, file, batch="second", accept="moved to kilometres", actor="anna")
    assert done.accepted == "moved to kilometres"
    ingest_file(settings, file, batch="second", accept="again", actor="anna")
    stores = open_stores(settings)
    entries = [entry for entry in stores.ledger.entries() if entry.action == "ingest"]
    stores.engine.dispose()
    assert [(entry.actor, entry.reason, entry.details["batch"]) for entry in entries] == [
        ("anna", "moved to kilometres", "second")
    ]
