"""The gate refuses a vocabulary that has one thing twice, and traffic that it does not know."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gate_evidence import healthy, requests
from roadworthy.features.batch import Batch, Strings
from roadworthy.gate import vocabulary
from roadworthy.gate.evidence import Evidence
from roadworthy.gate.traffic_facts import Traffic
from roadworthy.gate.vocabulary_facts import VocabularyFacts, VocabularyTexts
from roadworthy.verdict import Verdict

ROYAL_MATCH = "com.dreamgames.royalmatch"


def with_apps(
    trained: dict[str, float], held_out: dict[str, int], served: dict[str, int] | None = None
) -> Evidence:
    """A candidate whose one feature of text is the app; `served` gives the requests, None the healthy carriers."""
    texts = VocabularyTexts(
        feature="app", entries=tuple(trained), trained=np.array(list(trained.values())), held_out=held_out
    )
    traffic = Traffic.nothing()
    if served is not None:
        texts_served = Strings.of([text for text, rows in served.items() for _ in range(rows)])
        rows = len(texts_served.codes)
        traffic = replace(requests(rows), cleaned=Batch({"app": texts_served}, rows))
    return replace(healthy(), vocabularies=VocabularyFacts(texts=(texts,), rows=10_000), traffic=traffic)


def judged(evidence: Evidence) -> tuple[Verdict, ...]:
    """What the check says."""
    return vocabulary.CHECK.judge(evidence)


def test_the_published_entry_with_a_parameter_fails_and_its_cleaner_is_named() -> None:
    """Two entries that are one app share its rows: what each has learned, the other lacks."""
    apps = {ROYAL_MATCH: 900.0, f"{ROYAL_MATCH}$hl=en_US": 90.0, "com.other": 810.0}
    merged, served = judged(with_apps(apps, {ROYAL_MATCH: 30, "com.other": 70}))
    assert (merged.ruling, merged.measured) == ("fail", 0.05)
    assert merged.reason == (
        "share 0.0500 of the values of app in training > limit 0.005 are written in two ways or more: "
        "'com.dreamgames.royalmatch$hl=en_US' (90 in training, 0 held out) is 'com.dreamgames.royalmatch' "
        "(900 in training, 30 held out), which cleaner without_parameters would make one; 1 odd text, such as "
        "'com.dreamgames.royalmatch$hl=en_US' in app (parameters) (n=10,000)"
    )
    assert served.ruling == "pass"
    assert served.reason.startswith("does not apply: no version of it has answered yet")


@pytest.mark.parametrize("where", ["held_out", "served"])
def test_a_text_that_is_unknown_only_because_of_how_it_is_written_fails(where: str) -> None:
    """As it was in life: known in training, and with a parameter on one of the two sides only."""
    plain = {ROYAL_MATCH: 190, "com.other": 200}
    odd = {**plain, f"{ROYAL_MATCH}$hl=en_US": 10}
    evidence = with_apps(
        {ROYAL_MATCH: 500.0, "com.other": 500.0},
        odd if where == "held_out" else plain,
        odd if where == "served" else plain,
    )
    merged = judged(evidence)[0]
    assert (merged.ruling, merged.measured) == ("fail", 0.025)
    assert f"of app {where.replace('_', ' ')} > limit 0.005" in merged.reason


def test_twins_that_touch_next_to_no_rows_are_listed_and_pass() -> None:
    """One slip of a pen in ten thousand rows is cosmetic."""
    merged = judged(with_apps({"com.app": 9_000.0, "com.b": 999.0, "com.app ": 1.0}, {"com.app": 10}))[0]
    assert (merged.ruling, merged.measured) == ("pass", 0.0001)
    assert merged.evidence["twins"][0]["cleaner"] == "tidy"


def test_test_values_and_other_oddities_are_listed_and_fail_nothing() -> None:
    """They may be meant; a person reads them."""
    merged = judged(with_apps({"com.app": 500.0, "test": 400.0, "n/a": 300.0}, {"com.app": 10}))[0]
    assert merged.ruling == "pass"
    assert {one["kind"] for one in merged.evidence["odd"]} == {"test value", "missing written out"}


def test_what_is_served_and_unknown_beyond_the_held_out_rows_fails() -> None:
    """Whether or not a cleaner could mend it."""
    apps, held_out = {"com.app": 500.0, "com.b": 480.0}, {"com.app": 95, "com.new": 5}
    fails = judged(with_apps(apps, held_out, {"com.app": 160, "com.x": 40}))[1]
    assert (fails.ruling, fails.n) == ("fail", 200)
    assert fails.measured == pytest.approx(0.15)
    assert (
        "share of values of app unknown when served 0.2000, held out 0.0500: 0.1500 more > limit 0.1"
        in fails.reason
    )
    assert "of 1 entries 10 values or more were to be expected, and none came" in fails.reason
    assert fails.evidence["gone"] == {"app": ["'com.b'"]}
    passes = judged(with_apps(apps, held_out, {"com.app": 90, "com.b": 90, "com.x": 20}))[1]
    assert passes.ruling == "pass"


def test_what_nobody_read_is_missing_and_what_nobody_asked_does_not_apply() -> None:
    """Missing evidence is never good news; that there is none yet is known."""
    assert [each.ruling for each in judged(replace(healthy(), traffic=None))] == ["pass", "insufficient"]
    lacking = replace(requests(), cleaned=None, encoded=None, lacking={"app": "requests do not carry it"})
    served = judged(replace(healthy(), traffic=lacking))[1]
    assert served.reason == "does not apply: the requests that are served now do not carry app (n=0)"


def test_a_few_requests_show_nothing_of_what_is_unknown() -> None:
    """That is too little evidence, and does not pass as not applying."""
    few = judged(replace(healthy(), traffic=requests(20)))[1]
    assert (few.ruling, few.n) == ("insufficient", 20)
    assert few.reason == "20 requests were answered lately, at least 100 are needed (n=20)"


def test_a_model_without_features_of_text_has_nothing_to_lint() -> None:
    """That was looked at, and is said."""
    (only,) = judged(replace(healthy(), vocabularies=VocabularyFacts(texts=(), rows=50)))
    assert (only.ruling, only.reason) == ("pass", "does not apply: no feature has a vocabulary (n=0)")


def test_counts_that_belong_to_other_entries_are_refused() -> None:
    """A count beside the wrong entry would be worse than none."""
    with pytest.raises(ValueError, match="vocabulary of app: 1 counts for 2 entries"):
        VocabularyTexts(feature="app", entries=("a", "b"), trained=np.ones(1), held_out={})
