"""Champion against candidate on requests that are served now, and the champion against itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from gate_evidence import JULY, healthy, requests
from roadworthy.gate.arranging import applies
from roadworthy.gate.champion_rows import CHECK
from roadworthy.gate.evidence import Evidence
from roadworthy.gate.traffic_facts import Traffic
from roadworthy.verdict import Verdict


def _with(**more: Any) -> Evidence:
    return replace(healthy(), traffic=replace(requests(), **more))


def _part(evidence: Evidence, part: str) -> Verdict:
    return next(verdict for verdict in CHECK.judge(evidence) if verdict.subject.endswith(part))


def test_two_models_are_compared_on_requests_too() -> None:
    """Another family may agree on held-out rows and differ where it is served; slices say where."""
    given = requests()
    assert given.champion is not None
    carrier = np.array(given.inputs.columns["carrier"].texts())  # type: ignore[union-attr]  # text
    moved = np.where(carrier == "B6", given.champion + 0.2 * (1 - given.champion), given.champion)
    verdict = _part(_with(candidate=moved, slices={"carrier": carrier}), "served")
    assert verdict.ruling == "pass"
    assert verdict.n == given.n
    assert "carrier=B6 moved most" in verdict.reason
    assert verdict.evidence["agreement"] < 0.7
    assert verdict.evidence["quantiles"]["p50"] == 0.0


def test_a_candidate_that_is_the_champion_differs_by_nothing() -> None:
    """Equal versions, on held-out rows and on requests."""
    holdout = healthy().holdout
    assert holdout is not None
    same = replace(_with(candidate=requests().champion), holdout=replace(holdout, candidate=holdout.champion))
    for part in ("@2", "served", "A/A"):
        assert _part(same, part).measured == 0.0


def test_the_champion_asked_again_must_say_what_it_said() -> None:
    """Within the tolerance of its format; the rows of versions before it do not count."""
    said = requests().logged
    assert _part(_with(), "A/A").ruling == "pass"
    other = np.where(np.arange(said.size) < 10, said + 1e-6, said)
    verdict = _part(_with(logged=other), "A/A")
    assert verdict.ruling == "fail"
    assert "10 rows differ" in verdict.reason
    assert _part(_with(logged=other, tolerance=1e-5), "A/A").ruling == "pass"
    before = np.where(np.arange(said.size) < 10, 0, 1)
    assert _part(_with(logged=other, answered_by=before), "A/A").ruling == "pass"


def test_the_champion_that_is_gated_again_is_asked_again() -> None:
    """There is nobody else to compare it with, and itself it must equal."""
    given = replace(_with(answered_by=np.full(requests().n, 2)), champion_version=None, serves_since=JULY)
    verdicts = CHECK.judge(given)
    assert [verdict.ruling for verdict in verdicts] == ["pass"] * 3
    assert [applies(verdict) for verdict in verdicts] == [False, False, True]
    assert _part(given, "A/A").n == requests().n


def test_without_traffic_or_before_the_champion_answered_there_is_nothing_to_ask_again() -> None:
    """Looked at, and positively none."""
    for evidence in (
        replace(healthy(), traffic=Traffic.nothing()),
        _with(answered_by=np.zeros(requests().n)),
    ):
        verdict = _part(evidence, "A/A")
        assert (verdict.ruling, verdict.n) == ("pass", 0)
        assert verdict.reason.startswith("does not apply: ")


def test_a_champion_that_cannot_read_the_requests_is_missing_evidence() -> None:
    """And why is said."""
    verdict = _part(_with(champion=None, unscored="it reads tail as text"), "served")
    assert verdict.ruling == "insufficient"
    assert "it reads tail as text" in verdict.reason


def test_before_a_first_release_there_is_nobody_to_compare_with() -> None:
    """That does not apply; a champion that could not be asked is another matter, and says why."""
    holdout = replace(healthy().holdout, champion=None, unscored="it reads origin as text")
    first = _part(replace(healthy(), champion_version=None, holdout=holdout), "@2")
    assert (first.ruling, first.n) == ("pass", 0)
    assert first.reason.startswith("does not apply: no other version answers")
    unscored = _part(replace(healthy(), holdout=holdout), "@2")
    assert unscored.ruling == "error"
    assert "was not scored on these rows: it reads origin as text" in unscored.reason
