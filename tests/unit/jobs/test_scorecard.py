"""The ML Test Score of a model: nothing counts that was not found."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gate_evidence import AUGUST, EMPTY, healthy
from roadworthy.cli import build, drill, keep, look, operate, people, secure
from roadworthy.clock import DAY_MICROS, instant
from roadworthy.errors import DefinitionError, Refused, UnknownName
from roadworthy.gate.report import GateReport, judge
from roadworthy.jobs.scorecard import SECTIONS, Scorecard, attest, read_rehearsal, scorecard, scored
from roadworthy.jobs.scorecard_found import Found, Rehearsal, Watched, find
from roadworthy.jobs.stores import Stores
from roadworthy.registry.ledger import Entry
from roadworthy.traffic import Route
from roadworthy.verdict import Verdict
from small_workspace import MODEL

#: The words of tables I to IV of the paper.
PAPER = """
Feature expectations are captured in a schema. All features are beneficial. No feature's cost is too much.
Features adhere to meta-level requirements. The data pipeline has appropriate privacy controls. New features can be
added quickly. All input feature code is tested. Model specs are reviewed and submitted. Offline and online metrics
correlate. All hyperparameters have been tuned. The impact of model staleness is known. A simpler model is not better.
Model quality is sufficient on important data slices. The model is tested for considerations of inclusion. Training is
reproducible. Model specs are unit tested. The ML pipeline is integration tested. Model quality is validated before
serving. The model is debuggable. Models are canaried before serving. Serving models can be rolled back. Dependency
changes result in notification. Data invariants hold for inputs. Training and serving are not skewed. Models are not too
stale. Models are numerically stable. Computing performance has not regressed. Prediction quality has not regressed.
"""


@pytest.fixture(scope="module")
def found(small_stores: Stores) -> Found:
    """What a workspace shows whose version 2 was a canary, was promoted, and has monitors that keep up."""
    bare = find(small_stores, MODEL)
    until = instant((bare.logged[-1] + 1) * DAY_MICROS)
    judged = ("missing", "unknown", "volume", "encoding_parity", "performance", "calibration")
    return msgspec.structs.replace(
        bare,
        answers=True,
        standby=1,
        ledger=(entry("canary"), entry("promote"), entry("rollback", "constant output")),
        monitors={check: Watched(windows=7, until=until) for check in judged},
    )


def entry(action: str, reason: str = "because", **more: Any) -> Entry:
    """An entry about version 2."""
    return Entry(
        **{"seq": 1, "at": AUGUST, "event_time": AUGUST, "actor": "anna", "action": action, "reason": reason,
        "model": MODEL, "version": 2} | more
    )  # fmt: skip


def points(card: Scorecard) -> dict[str, float]:
    """Key of a test → its points."""
    return {test.key: test.points for section in card.sections for test in section.tests}


def with_gate(found: Found, report: GateReport, **more: object) -> Found:
    """The same facts after the gate said that."""
    return msgspec.structs.replace(found, gate=report, **more)


def test_the_tests_are_those_of_the_paper() -> None:
    """Word for word, seven in each of four sections."""
    titles = [test.title for tests in SECTIONS.values() for test in tests]
    assert " ".join(titles) == " ".join(PAPER.split())
    assert [len(tests) for tests in SECTIONS.values()] == [7, 7, 7, 7]


def test_the_score_is_the_smallest_section(found: Found) -> None:
    """A strong section does not make up for a weak one."""
    card = scored(found)
    sums = [sum(test.points for test in section.tests) for section in card.sections]
    assert [section.points for section in card.sections] == sums
    assert card.score == min(sums)
    assert max(sums) > card.score


@pytest.mark.parametrize(
    "gated", [None, EMPTY, healthy()], ids=["never asked", "nothing measured", "healthy"]
)
def test_no_point_without_evidence_and_no_gap_without_what_is_missing(found: Found, gated: object) -> None:
    """Whatever the gate said: a point has a sentence, less than a point says what it lacks."""
    facts = found if gated is None else with_gate(found, judge(gated, AUGUST))  # type: ignore[arg-type]  # evidence
    for section in scored(facts).sections:
        for test in section.tests:
            assert bool(test.found) == (test.points > 0), test.key
            assert bool(test.missing) == (test.points < 1), test.key


def test_a_workspace_that_lived_earns_what_it_shows(found: Found) -> None:
    """Canary, rollback, log and monitors are there; of the gate there is no report, so nothing that it would show."""
    earned = {key for key, given in points(scored(found)).items() if given == 1.0}
    assert earned == {
        "infrastructure-5", "infrastructure-6", "infrastructure-7",
        "monitoring-2", "monitoring-3", "monitoring-5", "monitoring-7",
    }  # fmt: skip


def test_what_the_gate_passed_counts_and_what_it_could_not_measure_does_not(found: Found) -> None:
    """Insufficient is no evidence; neither is a check that does not apply."""
    before, empty = points(scored(found)), points(scored(with_gate(found, judge(EMPTY, AUGUST))))
    assert empty == before
    after = points(scored(with_gate(found, judge(healthy(), AUGUST))))
    for key in ("data-1", "infrastructure-1", "infrastructure-2", "monitoring-6", "model-4"):
        assert (before[key], after[key]) in ((0.0, 1.0), (0.5, 1.0)), key
    assert after["model-1"] == 0.5, "two owners approved it"
    report = judge(healthy(), AUGUST)
    without = msgspec.structs.replace(
        report,
        verdicts=tuple(
            msgspec.structs.replace(one, n=0, reason="does not apply: no owners")
            if one.check == "approvals"
            else one
            for one in report.verdicts
        ),
    )
    assert points(scored(with_gate(found, without)))["model-1"] == 0.0


def test_a_version_that_stood_beside_no_other_has_not_kept_its_pace(found: Found) -> None:
    """That a server starts and answers is half of it; nothing was there that it could be slower than."""
    report = judge(healthy(), AUGUST)
    alone = msgspec.structs.replace(
        report,
        verdicts=tuple(
            one
            for one in report.verdicts
            if one.check != "infrastructure" or not one.subject.endswith((" champion", " reference"))
        ),
    )
    assert points(scored(with_gate(found, report)))["monitoring-6"] == 1.0
    assert points(scored(with_gate(found, alone)))["monitoring-6"] == 0.5


def test_a_release_past_the_gate_was_not_validated(found: Found) -> None:
    """Whatever its report says; the ledger tells who forced it."""
    passed = with_gate(found, judge(healthy(), AUGUST))
    assert points(scored(passed))["infrastructure-4"] == 1.0
    forced = msgspec.structs.replace(
        found.ledger[-1], action="override", version=found.row.version, actor="carl"
    )
    card = scored(msgspec.structs.replace(passed, ledger=(*found.ledger, forced)))
    assert points(card)["infrastructure-4"] == 0.0
    assert any("past the gate by carl" in test.missing for section in card.sections for test in section.tests)


def test_a_monitor_that_fell_behind_is_worth_half(found: Found) -> None:
    """It judged once, and days went by that it did not look at."""
    assert points(scored(found))["monitoring-7"] == 1.0
    late = msgspec.structs.replace(found, logged=(*found.logged, found.logged[-1] + 5))
    assert points(scored(late))["monitoring-7"] == 0.5
    assert points(scored(msgspec.structs.replace(found, monitors={})))["monitoring-7"] == 0.0


def test_a_persons_word_is_worth_half_a_point_and_never_more(own_stores: Stores) -> None:
    """It is shown with name and day, and makes nothing better that was found already."""
    attest(own_stores, MODEL, "model-3", actor="anna", reason="random search of 200 trials, kept in the wiki")
    attest(own_stores, MODEL, "infrastructure-5", actor="anna", reason="I traced one")
    card = scorecard(own_stores, MODEL)
    given = points(card)
    assert (given["model-3"], given["infrastructure-5"]) == (0.5, 1.0)
    told = [sentence for section in card.sections for test in section.tests for sentence in test.found]
    assert any(re.match(r"anna says, \d{4}-\d\d-\d\d: random search", sentence) for sentence in told)
    with pytest.raises(UnknownName, match="no test 'model-9'; its tests are data-1, "):
        attest(own_stores, MODEL, "model-9", actor="anna", reason="x")
    with pytest.raises(Refused, match="needs a reason"):
        attest(own_stores, MODEL, "model-3", actor="anna", reason="")


def test_what_the_gate_refused_is_no_evidence_beside_a_monitor_that_keeps_up(found: Found) -> None:
    """The point is the monitor's; no sentence says that a check passed which did not."""
    report = judge(healthy(), AUGUST)
    failed = msgspec.structs.replace(
        report,
        verdicts=tuple(
            msgspec.structs.replace(one, ruling="fail", reason="it leaks")
            if one.check in ("served_like_trained", "weights")
            else one
            for one in report.verdicts
        ),
    )
    card = scored(with_gate(found, failed))
    assert points(card)["monitoring-3"] == 1.0
    told = [sentence for section in card.sections for test in section.tests for sentence in test.found]
    assert not any("it leaks" in sentence for sentence in told)


