"""Rare entries are those of few training rows, and a typical one is put in their place."""

from __future__ import annotations

import numpy as np

from roadworthy.features.arrow import batch_from_arrow
from roadworthy.gate.sparse_categories_facts import SparseColumn
from roadworthy.gate.vocabulary_facts import VocabularyFacts, VocabularyTexts
from roadworthy.jobs.gate import held_out
from roadworthy.jobs.gate_sparse_categories import sparse_categories_of
from roadworthy.jobs.stores import Stores
from small_workspace import MODEL


def columns(stores: Stores, trained_on_ewr: float) -> tuple[dict[str, SparseColumn], np.ndarray, np.ndarray]:
    """What is known of version 2's categories, had EWR so many training rows; the encoded rows and the scores."""
    row = stores.versions.get(MODEL, 2)
    scorer = stores.scorer(row)
    scored = scorer.score(batch_from_arrow(held_out(stores, row), scorer.schema))
    entries = scorer.features.vocabularies["origin"].entries
    counts = np.array([trained_on_ewr if text == "EWR" else 900.0 for text in entries])
    before = scorer.features.vocabularies["before"].entries
    texts = VocabularyFacts(
        texts=(
            VocabularyTexts(feature="origin", entries=entries, trained=counts, held_out={}),
            VocabularyTexts(
                feature="before", entries=before, trained=np.full(len(before), 900.0), held_out={}
            ),
        ),
        rows=2_000,
    )
    found = sparse_categories_of(scorer, scored.encoded, texts, 1)
    assert found is not None
    return {one.column: one for one in found.columns}, scored.encoded, scored.output


def test_rows_of_a_rare_entry_are_scored_with_the_frequent_ones_in_its_place(small_stores: Stores) -> None:
    """As if each of them came from JFK; every place of a list is a column of its own."""
    found, encoded, scores = columns(small_stores, 7.0)
    assert set(found) == {"origin", "before_0", "before_1"}
    assert found["before_0"].rows.size == 0
    origin = found["origin"]
    assert 150 < origin.rows.size < 270
    as_jfk = encoded[origin.rows].copy()
    as_jfk[:, 0] = 5.0 - as_jfk[:, 0]
    predictor = small_stores.scorer(small_stores.versions.get(MODEL, 2)).predictor
    assert np.allclose(origin.typical, predictor.predict(as_jfk))
    assert not np.allclose(origin.typical, scores[origin.rows])


def test_what_is_trained_on_often_is_not_rare(small_stores: Stores) -> None:
    """And without kept counts nobody can say."""
    found, encoded, _ = columns(small_stores, 500.0)
    assert found["origin"].rows.size == 0
    row = small_stores.versions.get(MODEL, 2)
    assert sparse_categories_of(small_stores.scorer(row), encoded, None, 1) is None
