"""Windows without a fault: resampled honestly, judged as in life, and their rate said with its interval."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from scipy.stats import binomtest

from gate_evidence import healthy as healthy_evidence
from monitored_days import World, days, reference
from roadworthy.drills import clean as clean_windows
from roadworthy.drills.clean import Rate, drawn_days, resampled, watched
from roadworthy.errors import TooFewSamples
from roadworthy.profiles.summary import DayStatistics
from roadworthy.verdict import Verdict


@pytest.mark.parametrize(("of", "n"), [(0, 200), (3, 200), (200, 200), (1, 7)])
def test_the_interval_is_that_of_wilson(of: int, n: int) -> None:
    """Witness: scipy."""
    got, witness = Rate.counted(of, n), binomtest(of, n).proportion_ci(method="wilson")
    assert (got.low, got.high) == pytest.approx((witness.low, witness.high), abs=1e-6)


def test_held_out_rows_are_drawn_by_whole_days_and_stay_rows() -> None:
    """Every row keeps its label, scores and slices together; there are as many days as before."""
    evidence = healthy_evidence()
    before = evidence.holdout
    drawn = resampled(evidence, np.random.default_rng(1)).holdout
    assert before is not None
    assert drawn is not None
    rows = set(zip(before.labels, before.candidate, strict=True))
    assert set(zip(drawn.labels, drawn.candidate, strict=True)) <= rows
    assert np.unique(drawn.days).size == np.unique(before.days).size
    assert not np.array_equal(drawn.candidate, before.candidate)
    sizes = np.unique(before.days, return_counts=True)[1]
    assert set(np.unique(drawn.days, return_counts=True)[1]) <= set(sizes)


def test_facts_that_name_rows_by_their_number_are_drawn_with_them() -> None:
    """What is said with a typical entry stays with the row it is said of, however often that is drawn."""
    evidence = healthy_evidence()
    drawn = resampled(evidence, np.random.default_rng(1))
    assert evidence.holdout is not None
    assert drawn.holdout is not None
    assert evidence.sparse_categories is not None
    assert drawn.sparse_categories is not None
    (before,), (now,) = evidence.sparse_categories.columns, drawn.sparse_categories.columns
    said = dict(zip(evidence.holdout.candidate[before.rows], before.typical, strict=True))
    entries = dict(zip(evidence.holdout.candidate, before.entry, strict=True))
    assert now.rows.size > 0
    assert now.typical.tolist() == [said[score] for score in drawn.holdout.candidate[now.rows]]
    assert now.entry.tolist() == [entries[score] for score in drawn.holdout.candidate]


def test_clean_days_are_weeks_of_the_reference_in_their_weekday() -> None:
    """Six weeks in a row, each as some week was, so that a Sunday stays a Sunday."""
    held = reference().days
    drawn = drawn_days(held, np.random.default_rng(2))
    assert [day.day for day in drawn] == list(range(drawn[0].day, drawn[0].day + 42))
    weekday = {repr(day.profile): day.day % 7 for day in held}
    for day in drawn:
        assert weekday[repr(day.profile)] == day.day % 7


def test_a_reference_without_a_whole_week_has_no_windows() -> None:
    """Nothing is made up."""
    with pytest.raises(TooFewSamples, match="whole weeks, and the reference spans 6 days"):
        drawn_days(days(6, seed=1), np.random.default_rng(0))


def test_days_on_which_nobody_asks_stay_so() -> None:
    """A bank does not call on Sundays: its weeks have six days, and are looked at nevertheless."""
    held = [day for day in reference().days if day.day % 7 != 3]
    drawn = drawn_days(held, np.random.default_rng(2))
    assert len(drawn) == 36
    assert 3 not in {day.day % 7 for day in drawn}
    assert drawn[-1].day - drawn[0].day in range(40, 42)
    assert "missing" not in {found.check for found in watched(drawn, reference())}


def test_the_last_two_weeks_are_looked_at_with_the_four_before_each_day(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By the calendar, however many days of it nobody asked on."""
    looks: list[tuple[int, list[int]]] = []

    def look(against: object, known: list[DayStatistics], today: DayStatistics) -> list[Verdict]:
        looks.append((today.day, [day.day for day in known]))
        return []

    monkeypatch.setattr(clean_windows, "judge_day", look)
    monkeypatch.setattr(clean_windows, "judge_matured", lambda against, days: [])
    drawn = drawn_days([day for day in reference().days if day.day % 7 != 3], np.random.default_rng(2))
    watched(drawn, reference())
    assert [today for today, _ in looks] == [day.day for day in drawn[-12:]]
    for today, known in looks:
        assert known == [day.day for day in drawn if today - 28 <= day.day < today]
        assert len(known) == 24


def test_a_world_that_changed_is_noticed_where_a_clean_one_is_not() -> None:
    """The same looking finds what is there: half of the wind missing on the last day."""
    clean = drawn_days(reference().days, np.random.default_rng(3))
    windless = days(7, seed=3, world=World(missing=0.5))[-1]
    broken = [*clean[:-1], msgspec.structs.replace(windless, day=clean[-1].day)]
    assert "missing" not in {found.check for found in watched(clean, reference())}
    assert "missing" in {found.check for found in watched(broken, reference())}