def test_what_is_missing_is_what_the_gate_said_and_not_that_it_said_nothing(found: Found) -> None:
    """Whoever just asked the gate is not sent to ask it; declared slices are not asked for again."""
    report = judge(healthy(), AUGUST)
    failed = msgspec.structs.replace(
        report,
        verdicts=tuple(
            msgspec.structs.replace(one, ruling="fail", reason="age gives nothing")
            if one.subject.endswith("idle features")
            else one
            for one in report.verdicts
            if one.check != "slices"
        ),
    )
    run = msgspec.structs.replace(found.row.run, details={**found.row.run.details, "slices": ["carrier"]})
    row = msgspec.structs.replace(found.row, run=run)
    card = scored(with_gate(found, failed, row=row))
    missing = {test.key: test.missing for section in card.sections for test in section.tests}
    assert missing["data-2"] == "gate check cost did not pass: age gives nothing"
    assert missing["model-6"] == "a version before it, that the declared slices are no worse than"
    bare = msgspec.structs.replace(found.row.run, details={**found.row.run.details, "slices": []})
    without = scored(with_gate(found, failed, row=msgspec.structs.replace(found.row, run=bare)))
    assert "Model(slices=[...])" in next(
        test.missing for section in without.sections for test in section.tests if test.key == "model-6"
    )


