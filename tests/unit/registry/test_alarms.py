"""Verdicts on windows, and the alarms that open and close with them."""

from __future__ import annotations

from datetime import timedelta
from itertools import count, permutations
from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from roadworthy.errors import DefinitionError
from roadworthy.registry.alarms import Alarms, Changes
from roadworthy.verdict import Ruling, Verdict

from .building import JULY, after

DAY = timedelta(days=1)
NAMESPACES = count()


def verdict(
    ruling: Ruling, subject: str = "delay@1", check: str = "calibration", **others: object
) -> Verdict:
    """A verdict of which only the ruling matters."""
    reason = f"calibration_error is judged {ruling}"
    return Verdict(check=check, subject=subject, ruling=ruling, reason=reason, **others)  # type: ignore[arg-type]


def judge(alarms: Alarms, day: int, *verdicts: Verdict, version: int | None = 1) -> Changes:
    """Record verdicts on one day of July; real time passes by a second a day."""
    start = JULY + day * DAY
    return alarms.record("delay", start, start + DAY, verdicts, after(day), start + DAY, version=version)


@pytest.fixture
def alarms(engine: Engine) -> Alarms:
    """An empty store."""
    return Alarms(engine, "default")


def test_a_verdict_comes_back_as_it_was_given(alarms: Alarms) -> None:
    """With its window, both times, and revision 0."""
    given = verdict(
        "fail", measured=0.031, limit="<= 0.02", unit="probability", n=48_210, evidence={"bins": [1, 2]}
    )
    judge(alarms, 0, given)
    (judged,) = alarms.verdicts("delay")
    assert judged.verdict == given
    assert (judged.model, judged.version, judged.revision) == ("delay", 1, 0)
    assert (judged.window_start, judged.window_end) == (JULY, JULY + DAY)
    assert (judged.at, judged.event_time) == (after(0), JULY + DAY)


def test_one_failure_over_many_days_is_one_alarm(alarms: Alarms) -> None:
    """People are told once when it begins and once when it ends."""
    changes = [
        judge(alarms, day, verdict(ruling))
        for day, ruling in enumerate(["pass", "fail", "fail", "fail", "pass"])
    ]
    assert [len(change.opened) for change in changes] == [0, 1, 0, 0, 0]
    assert [len(change.closed) for change in changes] == [0, 0, 0, 0, 1]
    (alarm,) = alarms.episodes("delay")
    assert (alarm.version, alarm.check, alarm.subject, alarm.window_start) == (
        1,
        "calibration",
        "delay@1",
        JULY + DAY,
    )
    assert (alarm.opened_at, alarm.opened_event_time) == (after(1), JULY + 2 * DAY)
    assert (alarm.closed_at, alarm.closed_event_time) == (after(4), JULY + 5 * DAY)
    assert (alarm.reason, alarm.closed_reason) == (
        "calibration_error is judged fail",
        "calibration_error is judged pass",
    )
    assert changes[4].closed == (alarm,)


def test_a_second_failure_after_a_recovery_is_a_second_alarm(alarms: Alarms) -> None:
    """Any number of closed episodes, at most one open."""
    for day, ruling in enumerate(["fail", "pass", "fail", "pass", "fail"]):
        judge(alarms, day, verdict(ruling))
    assert len(alarms.episodes()) == 3
    assert [alarm.window_start for alarm in alarms.open()] == [JULY + 4 * DAY]


@pytest.mark.parametrize("undecided", ["insufficient", "error", "cancelled"])
def test_what_could_not_be_judged_neither_opens_nor_closes(alarms: Alarms, undecided: Ruling) -> None:
    """Silence is not recovery, and it is not a failure."""
    assert judge(alarms, 0, verdict(undecided)) == Changes()
    judge(alarms, 1, verdict("fail"))
    judge(alarms, 2, verdict(undecided))
    assert len(alarms.open()) == 1
    assert [alarm.alarm for alarm in judge(alarms, 3, verdict("pass")).closed] == [alarms.episodes()[0].alarm]


def test_every_subject_check_and_version_has_its_own_alarm(alarms: Alarms) -> None:
    """One slice recovering does not silence another."""
    judge(alarms, 0, verdict("fail"), verdict("fail", "delay@1 carrier=UA"), verdict("fail", check="drift"))
    judge(alarms, 0, verdict("fail"), version=2)
    judge(alarms, 0, verdict("fail"), version=None)
    judge(alarms, 1, verdict("pass"), verdict("fail", "delay@1 carrier=UA"), verdict("fail", check="drift"))
    still = {(alarm.version, alarm.check, alarm.subject) for alarm in alarms.open("delay")}
    assert still == {
        (1, "calibration", "delay@1 carrier=UA"),
        (1, "drift", "delay@1"),
        (2, "calibration", "delay@1"),
        (None, "calibration", "delay@1"),
    }


def test_judging_again_alike_keeps_one_row(alarms: Alarms) -> None:
    """A repeated job leaves what is there, NaN included."""
    odd = verdict("error", measured=float("nan"))
    judge(alarms, 0, verdict("fail"), odd := verdict("error", "delay@1 carrier=UA", measured=odd.measured))
    assert judge(alarms, 0, verdict("fail"), odd) == Changes()
    assert [judged.revision for judged in alarms.verdicts("delay", revisions=True)] == [0, 0]


