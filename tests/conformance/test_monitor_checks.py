"""What every monitor check owes: silence on health, a sentence, its severity, and no verdict without evidence.

A new check joins by its line in DAILY or MATURED; the tests below then hold it to the same manners.
"""

from __future__ import annotations

import math

import msgspec
import pytest

from monitored_days import World, days, reference
from roadworthy.monitoring.budget import SHARES, Budget
from roadworthy.monitoring.window import DAILY, MATURED, Thresholds, judge_day, judge_matured
from roadworthy.profiles.reference import Reference
from roadworthy.verdict import Verdict

CHECKS = (*DAILY, *MATURED)

#: For each check a world in which it must fail within four weeks.
BROKEN = {
    "volume": World(rows=0.3),
    "missing": World(missing=0.4),
    "unknown": World(unknown=0.2),
    "prediction_mean": World(scale=0.05),
    "prediction_p50": World(scale=0.05),
    "prediction_p99": World(scale=0.05),
    "prediction_distance": World(scale=0.3),
    "input_distance": World(wind=2.0),
    "calibration": World(log_odds=1.5),
    "calibration_error": World(log_odds=2.0),
    "performance": World(ranking=0.0),
}


def verdicts(world: World, seed: int = 5, length: int = 28) -> list[Verdict]:
    """All verdicts of the last of 28 days."""
    held = days(length, seed, world)
    today, history = held[-1], held[:-1]
    subject = "flight-delay@1"
    return judge_day(reference(), history, today, subject=subject) + judge_matured(
        reference(), held, subject=subject
    )


HEALTHY = verdicts(World())


@pytest.mark.parametrize("check", CHECKS)
def test_a_check_is_silent_on_health(check: str) -> None:
    """Days drawn as the reference was drawn pass."""
    assert {verdict.ruling for verdict in HEALTHY if verdict.check == check} == {"pass"}


@pytest.mark.parametrize("check", CHECKS)
def test_a_check_fails_on_what_it_is_there_for(check: str) -> None:
    """A check that nothing fails is a claim."""
    assert "fail" in {verdict.ruling for verdict in verdicts(BROKEN[check]) if verdict.check == check}


@pytest.mark.parametrize("check", CHECKS)
def test_a_verdict_carries_what_a_job_and_a_person_need(check: str) -> None:
    """Severity and consequence stand in the evidence, value and limit in the sentence, and all of it is JSON."""
    for verdict in (verdict for verdict in HEALTHY if verdict.check == check):
        assert verdict.subject.startswith("flight-delay@1")
        assert verdict.evidence["severity"] == SHARES[check].severity
        assert verdict.evidence["calls_for"] == SHARES[check].calls_for
        assert verdict.measured is not None
        assert math.isfinite(verdict.measured)
        assert f"{verdict.measured:.4g}" in verdict.reason
        assert verdict.limit
        assert verdict.limit in verdict.reason
        assert f"n={verdict.n:,}" in verdict.reason
        assert msgspec.json.decode(msgspec.json.encode(verdict), type=Verdict) == verdict


@pytest.mark.parametrize("check", CHECKS)
def test_a_short_reference_gives_no_verdict_rather_than_a_guess(check: str) -> None:
    """From twenty days nothing can be said about one false alarm a year."""
    short = Reference(reference().cells, reference().days[:20])
    held = days(10, seed=6)
    found = judge_day(short, held[:-1], held[-1]) + judge_matured(short, held)
    assert {verdict.ruling for verdict in found if verdict.check == check} == {"insufficient"}


@pytest.mark.parametrize("check", CHECKS)
def test_a_check_has_a_share_of_the_budget(check: str) -> None:
    """A threshold without a budget would be a number that somebody liked."""
    assert Budget().of(check) > 0
    assert Thresholds.of(reference(), Budget()).watched(check)


def test_the_shares_add_up_to_one_false_alarm_a_year() -> None:
    """The promise is made for all checks of a model together."""
    assert sum(share.per_year for share in SHARES.values()) == pytest.approx(1.0)


def test_drift_never_calls_for_action() -> None:
    """Inputs that moved may be the season; only calibration, performance and parity may act."""
    acting = {check for check, share in SHARES.items() if share.calls_for != "look"}
    assert acting == {"calibration", "calibration_error", "performance", "encoding_parity"}
    assert {check for check, share in SHARES.items() if check.endswith("distance")} <= {
        check for check, share in SHARES.items() if share.severity == "warning"
    }
