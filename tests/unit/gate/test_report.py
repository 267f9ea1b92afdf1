"""The report as data, and its words."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from gate_evidence import AUGUST, EMPTY, JULY, healthy
from roadworthy.gate import wording
from roadworthy.gate.catalogue import CHECKS
from roadworthy.gate.decision import Override
from roadworthy.gate.evidence import Approval
from roadworthy.gate.report import GateReport, judge
from roadworthy.stats import metrics


@pytest.mark.parametrize("evidence", [EMPTY, healthy()], ids=["empty", "healthy"])
def test_a_report_survives_json(evidence) -> None:
    """It is stored with the version and read years later."""
    report = judge(evidence, AUGUST)
    again = GateReport.from_json(report.to_json())
    assert again.to_json() == report.to_json()
    assert (again.decision.ruling, again.checks, again.metrics) == (
        report.decision.ruling,
        report.checks,
        report.metrics,
    )


def test_a_damaged_report_names_where() -> None:
    """A path, not a traceback of ours."""
    with pytest.raises(msgspec.ValidationError, match=r"\$\.version"):
        GateReport.from_json(judge(EMPTY, AUGUST).to_json().replace(b'"version":2', b'"version":"two"'))


def test_the_same_evidence_gives_the_same_report() -> None:
    """Byte by byte."""
    assert judge(healthy(), AUGUST).to_json() == judge(healthy(), AUGUST).to_json()


def test_the_gate_runs_every_check_of_the_catalogue() -> None:
    """Nothing is skipped because something else failed."""
    assert {verdict.check for verdict in judge(EMPTY, AUGUST).verdicts} == {check.name for check in CHECKS}


def test_the_healthy_candidate_advances_and_the_unmeasured_does_not() -> None:
    """The whole gate, end to end."""
    assert judge(healthy(), AUGUST).decision.advances
    assert not judge(EMPTY, AUGUST).decision.advances


def test_a_check_left_out_is_said_not_to_have_run() -> None:
    """When a caller judges with fewer checks, only those count as required; decide() names the missing."""
    report = judge(healthy(), AUGUST, checks=CHECKS[:2])
    assert [note.name for note in report.checks] == [check.name for check in CHECKS[:2]]
    assert {verdict.check for verdict in report.verdicts} == {check.name for check in CHECKS[:2]}


def test_the_table_holds_the_exact_numbers_of_everyone() -> None:
    """Candidate, champion and baseline on the same rows, and the paired difference."""
    holdout = healthy().holdout
    assert holdout is not None
    row = judge(healthy(), AUGUST).metrics[0]
    assert row.metric == "auc"
    assert row.candidate.value == metrics.auc(holdout.candidate, holdout.labels)
    assert row.champion.value == metrics.auc(holdout.champion, holdout.labels)
    assert row.difference.value == row.candidate.value - row.champion.value


def test_the_rate_counts_rows_as_many_as_they_stand_for() -> None:
    """In a sampled history the rate of the rows themselves is nobody's rate."""
    holdout = healthy().holdout
    assert holdout is not None
    weights = np.where(holdout.labels == 1.0, 1.0, 10.0)
    data = judge(replace(healthy(), holdout=replace(holdout, weights=weights)), AUGUST).data
    assert data is not None
    assert data.rate == np.average(holdout.labels, weights=weights)
    assert data.rate < holdout.labels.mean() / 5


def test_who_could_not_be_measured_is_absent_from_the_table() -> None:
    """The checks say why; the table shows nothing rather than a stand-in number."""
    holdout = healthy().holdout
    assert holdout is not None
    broken = replace(healthy(), holdout=replace(holdout, champion=np.full(holdout.n, np.nan)))
    row = judge(broken, AUGUST).metrics[0]
    assert row.champion is None
    assert row.difference is None
    assert row.candidate is not None


def test_limits_and_table_show_the_same_interval() -> None:
    """Every check resamples the same days, so a reader finds one number and not two."""
    report = judge(healthy(), AUGUST)
    limit = next(verdict for verdict in report.verdicts if verdict.subject.endswith(" auc"))
    assert (limit.evidence["low"], limit.evidence["high"]) == (
        report.metrics[0].candidate.low,
        report.metrics[0].candidate.high,
    )


def test_an_override_is_shown_with_name_and_reason() -> None:
    """And the ruling stays what it was."""
    report = judge(EMPTY, AUGUST).overridden(Override(actor="ada", reason="the outage is worse"))
    assert (
        wording.headline(report)
        == "flight-delay@2 did not pass, and ada lets it advance: the outage is worse"
    )
    assert report.decision.ruling == "insufficient"


def test_remedies_are_for_what_failed() -> None:
    """What is merely missing says so in its own reason."""
    holdout = healthy().holdout
    assert holdout is not None
    refused = judge(replace(healthy(), holdout=replace(holdout, candidate=np.full(holdout.n, 0.25))), AUGUST)
    assert [remedy.split(":")[0] for remedy in wording.remedies(refused)] == [
        "constant_output",
        "limits",
        "champion",
        "slices",
    ]
    assert wording.remedies(judge(EMPTY, AUGUST)) == ()


def test_a_report_on_the_champion_itself_calls_it_so_and_offers_no_release() -> None:
    """What it says when it no longer passes: how to go back."""
    holdout = healthy().holdout
    assert holdout is not None
    itself = replace(
        healthy(), champion_version=None, serves_since=JULY, holdout=replace(holdout, champion=None)
    )
    report = judge(itself, AUGUST)
    assert wording.judged_on(report).endswith("Champion: this version, since 2013-07-01 00:00 UTC.")
    assert wording.what_next(report) == ("Nothing: it is the champion already",)
    constant = replace(itself, holdout=replace(itself.holdout, candidate=np.full(holdout.n, 0.25)))
    assert "roadworthy rollback flight-delay" in wording.what_next(judge(constant, AUGUST))[-1]


def test_a_first_release_is_offered_whole() -> None:
    """Shadow and canary need a champion beside them."""
    alone = replace(healthy().holdout, champion=None)
    approved = Approval(actor="anna", reason="the first one")
    first = replace(healthy(), champion_version=None, holdout=alone, first_release=approved)
    report = judge(first, AUGUST)
    assert report.decision.ruling == "pass"
    assert wording.what_next(report) == ("roadworthy release flight-delay@2 --promote",)