def test_a_revised_outcome_makes_a_new_revision_and_the_latest_is_read(alarms: Alarms) -> None:
    """What was said first stays readable."""
    judge(alarms, 0, verdict("pass", n=100))
    changes = judge(alarms, 0, verdict("pass", n=120))
    assert changes.revised == 1
    assert [(judged.revision, judged.verdict.n) for judged in alarms.verdicts("delay")] == [(1, 120)]
    both = alarms.verdicts("delay", revisions=True)
    assert [(judged.revision, judged.verdict.n) for judged in both] == [(0, 100), (1, 120)]


def test_a_revision_of_the_newest_window_moves_the_alarm(alarms: Alarms) -> None:
    """Labels that come late may open it and close it."""
    judge(alarms, 0, verdict("pass"))
    assert len(judge(alarms, 0, verdict("fail")).opened) == 1
    assert len(judge(alarms, 0, verdict("pass", n=5)).closed) == 1


def test_a_revision_of_an_older_window_leaves_the_alarm_to_the_newer_one(alarms: Alarms) -> None:
    """Yesterday's recovery does not silence today's failure, and an old failure does not open an alarm today."""
    judge(alarms, 0, verdict("fail"))
    judge(alarms, 1, verdict("fail"))
    assert judge(alarms, 0, verdict("pass")) == Changes(revised=1)
    judge(alarms, 2, verdict("pass"))
    assert judge(alarms, 1, verdict("fail", n=7)) == Changes(revised=1)
    assert alarms.open() == ()


def test_a_failure_that_is_taken_back_no_longer_counts(alarms: Alarms) -> None:
    """Outcomes were withdrawn, the window cannot be judged any more: the day before decides again."""
    judge(alarms, 0, verdict("pass"))
    judge(alarms, 1, verdict("fail"))
    assert len(judge(alarms, 1, verdict("insufficient")).closed) == 1


def test_an_older_window_counts_while_the_newer_ones_are_undecided(alarms: Alarms) -> None:
    """The newest window whose labels matured decides."""
    judge(alarms, 0, verdict("pass"))
    judge(alarms, 1, verdict("insufficient"))
    assert len(judge(alarms, 0, verdict("fail")).opened) == 1


def test_the_order_of_judging_does_not_change_whether_an_alarm_is_open(engine: Engine) -> None:
    """A backfill ends in the same state as three quiet days."""
    days: list[tuple[int, Ruling]] = [(0, "pass"), (1, "fail"), (2, "insufficient")]
    for number, order in enumerate(permutations(days)):
        alarms = Alarms(engine, f"order-{number}")
        for day, ruling in order:
            judge(alarms, day, verdict(ruling))
        assert [alarm.window_start for alarm in alarms.open()] == [JULY + DAY]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(get_args(Ruling))), max_size=10))
def test_an_alarm_is_open_exactly_when_the_newest_decided_day_failed(
    engine: Engine, judgements: list[tuple[int, Ruling]]
) -> None:
    """Days judged and judged again in any order; witness: the last word on each day, newest day first.

    Where no day is decided any more, the alarm stays as it was: silence is not recovery.
    """
    alarms = Alarms(engine, f"any-{next(NAMESPACES)}")
    last: dict[int, Ruling] = {}
    failing = False
    for day, ruling in judgements:
        judge(alarms, day, verdict(ruling))
        last[day] = ruling
        decided = [last[known] for known in sorted(last) if last[known] in ("pass", "fail")]
        failing = decided[-1] == "fail" if decided else failing
        assert len(alarms.open()) == failing
        assert {judged.window_start: judged.verdict.ruling for judged in alarms.verdicts("delay")} == {
            JULY + known * DAY: said for known, said in last.items()
        }


def test_two_verdicts_on_the_same_subject_are_refused(alarms: Alarms) -> None:
    """Which one would count?"""
    with pytest.raises(DefinitionError, match="has two verdicts for calibration of delay@1"):
        judge(alarms, 0, verdict("pass"), verdict("fail"))
    assert alarms.verdicts("delay") == ()


def test_alarms_of_a_version_that_no_longer_serves_are_closed_by_hand(alarms: Alarms) -> None:
    """No verdict on it will come; another version's alarms stay."""
    judge(alarms, 0, verdict("fail"))
    judge(alarms, 0, verdict("fail"), version=2)
    (closed,) = alarms.close("delay", 1, "rolled back", after(9))
    assert (closed.version, closed.closed_reason, closed.closed_at) == (1, "rolled back", after(9))
    assert [alarm.version for alarm in alarms.open()] == [2]
    assert alarms.close("delay", 1, "rolled back", after(10)) == ()


def test_verdicts_are_found_by_version_check_and_window(alarms: Alarms) -> None:
    """[start, end) of where the window begins."""
    for day in range(4):
        judge(alarms, day, verdict("pass"), verdict("pass", check="drift"))
    judge(alarms, 0, verdict("pass"), version=2)
    found = alarms.verdicts("delay", version=1, check="drift", start=JULY + DAY, end=JULY + 3 * DAY)
    assert [(judged.window_start, judged.verdict.check) for judged in found] == [
        (JULY + DAY, "drift"),
        (JULY + 2 * DAY, "drift"),
    ]


def test_namespaces_have_their_own_alarms(engine: Engine, alarms: Alarms) -> None:
    """A failing staging wakes nobody up."""
    judge(Alarms(engine, "staging"), 0, verdict("fail"))
    assert alarms.open() == ()
    assert alarms.verdicts("delay") == ()
