"""What features of a real version take and give, on its held-out rows."""

from __future__ import annotations

import numpy as np
import pyarrow.parquet as pq

from roadworthy.features.arrow import batch_from_arrow
from roadworthy.gate.cost import CHECK
from roadworthy.gate.evidence import Evidence
from roadworthy.jobs.gate import _holdout, counts
from roadworthy.jobs.gate_cost import feature_costs
from roadworthy.jobs.stores import Stores
from roadworthy.jobs.train import holdout_path
from small_workspace import MODEL
from smalltown import MODEL as PARCELS


def test_the_feature_that_decides_gives_most_and_noise_gives_nothing(small_stores: Stores) -> None:
    """In the small workspace lateness comes from wind and origin; the rest is noise."""
    row = small_stores.versions.get(MODEL, 2)
    scorer = small_stores.scorer(row)
    table = pq.read_table(holdout_path(small_stores, row.digest))
    batch = batch_from_arrow(table, scorer.schema)
    holdout = _holdout(row, table, scorer.score(batch).output)
    facts = feature_costs(row, scorer, batch, holdout, 3)
    gives = {one.name: one.worse.mean() for one in facts.features}
    assert list(gives) == ["origin", "wind", "heavy", "hour", "before"]
    assert max(gives, key=lambda name: gives[name]) == "wind"
    assert gives["wind"] > 10 * abs(gives["heavy"])
    assert all(0 < one.seconds < 0.001 for one in facts.features)
    missing = {one.name: one.missing for one in facts.features}
    assert 0 < missing["wind"] < 0.1
    assert facts.sourced
    (whole, idle) = CHECK.judge(Evidence(model=MODEL, version=2, cost=facts))
    assert (whole.ruling, idle.ruling) == ("pass", "pass")


def test_one_feature_alone_is_encoded_as_among_the_others(small_stores: Stores) -> None:
    """Otherwise another encoding would be timed."""
    row = small_stores.versions.get(MODEL, 2)
    scorer = small_stores.scorer(row)
    batch = batch_from_arrow(pq.read_table(holdout_path(small_stores, row.digest)), scorer.schema)
    encoded = scorer.features.encode(batch)
    alone = [scorer.features.encode_one(record.name, batch) for record in scorer.features.records]
    assert np.array_equal(np.concatenate(alone, axis=1), encoded)


def test_joined_tables_are_known_by_name(town_stores: Stores) -> None:
    """Two tables behind three features."""
    row = town_stores.versions.get(PARCELS, 1)
    scorer = town_stores.scorer(row)
    table = pq.read_table(holdout_path(town_stores, row.digest))
    batch = batch_from_arrow(table, scorer.schema)
    facts = feature_costs(row, scorer, batch, _holdout(row, table, scorer.score(batch).output), 3)
    joined = {one.name: one.sources for one in facts.features if one.sources}
    assert joined == {"rain": ("weather",), "wet": ("weather",), "steep": ("streets",)}


def test_a_budget_on_the_cost_makes_its_check_required_unless_declared_otherwise() -> None:
    """What the owner says of the check itself comes first."""
    assert counts({}) == {}
    assert counts({"budgets": {"memory": "<= 1GB"}, "checks": {"limits": "advisory"}}) == {
        "limits": "advisory"
    }
    assert counts({"budgets": {"cpu": "<= 1s"}}) == {"cost": "required"}
    assert counts({"budgets": {"cpu": "<= 1s"}, "checks": {"cost": "advisory"}}) == {"cost": "advisory"}