def test_a_rehearsal_counts_by_what_was_caught_in_time(found: Found, tmp_path: Path) -> None:
    """As the command for drills prints it; skipped and failed drills, and those with guards off, are none."""
    caught = {"guard": "limits", "stage": "gate"}
    cell = {"due": "gate", "catches": [caught], "skipped": "", "error": "", "off": [], "fault": "P3"}
    late = cell | {"catches": [caught | {"stage": "live"}]}
    others = [
        cell | {"skipped": "no list"},
        cell | {"error": "broke"},
        cell | {"off": ["limits"], "catches": []},
    ]
    file = tmp_path / "drills.json"
    file.write_bytes(msgspec.json.encode({"matrix": {"cells": [cell, cell, *others]}, "page": "x"}))
    assert read_rehearsal(file) == Rehearsal(done=2, caught=2)
    file.write_bytes(msgspec.json.encode({"matrix": {"cells": [cell, late, cell | {"catches": []}]}}))
    assert read_rehearsal(file) == Rehearsal(done=3, caught=1)
    for number, expected in ((2, 1.0), (1, 0.5)):
        card = scored(msgspec.structs.replace(found, rehearsal=Rehearsal(done=2, caught=number)))
        assert points(card)["infrastructure-3"] == expected
    file.write_text("{}")
    with pytest.raises(DefinitionError, match="is not what `roadworthy drill --json` prints"):
        read_rehearsal(file)


def test_every_command_that_would_supply_evidence_exists(found: Found) -> None:
    """What a person is told to run can be run."""
    modules = (build, drill, keep, look, operate, people, secure)
    commands = {command.__name__ for module in modules for command in module.COMMANDS}
    facts = (
        found,
        msgspec.structs.replace(
            found, answers=False, standby=None, ledger=(), tables=(), monitors={}, logged=()
        ),
    )
    told = [test.command for each in facts for section in scored(each).sections for test in section.tests]
    named = {word for command in told for word in re.findall(r"roadworthy (\w+)", command)}
    assert len(named) > 5
    assert named <= commands


def test_a_model_that_does_not_answer_is_scored_by_its_newest_version(small_stores: Stores) -> None:
    """And its card says so."""
    card = scorecard(small_stores, MODEL)
    assert (card.reference, card.answers) == (f"{MODEL}@2", False)
    assert points(card)["infrastructure-4"] == 0.0


def test_monitors_count_by_what_they_decided_and_up_to_when(own_stores: Stores) -> None:
    """A window on which a monitor had too little evidence was not watched."""
    for day, ruling in enumerate(("pass", "fail", "insufficient")):
        start = AUGUST + day * timedelta(days=1)
        verdict = Verdict(check="volume", subject="model", ruling=ruling, reason="made up")  # type: ignore[arg-type]  # one of three
        own_stores.alarms.record(MODEL, start, start + timedelta(days=1), [verdict], start, version=2)
    before = own_stores.ledger.entries()
    found = find(own_stores, MODEL)
    assert found.monitors == {"volume": Watched(windows=2, until=AUGUST + timedelta(days=2))}
    assert own_stores.ledger.entries() == before, "scoring changes nothing"


def test_the_version_that_answers_is_scored(own_stores: Stores) -> None:
    """Not the newest, which nobody is answered by."""
    own_stores.plans.flip(
        MODEL, 0, Route(champion=1), actor="anna", reason="first", action="promote", at=AUGUST, version=1
    )
    card = scorecard(own_stores, MODEL)
    assert (card.reference, card.answers) == (f"{MODEL}@1", True)
