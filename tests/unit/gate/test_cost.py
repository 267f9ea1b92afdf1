"""What takes more than it gives is named; budgets make the check one that must pass."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gate_evidence import healthy
from roadworthy.gate.cost import CHECK, required
from roadworthy.gate.cost_facts import Cost
from roadworthy.verdict import Verdict
from served_evidence import served, weighed


def _judged(facts: Cost) -> dict[str, Verdict]:
    found = CHECK.judge(replace(healthy(), cost=facts))
    return {verdict.subject.partition(" ")[2]: verdict for verdict in found}


def _with(name: str, **changes: object) -> Cost:
    facts = weighed()
    changed = tuple(
        replace(one, **changes) if one.name == name else one  # type: ignore[arg-type]  # as the test says
        for one in facts.features
    )
    return replace(facts, features=changed)


def test_a_feature_that_gives_nothing_and_takes_nothing_is_left_alone() -> None:
    """A column more in a request is no reason to train again."""
    verdict = _judged(weighed())["idle features"]
    assert (verdict.ruling, verdict.measured) == ("pass", 0.0)


def test_a_feature_that_gives_nothing_and_is_dear_is_named_with_why() -> None:
    """Slow to encode, mostly missing, or the only one that needs a table."""
    slow = _judged(_with("heavy", seconds=6e-5))["idle features"]
    assert slow.ruling == "fail"
    assert "heavy takes 20% of the processor time of an answer" in slow.reason
    absent = _judged(_with("heavy", missing=0.9))["idle features"]
    assert "heavy is missing in 90% of the rows" in absent.reason
    joined = _judged(_with("heavy", sources=("planes",)))["idle features"]
    assert "heavy is joined from planes, which no feature that gives anything needs" in joined.reason
    shared = _judged(_with("heavy", sources=("weather",)))["idle features"]
    assert shared.ruling == "pass"


def test_a_feature_that_gives_something_may_be_dear() -> None:
    """It pays for itself."""
    assert _judged(_with("rain", seconds=6e-5, missing=0.9))["idle features"].ruling == "pass"


def test_a_feature_that_may_give_something_is_not_called_idle() -> None:
    """Its interval reaches above a ten-thousandth of the log loss."""
    unsure = np.random.default_rng(1).normal(0.0, 0.8, 2_000)
    assert _judged(_with("heavy", worse=unsure, missing=0.9))["idle features"].ruling == "pass"


def test_a_model_of_which_nothing_gives_anything_is_not_told_which_feature_to_spare() -> None:
    """It learned nothing, which other checks say; the tables it joins are not what is wrong with it."""
    facts = weighed()
    nothing = replace(
        facts,
        features=tuple(replace(one, worse=np.zeros_like(one.worse), missing=0.9) for one in facts.features),
    )
    verdict = _judged(nothing)["idle features"]
    assert verdict.ruling == "pass"
    assert verdict.reason.startswith("does not apply: none of its features gives anything")


def test_each_budget_is_a_verdict() -> None:
    """Processor time in seconds for a thousand answers, features and joined tables by number."""
    kept = _judged(
        replace(
            weighed(), budgets={"cpu": "<= 1s", "features": "<= 3", "sources": "<= 1", "memory": "<= 1MB"}
        )
    )
    assert {name: found.ruling for name, found in kept.items()} == {
        "": "pass", "budget cpu": "pass", "budget features": "pass", "budget sources": "pass", "idle features": "pass",
    }  # fmt: skip
    assert "processor time for 1,000 answers 0.3000 s keeps limit <= 1s" in kept["budget cpu"].reason
    broken = _judged(replace(weighed(), budgets={"cpu": "<= 200ms", "features": "<= 2", "sources": "<= 0"}))
    assert {broken[f"budget {name}"].ruling for name in ("cpu", "features", "sources")} == {"fail"}


def test_what_was_not_measured_is_no_pass() -> None:
    """No server, no /proc, or a version that does not say where its features come from."""
    facts = replace(weighed(), budgets={"cpu": "<= 1s", "sources": "<= 1"}, sourced=False)
    found = _judged(facts)
    assert found["budget sources"].ruling == "insufficient"
    without = replace(healthy(), cost=facts, infrastructure=None)
    rulings = {one.subject.partition(" ")[2]: one.ruling for one in CHECK.judge(without)}
    assert rulings["budget cpu"] == "insufficient"


def test_a_budget_makes_the_check_required_and_idle_features_count_only_where_declared() -> None:
    """Whoever limits the processor time has not asked for an opinion on features."""
    assert not required({"memory": "<= 1GB"})
    assert required({"cpu": "<= 1s"})
    idle = _with("heavy", missing=0.9)
    noted = _judged(replace(idle, budgets={"cpu": "<= 1s"}))["idle features"]
    assert (noted.ruling, noted.limit) == ("pass", "")
    assert "heavy" in noted.reason
    assert _judged(replace(idle, budgets={"idle_features": "<= 0"}))["idle features"].ruling == "fail"
    assert _judged(replace(idle, budgets={"idle_features": "<= 1"}))["idle features"].ruling == "pass"


def test_the_whole_is_told_in_one_sentence() -> None:
    """Size, memory, processor time, features and tables."""
    verdict = _judged(weighed())[""]
    assert served().own is not None
    assert verdict.reason.startswith(
        "3 features from 1 joined tables, an artifact of 1.4 MB, 182 MB of memory (RSS), 300 ms of processor time"
    )
    unknown = _judged(replace(weighed(), sourced=False))[""].reason
    assert unknown.startswith("3 features from nobody knows how many joined tables")
    assert [row["name"] for row in verdict.evidence["features"]] == ["wind", "heavy", "rain"]
