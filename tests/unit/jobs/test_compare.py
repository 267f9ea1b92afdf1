"""Two versions on the same logged requests."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from roadworthy.errors import DefinitionError, TooFewSamples, UnknownName
from roadworthy.features.arrow import batch_from_arrow
from roadworthy.jobs.compare import COLUMNS, compare, remarks
from roadworthy.jobs.stores import Stores
from roadworthy.predictionlog.journal import Journal
from roadworthy.stats.metrics import auc, calibration_error, log_loss
from small_workspace import MODEL, PROMOTED, SECOND_UNTIL, TRAFFIC, Small, answer, questions_of

CUT = SECOND_UNTIL - timedelta(days=14)


def test_both_versions_are_scored_on_the_same_rows_whoever_answered_them(
    small_stores: Stores, small: Small
) -> None:
    """Witness: the history itself, scored by both versions without the log."""
    total = compare(small_stores, MODEL, 1, 2)[-1]
    questions = questions_of(small_stores, small, TRAFFIC, PROMOTED + timedelta(days=19))
    questions = questions.take(~np.isnan(questions.label))
    scores = []
    for version in (1, 2):
        scorer = small_stores.scorer(small_stores.versions.get(MODEL, version))
        scores.append(scorer.score(batch_from_arrow(questions.table, scorer.schema)).output)
    old, new = scores
    assert total.n == questions.n
    assert total.log_loss is not None
    assert total.log_loss.value == pytest.approx(
        log_loss(new, questions.label) - log_loss(old, questions.label)
    )
    assert total.log_loss.low < total.log_loss.value < total.log_loss.high
    assert total.auc_old == pytest.approx(auc(old, questions.label))
    assert total.log_loss_new == pytest.approx(log_loss(new, questions.label))
    assert total.auc is not None
    assert total.auc.value == pytest.approx(auc(new, questions.label) - auc(old, questions.label))
    assert total.calibration_new == pytest.approx(calibration_error(new, questions.label))
    assert total.unlabelled == 1_500 - questions.n


def test_swapping_the_versions_turns_every_difference_round(small_stores: Stores) -> None:
    """There is no preference for the newer one."""
    there, back = compare(small_stores, MODEL, 1, 2), compare(small_stores, MODEL, 2, 1)
    for one, other in zip(there, back, strict=True):
        assert one.log_loss is not None
        assert other.log_loss is not None
        assert one.log_loss.value == pytest.approx(-other.log_loss.value)
        assert (one.auc_old, one.calibration_new) == (other.auc_new, other.calibration_old)


def test_every_month_has_a_row_and_the_total_comes_last(small_stores: Stores) -> None:
    """Cells fit the columns, and the same question has the same answer."""
    found = compare(small_stores, MODEL, 1, 2)
    assert [row.period for row in found] == ["2013-03", "2013-04", "total"]
    assert [row.n for row in found[:2]] == [905, 563]
    assert all(len(line) == len(COLUMNS) for row in found for line in row.lines())
    assert found == compare(small_stores, MODEL, 1, 2)


def test_rows_of_a_time_that_a_version_was_trained_on_are_left_out_and_counted(
    own_stores: Stores, own: Small
) -> None:
    """Version 2 knows February; to compare there would flatter it."""
    journal = Journal(own_stores.settings.nodes / "n" / "journals", 2)
    answer(own_stores, journal, 1, questions_of(own_stores, own, CUT - timedelta(days=5), CUT))
    found = compare(own_stores, MODEL, 1, 2)
    assert [(row.period, row.n, row.trained_on) for row in found] == [
        ("2013-02", 0, 150), ("2013-03", 905, 0), ("2013-04", 563, 0), ("total", 1_468, 150),
    ]  # fmt: skip
    assert "150 rows from times that one of the versions was trained on" in remarks(found)[0]


def test_a_unit_that_was_asked_again_counts_once(own_stores: Stores, own: Small) -> None:
    """The same unit twice is not twice the evidence."""
    journal = Journal(own_stores.settings.nodes / "n" / "journals", 2)
    answer(own_stores, journal, 2, questions_of(own_stores, own, PROMOTED - timedelta(days=2), PROMOTED))
    total = compare(own_stores, MODEL, 1, 2)[-1]
    assert (total.n, total.repeated) == (1_468, 60)


def test_outcomes_that_are_not_settled_yet_do_not_count(small_stores: Stores) -> None:
    """What is known early is not a fair sample of what will be known."""
    found = compare(small_stores, MODEL, 1, 2, as_of=PROMOTED + timedelta(days=1))
    april = found[1]
    assert april.n < 31
    assert april.unlabelled == 570 - april.n


def test_a_month_with_too_little_gives_nothing_instead_of_noise(small_stores: Stores) -> None:
    """Four days of April are rows, but no interval."""
    found = compare(small_stores, MODEL, 1, 2, end=PROMOTED + timedelta(days=4))
    april = found[1]
    assert (april.period, april.log_loss, april.calibration, april.auc_old) == ("2013-04", None, None, None)
    assert len(april.lines()) == 1
    assert found[-1].log_loss is not None
    assert any("2013-04" in line for line in remarks(found))


def test_what_cannot_be_compared_is_refused_with_a_sentence(small_stores: Stores) -> None:
    """A version with itself, one that does not exist, and a period without a settled outcome."""
    with pytest.raises(DefinitionError, match="with itself"):
        compare(small_stores, MODEL, 1, 1)
    with pytest.raises(UnknownName, match="trip-delay@9"):
        compare(small_stores, MODEL, 1, 9)
    with pytest.raises(TooFewSamples, match="1,500 rows without a settled outcome"):
        compare(small_stores, MODEL, 1, 2, as_of=TRAFFIC)
