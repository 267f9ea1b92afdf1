"""The check of parameters, on made-up facts."""

from __future__ import annotations

from dataclasses import replace

from gate_evidence import EMPTY
from parameter_evidence import parameters
from roadworthy.gate.weights import CHECK
from roadworthy.gate.weights_facts import ArrayFacts, WeightFacts
from roadworthy.verdict import Verdict


def judged(facts: WeightFacts) -> dict[str, Verdict]:
    """Part → its verdict."""
    verdicts = CHECK.judge(replace(EMPTY, parameters=facts))
    return {each.subject.removeprefix(EMPTY.subject).strip(): each for each in verdicts}


def with_first(facts: WeightFacts, **changes: object) -> WeightFacts:
    """The facts with their first array changed."""
    return replace(facts, arrays=(replace(facts.arrays[0], **changes), *facts.arrays[1:]))


def test_rows_that_hold_their_random_start_fail_with_their_share_and_their_names() -> None:
    """One is enough; a person reads which entries, how many, and how many requests ask for them."""
    facts = with_first(parameters(), untrained=40, random=37, touched=200, entries=("N14228", "unknown"))
    said = judged(replace(facts, touched=200))["untrained rows"]
    assert said.ruling == "fail"
    assert said.measured == 37
    for part in (
        "37 untrained rows",
        "> limit 0",
        "tail.weight: 37 of 900 (N14228, unknown)",
        "5.0% of the rows",
    ):
        assert part in said.reason


def test_untrained_rows_that_hold_nothing_or_were_repaired_pass_and_are_counted() -> None:
    """The unknown entry's value is a decent answer; a random one is none."""
    said = judged(parameters())["untrained rows"]
    assert said.ruling == "pass"
    assert "1 were never trained and hold nothing" in said.reason
    assert "1 were never trained and have been repaired" in said.reason


def test_an_array_that_training_left_as_it_was_fails() -> None:
    """A layer that the optimiser was never given is random too, though no vocabulary picks its rows."""
    facts = parameters()
    layer = replace(facts.arrays[2], learned=0.0)
    said = judged(replace(facts, arrays=(*facts.arrays[:2], layer)))["untrained rows"]
    assert said.ruling == "fail"
    assert "all of layer.weight is what it was before training" in said.reason


def test_an_array_of_nothing_that_stays_nothing_is_no_fault() -> None:
    """A bias that began at 0 and had no reason to move holds no chance."""
    facts = parameters()
    bias = ArrayFacts(name="bias", shape=(1,), norm=0.0, learned=0.0)
    assert judged(replace(facts, arrays=(*facts.arrays, bias)))["untrained rows"].ruling == "pass"


def test_numbers_that_are_none_fail_with_their_array() -> None:
    """NaN in a weight is NaN in every answer that meets it."""
    said = judged(with_first(parameters(), not_finite=3))["numbers"]
    assert said.ruling == "fail"
    assert "3 in tail.weight" in said.reason


def test_the_same_arrays_as_a_version_trained_on_other_rows_fail() -> None:
    """A retraining that changed nothing is none."""
    said = judged(replace(parameters(), same_as=(1,)))["changed"]
    assert said.ruling == "fail"
    assert "every array is that of version 1, trained on other rows" in said.reason


def test_one_array_with_the_same_bytes_is_told_and_passes() -> None:
    """An embedding may be frozen on purpose."""
    said = judged(with_first(parameters(), same_as=(1,)))["changed"]
    assert said.ruling == "pass"
    assert "the same bytes in tail.weight (1)" in said.reason


def test_trees_have_no_rows_and_their_unsplit_categories_are_counted() -> None:
    """A category that no split names goes the way of an unknown one: no fault, and said so."""
    facts = WeightFacts(kind="trees", arrays=(), sampled=500, unsplit={"tail": (31, 40), "dest": (2, 9)})
    said = judged(facts)["untrained rows"]
    assert (said.ruling, said.n) == ("pass", 0)
    assert said.reason.startswith("does not apply:")
    assert "33 of 49 categories" in said.reason


def test_a_version_of_which_nobody_kept_what_training_touched_is_not_passed() -> None:
    """What nobody measured is missing evidence."""
    assert judged(replace(parameters(), kept=False))["untrained rows"].ruling == "insufficient"


def test_what_training_did_not_keep_hides_no_number_that_is_none() -> None:
    """Each part is judged for itself: a version of an older Roadworthy may hold NaN as well."""
    facts = with_first(replace(parameters(), kept=False), not_finite=3)
    found = judged(facts)
    assert found["untrained rows"].ruling == "insufficient"
    assert (found["numbers"].ruling, found["changed"].ruling) == ("fail", "pass")


def test_an_estimator_in_which_no_array_was_found_was_not_looked_at() -> None:
    """No parameters, no pass."""
    (found,) = CHECK.judge(replace(EMPTY, parameters=replace(parameters(), arrays=())))
    assert (found.ruling, found.measured) == ("insufficient", None)
