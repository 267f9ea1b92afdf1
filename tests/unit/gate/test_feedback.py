"""Feedback: a feature made from the model's own answers, declared or found, and how much of an error comes back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gate_evidence import EMPTY, requests
from roadworthy.gate.feedback import CHECK
from roadworthy.gate.traffic_facts import Traffic
from roadworthy.stats.echo import Echo
from roadworthy.verdict import Verdict
from traffic_evidence import as_trained, feature, given_input

FOLLOWS = Echo("last", "tailnum", 0.9, 1.2, 1_500)
SILENT = Echo("last", "tailnum", 0.1, 1.2, 1_500)


def _verdict(echo: Echo | None = SILENT, **more: Any) -> Verdict:
    facts = as_trained(requests(), "wind", "price")
    facts = replace(
        facts,
        features=(facts.features[0], feature("price", facts.paired_days.size, **more)),
        inputs=(facts.inputs[0], given_input("price", echo=echo)),
    )
    (verdict,) = CHECK.judge(replace(EMPTY, traffic=requests(), served_like_trained=facts))
    return verdict


def test_a_feature_that_follows_answers_and_is_not_declared_fails() -> None:
    """Whatever its gain: nobody may have thought of the loop."""
    verdict = _verdict(FOLLOWS, gain=0.1)
    assert verdict.ruling == "fail"
    assert verdict.subject == "flight-delay@2 price"
    assert (
        "it follows the answer before of the same tailnum (90% of what else is not explained)"
        in verdict.reason
    )
    assert "not declared with own_output=True" in verdict.reason


def test_a_declared_loop_passes_as_long_as_an_error_fades() -> None:
    """Half of it coming back doubles it in the end; that is the limit."""
    assert _verdict(FOLLOWS, own_output=True, gain=0.3).ruling == "pass"
    verdict = _verdict(FOLLOWS, own_output=True, gain=0.8)
    assert (verdict.ruling, verdict.measured) == ("fail", 0.8)
    assert "gain of the loop 0.8000 > limit 0.5" in verdict.reason


def test_a_declared_loop_that_the_log_does_not_show_is_bounded() -> None:
    """A small bound passes; a large one is missing evidence, because it is only a bound."""
    assert _verdict(own_output=True, gain=0.2, gain_is_bound=True).ruling == "pass"
    assert _verdict(own_output=True, gain=2.0, gain_is_bound=True).ruling == "insufficient"
    assert _verdict(own_output=True, gain=None).ruling == "insufficient"


def test_an_input_that_follows_answers_but_moves_none_is_no_loop() -> None:
    """Nothing comes back through a feature that does not matter."""
    assert _verdict(FOLLOWS, importance=0.0).ruling == "pass"


def test_the_closest_relation_is_told_where_none_is_close() -> None:
    """So that a person sees what was looked for."""
    assert "the closest is price with 10.0% of what is left of it" in _verdict().reason


def test_where_no_number_could_be_looked_at_that_is_said() -> None:
    """Texts are not searched for answers; a reader does not take that for a search without a find."""
    facts = as_trained(requests(), "wind")
    silent = replace(facts, inputs=(given_input("wind", echo=None),))
    (verdict,) = CHECK.judge(replace(EMPTY, traffic=requests(), served_like_trained=silent))
    assert "no input was a number that varied, in which that could be seen" in verdict.reason


def test_before_any_version_answered_there_are_no_answers_to_follow() -> None:
    """It passes as not applying."""
    (verdict,) = CHECK.judge(replace(EMPTY, traffic=Traffic.nothing()))
    assert (verdict.ruling, verdict.n) == ("pass", 0)


def test_a_loop_that_nobody_declared_fails_though_its_gain_is_not_known() -> None:
    """Nothing can be said to be declared of it, and what is no number closes a loop as well."""
    verdict = _verdict(FOLLOWS, gain=None)
    assert (verdict.ruling, verdict.measured) == ("fail", None)
    assert verdict.reason.startswith(
        "gain of the loop unknown, because it is no number that could be moved a little: it"
    )
    assert "and it is not declared with own_output=True" in verdict.reason
