"""What every check of the gate owes, whoever wrote it: one suite, a new check is one file and one line."""

from __future__ import annotations

import copy
import importlib
import re
from dataclasses import replace

import numpy as np
import pytest

import data_evidence
import traffic_evidence
from gate_evidence import APPROVED, EMPTY, healthy
from leakage_evidence import of_few, spoiled_alone
from parameter_evidence import with_nan
from people_evidence import rated
from roadworthy.errors import TooFewSamples
from roadworthy.gate.catalogue import CHECKS
from roadworthy.gate.check import Check, number
from roadworthy.gate.evidence import Evidence

every_check = pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)


#: Checks that compare no numbers which could be NaN, each with what it compares.
READS_NO_NUMBER = {
    "reproducible": "digests and versions of libraries",
    "later_rows": "two times",
    "approvals": "names",
    "leakage": "counts of rows",
}


def poisoned(evidence: Evidence) -> Evidence:
    """The same with one NaN in every array of numbers, and times that cannot be compared left as they are."""

    def spoiled(values: np.ndarray) -> np.ndarray:
        return np.concatenate([np.full_like(values[:1], np.nan), values[1:]])

    holdout, staging = evidence.holdout, evidence.staging
    leakage = evidence.leakage
    assert leakage is not None
    assert holdout is not None
    assert staging is not None
    servers = evidence.infrastructure
    assert servers is not None
    costs = evidence.cost
    assert costs is not None
    own = servers.own
    assert own is not None
    assert holdout.champion is not None
    assert holdout.baseline is not None
    assert evidence.vocabularies is not None
    assert evidence.traffic is not None
    assert evidence.served_like_trained is not None
    return replace(
        evidence,
        traffic=traffic_evidence.with_nan(evidence.traffic),
        served_like_trained=traffic_evidence.with_nan_importance(evidence.served_like_trained),
        vocabularies=replace(
            evidence.vocabularies,
            texts=tuple(replace(each, trained=spoiled(each.trained)) for each in evidence.vocabularies.texts),
        ),
        data=data_evidence.with_nan(data_evidence.days_of_rows()),
        holdout=replace(
            holdout,
            candidate=spoiled(holdout.candidate),
            champion=spoiled(holdout.champion),
            baseline=spoiled(holdout.baseline),
        ),
        arrangements=tuple(replace(given, got=spoiled(given.got)) for given in evidence.arrangements),
        staging=replace(staging, answered=spoiled(staging.answered)),
        ratings=replace(rated(), choices=spoiled(rated().choices)),
        leakage=spoiled_alone(leakage),
        parameters=None if evidence.parameters is None else with_nan(evidence.parameters),
        cost=replace(costs, features=tuple(replace(one, worse=spoiled(one.worse)) for one in costs.features)),
        infrastructure=replace(servers, own=replace(own, seconds=spoiled(own.seconds))),
    )


def shortened(evidence: Evidence, rows: int = 3) -> Evidence:
    """The same with only a few rows everywhere."""
    holdout, staging = evidence.holdout, evidence.staging
    leakage = evidence.leakage
    assert leakage is not None
    assert holdout is not None
    assert staging is not None
    servers = evidence.infrastructure
    assert servers is not None
    costs = evidence.cost
    assert costs is not None
    assert evidence.vocabularies is not None
    columns = ("labels", "days", "candidate", "champion", "baseline")
    few = {name: getattr(holdout, name)[:rows] for name in columns}
    assert evidence.approvals is not None
    assert evidence.traffic is not None
    return replace(
        evidence,
        traffic=traffic_evidence.of_few(evidence.traffic, rows),
        vocabularies=replace(evidence.vocabularies, rows=rows),
        data=data_evidence.days_of_rows(rows),
        holdout=replace(holdout, **few, slices={name: held[:rows] for name, held in holdout.slices.items()}),
        arrangements=tuple(
            replace(given, expected=given.expected[:rows], got=given.got[:rows])
            for given in evidence.arrangements
        ),
        staging=replace(staging, expected=staging.expected[:rows], answered=staging.answered[:rows]),
        approvals=replace(evidence.approvals, given={}),
        ratings=rated(rows),
        leakage=of_few(leakage, rows),
        parameters=None if evidence.parameters is None else replace(evidence.parameters, sampled=rows),
        cost=replace(costs, days=costs.days[:rows]),
        infrastructure=replace(servers, warmups=rows),
        reproducible=replace(evidence.reproducible, rows=rows),  # type: ignore[type-var]  # healthy has some
    )


@every_check
def test_no_check_passes_on_nothing(check: Check) -> None:
    """What nobody measured is missing evidence; so is a first release that nobody approved."""
    assert {verdict.ruling for verdict in check.judge(EMPTY)} == {"insufficient"}


