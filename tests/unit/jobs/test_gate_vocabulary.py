"""Texts are counted where training, held-out rows and traffic have them; the small town's are in order."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from roadworthy.features.arrow import batch_from_arrow
from roadworthy.gate import vocabulary
from roadworthy.gate.evidence import Evidence
from roadworthy.gate.vocabulary_facts import VocabularyFacts
from roadworthy.jobs.gate_traffic import served_lately
from roadworthy.jobs.gate_vocabulary import ENTRIES_FILE, vocabulary_facts
from roadworthy.jobs.ingest import ingest_file
from roadworthy.jobs.stores import Stores
from roadworthy.jobs.train import holdout_path, train
from small_workspace import FIRST_UNTIL, HALF_MONTH, MODEL, PROMOTED, Small, define


def facts_of(stores: Stores, version: int = 1) -> VocabularyFacts | None:
    """As the gate measures them, without its server."""
    row = stores.versions.get(MODEL, version)
    scorer = stores.scorer(row)
    held_out = batch_from_arrow(pq.read_table(holdout_path(stores, row.digest)), scorer.schema)
    return vocabulary_facts(holdout_path(stores, row.digest).parent, scorer.features, held_out)


def test_texts_are_counted_in_training_and_held_out_rows(small_stores: Stores) -> None:
    """45 days of 30 rows were trained on, of which 97 in 100 are labelled, and 14 held out."""
    facts = facts_of(small_stores)
    assert facts is not None
    texts = {each.feature: each for each in facts.texts}
    assert set(texts) == {"origin", "before"}
    assert texts["origin"].trained.sum() == 45 * 30
    held_out = facts.rows - 45 * 30
    assert 14 * 28 < held_out <= 14 * 30
    assert sum(texts["origin"].held_out.values()) == held_out
    assert set(texts["before"].entries) == set(texts["before"].held_out) == {"JFK", "EWR", "LGA"}


def test_what_was_trained_before_texts_were_counted_is_missing_evidence(own_stores: Stores) -> None:
    """And not a pass."""
    row = own_stores.versions.get(MODEL, 1)
    (holdout_path(own_stores, row.digest).parent / ENTRIES_FILE).unlink()
    assert facts_of(own_stores) is None


def test_what_is_kept_of_the_training_rows_holds_no_text(small: Small, small_stores: Stores) -> None:
    """Forgetting a unit need not look there."""
    row = small_stores.versions.get(MODEL, 1)
    kept = (holdout_path(small_stores, row.digest).parent / ENTRIES_FILE).read_bytes()
    assert b"EWR" not in kept


def test_the_small_town_passes_with_its_traffic(small_stores: Stores) -> None:
    """No vocabulary of it is odd, and a month of requests is known to it."""
    row = small_stores.versions.get(MODEL, 1)
    scorer = small_stores.scorer(row)
    traffic = served_lately(small_stores, row, scorer, scorer, PROMOTED)
    evidence = Evidence(model=MODEL, version=1, vocabularies=facts_of(small_stores), traffic=traffic)
    verdicts = vocabulary.judge(evidence)
    assert [(each.ruling, each.measured) for each in verdicts] == [("pass", 0.0), ("pass", 0.0)]
    assert verdicts[1].n > 400


@pytest.mark.parametrize("clean", [False, True])
def test_a_history_that_keeps_a_parameter_fails_until_the_named_cleaner_is_there(
    clean: bool, tmp_path: Path
) -> None:
    """Every tenth row names an airport with a parameter behind it: two numbers for one place."""
    small = define(tmp_path)
    text = small.definition.read_text()
    text = text.replace('"before": [[', '"before": [["JFK$hl=en_US"] if k % 10 == 0 else [')
    if clean:
        text = text.replace(
            "from roadworthy import", "from roadworthy.cleaners import app_id\nfrom roadworthy import"
        )
        text = text.replace('categories("before", length=2)', 'categories("before", length=2, clean=app_id)')
    small.definition.write_text(text)
    stores = small.stores()
    ingest_file(stores.settings, small.definition)
    train(stores, small.definition, until=FIRST_UNTIL, holdout=HALF_MONTH)
    facts = facts_of(stores)
    merged = vocabulary.judge(replace(Evidence(model=MODEL, version=1), vocabularies=facts))[0]
    stores.engine.dispose()
    if clean:
        assert (merged.ruling, merged.measured) == ("pass", 0.0)
    else:
        assert merged.ruling == "fail"
        assert "'JFK$hl=en_US'" in merged.reason
        assert "which cleaner without_parameters would make one" in merged.reason
