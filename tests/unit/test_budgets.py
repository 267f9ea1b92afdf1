"""What a version may take is read from what its owner wrote, and what cannot be meant is refused with an example."""

from __future__ import annotations

import pytest

from roadworthy.budgets import parse_budgets, parse_reference
from roadworthy.errors import DefinitionError


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("latency_p99", "<= 20ms", 0.02),
        ("latency_p99", " <  1.5s ", 1.5),
        ("start", "<= 1m 30s", 90.0),
        ("memory", "<= 1.5 GB", 1.5e9),
        ("size", "<= 64KiB", 65_536.0),
        ("latency_champion", "<= 1.5", 1.5),
        ("cpu", "<= 2s", 2.0),
        ("features", "<= 40", 40.0),
        ("idle_features", "<= 0", 0.0),
    ],
)
def test_a_budget_is_read_in_its_unit(name: str, text: str, value: float) -> None:
    """Seconds, bytes, times or a count."""
    budget = parse_budgets({name: text})[name]
    assert budget.limit.value == value
    assert budget.limit.holds(value) == ("=" in text)


@pytest.mark.parametrize(
    ("declared", "says"),
    [
        (
            {"latency": "<= 20ms"},
            r"a budget on 'latency' is not known; known are latency_p99, start, .*reference",
        ),
        (
            {"latency_p99": "<= 20"},
            r"budgets\['latency_p99'\] is '<= 20': write <= and a duration, such as '<= 20ms'",
        ),
        ({"latency_p99": ">= 20ms"}, r"is '>= 20ms': write <= and a duration"),
        ({"latency_p99": 20}, r"is 20: write <= and a duration"),
        ({"latency_p99": "<= 0ms"}, r"write <= and a duration"),
        ({"memory": "<= 500"}, r"write <= and a size in B, KB, MB or GB, such as '<= 500MB'"),
        ({"memory": "<= inf MB"}, r"write <= and a size"),
        ({"latency_champion": "<= nan"}, r"write <= and a number of times, such as '<= 2'"),
        ({"features": "<= -1"}, r"write <= and a number, such as '<= 30'"),
        (
            {"reference": "v3"},
            r"budgets\['reference'\] is 'v3': write the number of a version as text, such as '3'",
        ),
        ({"reference": 3}, r"budgets\['reference'\] is 3: write the number of a version as text"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_an_example(declared: dict[str, str], says: str) -> None:
    """Whoever misspells a budget would believe that it is kept."""
    with pytest.raises(DefinitionError, match=says):
        parse_budgets(declared)


def test_the_reference_is_no_budget() -> None:
    """It names a version."""
    assert parse_budgets({"reference": "3"}) == {}
    assert parse_reference({"reference": "3"}) == 3
    assert parse_reference({}) is None