@every_check
def test_no_check_but_the_champions_passes_on_an_approval_alone(check: Check) -> None:
    """A person's word stands in for a champion and for nothing else."""
    rulings = {verdict.ruling for verdict in check.judge(replace(EMPTY, first_release=APPROVED))}
    assert rulings == ({"pass"} if check.name == "champion" else {"insufficient"})


@pytest.mark.parametrize(
    "check", [check for check in CHECKS if check.name not in READS_NO_NUMBER], ids=lambda check: check.name
)
def test_a_check_that_meets_nan_says_error(check: Check) -> None:
    """A number that is none is never a pass and never a fail."""
    assert {verdict.ruling for verdict in check.judge(poisoned(healthy()))} == {"error"}


@every_check
def test_too_few_rows_are_insufficient(check: Check) -> None:
    """Three rows show nothing."""
    assert {verdict.ruling for verdict in check.judge(shortened(healthy()))} == {"insufficient"}


@every_check
def test_a_healthy_candidate_passes(check: Check) -> None:
    """A check that nobody can pass guards nothing."""
    assert {verdict.ruling for verdict in check.judge(healthy())} == {"pass"}


@every_check
def test_the_reason_carries_value_limit_and_n(check: Check) -> None:
    """A person reads one sentence and knows what was measured, against what, on how many rows."""
    for verdict in check.judge(healthy()):
        assert verdict.measured is not None
        assert number(verdict.measured) in verdict.reason
        assert f"n={verdict.n:,}" in verdict.reason
        assert verdict.n > 0
        if verdict.limit:
            assert "limit" in verdict.reason
            assert verdict.limit.split()[-1] in verdict.reason
        else:
            assert "no limit" in verdict.reason


@every_check
def test_every_reason_names_the_number_of_rows(check: Check) -> None:
    """Shortage and error too."""
    for evidence in (EMPTY, poisoned(healthy()), shortened(healthy())):
        for verdict in check.judge(evidence):
            assert re.search(r"n=[\d,]+", verdict.reason)


@every_check
def test_the_same_evidence_gives_the_same_verdicts(check: Check) -> None:
    """Resampling included: a gate that is run twice says the same."""
    assert check.judge(healthy()) == check.judge(healthy())


@every_check
def test_a_check_does_not_change_its_evidence(check: Check) -> None:
    """The next check sees what was measured."""
    evidence = copy.deepcopy(healthy())
    check.judge(evidence)
    before, after = healthy().holdout, evidence.holdout
    assert before is not None
    assert after is not None
    for name in ("labels", "days", "candidate", "champion", "baseline"):
        assert np.array_equal(getattr(before, name), getattr(after, name))
    for given, left in zip(healthy().arrangements, evidence.arrangements, strict=True):
        assert np.array_equal(given.got, left.got)


@every_check
def test_a_check_works_on_arrays_that_cannot_be_written(check: Check) -> None:
    """Evidence may be mapped from a file, read-only."""
    evidence = copy.deepcopy(healthy())
    assert evidence.holdout is not None
    evidence.holdout.candidate.flags.writeable = False
    evidence.holdout.labels.flags.writeable = False
    assert check.judge(evidence) == check.judge(healthy())


@every_check
def test_verdicts_bear_the_name_of_their_check_and_subject(check: Check) -> None:
    """A report finds them by it."""
    for verdict in check.judge(healthy()):
        assert verdict.check == check.name
        assert verdict.subject.split()[0] == "flight-delay@2"


@every_check
def test_a_check_has_a_file_of_its_name_that_documents_it(check: Check) -> None:
    """Its page of documentation is the module's docstring: a question first, then how it is answered."""
    module = importlib.import_module(f"roadworthy.gate.{check.name}")
    assert module.CHECK is check
    assert check.question.endswith("?")
    assert check.remedy.endswith(".")
    title, _, body = (module.__doc__ or "").partition("\n\n")
    assert "?" in title
    assert len(body.split()) > 30


def test_names_of_checks_are_unique() -> None:
    """Required is looked up by name."""
    assert len({check.name for check in CHECKS}) == len(CHECKS)


def test_a_shortage_raised_in_a_check_is_insufficient_and_a_fault_is_an_error() -> None:
    """A check says what it lacks by raising; only a bug escapes."""

    def raising(error: Exception) -> Check:
        def measured(evidence: Evidence) -> tuple:
            raise error

        return Check("made_up", True, "?", ".", measured)

    assert raising(TooFewSamples("two rows")).judge(EMPTY)[0].ruling == "insufficient"
    assert raising(ValueError("odd")).judge(EMPTY)[0].ruling == "error"
    assert raising(ZeroDivisionError("odd")).judge(EMPTY)[0].ruling == "error"
    with pytest.raises(KeyError):
        raising(KeyError("a bug")).judge(EMPTY)
