"""Running counts say what counting everything again says."""

from __future__ import annotations

import math

import numpy as np
import pytest

from roadworthy.release.counting import STRETCH, Answer, Counts
from roadworthy.release.guards import Answers


def said(key: int, stretch: float, output: float | None, **more: object) -> Answer:
    """An answer at a moment, counted in stretches."""
    at = int(stretch * STRETCH)
    return Answer(key, at, at, output, **{"failed": output is None, "told": output is not None, **more})  # type: ignore[arg-type]  # flags


def counted(counts: Counts) -> Answers:
    """What is counted, where that is known."""
    answers = counts.answers()
    assert answers is not None
    return answers


@pytest.mark.parametrize("seed", range(20))
def test_counts_of_a_sliding_window_are_those_of_its_answers(seed: int) -> None:
    """Whatever is constant, skewed, NaN or failing in it; where the pivot tells nothing, counting anew does."""
    rng = np.random.default_rng(seed)
    kept: list[Answer] = []
    counts, anew = Counts(), 0
    for stretch in range(60):
        level = rng.choice([0.25, np.nan, rng.random()], p=[0.5, 0.1, 0.4])
        for number in range(int(rng.integers(0, 40))):
            output = level if rng.random() < rng.choice([0.2, 0.97]) else float(rng.beta(2, 5))
            one = said(
                stretch * 1_000 + number, stretch + number / 50, None if rng.random() < 0.02 else output
            )
            kept.append(one)
            counts.add(one)
        start = max(0, stretch - 20) * STRETCH
        kept = [one for one in kept if one.event_time >= start]
        counts.forget(start, stretch * STRETCH)
        outputs = np.array([one.output for one in kept if one.output is not None])
        expected = Answers.of(outputs, sum(one.failed for one in kept))
        answers = counts.answers()
        if answers is None:
            finite = outputs[np.isfinite(outputs)]
            counts, anew = Counts(float(np.quantile(finite, 0.75, method="lower"))), anew + 1
            for one in kept:
                counts.start_with(one, stretch * STRETCH)
            answers = counted(counts)
        assert (answers.given, answers.finite, answers.errors) == (
            expected.given,
            expected.finite,
            expected.errors,
        )
        assert answers.total == pytest.approx(expected.total)
        if answers.finite >= 30:
            assert answers.constant == expected.constant
    assert anew < 15, "the pivot serves for long"


def test_a_repeated_request_counts_once_by_the_answer_that_reached_its_client() -> None:
    """A failed attempt is forgotten for the one that was answered; a later repeat changes nothing."""
    counts = Counts()
    counts.add(said(1, 0.1, None))
    assert counted(counts).errors == 1
    counts.add(said(1, 0.2, 0.3))
    counts.add(said(1, 1.5, 0.3))
    assert (counted(counts).given, counted(counts).errors) == (1, 0)
    counts.add(said(2, 0.3, 0.4, told=False))
    counts.add(said(2, 0.4, 0.4))
    assert counted(counts).given == 2


def test_a_repeat_of_long_ago_counts_as_a_request_of_its_own() -> None:
    """What is remembered is bounded, whatever the traffic."""
    counts = Counts()
    counts.add(said(1, 0.0, 0.3))
    counts.forget(0, 10 * STRETCH)
    counts.add(said(1, 10.0, 0.3))
    assert counted(counts).given == 2


def test_a_huge_answer_leaves_the_sum_of_others_when_it_is_forgotten() -> None:
    """Sums are kept by stretch and never subtracted, so nothing is lost beside 1e300."""
    counts = Counts()
    counts.add(said(1, 0.0, 1e300))
    counts.add(said(2, 1.0, 0.3))
    counts.forget(STRETCH, STRETCH)
    assert counted(counts).mean == 0.3
    assert math.isnan(Answers().mean)
