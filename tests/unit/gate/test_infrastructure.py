"""What the check of real servers catches, and what a busy machine may not make of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gate_evidence import healthy
from roadworthy.gate.evidence import Evidence
from roadworthy.gate.infrastructure import CHECK, settled
from roadworthy.gate.infrastructure_facts import Infrastructure, Served
from roadworthy.verdict import Verdict
from served_evidence import served


def _judged(facts: Infrastructure) -> dict[str, Verdict]:
    """Verdicts by what they judge."""
    found = CHECK.judge(replace(healthy(), infrastructure=facts))
    return {verdict.subject.partition(" ")[2]: verdict for verdict in found}


def _noisy(chance: np.random.Generator, rows: int, slower: float = 1.0, blocks: int = 8) -> Infrastructure:
    """Three equal servers on a machine that holds up one answer in `rows` for milliseconds, in bursts."""
    burst = chance.uniform(size=(1, blocks, 1)) < 0.5
    held_up = chance.uniform(size=(3, blocks, 72)) < np.where(burst, 4 / rows, 1 / rows)
    times = 0.0004 * chance.lognormal(0.0, 0.3, (3, blocks, 72)) * np.array([slower, 1, 1])[:, None, None]
    times += held_up * chance.exponential(0.008, times.shape)
    facts = served()
    assert facts.own is not None
    assert facts.champion is not None
    assert facts.reference is not None
    return replace(
        facts,
        budgets={},
        own=replace(facts.own, seconds=times[0]),
        champion=replace(facts.champion, seconds=times[1]),
        reference=replace(facts.reference, seconds=times[2]),
    )


def test_a_warm_up_request_that_does_not_fit_the_signature_fails_and_is_named() -> None:
    """The fleet would halt on it."""
    wrong = replace(
        served(), mismatched={"empty list of been": "$.been expected a list of strings, got null"}
    )
    verdict = _judged(wrong)["warm-up"]
    assert verdict.ruling == "fail"
    assert "1 of 24 warm-up requests do not match the signature > limit 0" in verdict.reason
    assert "'empty list of been': $.been expected a list of strings" in verdict.reason


def test_a_misfit_is_told_even_where_the_server_did_not_start() -> None:
    """It is why it did not."""
    facts = replace(served(), own=None, mismatched={"ordinary 0": "no wind"}, errors={"own": "it halted"})
    found = _judged(facts)
    assert (found["warm-up"].ruling, found["server"].ruling) == ("fail", "error")
    assert "it halted" in found["server"].reason


def test_three_times_as_slow_fails_against_the_champion_and_against_the_old_version() -> None:
    """Each with both latencies, so that a person can judge whether it matters."""
    facts = served(8.0)
    found = _judged(facts)
    assert (found["champion"].ruling, found["reference"].ruling) == ("fail", "fail")
    assert "times that of champion version 1 > limit 2 (" in found["champion"].reason
    assert " ms against " in found["champion"].reason
    assert "the reference, version 7" in found["reference"].reason


def test_a_slow_creep_fails_though_every_step_was_small() -> None:
    """Once more as slow as the champion of now, and three times as slow as the first version."""
    facts = served(15.0)
    assert facts.champion is not None
    crept = replace(facts, champion=replace(facts.champion, seconds=facts.champion.seconds * 10))
    found = _judged(crept)
    assert (found["champion"].ruling, found["reference"].ruling) == ("pass", "fail")


def test_twice_as_slow_by_less_than_a_millisecond_does_not_count_unless_declared() -> None:
    """0.4 ms and 1.2 ms: nobody waits for that; whoever minds declares a limit."""
    assert _judged(served(2.8))["champion"].ruling == "pass"
    assert "does not count" in _judged(served(2.8))["champion"].reason
    strict = replace(served(2.8), budgets={"latency_champion": "<= 1.5"})
    assert _judged(strict)["champion"].ruling == "fail"


def test_what_is_slow_in_some_requests_only_is_seen_in_the_p99() -> None:
    """The median answer is as quick as ever."""
    facts = served()
    assert facts.own is not None
    slow = facts.own.seconds.copy()
    slow[:, :4] += 0.02
    verdict = _judged(replace(facts, own=replace(facts.own, seconds=slow)))["champion"]
    assert verdict.ruling == "fail"
    assert verdict.reason.startswith("p99 latency")


def test_equal_servers_on_a_busy_machine_are_not_told_apart() -> None:
    """Of 300 runs of the same version against itself, held up at random and in bursts, none fails."""
    chance = np.random.default_rng(3)
    rulings = [
        _judged(_noisy(chance, rows, blocks=blocks))["champion"].ruling
        for _ in range(25)
        for rows in (20, 40, 80)
        for blocks in (8, 16, 32, 48)
    ]
    assert rulings.count("fail") == 0
    assert rulings.count("insufficient") < 10


def test_a_version_five_times_as_slow_is_found_on_a_busy_machine() -> None:
    """By its median, where the p99 is the machine's."""
    chance = np.random.default_rng(4)
    rulings = [_judged(_noisy(chance, 40, slower=5.0))["champion"].ruling for _ in range(20)]
    assert rulings.count("fail") == 20


