"""The whole loop on a small town, lived through twice: real processes, virtual time, a controller that acts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from lived_town import CLOSED, FORCED, PROMOTED, RETRAINED, REVISED_DAY, Life, live
from processes import Starter
from roadworthy.clock import instant
from roadworthy.errors import NotReady, Refused
from roadworthy.jobs import release as releasing
from roadworthy.jobs.days import ANSWERING, outcome_rule
from roadworthy.jobs.questions import Questions
from roadworthy.jobs.release import release
from roadworthy.jobs.tick import tick
from roadworthy.model import load_definition
from roadworthy.predictionlog.outcomes import labelled
from roadworthy.traffic import assign
from smalltown import DAY, MODEL, OPENED, founded


@pytest.fixture(scope="module")
def start_towns(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Starter]:
    """Processes of all towns."""
    starter = Starter(tmp_path_factory.mktemp("towns"))
    yield starter
    starter.end()


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory, start_towns: Starter) -> Iterator[Life]:
    """One life with two workers; its node goes on serving."""
    lived = live(founded(tmp_path_factory.mktemp("first")), start_towns, workers=2)
    yield lived
    lived.stores.engine.dispose()


@pytest.fixture(scope="module")
def again(life: Life, tmp_path_factory: pytest.TempPathFactory, start_towns: Starter) -> Iterator[Life]:
    """The same life again with one worker, its first version trained in a process of its own."""
    town = founded(tmp_path_factory.mktemp("second"))
    code = (
        "import sys; from pathlib import Path; from smalltown import Town; "
        "town = Town(Path(sys.argv[1]), Path(sys.argv[2])); town.train(town.stores())"
    )
    folder = str(Path(__file__).resolve().parents[1])
    subprocess.run(
        [sys.executable, "-c", code, str(town.root), str(town.folder)],
        check=True,
        env={**os.environ, "PYTHONPATH": folder},
    )
    lived = live(town, start_towns, workers=1)
    yield lived
    lived.stores.engine.dispose()


def test_two_replays_decide_the_same(life: Life, again: Life) -> None:
    """Ledger, verdicts of every revision and alarms are equal, whatever the number of workers."""

    def decided(one: Life) -> list[tuple[object, ...]]:
        entries = [entry for entry in one.ledger if entry.action != "register"]
        return [
            (e.action, e.version, e.event_time, e.actor, e.reason, e.plan_number, e.route) for e in entries
        ]

    assert decided(life) == decided(again)
    assert [(v.window_start, v.version, v.revision, v.event_time, v.verdict) for v in life.verdicts] == [
        (v.window_start, v.version, v.revision, v.event_time, v.verdict) for v in again.verdicts
    ]
    assert [
        (a.check, a.subject, a.opened_event_time, a.closed_event_time, a.reason) for a in life.episodes
    ] == [(a.check, a.subject, a.opened_event_time, a.closed_event_time, a.reason) for a in again.episodes]
    assert life.replayed == again.replayed


def test_training_in_another_process_gives_the_same_version(life: Life, again: Life) -> None:
    """The digest is the same, so the version is the one registered before."""
    assert [one.digest for one in life.trained] == [one.digest for one in again.trained]
    assert [one.known for one in life.trained] == [False, False, False]
    assert (again.trained[0].known, again.trained[0].version) == (True, 1)


def test_every_answered_prediction_is_in_the_log_exactly_once(life: Life) -> None:
    """One row for every question, by the version that the answer named."""
    questions = _questions(life)
    assert life.replayed.rows == questions.n
    assert sorted(life.log.column("unit").to_pylist()) == sorted(questions.table.column("parcel").to_pylist())
    assert Counter(life.log.column("version").to_pylist()) == life.replayed.answered
    assert set(life.log.column("status").to_pylist()) == {"ok"}


def test_what_requests_carried_is_what_training_joins(life: Life) -> None:
    """Every logged input of every row equals the history joined as known then, context included."""
    questions = _questions(life)
    rows = {row["unit"]: row for row in life.log.to_pylist()}
    inputs = load_definition(life.town.definition).model().input_columns()
    for known in questions.table.to_pylist():
        carried = rows[known["parcel"]]
        assert carried["event_time"] == known["asked_at"]
        assert carried["ctx_district"] == known["district"]
        for name in inputs:
            assert carried[f"in_{name}"] == known[name], name


def test_outcomes_find_their_predictions(life: Life) -> None:
    """The label of every row is what the history says, but for the one that was corrected."""
    questions = _questions(life)
    rule = outcome_rule(life.stores.scorer(life.stores.versions.get(MODEL, 1)))
    joined = labelled(life.stores.log(), MODEL, rule, CLOSED, namespace="town", roles=ANSWERING)
    labels = dict(zip(joined.column("unit").to_pylist(), joined.column("label").to_pylist(), strict=True))
    truth = questions.labels_as_of(int(CLOSED.timestamp() * 1e6) - 1)
    expected = {
        unit: None if np.isnan(label) else label
        for unit, label in zip(questions.table.column("parcel").to_pylist(), truth.tolist(), strict=True)
    }
    assert {unit for unit in labels if labels[unit] != expected[unit]} == {life.revised_unit}
    assert sum(label is not None for label in labels.values()) > 800


def test_the_canary_answers_its_share_and_keeps_its_units(life: Life) -> None:
    """Each row of the canary's day went where the assignment says."""
    route = life.released["canary"].route
    rows = [row for row in life.log.to_pylist() if RETRAINED <= row["event_time"] < PROMOTED]
    assert rows
    for row in rows:
        assert (row["role"], row["version"], row["propensity"]) == assign(route, row["unit"])
    share = sum(row["role"] == "canary" for row in rows) / len(rows)
    assert 0.05 < share < 0.6, "of 70 units"


