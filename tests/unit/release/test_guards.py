"""The hard guards: quick, gross, and silent on what healthy models do."""

from __future__ import annotations

import numpy as np
import pytest

from roadworthy.release.guards import Answers, Expected, GuardLimits, hard_guards

HEALTHY = np.random.default_rng(1).beta(2.0, 6.0, 500)
CHAMPION = Expected(0.25, 5_000, "champion")
REFERENCE = Expected(0.25, 100_000, "reference")


def rulings(outputs: np.ndarray, errors: int = 0, **keywords: object) -> dict[str, str]:
    """Guard → ruling."""
    answers = Answers.of(outputs, errors)
    return {verdict.check: verdict.ruling for verdict in hard_guards(answers, **keywords)}  # type: ignore[arg-type]


def test_a_healthy_model_passes_all() -> None:
    """Silence is the normal state."""
    assert rulings(HEALTHY, expected=[CHAMPION]) == dict.fromkeys(
        ["constant_output", "invalid_output", "mean_output"], "pass"
    )


def test_a_model_that_always_says_the_same_is_stopped_after_thirty_answers() -> None:
    """The untrained model of the field: 25 % for everybody; its mean is right, so only this guard sees it."""
    assert rulings(np.full(30, 0.25), expected=[CHAMPION])["constant_output"] == "fail"
    assert rulings(np.full(29, 0.25))["constant_output"] == "insufficient"


def test_a_nearly_constant_output_is_constant() -> None:
    """One answer in two hundred that differs does not make a model."""
    assert rulings(np.concatenate([np.full(199, 0.25), [0.9]]))["constant_output"] == "fail"


def test_null_answers_stop_a_version_after_three() -> None:
    """NaN, infinity and exceptions count alike."""
    assert rulings(np.array([np.nan, np.inf, 0.2]), errors=1)["invalid_output"] == "fail"
    assert rulings(np.zeros(0), errors=3)["invalid_output"] == "fail"
    assert rulings(np.zeros(0), errors=2)["invalid_output"] == "insufficient"


def test_one_bad_row_among_many_does_not_stop_a_version() -> None:
    """A caller's odd request is not the model's fault."""
    assert rulings(np.concatenate([HEALTHY, [np.nan, np.nan]]))["invalid_output"] == "pass"
    assert rulings(np.concatenate([HEALTHY, [np.nan] * 4]))["invalid_output"] == "pass"


@pytest.mark.parametrize("factor", [0.1, 1e-6, 100.0])
def test_a_scale_that_shifts_is_stopped(factor: float) -> None:
    """Means off by orders of magnitude, up or down, raise no error anywhere else."""
    assert rulings(HEALTHY * factor, expected=[CHAMPION])["mean_output"] == "fail"


def test_a_stormy_hour_is_no_scale_shift() -> None:
    """Against a reference, hours and days differ: the factor is wide; against the champion's same hour it is tight."""
    stormy = np.clip(HEALTHY + 0.4, 0.0, 1.0)
    assert rulings(stormy, expected=[REFERENCE])["mean_output"] == "pass"
    assert rulings(stormy, expected=[CHAMPION])["mean_output"] == "fail"


def test_a_mean_waits_for_rows_on_both_sides() -> None:
    """A champion that answered ten rows is nothing to compare with."""
    assert rulings(HEALTHY, expected=[Expected(0.9, 99, "champion")])["mean_output"] == "insufficient"
    assert rulings(HEALTHY[:99], expected=[CHAMPION])["mean_output"] == "insufficient"
    assert "mean_output" not in rulings(HEALTHY)


def test_no_answer_at_all_is_no_verdict() -> None:
    """Nothing measured, nothing passed."""
    assert set(rulings(np.zeros(0), expected=[CHAMPION]).values()) == {"insufficient"}


def test_the_reason_carries_value_limit_and_rows() -> None:
    """A person woken at night reads one sentence."""
    verdict = hard_guards(Answers.of(HEALTHY * 100), expected=[CHAMPION], subject="flight-delay@2")[2]
    assert verdict.subject == "flight-delay@2"
    assert "champion's 0.25" in verdict.reason
    assert "n=500" in verdict.reason
    assert verdict.limit == "<= 4"


def test_limits_are_arguments() -> None:
    """A team with other traffic writes other numbers."""
    limits = GuardLimits(constant_rows=5)
    assert rulings(np.full(5, 0.25), limits=limits)["constant_output"] == "fail"
