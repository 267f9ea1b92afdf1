"""D8 and D9: what a wrong list touched is told to whom asks, and few rows that are split unevenly before any gate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pytest

from roadworthy.drills import d08_bad_provenance as d08
from roadworthy.drills import d09_random_split as random_split
from roadworthy.drills import d09_unbalanced_split as d09
from roadworthy.drills.cell import brought_in, opened
from roadworthy.drills.deployment import Deployment
from roadworthy.drills.result import Cell
from roadworthy.jobs.questions import NEVER, Questions

Drilled = Callable[..., Cell]


def test_lineage_names_what_learned_from_a_wrong_list_and_whom_that_answered(drilled: Drilled) -> None:
    """Nobody could have known; all of the traffic was answered by then."""
    cell = drilled(d08.FAULT)
    assert (cell.outcome, cell.guards, cell.harmed) == ("caught", ("trace",), 1.0)
    assert cell.catches[0].stage == "after"
    assert "trip-delay@3 was trained on" in cell.catches[0].sentence
    assert cell.catches[0].rows == cell.live_rows


def test_a_lineage_that_is_not_the_truth_is_no_catch(broken: Deployment) -> None:
    """The candidate does not answer, so what is said of its answers cannot be right."""
    d08.FAULT.inject(broken, 0.05, np.random.default_rng(1))
    assert brought_in(broken, accept="drilled") == []
    with opened(broken) as stores:
        assert d08.lineage(broken, stores, "trip-delay@2", 10) == ""


def test_every_version_that_learned_from_the_list_must_be_named(
    broken: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that answers is not enough: the list was in an earlier training as well, with fewer of its units."""
    d08.FAULT.inject(broken, 0.05, np.random.default_rng(1))
    assert brought_in(broken, accept="drilled") == []
    with opened(broken) as stores:
        told = d08.lineage(broken, stores, "trip-delay@1", 10)
        assert "trip-delay@1 was trained on" in told
        assert "trip-delay@2 was trained on" in told
        whole = d08.trace_rows

        def forgetful(*given: Any) -> Any:
            traced = whole(*given)
            return msgspec.structs.replace(traced, versions=traced.versions[:1])

        monkeypatch.setattr(d08, "trace_rows", forgetful)
        assert d08.lineage(broken, stores, "trip-delay@1", 10) == ""


def test_few_rows_that_are_split_unevenly_are_not_trained_on(drilled: Drilled) -> None:
    """Nothing can be measured on two rows. That rows are few is said of this model anyway, and does not count."""
    cell = drilled(d09.FAULT)
    assert cell.outcome == "caught", cell
    assert (cell.catches[0].stage, cell.catches[0].guard) == ("data", "train")
    assert "one outcome is too rare" in cell.catches[0].sentence
    less = drilled(d09.FAULT, severity=0.2)
    assert "Few rows" not in {catch.sentence.partition(":")[0] for catch in less.catches}


def test_a_split_at_random_is_refused_because_some_rows_are_older(drilled: Drilled) -> None:
    """One held-out row in twenty is enough, and nothing else looks at it."""
    cell = drilled(random_split.FAULT)
    assert (cell.outcome, cell.guards[0]) == ("caught", "later_rows"), cell
    assert "h between, < limit 0" in cell.catches[0].sentence
    assert drilled(random_split.FAULT, off=random_split.FAULT.guards).outcome == "missed"


def test_rows_that_change_sides_are_exchanged_one_for_one() -> None:
    """Both sides stay as large as they were, and nobody stands on both."""
    asked = np.arange(100)
    label = np.where(asked % 7 == 0, np.nan, asked % 2)
    known = np.where(np.isnan(label), NEVER, asked)
    questions = Questions(pa.table({"unit": asked}), asked, label, known)
    split = random_split.SplitAtRandom(questions, 0.2, seed=3)
    learn = split.before(70)
    held = split.take((asked >= 70) & ~np.isnan(label))
    assert (learn.n, held.n) == (70, 25)
    assert not set(learn.asked_at) & set(held.asked_at)
    assert (held.asked_at < 70).sum() == (learn.asked_at >= 70).sum() == 5
    assert not np.isnan(held.label).any()