def test_parity_holds_on_every_day_of_a_clean_run(life: Life) -> None:
    """Encoded again, and joined again, everything is equal."""
    encoding = [one for one in life.verdicts if one.verdict.check == "encoding_parity"]
    source = [one for one in life.verdicts if one.verdict.check == "source_parity"]
    assert len(encoding) == 12
    assert {one.verdict.ruling for one in encoding} == {"pass"}
    assert [(one.version, one.verdict.ruling, one.verdict.n) for one in source] == [
        (1, "pass", 70),
        (2, "pass", 70),
    ]


def test_a_day_is_judged_when_it_is_over_and_once(life: Life) -> None:
    """Each day with one champion, and no other, at the midnight that ends it."""
    volume = [one for one in life.verdicts if one.verdict.check == "volume"]
    days = [OPENED + number * DAY for number in range(13)]
    judged = [day for day in days if day.date() != FORCED.date()]
    assert [(one.window_start, one.revision, one.event_time) for one in volume] == [
        (day, 0, day + DAY) for day in judged
    ]
    assert [one.version for one in volume] == [1] * 8 + [2] * 4


def test_outcomes_are_judged_when_they_matured_also_of_a_version_that_is_gone(life: Life) -> None:
    """Two days after the day: the window, and a day for outcomes to arrive. Days of version 1 mature after its end."""
    first = [one for one in life.verdicts if one.verdict.check == "calibration" and one.revision == 0]
    at = {(one.window_start, one.version): one.event_time for one in first}
    assert at == {
        (day, version): day + 3 * DAY
        for version, day in [(1, OPENED + number * DAY) for number in range(8)]
        + [(2, OPENED + number * DAY) for number in range(8, 11)]
    }


def test_a_revised_outcome_judges_its_window_again_and_keeps_both(life: Life) -> None:
    """A second revision at the midnight after the correction, though its version answers no more."""
    found = [
        one for one in life.verdicts if one.verdict.check == "calibration" and one.window_start == REVISED_DAY
    ]
    assert [(one.version, one.revision, one.event_time) for one in found] == [
        (1, 0, REVISED_DAY + 3 * DAY),
        (1, 1, OPENED + 10 * DAY),
    ]
    assert found[0].verdict.measured != found[1].verdict.measured
    assert {one.window_start for one in life.verdicts if one.revision > 0} == {REVISED_DAY}


