"""Faults that begin where a version is served: the gate's own servers show them before any traffic."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from roadworthy.drills import (
    p02_padding_collision as p02,
)
from roadworthy.drills import (
    p04_bad_warm_up as p04,
)
from roadworthy.drills import (
    p07_ratio_encoding as p07,
)
from roadworthy.drills import (
    p09_reimplementation as p09,
)
from roadworthy.drills import (
    p10_dependency_change as p10,
)
from roadworthy.drills import (
    p10_log_beside as p10_log,
)
from roadworthy.drills import (
    s03_latency_regression as s03,
)
from roadworthy.drills.deployment import Deployment
from roadworthy.drills.fault import Fault
from roadworthy.drills.result import Cell

Drilled = Callable[..., Cell]


def variant(faults: tuple[Fault, ...], name: str) -> Fault:
    """The kind of that name."""
    return next(fault for fault in faults if fault.variant == name)


def by_guard(cell: Cell) -> dict[str, str]:
    """What each guard said that refused."""
    assert cell.outcome == "caught", cell
    assert cell.harmed == 0.0
    assert {catch.stage for catch in cell.catches} == {"gate"}
    said: dict[str, str] = {}
    for catch in cell.catches:
        if catch.how == "refused":
            said[catch.guard] = "\n".join(filter(None, (said.get(catch.guard), catch.sentence)))
    return said


def test_an_empty_list_that_becomes_a_real_value_is_refused_by_the_server_in_staging(
    drilled: Drilled,
) -> None:
    """The worker replays its golden requests as it starts, and names the feature and what it was."""
    said = by_guard(drilled(variant(p02.VARIANTS, "always"), severity=1.0))
    assert "goldens" in said
    assert "encoded before_0 was 0.0 when trained, is 2.0 here" in said["goldens"]


def test_a_collision_only_beside_fuller_lists_stays_hidden_from_requests_asked_alone(
    drilled: Drilled,
) -> None:
    """One request with all golden rows shows it, where a score depends on it."""
    said = by_guard(drilled(wide(p02.FAULT), severity=1.0))
    assert set(said) == {"batch_invariance"}
    assert "found in one request to the server" in said["batch_invariance"]


def wide(fault: Fault) -> Fault:
    """The same on a model that looks at its list: little else is left to it."""

    def inject(deployment: Deployment, severity: float, chance: np.random.Generator) -> None:
        deployment.redeclare(
            features="Features(before=old.features.features['before'], wind=old.features.features['wind'])",
            estimator="LogisticRegression(C=100.0)",
            imports="from roadworthy import Features\nfrom sklearn.linear_model import LogisticRegression",
            context="['gate', 'origin', 'heavy', 'leaves']",
            slices="[]",
        )
        fault.inject(deployment, severity, chance)

    return replace(fault, inject=inject)


def test_a_warm_up_of_another_signature_is_refused_and_named(drilled: Drilled) -> None:
    """Before a fleet halts on it."""
    said = by_guard(drilled(p04.FAULT))
    assert "do not match the signature > limit 0" in said["infrastructure"]


def test_golden_requests_are_renamed_in_part() -> None:
    """At least one, whatever the share."""
    goldens = [{"name": str(place), "request": {"wind": 1.0, "gate": "A"}} for place in range(40)]
    content = msgspec.json.encode({"goldens": goldens})
    for share, expected in ((0.0, 1), (0.05, 2), (1.0, 40)):
        written = msgspec.json.decode(p04.renamed(content, share, 3))["goldens"]
        assert sum("gate_v1" in golden["request"] for golden in written) == expected


def _divided(deployment: Deployment, severity: float, chance: np.random.Generator) -> None:
    """A feature that divides, which the small model has none of, and P7."""
    deployment.redeclare(
        features="Features(**old.features.features, calm=ratio('heavy', 'wind', when_zero=-1.0, missing=-2.0))",
        imports="from roadworthy import Features, ratio",
    )
    p07.FAULT.inject(deployment, severity, chance)


DIVIDED = replace(p07.FAULT, inject=_divided, applies=lambda deployment: "")


def test_a_zero_denominator_that_is_served_otherwise_is_refused_and_the_stage_is_named(
    drilled: Drilled,
) -> None:
    """Golden requests carry zero denominators."""
    cell = drilled(DIVIDED)
    said = by_guard(cell)["goldens"]
    assert said.startswith(
        "the staging server refuses it: this node computes another trip-delay than was trained"
    )
    assert "encoded calm was -1.0 when trained, is 0.0 here" in said


def test_with_the_node_s_own_look_off_too_it_is_served_and_missed(drilled: Drilled) -> None:
    """A node that replays golden requests is a guard like the others; without any, four weeks go by."""
    cell = drilled(DIVIDED, off=DIVIDED.guards)
    assert (cell.outcome, cell.harmed, cell.error) == ("missed", 1.0, ""), cell


def test_a_model_that_divides_nothing_is_not_drilled(broken: Deployment) -> None:
    """There is no zero denominator."""
    assert p07.FAULT.applies(broken) == "none of its features divides"


def test_answers_that_are_logged_beside_other_requests_are_told_by_asking_again(drilled: Drilled) -> None:
    """The champion itself, asked what it answered, says otherwise; it is told, and nobody is refused for it."""
    cell = drilled(p10_log.FAULT)
    assert cell.outcome == "caught", cell
    (found,) = [catch for catch in cell.catches if catch.guard == "champion_rows"]
    assert (found.part, found.how) == ("A/A", "warning")
    assert "from what it answered itself" in found.sentence
    assert set(cell.guards) - {"infrastructure"} == {
        "champion_rows"
    }  # the latency of a busy machine is beside it


def test_answers_change_places_and_none_is_lost() -> None:
    """As many as the share says, two at least: one alone has no other place."""
    answers = np.arange(100) / 100
    for share, moved in ((0.05, 5), (0.0, 2), (1.0, 100)):
        got = p10_log.displaced(answers, share, np.random.default_rng(1))
        assert sorted(got) == sorted(answers)
        assert (got != answers).sum() == moved


def test_a_second_implementation_with_fewer_digits_is_refused(drilled: Drilled) -> None:
    """Golden requests are its test vectors."""
    assert "goldens" in by_guard(drilled(p09.FAULT))


@pytest.mark.parametrize(("digits", "expected"), [(7, 0.1234568), (1, 0.1)])
def test_digits_are_the_significant_ones(digits: int, expected: float) -> None:
    """Of small numbers too; what is none stays what it is."""
    got = p09.rounded(np.array([0.123456789, -1.23456789e-5, 0.0, np.inf]), digits)
    assert got[0] == pytest.approx(expected, abs=1e-12)
    assert got[1] == pytest.approx(-1.234568e-5 if digits == 7 else -1e-5, abs=1e-17)
    assert (got[2], got[3]) == (0.0, np.inf)


def test_an_upgraded_library_that_spares_the_golden_requests_is_told_by_its_version_alone(
    drilled: Drilled,
) -> None:
    """No other guard notices."""
    cell = drilled(p10.FAULT)
    said = by_guard(cell)
    assert {catch.guard for catch in cell.catches} == {"reproducible"}
    assert "lightgbm 4" in said["reproducible"]
    assert "99.0 when served" in said["reproducible"]


def test_a_version_of_which_some_answers_are_late_is_refused(drilled: Drilled) -> None:
    """By its p99 beside the champion's; most answers are as quick."""
    said = by_guard(drilled(s03.FAULT))
    assert set(said) == {"infrastructure"}
    assert said["infrastructure"].startswith("p99 latency")
    assert "times that of champion version 1 > limit 2" in said["infrastructure"]


def test_a_slow_creep_is_refused_against_the_first_version_that_was_released(drilled: Drilled) -> None:
    """The champion is as slow, nearly."""
    cell = drilled(variant(s03.VARIANTS, "creep"), severity=1.0)
    assert cell.outcome == "caught", cell
    parts = {catch.part: catch.sentence for catch in cell.catches if catch.guard == "infrastructure"}
    assert set(parts) == {"reference"}
    assert "that of the reference, version 1 > limit 2" in parts["reference"]
