"""Suspects are ranked, and nobody is accused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gate_evidence import healthy
from roadworthy.gate import too_good_alone
from roadworthy.gate.catalogue import CHECKS
from roadworthy.gate.evidence import Evidence
from roadworthy.verdict import Limit


def suspicious() -> Evidence:
    """One input, `call`, says nearly everything."""
    evidence = healthy()
    assert evidence.leakage is not None
    alone = evidence.leakage.alone
    assert alone is not None
    told = np.clip(
        alone.labels * 0.8 + np.random.default_rng(1).uniform(0.0, 0.3, alone.labels.size), 0.0, 1.0
    )
    known = replace(alone, scores={**alone.scores, "call": told}, new=frozenset({"call"}))
    return replace(evidence, leakage=replace(evidence.leakage, alone=known))


def test_the_input_that_says_most_is_ranked_first_and_the_question_is_left_to_a_person() -> None:
    """It may be known in time: the check asks, and does not claim."""
    found = too_good_alone.CHECK.judge(suspicious())[0]
    assert found.ruling == "fail"
    assert found.reason.startswith("call alone, of 3 inputs, AUC")
    assert found.reason.endswith("If call is known when the question is asked, all is well")
    ranked = found.evidence["suspects"]
    assert ranked[0][0] == "call"
    assert [value for _, value in ranked] == sorted((value for _, value in ranked), reverse=True)


def test_it_never_blocks() -> None:
    """Statistics alone prove nothing."""
    assert [check.required for check in CHECKS if check.name == "too_good_alone"] == [False]


def test_an_owner_who_knows_better_raises_the_limit() -> None:
    """Age tells who is employed, and is known: `alone_auc` says so once and for all."""
    raised = replace(suspicious(), limits={"alone_auc": Limit.parse("<= 1.0")})
    assert too_good_alone.CHECK.judge(raised)[0].ruling == "pass"


def test_a_jump_against_the_champion_names_what_is_new() -> None:
    """A retraining rarely gives so much; the new inputs are ranked."""
    evidence = suspicious()
    holdout = evidence.holdout
    assert holdout is not None
    better = np.clip(holdout.labels * 0.6 + 0.2, 0.0, 1.0)
    found = too_good_alone.CHECK.judge(replace(evidence, holdout=replace(holdout, candidate=better)))[1]
    assert found.ruling == "fail"
    assert "new inputs, by their AUC alone: call" in found.reason
    first = replace(evidence, champion_version=None, holdout=replace(holdout, champion=None))
    assert too_good_alone.CHECK.judge(first)[1].reason.startswith("does not apply: no other version answers")


def test_a_champion_that_could_not_be_asked_is_no_champion_that_is_not_there() -> None:
    """Nobody knows whether it jumped: that does not pass as not applying."""
    holdout = replace(suspicious().holdout, champion=None, unscored="it reads origin as text")
    found = too_good_alone.CHECK.judge(replace(suspicious(), holdout=holdout))[1]
    assert found.ruling == "error"
    assert "version 1, was not scored on these rows: it reads origin as text" in found.reason


def test_a_jump_that_may_be_chance_passes_and_says_so() -> None:
    """The number lies beyond the limit, its interval does not: neither sentence nor limit claims otherwise."""
    found = too_good_alone.CHECK.judge(healthy())[1]
    near = replace(healthy(), limits={"auc_jump": Limit.parse(f"<= {found.measured - 0.001:.4f}")})
    passed = too_good_alone.CHECK.judge(near)[1]
    assert (passed.ruling, passed.limit) == ("pass", f"not surely > {near.limits['auc_jump'].value:g}")
    assert "] not surely > limit 0.01" in passed.reason


def test_a_limit_that_is_no_upper_bound_is_an_error() -> None:
    """Turned round it would pass what it is there to suspect."""
    turned = {"alone_auc": Limit.parse(">= 0.8"), "auc_jump": Limit.parse(">= 0.05")}
    found = too_good_alone.CHECK.judge(replace(suspicious(), limits=turned))
    assert [verdict.ruling for verdict in found] == ["error", "error"]
    assert "limit alone_auc must be an upper bound such as '<= 0.8', got '>= 0.8'" in found[0].reason
