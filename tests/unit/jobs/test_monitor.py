"""Days are judged when they are due: once, again when labels change, and never before they are over."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import numpy as np
import pytest
from msgspec.structs import replace

from roadworthy.clock import DAY_MICROS, ReplayClock, instant, micros
from roadworthy.errors import Conflict, CorruptArtifact, NotReady
from roadworthy.jobs import monitor as monitoring
from roadworthy.jobs.days import Watched, kept_days, read_day, statistics
from roadworthy.jobs.elsewhere import monitor_any
from roadworthy.jobs.monitor import monitor
from roadworthy.jobs.monitored import Monitored
from roadworthy.jobs.stores import Stores
from roadworthy.monitoring import vocabulary
from roadworthy.predictionlog.journal import journals_in
from roadworthy.predictionlog.record import Prediction
from roadworthy.predictionlog.retain import retain
from roadworthy.predictionlog.roll import roll
from roadworthy.registry.alarms import Alarm
from roadworthy.traffic import Route
from roadworthy.verdict import Verdict
from smalltown import DAY, MODEL, OPENED, WEEK, Town, a_week, answer, serve, tell, told

HOURS = 3 * 3_600_000_000


def roll_all(stores: Stores) -> None:
    """Bring everything that was logged into files."""
    roll(journals_in(stores.journals()), stores.settings.log)


def _windows(stores: Stores, check: str) -> list[tuple[int, int | None, int]]:
    """(days since the opening, version, revision) of every verdict of a check."""
    found = stores.alarms.verdicts(MODEL, check=check, revisions=True)
    return [((one.window_start - OPENED) // DAY, one.version, one.revision) for one in found]


def test_a_day_is_not_judged_before_it_is_over(town: Town, town_stores: Stores) -> None:
    """A minute before midnight nothing is due; at midnight the day is."""
    a_week(town, town_stores)
    assert monitor(town_stores, MODEL, as_of=OPENED + DAY - timedelta(minutes=1)).days == ()
    assert monitor(town_stores, MODEL, as_of=OPENED + DAY).days == ("2024-01-22",)


def test_days_that_have_not_happened_are_not_used_up(town: Town, town_stores: Stores) -> None:
    """Judged as silent today, they would be skipped when they come; a replay's own time is taken, whatever ours is."""
    a_week(town, town_stores)
    early = dataclasses.replace(town_stores, clock=ReplayClock(OPENED + DAY))
    with pytest.raises(NotReady, match=r"2024-02-02 00:00 UTC has not come.*of 2024-01-28; "):
        monitor_any(early, MODEL, as_of=WEEK + 4 * DAY)
    assert town_stores.runs.all("monitor", MODEL) == ()
    assert len(monitor_any(early, MODEL, as_of=WEEK).days) == 7


def test_a_warning_is_not_called_an_alarm() -> None:
    """Something is different, which may well be the world; the report keeps the two apart as well."""
    opened = tuple(
        Alarm(
            alarm=number, model=MODEL, version=1, check=check, subject=f"{MODEL}@1", reason=f"{check} is odd",
            window_start=OPENED, opened_at=OPENED, opened_event_time=OPENED, closed_at=None,
            closed_event_time=None, closed_reason="",
        )
        for number, check in enumerate(("volume", "input_distance", "unknown"))
    )  # fmt: skip
    assert Monitored(model=MODEL, days=("2024-01-22",), opened=opened).sentences() == [
        "alarm: volume is odd",
        "warning: input_distance is odd",
        "warning: unknown is odd",
        "1 day judged, 1 alarm and 2 warnings opened, 0 closed",
    ]


def test_a_day_is_judged_once(town: Town, town_stores: Stores) -> None:
    """Looking again changes nothing, and days that nobody looked at are made up for, each as of its own midnight."""
    a_week(town, town_stores)
    monitor(town_stores, MODEL, as_of=OPENED + 2 * DAY)
    assert monitor(town_stores, MODEL, as_of=OPENED + 2 * DAY).days == ()
    assert len(monitor(town_stores, MODEL, as_of=WEEK).days) == 5
    assert _windows(town_stores, "volume") == [(day, 1, 0) for day in range(7)]
    assert _windows(town_stores, "calibration") == [(day, 1, 0) for day in range(5)]


