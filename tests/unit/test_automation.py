"""What a definition may say about deadlines, fallbacks and bands, and what it is told where that cannot work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import pytest

from roadworthy.automation import Band, Rule, ServingRules, band, decision_for, declared, rule
from roadworthy.errors import DefinitionError

OUTPUTS = (0.0, 1.0)


def windy(wind: Any, *more: Any) -> Any:
    """A rule of thumb."""
    return np.where(wind > 20, 0.6, 0.1)


@dataclass(frozen=True)
class Joined:
    """What a join looks like from here."""

    column: str


def test_everything_declared_is_what_the_worker_reads() -> None:
    """Deadline in milliseconds, fallbacks in their order, the rule by its name, bands as they are."""
    found = declared(
        "1s 50ms",
        ["standby", rule(windy, "wind", Joined("weather_latest_gust")), 1],
        [band(0.45, 0.55, "defer"), band(0.9, 1, "people")],
        ["wind", "weather_latest_gust", "flight"],
        OUTPUTS,
    )
    assert found == ServingRules(
        deadline_ms=1050.0,
        fallback=("standby", "rule", 1.0),
        rule=Rule("windy", ("wind", "weather_latest_gust")),
        bands=(Band(0.45, 0.55, "defer"), Band(0.9, 1.0, "people")),
    )
    assert msgspec.json.decode(msgspec.json.encode(found), type=ServingRules) == found


def test_nothing_declared_is_nothing_done() -> None:
    """No deadline, nobody else answers, every output is used."""
    assert declared(None, (), (), ["wind"], OUTPUTS) == ServingRules()


@pytest.mark.parametrize("one", ["standby", 0.25, rule(windy, "wind")], ids=["standby", "constant", "rule"])
def test_one_fallback_needs_no_list(one: Any) -> None:
    """One alone is a list of one."""
    assert declared(None, one, (), ["wind"], OUTPUTS) == declared(None, [one], (), ["wind"], OUTPUTS)


@pytest.mark.parametrize(
    ("deadline", "fallback", "automation", "says"),
    [
        (50, (), (), "write a duration with its unit"),
        ("soon", (), (), "is not understood"),
        ("0ms", (), (), "within 1ms to 1d"),
        ("2d", (), (), "within 1ms to 1d"),
        (None, 1.5, (), "is no answer of this model, which lie in 0 to 1"),
        (None, float("nan"), (), "cannot answer"),
        (None, True, (), "cannot answer"),
        (None, "shadow", (), "write 'standby', rule"),
        (None, ["standby", "standby"], (), "stands there twice"),
        (None, [0.2, "standby"], (), "always answers, so 'standby' after it never would"),
        (None, [0.2, 0.3], (), "put it last"),
        (None, [rule(windy, "wind"), rule(windy, "wind")], (), "there can be one rule"),
        (None, rule(windy, "gust", "rain"), (), "is given gust, rain, which a request does not carry"),
        (None, (), [Band(0.4, 1.2, "defer")], "0.4 to 1.2 reaches beyond what the model can say"),
        (None, (), [band(0.8, 0.9, "defer"), band(0.1, 0.2, "defer")], "write them in ascending order"),
        (None, (), [band(0.1, 0.5, "defer"), band(0.4, 0.6, "people")], "0.1 to 0.5 and 0.4 to 0.6 overlap"),
        (None, (), [band(0.1, 0.5, "defer"), band(0.1, 0.5, "people")], "overlap"),
        (None, (), [(0.4, 0.6, "defer")], "is no band"),
    ],
)
def test_what_cannot_work_is_refused_with_a_reason(
    deadline: Any, fallback: Any, automation: Any, says: str
) -> None:
    """When it is declared, not when it is needed."""
    with pytest.raises(DefinitionError, match=says):
        declared(deadline, fallback, automation, ["wind"], OUTPUTS)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: band(0.6, 0.4, "defer"), "give the lower end first"),
        (lambda: band("0.4", 0.6, "defer"), "as numbers"),  # type: ignore[arg-type]  # that is the test
        (lambda: band(float("nan"), 0.6, "defer"), "as numbers"),
        (lambda: band(0.4, 0.6, "ask"), "the decision is 'defer' or 'people'"),  # type: ignore[arg-type]  # that is the test
        (lambda: rule("windy", "wind"), "the first argument is the function"),  # type: ignore[arg-type]  # that is the test
        (lambda: rule(windy), "name the columns"),
        (lambda: rule(windy, 3), "name the columns"),
    ],
)
def test_a_band_or_rule_that_cannot_be_is_refused_where_it_is_written(
    make: Callable[[], object], says: str
) -> None:
    """The line of the definition is in the traceback."""
    with pytest.raises(DefinitionError, match=says):
        make()


def test_both_ends_of_a_band_belong_to_it_and_the_lower_band_counts_where_two_meet() -> None:
    """An output has one decision, or none."""
    bands = declared(None, (), [band(0.4, 0.6, "defer"), band(0.6, 0.7, "people")], [], OUTPUTS).bands
    said = [decision_for(bands, output) for output in (0.39, 0.4, 0.6, 0.61, 0.7, 0.71)]
    assert said == [None, "defer", "defer", "people", "people", None]
