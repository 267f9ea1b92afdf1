"""Served like trained: what is a fault of the serving fails, and what is the world's is told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gate_evidence import EMPTY, requests
from roadworthy.gate import carried
from roadworthy.gate.evidence import Evidence
from roadworthy.gate.served_like_trained import CHECK
from roadworthy.gate.traffic_facts import Traffic
from roadworthy.verdict import Verdict
from traffic_evidence import as_trained, feature, given_input


def _evidence(features: Any = (), inputs: Any = (), traffic: Traffic | None = None) -> Evidence:
    """Two features served as trained, and these instead of those of the same name."""
    given = requests() if traffic is None else traffic
    facts = as_trained(given, "wind", "price")
    swapped = {each.name: each for each in facts.features} | {each.name: each for each in features}
    columns = {each.name: each for each in facts.inputs} | {each.name: each for each in inputs}
    facts = replace(facts, features=tuple(swapped.values()), inputs=tuple(columns.values()))
    return replace(EMPTY, traffic=given, served_like_trained=facts)


def _verdict(features: Any = (), inputs: Any = (), traffic: Traffic | None = None) -> Verdict:
    (verdict,) = CHECK.judge(_evidence(features, inputs, traffic))
    return verdict


PAIRS = requests().asked_at[::2].size


def test_an_input_that_varied_in_training_and_never_when_served_fails() -> None:
    """Weeks since it happened are many in training and none when served."""
    weeks = given_input("price", varied=0.4, varies=0.0, follows_time=-0.98)
    verdict = _verdict(inputs=[weeks])
    assert verdict.ruling == "fail"
    assert (
        "price has one value in all requests; in any 14 days of training 40% of rows or more"
        in verdict.reason
    )
    assert "it moves with the time of asking, so it is relative to now" in verdict.reason


def test_an_input_that_was_constant_for_as_long_in_training_is_no_finding() -> None:
    """A holiday flag is constant for weeks, in training as now."""
    assert _verdict(inputs=[given_input("price", varied=0.0, varies=0.0)]).ruling == "pass"


def test_the_requests_of_one_day_say_nothing_about_what_is_constant() -> None:
    """Weeks since it happened are one number on any one day."""
    evidence = _evidence(inputs=[given_input("price", varies=0.0)])
    assert evidence.served_like_trained is not None
    one_day = replace(evidence, served_like_trained=replace(evidence.served_like_trained, days=1))
    assert [verdict.ruling for verdict in CHECK.judge(one_day)] == ["pass"]


@pytest.mark.parametrize(("share", "ruling"), [(0.0, "pass"), (0.01, "pass"), (0.05, "fail")])
def test_a_feature_that_the_history_gives_another_value_fails_from_a_share_of_rows_on(
    share: float, ruling: str
) -> None:
    """One row in a hundred may have been corrected since; one in twenty is made otherwise."""
    differs = np.arange(PAIRS) % 100 < share * 100
    verdict = _verdict(features=[feature("price", differs=differs)])
    assert verdict.ruling == ruling
    if ruling == "fail":
        assert f"price has another value than the history in 5.0% of {PAIRS:,} rows" in verdict.reason


def test_a_feature_that_is_missing_beyond_the_worst_stretch_of_training_fails() -> None:
    """What is merely missing as often as in its worst weeks does not."""
    given = requests()
    often = (np.arange(given.n) % 4 == 0).astype(np.int8)
    traffic = replace(given, states={"wind": np.zeros(given.n, dtype=np.int8), "price": often})
    assert (
        "price is missing in 25.0% of requests, in training in 2.0% at most"
        in _verdict(traffic=traffic).reason
    )
    usual = replace(feature("price").missing, most=0.24)
    assert _verdict([feature("price", PAIRS, missing=usual)], traffic=traffic).ruling == "pass"


def test_a_function_that_reads_the_clock_fails_unless_that_is_declared() -> None:
    """In training it says when the training ran."""
    assert "price reads the clock" in _verdict([feature("price", PAIRS, reads_clock=True)]).reason
    declared = feature("price", PAIRS, reads_clock=True, relative_to_now=True)
    assert _verdict([declared]).ruling == "pass"


def test_a_distribution_that_only_moved_is_told_and_passes() -> None:
    """Winter is no fault of the candidate; what training has seen as far is not even told."""
    moved, seen = (
        given_input("wind", distance=0.6, furthest=0.2),
        given_input("price", distance=0.6, furthest=0.5),
    )
    verdict = _verdict(inputs=[moved, seen])
    assert verdict.ruling == "pass"
    assert "moved as the world does (distance): wind 0.60" in verdict.reason
    assert "price" not in verdict.reason


def test_what_fails_is_ranked_by_how_much_it_matters_and_what_does_not_matter_does_not_fail() -> None:
    """The score does not change with it: told apart."""
    differs = np.ones(PAIRS, dtype=np.bool_)
    wind, price = (
        feature(name, differs=differs, importance=weight) for name, weight in (("wind", 0.01), ("price", 0.2))
    )
    verdict = _verdict([wind, price])
    assert [found["subject"] for found in verdict.evidence["found"]] == ["price", "wind"]
    assert verdict.measured == 2.0
    verdict = _verdict([replace(wind, importance=0.0)])
    assert verdict.ruling == "pass"
    assert "of no weight: wind" in verdict.reason


def test_before_any_version_answered_there_is_nothing_to_compare_with() -> None:
    """Positively no traffic: it passes as not applying; the same in `carried`."""
    for check in (CHECK, carried.CHECK):
        (verdict,) = check.judge(replace(EMPTY, traffic=Traffic.nothing()))
        assert (verdict.ruling, verdict.n) == ("pass", 0)
        assert verdict.reason.startswith("does not apply: no version of it has answered yet")


def test_an_input_that_no_request_carries_is_missing_evidence_of_the_advisory_check() -> None:
    """Nobody has seen how it is served; what is carried is judged all the same."""
    traffic = replace(requests(), candidate=None, encoded=None, lacking={"size": "requests do not carry it"})
    (verdict,) = carried.CHECK.judge(replace(EMPTY, traffic=traffic))
    assert verdict.ruling == "insufficient"
    assert "size: requests do not carry it" in verdict.reason
    assert not carried.CHECK.required
    assert _verdict(traffic=traffic).ruling == "pass"


def test_a_candidate_that_would_refuse_requests_fails_to_carry_them() -> None:
    """Null where it takes none is a refused request from the release on."""
    refusing = replace(requests(), refused={"wind": 500, "rain": 400}, incomplete=600)
    (verdict,) = carried.CHECK.judge(replace(EMPTY, traffic=refusing))
    assert (verdict.ruling, verdict.measured, verdict.n) == ("fail", 2_000 / 2_600, 2_600)
    assert "wind is null in 500, where it takes no null" in verdict.reason


def on_days(days: int) -> Traffic:
    """The healthy requests, all asked on the first so many days."""
    given = requests()
    day = 86_400_000_000
    return replace(given, asked_at=np.sort(given.asked_at % (days * day)) + 15_873 * day)


@pytest.mark.parametrize(("days", "ruling"), [(3, "insufficient"), (6, "fail")])
def test_what_looks_wrong_on_a_few_days_is_too_little_evidence_and_no_pass(days: int, ruling: str) -> None:
    """Half of the rows lack it: on three days that may be one bad day, and nobody may take it for health."""
    traffic = on_days(days)
    states = np.where(np.arange(traffic.n) % 2, 1, 0).astype(np.int8)
    broken = replace(traffic, states={**traffic.states, "price": states})
    verdict = _verdict(traffic=broken)
    assert verdict.ruling == ruling
    assert "price is missing in 50.0% of requests, in training in 2.0% at most" in verdict.reason
    assert ("of 3 days: at least 5 are needed" in verdict.reason) == (ruling == "insufficient")
    assert _verdict(traffic=traffic).ruling == "pass"


def test_an_answer_that_is_no_number_is_an_error_of_the_advisory_check() -> None:
    """Infinite is no number either."""
    scores = np.concatenate([[np.inf], np.full(requests().n - 1, 0.3)])
    (verdict,) = carried.CHECK.judge(replace(EMPTY, traffic=replace(requests(), candidate=scores)))
    assert verdict.ruling == "error"
