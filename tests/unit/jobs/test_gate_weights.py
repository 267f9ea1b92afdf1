"""What the gate reads of an estimator's parameters, on versions that were really trained."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from half_labelled import define, trained
from roadworthy.errors import CorruptArtifact
from roadworthy.features.arrow import batch_from_arrow
from roadworthy.gate.weights_facts import ArrayFacts, WeightFacts
from roadworthy.jobs.gate import held_out
from roadworthy.jobs.gate_weights import weight_facts
from roadworthy.jobs.stores import Stores
from roadworthy.jobs.train import weights_path
from roadworthy.registry.versions import VersionRow
from roadworthy.training.weights import _untouched
from small_workspace import MODEL, Small


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """A workspace with models of which one origin was never shown an outcome; not to be changed."""
    small = define(tmp_path_factory.mktemp("half"))
    for model in ("trip-delay", "linear", "told", "untold"):
        trained(small, model)
    return small


@pytest.fixture
def stores(town: Small) -> Iterator[Stores]:
    """The workspace, opened."""
    opened = town.stores()
    yield opened
    opened.engine.dispose()


def facts_of(stores: Stores, row: VersionRow, champion: VersionRow | None = None) -> WeightFacts:
    """The facts on a version's held-out rows."""
    scorer = stores.scorer(row)
    encoded = scorer.features.encode(batch_from_arrow(held_out(stores, row), scorer.schema))
    facts = weight_facts(stores, row, scorer, (encoded, None), champion)
    assert facts is not None
    return facts


def array(facts: WeightFacts, name: str) -> ArrayFacts:
    return {each.name: each for each in facts.arrays}[name]


def test_an_entry_without_an_outcome_in_training_keeps_its_random_start_and_is_named(stores: Stores) -> None:
    """The vocabulary knew LGA, the estimator never met it; later rows ask for it."""
    facts = facts_of(stores, stores.versions.resolve("told"))
    origin = array(facts, "origin.weight")
    assert origin.columns == ("origin",)
    assert set(origin.entries) == {
        "LGA",
        "missing",
        "unknown",
    }  # no row was without an origin; a request may be
    assert origin.entries[0] == "LGA"
    assert origin.random == 3
    assert facts.touched / facts.sampled == pytest.approx(0.1, abs=0.04)


def test_an_estimator_that_does_not_say_what_it_began_with_is_known_by_what_it_was_shown(
    stores: Stores,
) -> None:
    """Counting the labelled training rows needs nobody's word."""
    told = array(facts_of(stores, stores.versions.resolve("told")), "origin.weight")
    untold = array(facts_of(stores, stores.versions.resolve("untold")), "origin.weight")
    assert untold.entries == told.entries
    assert (told.learned or 0) > 0
    assert untold.learned is None


def test_a_regression_that_begins_at_nothing_has_untrained_rows_and_none_at_random(stores: Stores) -> None:
    """scikit-learn's solvers begin at 0, so an unseen category adds nothing."""
    facts = facts_of(stores, stores.versions.resolve("linear"))
    origin = array(facts, "origin")
    assert origin.untrained >= 2
    assert (origin.random, facts.touched) == (0, 0)


def test_trees_have_no_rows_and_their_unsplit_categories_are_counted(stores: Stores) -> None:
    """LGA is in no set of any split."""
    facts = facts_of(stores, stores.versions.resolve(MODEL))
    assert facts.kind == "trees"
    unsplit, size = facts.unsplit["origin"]
    assert size == 5
    assert unsplit >= 3
    assert array(facts, "leaf values").norm > 0


def test_a_version_is_compared_with_the_one_before_entry_by_entry(small_stores: Stores) -> None:
    """Two healthy versions on other rows differ, and say by how much."""
    first, second = small_stores.versions.all(MODEL)
    facts = facts_of(small_stores, second, first)
    assert facts.compared == (1,)
    assert facts.same_as == ()
    moved = [each.change for each in facts.arrays if each.change is not None]
    assert moved
    assert all(change > 0 for change in moved)


def test_what_training_touched_is_kept_without_any_unit(stores: Stores) -> None:
    """The file holds numbers of rows and counts; what a unit was is nowhere in it."""
    row = stores.versions.resolve("told")
    kept = weights_path(stores, row.digest).read_text()
    assert "T000" not in kept
    weights_path(stores, row.digest).rename(weights_path(stores, row.digest).with_suffix(".gone"))
    try:
        assert not facts_of(stores, row).kept
    finally:
        weights_path(stores, row.digest).with_suffix(".gone").rename(weights_path(stores, row.digest))


def test_a_damaged_record_of_training_is_not_taken_for_one_that_was_never_kept(own_stores: Stores) -> None:
    """The file and what to do are named."""
    row = own_stores.versions.get(MODEL, 1)
    weights_path(own_stores, row.digest).write_text("{")
    with pytest.raises(CorruptArtifact, match=r"weights\.json cannot be read: .*; train the version again"):
        facts_of(own_stores, row)


def test_decay_alone_is_no_training() -> None:
    """Rows that only shrank with all the others have still seen no example; a row that was pulled has."""
    before = np.random.default_rng(3).normal(size=(6, 4))
    after = 0.99 * before
    after[1] += 0.2
    after[4] = before[4]
    seen = np.array([0, 0, 0, 5, 9, 0])
    after[3] += 0.1
    assert np.flatnonzero(_untouched(before, after, seen)).tolist() == [0, 2, 4, 5]
