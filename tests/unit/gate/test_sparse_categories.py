"""Entries that training hardly met are judged together, by whether a typical one would do better."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gate_evidence import healthy
from roadworthy.gate import sparse_categories
from roadworthy.gate.arranging import applies
from roadworthy.gate.evidence import Evidence
from roadworthy.gate.sparse_categories_facts import SparseCategories, SparseColumn
from roadworthy.verdict import Limit, Verdict


def column() -> SparseColumn:
    """The healthy column."""
    assert healthy().sparse_categories is not None
    return healthy().sparse_categories.columns[0]


def verdict(evidence: Evidence) -> Verdict:
    """The one verdict."""
    (found,) = sparse_categories.CHECK.judge(evidence)
    return found


def random_entries(spread: float, entries: int = 60) -> Evidence:
    """The rare rows have one of many entries, each moved at random, as if it never got a gradient."""
    holdout, chance = healthy().holdout, np.random.default_rng(2)
    rows = column().rows
    moved = chance.normal(-0.9, spread, entries)[chance.integers(0, entries, rows.size)]
    scores = holdout.candidate.copy()
    scores[rows] = 1 / (1 + np.exp(-(np.log(scores[rows] / (1 - scores[rows])) + moved)))
    beside = replace(column(), typical=holdout.candidate[rows])
    return replace(
        healthy(),
        holdout=replace(holdout, candidate=scores),
        sparse_categories=SparseCategories(columns=(beside,)),
    )


def test_entries_that_kept_random_values_fail_though_their_mean_is_right() -> None:
    """Too high here and too low there: no entry has rows enough, all together have."""
    evidence = random_entries(2.5)
    rows = column().rows
    assert abs((evidence.holdout.candidate - evidence.holdout.labels)[rows].mean()) < 0.05
    found = verdict(evidence)
    assert found.ruling == "fail"
    assert found.evidence["harmed"] == ["carrier"]
    assert "surely cost more log loss than a typical entry in their place" in found.reason
    wide = {"sparse_log_loss": Limit.parse("<= 1.5")}
    assert verdict(replace(evidence, limits=wide)).ruling == "pass"


def test_entries_about_which_much_was_learned_pass() -> None:
    """A typical entry in their place would do worse."""
    worse = replace(column(), typical=np.full(column().rows.size, 0.6))
    found = verdict(replace(healthy(), sparse_categories=SparseCategories(columns=(worse,))))
    assert found.ruling == "pass"
    assert found.measured < -0.01


def test_few_rows_are_sparse_and_no_fault() -> None:
    """Ninety rows, all of them wrong: nothing is said of the column, and it is said why."""
    few = replace(column(), rows=column().rows[:90], typical=healthy().holdout.labels[column().rows[:90]])
    found = verdict(replace(healthy(), sparse_categories=SparseCategories(columns=(few,))))
    assert found.ruling == "pass"
    assert found.reason.startswith("does not apply: the rare entries of no column have 100 rows on 5 days")


def test_a_model_without_text_has_no_categories() -> None:
    """It says so; what nobody looked at is another matter."""
    found = verdict(replace(healthy(), sparse_categories=SparseCategories(columns=())))
    assert (found.ruling, found.n) == ("pass", 0)
    assert verdict(replace(healthy(), sparse_categories=None)).ruling == "insufficient"


def test_the_gap_is_told_by_how_often_entries_were_trained_on() -> None:
    """With its interval; entries that differ surely are named by their number, sparse ones are counted."""
    holdout = healthy().holdout
    second = column().entry == 1
    scores = np.where(second, np.clip(holdout.candidate + 0.2, 0.0, 1.0), holdout.candidate)
    found = verdict(replace(healthy(), holdout=replace(holdout, candidate=scores))).evidence
    assert [bucket["trained_from"] for bucket in found["buckets"]["carrier"]] == [1, 1_000]
    entries = found["entries"]["carrier"]
    assert entries["differ"][0]["entry"] == 1
    assert entries["differ"][0]["low"] > 0.05
    assert (entries["judged"], entries["sparse"]) == (4, 0)


def test_the_limit_says_that_only_a_sure_loss_breaks_it() -> None:
    """Ninety-odd rows may cost more than the limit by chance, and the table says that this passes."""
    found = verdict(random_entries(2.5))
    near = {"sparse_log_loss": Limit.parse(f"<= {found.measured - 0.001:.4f}")}
    passed = verdict(replace(random_entries(2.5), limits=near))
    assert (passed.ruling, passed.limit) == ("pass", f"not surely > {near['sparse_log_loss'].value:g}")


def test_what_is_sparse_is_listed_among_what_does_not_apply() -> None:
    """It was looked at, and there was nothing to judge: no row is said to stand behind a pass."""
    few = replace(column(), rows=column().rows[:90], typical=healthy().holdout.labels[column().rows[:90]])
    found = verdict(replace(healthy(), sparse_categories=SparseCategories(columns=(few,))))
    assert not applies(found)
    assert found.evidence["buckets"]["carrier"]


def test_a_column_without_rare_rows_stands_beside_one_that_has_them() -> None:
    """Whichever rows were held out, the others are judged as before."""
    none = replace(column(), column="origin", rows=column().rows[:0], typical=column().typical[:0])
    alone = verdict(healthy())
    both = verdict(replace(healthy(), sparse_categories=SparseCategories(columns=(column(), none))))
    assert (both.ruling, both.measured) == (alone.ruling, alone.measured)