def test_the_measuring_goes_on_only_while_more_blocks_could_change_the_answer() -> None:
    """Clear either way ends it; a ratio around the limit does not."""
    same = served()
    assert same.own is not None
    assert same.champion is not None

    def ends(slower: float, budgets: dict[str, str]) -> bool:
        own = served(slower).own
        assert own is not None
        return settled(budgets, {"own": own.seconds, "champion": same.champion.seconds})  # type: ignore[union-attr]  # asserted above

    assert ends(1.0, {})
    assert ends(20.0, {})
    assert not ends(1.95, {"latency_champion": "<= 2"})
    between = float(np.quantile(np.quantile(same.own.seconds, 0.99, axis=1), 0.4))
    assert not ends(1.0, {"latency_p99": f"<= {between * 1000:.4f}ms"})


@pytest.mark.parametrize(
    ("budget", "ruling"),
    [
        ({"latency_p99": "<= 20ms"}, "pass"),
        ({"latency_p99": "<= 0.1ms"}, "fail"),
        ({"start": "<= 10s"}, "pass"),
        ({"start": "<= 1s"}, "fail"),
        ({"memory": "<= 500MB"}, "pass"),
        ({"memory": "< 100MB"}, "fail"),
        ({"size": "<= 2MB"}, "pass"),
        ({"size": "<= 1MB"}, "fail"),
    ],
)
def test_each_budget_is_a_verdict_with_the_limit_as_it_was_declared(
    budget: dict[str, str], ruling: str
) -> None:
    """Value and limit in the same unit."""
    (name,) = budget
    verdict = _judged(replace(served(), budgets=budget))[f"budget {name}"]
    assert (verdict.ruling, verdict.limit) == (ruling, budget[name])
    assert f"limit {budget[name]}" in verdict.reason


def test_twice_the_memory_of_the_champion_fails() -> None:
    """And a little more than it does not."""
    facts = served()
    assert facts.own is not None

    def with_memory(size: float) -> str:
        assert facts.own is not None
        return _judged(replace(facts, own=replace(facts.own, memory_bytes=size)))["memory"].ruling

    assert with_memory(400e6) == "fail"
    assert with_memory(300e6) == "pass"


@pytest.mark.parametrize("role", ["champion", "reference"])
def test_a_server_beside_it_that_could_not_be_asked_blocks(role: str) -> None:
    """Nobody knows then whether it is slower."""
    facts = replace(served(), **{role: None}, errors={role: "it ended with status 1"})
    assert _judged(facts)[role].ruling == "error"


def test_a_champion_that_nobody_measured_is_missing_evidence_and_none_does_not_apply() -> None:
    """Only what was looked at passes."""
    alone = replace(served(), champion=None, reference=None)
    assert _judged(alone)["champion"].ruling == "insufficient"
    first: Evidence = replace(healthy(), infrastructure=alone, champion_version=None)
    found = {one.subject.partition(" ")[2]: one for one in CHECK.judge(first)}
    assert found["champion"].ruling == "pass"
    assert found["champion"].reason.startswith("does not apply: ")


def test_times_that_are_none_are_an_error() -> None:
    """A start that took no time was not measured."""
    own: Served | None = served().own
    assert own is not None
    found = CHECK.judge(
        replace(healthy(), infrastructure=replace(served(), own=replace(own, start_seconds=0.0)))
    )
    assert {verdict.ruling for verdict in found} == {"error"}


def test_a_trifle_beyond_the_limit_passes_and_the_limit_says_by_how_much() -> None:
    """Nobody reads 2.8 beside `<= 2` as a bug."""
    found = _judged(served(2.8))["champion"]
    assert (found.ruling, found.limit) == ("pass", "<= 2, or 1 ms more")
    assert found.measured > 2
    larger = served()
    assert larger.own is not None
    assert larger.champion is not None
    grown = replace(
        larger,
        own=replace(larger.own, memory_bytes=90e6),
        champion=replace(larger.champion, memory_bytes=30e6),
    )
    found = _judged(grown)["memory"]
    assert (found.ruling, found.limit) == ("pass", "<= 2, or 100 MB more")


def test_a_declared_ratio_to_a_reference_that_is_not_there_is_said_not_to_apply() -> None:
    """The reference may be the champion, whoever else was released: no budget is passed over in silence."""
    facts = replace(served(), reference=None, budgets={"latency_reference": "<= 1.5"})
    assert _judged(facts)["reference"].reason.startswith(
        "does not apply: there is no reference but the champion or this version itself"
    )
    assert "reference" not in _judged(replace(facts, budgets={}))
