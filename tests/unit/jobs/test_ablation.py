"""Training without a feature: a version of its own, compared with the whole one on the same rows."""

from __future__ import annotations

import pyarrow.parquet as pq
import pytest

from roadworthy.errors import DefinitionError
from roadworthy.features.declare import Features, categories, category, number
from roadworthy.jobs.ablation import train_without
from roadworthy.jobs.gate_traffic import served_lately
from roadworthy.jobs.stores import Stores
from roadworthy.jobs.train import holdout_path
from roadworthy.model import Model, load_definition, outcome
from small_workspace import FIRST_UNTIL, HALF_MONTH, MODEL, TRAFFIC_END, Small


def test_a_version_without_a_feature_is_registered_and_compared(own: Small, own_stores: Stores) -> None:
    """The wind matters: without it the loss is larger for certain. The whole version was registered before."""
    done = train_without(own_stores, own.definition, ["wind"], until=FIRST_UNTIL, holdout=HALF_MONTH)
    assert (done.whole.version, done.whole.known, done.ablated.version) == (1, True, 3)
    assert own_stores.versions.get(MODEL, 3).run.details["without"] == ["wind"]
    assert done.differences["log_loss"].low > 0.0
    assert done.differences["log_loss"].value == pytest.approx(
        done.ablated.metrics["log_loss"].value - done.whole.metrics["log_loss"].value
    )
    said = done.sentences()
    assert said[0].startswith(f"{MODEL}@3 is registered: {MODEL}@1 without wind. On the same")
    assert any(line.startswith("  log_loss") for line in said)


def test_requests_stay_as_they_are(own: Small, own_stores: Stores) -> None:
    """What the feature read is context of the new version: the same rows fit both, and the log holds it all."""
    done = train_without(
        own_stores, own.definition, ["heavy", "before"], until=FIRST_UNTIL, holdout=HALF_MONTH
    )
    rows = [own_stores.versions.get(MODEL, version) for version in (1, done.ablated.version)]
    whole, ablated = (own_stores.scorer(row).schema for row in rows)
    assert set(whole.names()) == set(ablated.names())
    assert set(ablated.names("context")) - set(whole.names("context")) == {"heavy", "before"}
    traffic = served_lately(
        own_stores, rows[1], own_stores.scorer(rows[1]), own_stores.scorer(rows[0]), TRAFFIC_END
    )
    assert traffic is not None
    assert not traffic.lacking


def test_a_feature_that_there_is_not_cannot_be_left_out(small: Small, small_stores: Stores) -> None:
    """The message names those there are, before anything is trained."""
    with pytest.raises(DefinitionError, match="there is no feature winds; features are origin, wind"):
        train_without(small_stores, small.definition, ["wind", "winds"])


def test_a_slice_stays_a_slice_without_its_feature(small: Small) -> None:
    """Quality is still looked at by what the model does not see any more."""
    model = load_definition(small.definition).model(MODEL).without(["origin"])
    assert "origin" in model.context
    assert model.slices == ["origin"]
    assert "origin" not in model.features.features


def test_who_shared_a_vocabulary_gets_one_of_its_own() -> None:
    """Made as the one that is gone was."""
    features = Features(
        dest=category("dest", min_count=20, max_size=90),
        been=categories("been", length=2, vocabulary_of="dest"),
        wind=number("wind"),
    )
    left = features.without(["dest"]).features
    assert set(left) == {"been", "wind"}
    assert left["been"].options == categories("been", length=2, min_count=20, max_size=90).options
    with pytest.raises(DefinitionError, match="no feature would be left"):
        features.without(["dest", "been", "wind"])


def test_held_out_rows_hold_what_was_left_out(own: Small, own_stores: Stores) -> None:
    """The whole version is scored on the rows of the one without, in the gate as here."""
    done = train_without(own_stores, own.definition, ["wind"], until=FIRST_UNTIL, holdout=HALF_MONTH)
    tables = [pq.read_table(holdout_path(own_stores, each.digest)) for each in (done.whole, done.ablated)]
    assert tables[0].column("wind").equals(tables[1].column("wind"))


def test_a_sensitive_input_that_is_left_out_is_not_logged_in_clear() -> None:
    """Nothing would hash it any more, so requests do not carry it."""
    model = Model(
        name="m", history="h", unit="trip", asked_at="leaves - 1h", outcome=outcome("late", known_at="landed_at"),
        features=Features(who=category("who", sensitive=True), wind=number("wind"), heavy=number("heavy")),
        estimator=None, slices=["who"],
    )  # fmt: skip
    left = model.without(["who", "heavy"])
    assert list(left.context) == ["heavy"]
    assert left.slices == []
