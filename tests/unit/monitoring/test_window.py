"""What a job relies on: maturity, revision, order, honesty about the past and about days without rows."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from monitored_days import FIRST, LENGTH, World, days, reference, rows
from roadworthy.errors import DefinitionError
from roadworthy.features.batch import Batch
from roadworthy.monitoring.budget import Budget
from roadworthy.monitoring.window import DayStatistics, day_statistics, judge_day, judge_matured
from roadworthy.verdict import Verdict


def of(verdicts: list[Verdict], check: str) -> Verdict:
    """The one verdict of a check without a key."""
    return next(verdict for verdict in verdicts if verdict.check == check)


def unripe(day: DayStatistics) -> DayStatistics:
    """The same day before its outcome windows have passed."""
    return msgspec.structs.replace(day, matured=day.profile.n // 2)


def test_one_day_counted_alone_is_the_day_of_a_period() -> None:
    """A tick reads the new day only."""
    held = rows(FIRST + LENGTH, 1, seed=3)
    single = day_statistics(reference(), FIRST + LENGTH, held.inputs, held.states, held.outputs, held.labels)
    assert single == days(1, seed=3)[0]


def test_a_window_is_judged_when_matured_and_not_before() -> None:
    """The last days' early labels are of the early kind; they wait."""
    held = days(30, seed=4)
    early = judge_matured(reference(), [*held[:-3], *map(unripe, held[-3:])])
    assert early == judge_matured(reference(), held[:-3])
    assert of(early, "calibration").evidence["day"] == held[-4].day


def test_a_revised_outcome_is_judged_again() -> None:
    """Judging is a function of days: other labels, another verdict."""
    before, after = days(28, seed=4), days(28, seed=4, world=World(log_odds=1.5))
    assert of(judge_matured(reference(), before), "calibration").ruling == "pass"
    assert of(judge_matured(reference(), after), "calibration").ruling == "fail"


def test_what_comes_later_never_changes_a_verdict() -> None:
    """History given whole, shuffled or cut to what is needed gives the same verdicts."""
    held = days(120, seed=8)
    today = held[60]
    shuffled = [held[at] for at in np.random.default_rng(0).permutation(120) if at != 60]
    assert judge_day(reference(), shuffled, today) == judge_day(reference(), held[33:60], today)
    assert judge_matured(reference(), held[:100]) == judge_matured(reference(), held[3:100])


def test_a_day_without_rows_is_a_volume_alarm_and_nothing_else() -> None:
    """No row, no missing share, no distance; but somebody must look."""
    held = days(6, seed=9)
    none = Batch({name: column[:0] for name, column in {"wind": np.zeros(0)}.items()}, 0)
    today = day_statistics(reference(), held[-1].day + 1, none, {}, np.zeros(0))
    verdicts = judge_day(reference(), held, today)
    assert {verdict.check for verdict in verdicts if verdict.ruling == "fail"} == {"volume"}


def test_the_same_weekday_is_the_measure_of_volume() -> None:
    """Two thirds of the rows every Sunday are no alarm on a Sunday."""
    cut = tuple(
        msgspec.structs.replace(
            day,
            profile=msgspec.structs.replace(
                day.profile, n=round(day.profile.n * (0.66 if (day.day + 3) % 7 == 6 else 1.0) + day.day % 5)
            ),
        )
        for day in (*reference().days, *days(14, seed=2))
    )
    weekly = msgspec.structs.replace(reference(), days=cut[:LENGTH])
    for at in range(LENGTH, LENGTH + 14):
        assert of(judge_day(weekly, cut[at - 7 : at], cut[at]), "volume").ruling == "pass"


def test_a_smaller_budget_is_more_patient() -> None:
    """The budget is the one knob: ten times fewer false alarms, wider limits."""
    held = days(28, seed=4)
    strict = of(judge_matured(reference(), held, budget=Budget(10.0)), "calibration")
    patient = of(judge_matured(reference(), held, budget=Budget(0.1)), "calibration")
    assert patient.evidence["score"] < strict.evidence["score"]


def test_healthy_half_years_stay_within_the_budget() -> None:
    """Two healthy years of looking at everything: two episodes expected; seven or more once in 200 such tests."""
    episodes = 0
    for seed in (21, 22, 23, 24):
        held = days(182, seed=seed)
        last: dict[tuple[str, str], int] = {}
        for at in range(7, 182, 2):
            found = judge_day(reference(), held[at - 7 : at], held[at])
            found += judge_matured(reference(), held[max(at - 97, 0) : at + 1]) if at % 3 == 0 else []
            for verdict in found:
                if verdict.ruling == "fail":
                    key = (verdict.check, verdict.subject)
                    episodes += at - last.get(key, -99) > 14
                    last[key] = at
    assert episodes < 7


def test_a_tiny_but_certain_gap_is_no_alarm() -> None:
    """Between-day variance of almost nothing makes anything sure; under a point it does not matter."""
    score = World(log_odds=0.03)
    for verdict in judge_matured(reference(), days(120, seed=5, world=score)):
        assert verdict.ruling == "pass"


def test_a_small_outage_of_one_day_is_no_alarm_and_a_large_one_is() -> None:
    """Four points of coverage lost for a day need nobody at night; thirty do."""
    for missing, ruling in ((0.05, "pass"), (0.32, "fail")):
        held = (*days(6, seed=3), days(7, seed=3, world=World(missing=missing))[-1])
        verdicts = judge_day(reference(), held[:-1], held[-1])
        assert next(each for each in verdicts if each.subject == "model wind").check == "missing"
        assert next(each for each in verdicts if each.subject == "model wind").ruling == ruling


def test_drift_names_the_cells_that_moved() -> None:
    """A distance is a number; the reader wants to know what came instead of what."""
    held = days(7, seed=3, world=World(wind=2.0))
    found = judge_day(reference(), held[:-1], held[-1])
    verdict = next(each for each in found if each.check == "input_distance" and each.subject == "model wind")
    moved = verdict.evidence["most_moved"]
    assert len(moved) == 3
    assert any(name.endswith("to inf") or share < 0 for name, share in moved.items())


def test_a_day_given_twice_is_refused() -> None:
    """Two halves of a day are added first, or its rows count twice."""
    held = days(5, seed=1)
    with pytest.raises(DefinitionError, match="twice"):
        judge_day(reference(), [held[0], held[0]], held[-1])


def test_nothing_matured_is_no_verdict() -> None:
    """Neither pass nor fail before the first outcome."""
    verdicts = judge_matured(reference(), days(10, seed=1, labelled=False))
    assert {verdict.ruling for verdict in verdicts} == {"insufficient"}
    assert {verdict.ruling for verdict in judge_matured(reference(), [])} == {"insufficient"}