def test_the_silent_gauge_raises_an_alarm_the_day_after(life: Life) -> None:
    """Rain is missing from 1 February on; the alarm names the input and stays open."""
    found = [one for one in life.episodes if one.check == "missing"]
    assert {one.subject for one in found} == {
        f"{MODEL}@2 weather_{what}" for what in ("latest_rain", "mean_rain_6h")
    }
    assert {one.opened_event_time for one in found} == {OPENED + 11 * DAY}
    assert {one.closed_at for one in found} == {None}


def test_a_version_that_learned_nothing_is_refused_forced_and_rolled_back(life: Life) -> None:
    """The gate blocks it, the refusal says what to do, the override is in the ledger, the controller takes it back."""
    assert [one.report.decision.ruling for one in life.gated] == ["insufficient", "pass", "pass", "fail"]
    assert "the gate ruled fail" in life.refusal
    assert f"gate-{MODEL}-3.html" in life.refusal
    assert "--force" in life.refusal
    [override] = [entry for entry in life.ledger if entry.action == "override"]
    assert (override.actor, override.reason, override.version) == ("owner", "the gate must be wrong", 3)
    [back] = [entry for entry in life.ledger if entry.action == "rollback"]
    assert (back.actor, back.version, back.route.champion if back.route else None) == ("controller", 3, 2)
    assert "p50" in back.reason
    assert FORCED < back.event_time <= FORCED + timedelta(hours=8)
    [seen] = [guarded for one in life.ticks for guarded in one.guarded if guarded.rolled_back]
    harmed = [row for row in life.log.to_pylist() if row["version"] == 3]
    assert seen.answered == len(harmed) < 50
    assert all(FORCED <= row["event_time"] < back.event_time for row in harmed)


def test_a_barred_version_cannot_be_released_even_by_force(life: Life) -> None:
    """Refused with the reason for which it was barred."""
    for how in ({"how": "promote"}, {"how": "canary", "share": 0.1, "force": "again"}):
        with pytest.raises(Refused, match=r"is barred: .*p50"):
            release(life.stores, f"{MODEL}@3", actor="owner", **how)  # type: ignore[arg-type]  # both ways of it


def test_looking_again_changes_nothing(life: Life) -> None:
    """A tick at the time of the last one finds no day due, and leaves ledger and verdicts as they are."""
    ticked = tick(life.stores, CLOSED)
    assert [seen.days for seen in ticked.monitored] == [()]
    assert life.stores.alarms.verdicts(MODEL, revisions=True) == life.verdicts


def test_a_node_that_cannot_load_a_version_keeps_everybody_on_the_old_one(
    life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rotten artifact is NotReady naming node and version; route and ledger stay, nothing waits to be loaded."""
    stores = life.stores
    trained = life.town.train(stores, OPENED + 2 * DAY)
    now = stores.clock.now()
    stores.gates.record_gate(
        MODEL,
        trained.version,
        "pass",
        {"champion_version": stores.plans.route(MODEL)[1].champion},
        actor="owner",
        at=now,
    )
    with (stores.settings.artifacts / trained.digest / "features.json").open("ab") as file:
        file.write(b" ")
    monkeypatch.setattr(releasing, "PREPARE_SECONDS", 1.5)
    before, entries = stores.plans.route(MODEL), len(stores.ledger.entries(MODEL))
    with pytest.raises(
        NotReady, match=rf"{trained.reference} cannot be loaded, so nothing was changed\. n: cannot be staged"
    ):
        release(stores, trained.reference, how="promote", actor="owner", force="now")
    assert stores.plans.route(MODEL) == before
    assert len(stores.ledger.entries(MODEL)) == entries
    assert stores.plans.preparations() == ()


def test_a_release_right_after_a_worker_died_waits_for_the_next_one(life: Life) -> None:
    """A node with a dead worker reports nothing prepared; the flip is retried until it does."""
    stores = life.stores
    state = life.server.node.read_state(0)
    assert state is not None
    os.kill(state.pid, signal.SIGKILL)
    done = release(stores, f"{MODEL}@1", how="shadow", actor="owner", force="to see whether it works")
    assert stores.plans.route(MODEL) == (done.number, done.route)
    assert done.route.shadow == 1


def _questions(life: Life) -> Questions:
    assert life.questions is not None
    assert instant(int(life.questions.asked_at[0])) >= OPENED
    return life.questions
