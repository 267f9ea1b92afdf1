"""Declared sampling is corrected in the version that is served, and judged on all rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from roadworthy.errors import DefinitionError
from roadworthy.features.arrow import batch_from_arrow
from roadworthy.gate import sampling
from roadworthy.gate.evidence import Evidence
from roadworthy.jobs.gate import _holdout, held_out
from roadworthy.jobs.gate_learned import sampling_of
from roadworthy.jobs.ingest import ingest_file
from roadworthy.jobs.stores import Stores
from roadworthy.jobs.train import train
from roadworthy.registry.versions import VersionRow
from roadworthy.scorer import Scorer
from small_workspace import HALF_MONTH, MODEL, SECOND_UNTIL, Small, define

#: What a town says of which only a third of the punctual trips came here: `share` tells it, `minutes` tells nothing.
CHANGES = {
    "    times = pa.timestamp": """    kept = late | (np.random.default_rng(6).random(n) < 1 / 3)
    times = pa.timestamp""",
    """times),
    })""": """times),
        "share": np.where(late, 1.0, 1 / 3),
        "minutes": np.full(n, 120.0),
    }).filter(pa.array(kept))""",
    '"landed_at": "timestamp",': '"landed_at": "timestamp", "share": "float", "minutes": "float",',
}


def thinned(directory: Path, more: str) -> tuple[Stores, VersionRow]:
    """That town, and a version trained as its owner declares."""
    small = define(directory)
    text = small.definition.read_text()
    for was, becomes in {**CHANGES, "    limits=": f"    {more}\n    limits="}.items():
        assert text.count(was) == 1
        text = text.replace(was, becomes)
    small.definition.write_text(text)
    stores = small.stores()
    ingest_file(stores.settings, small.definition)
    found = train(stores, small.definition, until=SECOND_UNTIL, holdout=HALF_MONTH)
    return stores, stores.versions.get(MODEL, found.version)


def judged(stores: Stores, row: VersionRow) -> tuple[Evidence, Scorer]:
    """What the check sees of the held-out rows."""
    table, scorer = held_out(stores, row), stores.scorer(row)
    scores = scorer.score(batch_from_arrow(table, scorer.schema)).output
    return Evidence(
        model=MODEL, version=1, holdout=_holdout(row, table, scores), sampling=sampling_of(row, scorer)
    ), scorer


@pytest.mark.parametrize("more", ['sampling={"negative": 1 / 3},', 'sampling={"column": "share"},'])
def test_a_declared_sampling_is_corrected_in_what_is_served(tmp_path: Path, more: str) -> None:
    """By outcome or by column: served scores mean what they say among all trips, of which a third are late."""
    stores, row = thinned(tmp_path, more)
    evidence, scorer = judged(stores, row)
    assert scorer.model.prior_odds == pytest.approx(1 / 3)
    (found,) = sampling.CHECK.judge(evidence)
    assert found.ruling == "pass"
    assert found.measured < 1.5
    assert evidence.holdout is not None
    assert evidence.holdout.labels.mean() > 0.55
    assert 0.3 < evidence.holdout.candidate.mean() < 0.5
    assert 0.3 < row.run.details["baseline_rate"] < 0.5
    assert abs(row.run.metrics["calibration_gap"].value) < 0.08
    assert scorer.check_goldens() == []
    stores.engine.dispose()


def test_a_share_that_is_none_is_refused_with_how_many_rows_have_it(tmp_path: Path) -> None:
    """Before anything is trained."""
    with pytest.raises(DefinitionError, match=r"column 'minutes' must hold the share .* got 120 \(.*rows\)"):
        thinned(tmp_path, 'sampling={"column": "minutes"},')


def test_nothing_declared_leaves_the_version_as_it_was(small_stores: Stores, small: Small) -> None:
    """No trace of a correction in model.json, so digests of other versions stay."""
    row = small_stores.versions.get(MODEL, 2)
    assert b"prior_odds" not in (small_stores.settings.artifacts / row.digest / "model.json").read_bytes()
    assert sampling_of(row, small_stores.scorer(row)).declared == ""
