"""A version with a sensitive input is trained and scored on hashes; its texts are kept nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from roadworthy.errors import Refused
from roadworthy.jobs.gate import gate
from roadworthy.jobs.ingest import ingest_file
from roadworthy.jobs.score import score_file
from roadworthy.jobs.stores import Stores, open_stores
from roadworthy.jobs.train import holdout_path, train
from roadworthy.sensitive import hashed_text, key_path, make_key, read_key
from roadworthy.settings import Settings
from small_workspace import DEFINITION, FIRST_UNTIL, HALF_MONTH, MODEL


@pytest.fixture
def definition(tmp_path: Path) -> Path:
    """The small application, with airports that are nobody's business."""
    path = tmp_path / "trips.py"
    text = DEFINITION.replace('category("origin")', 'category("origin", sensitive=True)')
    path.write_text(text.replace("length=2)", "length=2, sensitive=True)"))
    return path


@pytest.fixture
def stores(tmp_path: Path, definition: Path) -> Iterator[Stores]:
    """A workspace with its history."""
    opened = open_stores(Settings(tmp_path / "workspace"))
    ingest_file(opened.settings, definition)
    yield opened
    opened.engine.dispose()


def test_training_without_a_key_is_refused(stores: Stores, definition: Path) -> None:
    """It says how to make one, and that another key gives other hashes."""
    with pytest.raises(Refused, match="roadworthy hash-key"):
        train(stores, definition, until=FIRST_UNTIL, holdout=HALF_MONTH)
    assert stores.versions.all(MODEL) == ()


def test_texts_are_in_no_artifact_and_no_evidence(stores: Stores, definition: Path) -> None:
    """Only their hashes are, and the version passes its gate as any other."""
    make_key(key_path(stores.settings.root))
    trained = train(stores, definition, until=FIRST_UNTIL, holdout=HALF_MONTH)
    scorer = stores.scorer(stores.versions.get(MODEL, trained.version))
    assert scorer.schema.sensitive == ("origin", "before")
    for path in [
        *(stores.settings.artifacts / trained.digest).rglob("*"),
        *stores.settings.evidence.rglob("*"),
    ]:
        if path.is_file():
            assert not any(text in path.read_bytes() for text in (b"JFK", b"EWR", b"LGA")), path
    features = (stores.settings.artifacts / trained.digest / "features.json").read_text()
    assert hashed_text("EWR", read_key(key_path(stores.settings.root))) in features
    held = pq.read_table(holdout_path(stores, trained.digest)).column("origin").unique().to_pylist()
    assert all(text.startswith("#") for text in held)
    report = gate(stores, trained.reference, approve_first="nothing serves yet").report
    assert {one.check for one in report.verdicts if one.ruling == "error"} == set()
    assert report.decision.ruling == "pass"


def test_a_file_of_texts_is_scored_as_rows_of_hashes_are(
    stores: Stores, definition: Path, tmp_path: Path
) -> None:
    """The model knows the airports by their hashes, so they are not unknown to it."""
    make_key(key_path(stores.settings.root))
    trained = train(stores, definition, until=FIRST_UNTIL, holdout=HALF_MONTH)
    scorer = stores.scorer(stores.versions.get(MODEL, trained.version))
    table = pa.table(
        {
            "trip": ["T1", "T2"], "origin": ["EWR", "JFK"], "wind": [20.0, 20.0], "heavy": [False, False],
            "before": pa.array([[], []], pa.list_(pa.string())), "gate": ["A", "A"],
            "leaves": pa.array([1_362_096_000_000_000] * 2, pa.timestamp("us", "UTC")),
        }
    )  # fmt: skip
    pq.write_table(table, tmp_path / "rows.parquet")
    done = score_file(stores, trained.reference, tmp_path / "rows.parquet")
    predicted = pq.read_table(done.output).column("prediction").to_pylist()
    assert predicted[0] != predicted[1]
    assert pq.read_table(done.output).column("origin").to_pylist() == ["EWR", "JFK"]
    assert scorer.features.columns[0].size == 4