def test_what_was_counted_outlives_the_rows_that_retention_drops(town: Town, town_stores: Stores) -> None:
    """A day that matures when its rows are gone keeps its count, instead of becoming a day without predictions."""
    a_week(town, town_stores)
    roll_all(town_stores)
    monitor(town_stores, MODEL, as_of=OPENED + 2 * DAY)
    row, day = town_stores.versions.get(MODEL, 1), micros(OPENED) // DAY_MICROS
    (before,) = kept_days(town_stores, row, day, day)
    retain(town_stores.settings.log, OPENED + DAY)
    assert town_stores.log().predictions(MODEL, end=OPENED + DAY, columns=["id"]).num_rows == 0
    watched = Watched.open(town_stores, row)
    rows = read_day(town_stores, watched, day, WEEK, counted=True)
    assert statistics(town_stores, watched, day, rows) == before
    assert before.profile.n > 0
    assert kept_days(town_stores, row, day, day) == [before]


def test_a_day_that_failed_is_due_again(
    town: Town, town_stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault in the middle leaves a failed run and no claim; the next look does that day and those after it."""
    a_week(town, town_stores)
    monitor(town_stores, MODEL, as_of=OPENED + DAY)

    def broken(*_: object) -> None:
        raise CorruptArtifact("a file of the log is damaged")

    with monkeypatch.context() as patched:
        patched.setattr(monitoring, "read_day", broken)
        with pytest.raises(CorruptArtifact):
            monitor(town_stores, MODEL, as_of=OPENED + 2 * DAY)
    assert [run.state for run in town_stores.runs.all("monitor", MODEL)] == ["failed", "succeeded"]
    assert monitor(town_stores, MODEL, as_of=OPENED + 3 * DAY).days == ("2024-01-23", "2024-01-24")


def test_two_processes_do_not_judge_the_same_day(town: Town, town_stores: Stores) -> None:
    """The second gets a Conflict that names the day."""
    a_week(town, town_stores)
    town_stores.runs.start("monitor", at=town_stores.clock.now(), model=MODEL, claim="2024-01-22")
    with pytest.raises(Conflict, match="2024-01-22 is being done"):
        monitor(town_stores, MODEL, as_of=OPENED + DAY)


def test_a_day_on_which_the_champion_changed_belongs_to_nobody(town: Town, town_stores: Stores) -> None:
    """Version 2 takes over at noon of the third day: neither is judged on it."""
    a_week(town, town_stores)
    town.train(town_stores, OPENED + DAY)
    serve(town_stores, Route(champion=2, standby=1), OPENED + 2 * DAY + DAY / 2)
    monitor(town_stores, MODEL, as_of=OPENED + 4 * DAY)
    assert [window[:2] for window in _windows(town_stores, "volume")] == [(0, 1), (1, 1), (3, 2)]


def test_the_last_days_of_a_version_are_judged_when_they_mature_after_its_end(
    town: Town, town_stores: Stores
) -> None:
    """Labels of version 1 arrive while version 2 answers, and on the day between them."""
    a_week(town, town_stores)
    town.train(town_stores, OPENED + DAY)
    serve(town_stores, Route(champion=2, standby=1), OPENED + 3 * DAY + DAY / 2)
    monitor(town_stores, MODEL, as_of=WEEK)
    assert _windows(town_stores, "calibration") == [(0, 1, 0), (1, 1, 0), (2, 1, 0), (4, 2, 0)]


def test_an_alarm_of_a_version_that_answers_no_more_is_closed_once_its_days_have_matured(
    town: Town, town_stores: Stores
) -> None:
    """Not at once, because its last days may still be judged; and then for good, with a reason."""
    a_week(town, town_stores)
    town.train(town_stores, OPENED + DAY)
    fault = Verdict(check="missing", subject="rain", ruling="fail", reason="missing since noon")
    at = town_stores.clock.now()
    town_stores.alarms.record(MODEL, OPENED, OPENED + DAY, [fault], at, OPENED + DAY, version=1)
    serve(town_stores, Route(champion=2, standby=1), OPENED + 3 * DAY)
    monitor(town_stores, MODEL, as_of=OPENED + 4 * DAY)
    assert [alarm.version for alarm in town_stores.alarms.open(MODEL) if alarm.subject == "rain"] == [1]
    closed = monitor(town_stores, MODEL, as_of=WEEK).closed
    assert [(one.check, one.closed_reason) for one in closed if one.subject == "rain"] == [
        ("missing", "parcel-late@1 no longer answers")
    ]


@pytest.mark.parametrize(
    ("day", "windows", "dated"), [(6, [6], "then"), (3, [5, 6], "then"), (3, [5, 6], "now")]
)
def test_a_revised_outcome_judges_every_matured_window_that_holds_it_again_and_keeps_both(
    town: Town, town_stores: Stores, day: int, windows: list[int], dated: str
) -> None:
    """Outcomes are corrected on the tenth day, whatever time that says: windows with enough days get a revision."""
    records = a_week(town, town_stores, days=11)
    monitor(town_stores, MODEL, as_of=OPENED + 9 * DAY)
    before = _windows(town_stores, "calibration_error")
    late = micros(OPENED + 9 * DAY + DAY / 2)
    revised = [
        one
        for one in records
        if one.event_time // 86_400_000_000 == micros(OPENED + day * DAY) // 86_400_000_000
    ]
    tell(
        town_stores,
        [
            told(
                town_stores,
                one.unit,
                1.0,
                late if dated == "now" else one.event_time + HOURS,
                revision=1,
                arrived=late,
            )
            for one in revised
        ],
    )
    monitor(town_stores, MODEL, as_of=OPENED + 10 * DAY)
    assert sorted(set(_windows(town_stores, "calibration_error")) - set(before)) == [
        *((end, 1, 1) for end in windows),
        (7, 1, 0),
    ]


def test_an_outcome_that_comes_days_late_judges_its_matured_window_again(
    town: Town, town_stores: Stores
) -> None:
    """It was nobody's revision, but labels changed all the same."""
    records = a_week(town, town_stores, days=11)
    asked = town.questions(town_stores, OPENED, OPENED + 7 * DAY)
    missing = np.flatnonzero(np.isnan(asked.label) & (asked.asked_at >= micros(OPENED)))
    assert len(missing)
    monitor(town_stores, MODEL, as_of=OPENED + 9 * DAY)
    late = micros(OPENED + 9 * DAY + DAY / 2)
    belated = [
        told(town_stores, records[row].unit, 1.0, records[row].event_time + HOURS, arrived=late)
        for row in missing
    ]
    tell(town_stores, belated)
    monitor(town_stores, MODEL, as_of=OPENED + 10 * DAY)
    assert (6, 1, 1) in _windows(town_stores, "calibration")


def test_a_changed_encoded_value_fails_encoding_parity_naming_the_feature(
    town: Town, town_stores: Stores
) -> None:
    """One value of one row of one day; the other days pass. Its prediction is named, not its unit: verdicts stay."""

    def alter(record: Prediction) -> Prediction:
        if record.request_id != "1-80":
            return record
        encoded = np.frombuffer(record.encoded, "<f8").copy()
        encoded[1] += 0.5
        return replace(record, encoded=encoded.tobytes())

    records = a_week(town, town_stores, alter=alter)
    opened = monitor(town_stores, MODEL, as_of=OPENED + 3 * DAY).opened
    found = [one.verdict for one in town_stores.alarms.verdicts(MODEL, check="encoding_parity")]
    assert [verdict.ruling for verdict in found] == ["pass", "fail", "pass"]
    assert "weight differs at the stage `encoded` in 1 of 70 rows" in found[1].reason
    assert records[80].id in found[1].reason
    assert records[80].unit not in repr(found[1])
    assert "encoding_parity" in {alarm.check for alarm in opened}


def test_callers_that_write_names_otherwise_are_told_of_once(
    town: Town, town_stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Streets come with a space from the third day on: one warning, which stays open, until they come clean again."""
    monkeypatch.setattr(vocabulary, "MIN_VALUES", 70)

    def alter(record: Prediction) -> Prediction:
        inputs = list(record.inputs)
        at = town_stores.scorer(town_stores.versions.get(MODEL, 1)).schema.names().index("street")
        if OPENED + 2 * DAY <= instant(record.event_time) < OPENED + 5 * DAY:
            inputs[at] = f"{inputs[at]} "
        return replace(record, inputs=tuple(inputs))

    a_week(town, town_stores, alter=alter)
    seen = monitor(town_stores, MODEL, as_of=WEEK)
    rulings = [one.verdict.ruling for one in town_stores.alarms.verdicts(MODEL, check="vocabulary")]
    assert rulings == ["pass"] * 2 + ["fail"] * 3 + ["pass"] * 2
    (opened,) = [alarm for alarm in seen.opened if alarm.check == "vocabulary"]
    assert "of the values of street are an entry written otherwise" in opened.reason
    assert [alarm.check for alarm in seen.closed if alarm.check == "vocabulary"] == ["vocabulary"]
    assert any(line.startswith("warning: share 1.0000 of the values of street") for line in seen.sentences())


def test_a_model_that_never_served_has_no_day_due(town_stores: Stores) -> None:
    """No route, no days."""
    assert monitor(town_stores, MODEL, as_of=WEEK).days == ()


def test_a_shadow_is_not_judged_as_if_it_had_answered(town: Town, town_stores: Stores) -> None:
    """Its rows are in the log and count for no monitor."""
    a_week(town, town_stores)
    answer(town_stores, 1, town.questions(town_stores, OPENED, OPENED + DAY), role="shadow")
    monitor(town_stores, MODEL, as_of=OPENED + DAY)
    [parity] = town_stores.alarms.verdicts(MODEL, check="encoding_parity")
    assert parity.verdict.n == 70
