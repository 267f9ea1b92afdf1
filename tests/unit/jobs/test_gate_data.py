"""Questions are counted by day when a version is trained; what is kept says nothing of any of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from roadworthy.gate import data
from roadworthy.gate.data_facts import DataFacts
from roadworthy.gate.evidence import Evidence
from roadworthy.jobs.gate_data import DAYS_FILE, data_facts
from roadworthy.jobs.ingest import ingest_file
from roadworthy.jobs.stores import Stores
from roadworthy.jobs.train import holdout_path, train
from small_workspace import HALF_MONTH, MODEL, SECOND_UNTIL, define


def facts_of(stores: Stores, version: int = 1) -> DataFacts | None:
    """As the gate measures them."""
    row = stores.versions.get(MODEL, version)
    return data_facts(stores, row, holdout_path(stores, row.digest).parent)


def failing(facts: DataFacts | None) -> list[str]:
    """Parts that do not pass."""
    verdicts = data.judge(Evidence(model=MODEL, version=1, data=facts))
    return [each.subject.split()[-1] for each in verdicts if each.ruling != "pass"]


def test_the_small_town_is_counted_by_day_and_passes(small_stores: Stores) -> None:
    """Thirty trips a day for 59 days, of which the last waits for its labels."""
    facts = facts_of(small_stores, 2)
    assert facts is not None
    assert set(facts.rows.tolist()) == {30.0}
    assert (facts.rows.size, facts.ripe.sum(), facts.repeated.sum()) == (73, 72, 0)
    assert facts.training[0] + facts.held_out[0] == pytest.approx(facts.labelled.sum(), abs=5)
    assert facts.declared == ("gate",)
    assert {each.value for each in facts.sources} == {"A", "B"}
    assert np.array_equal(sum(each.positive for each in facts.sources), facts.positive)
    assert [(each.version, each.columns == facts.columns) for each in facts.earlier] == [(1, True)]
    assert failing(facts) == failing(facts_of(small_stores)) == []


def test_what_was_trained_before_days_were_counted_is_missing_evidence(own_stores: Stores) -> None:
    """And not a pass."""
    row = own_stores.versions.get(MODEL, 1)
    (holdout_path(own_stores, row.digest).parent / DAYS_FILE).unlink()
    assert facts_of(own_stores) is None


def test_what_is_kept_of_the_days_names_no_unit(small_stores: Stores) -> None:
    """Forgetting a unit need not look there."""
    row = small_stores.versions.get(MODEL, 1)
    assert b"T0" not in (holdout_path(small_stores, row.digest).parent / DAYS_FILE).read_bytes()


DAYS_LOST = "    .filter(pa.array((np.arange(n) // 30 < 50) | (np.arange(n) // 30 > 52)))\n"
LABELS_LOST = "    late &= (np.arange(n) // 30 < 58) | (np.arange(n) // 30 > 69)\n"


@pytest.mark.parametrize(
    ("before", "fault", "part"),
    [("\n\n\ntrips = table(", DAYS_LOST, "volume"), ("    never = ", LABELS_LOST, "labels")],
)
def test_days_that_are_lacking_or_lost_their_labels_fail(
    before: str, fault: str, part: str, tmp_path: Path
) -> None:
    """Three days that never came; twelve days on which nobody was late."""
    small = define(tmp_path)
    text = small.definition.read_text()
    small.definition.write_text(text.replace(before, ("\\\n" if part == "volume" else "") + fault + before))
    stores = small.stores()
    ingest_file(stores.settings, small.definition)
    train(stores, small.definition, until=SECOND_UNTIL, holdout=HALF_MONTH)
    facts = facts_of(stores)
    stores.engine.dispose()
    assert failing(facts) == [part]
