"""Claims about single declarations."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from roadworthy.errors import DefinitionError
from roadworthy.features.declare import (
    Feature,
    categories,
    category,
    cross,
    day_of_year,
    function,
    hour,
    minute,
    number,
    ratio,
    weekday,
)


@dataclass(frozen=True)
class Joined:
    """An input that stands for a join."""

    column: str


def identity(x: Any) -> Any:
    """A plain function of a module."""
    return x


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (lambda: number("x", missing=math.inf), "number: missing=inf is not a number"),
        (lambda: number("x", missing="0"), "number: missing='0' is not a number"),
        (lambda: number("x", missing=True), "number: missing=True is not a number"),
        (lambda: number(""), "number: the column '' cannot be an input"),
        (lambda: number("wind speed"), "number: the column 'wind speed' cannot be an input"),
        (lambda: number(7), "number: 7 is not an input"),
        (lambda: number(Joined("2h")), "number: the column '2h' cannot be an input"),
        (lambda: category("x", min_count=0), "category: min_count=0 must be a whole number of at least 1"),
        (lambda: category("x", min_count=1.5), "category: min_count=1.5 must be a whole number"),
        (lambda: category("x", max_size=0), "category: max_size=0 must be a whole number of at least 1"),
        (lambda: category("x", unknown="drop"), "category: unknown='drop' is not understood"),
        (lambda: category("x", clean=lambda text: text), "category: <lambda> is not a plain function"),
        (lambda: category("x", clean="upper"), "category: 'upper' is not a plain function"),
        (lambda: cross("x"), "cross needs two inputs or more, got 1"),
        (lambda: cross("x", "x"), "cross: the same input is given twice in x, x"),
        (lambda: cross("x", "y", min_count=-1), "cross: min_count=-1 must be"),
        (lambda: categories("x", length=0), "categories: length=0 must be"),
        (lambda: categories("x", length=2, vocabulary_of="y", max_size=5), "belong to 'y'"),
        (lambda: ratio("x", "y", when_zero=None), "ratio: when_zero=None is not a number"),
        (lambda: ratio("x", "x", when_zero=0.0), "ratio: the same input is given twice"),
        (lambda: hour("x", timezone="Mars/Phobos"), "hour: timezone 'Mars/Phobos' is not known"),
        (lambda: minute("x", timezone=""), "minute: timezone '' is not known"),
        (lambda: weekday("x", timezone="../etc"), "weekday: timezone '../etc' is not known"),
        (lambda: day_of_year("x", timezone=None), "day_of_year: timezone None is not known"),
        (lambda: function(identity), "function needs one input or more"),
        (lambda: function(np.hypot, "x", "y"), "function: hypot is not a plain function"),
        (lambda: function(lambda x: x, "x"), "function: <lambda> is not a plain function"),
    ],
)
def test_a_declaration_that_cannot_work_is_refused_when_it_is_made(
    declare: Callable[[], Feature], message: str
) -> None:
    """The message names the kind of feature and the argument."""
    with pytest.raises(DefinitionError) as raised:
        declare()
    assert message in str(raised.value)


def test_a_join_is_an_input_by_its_column() -> None:
    """The object itself is kept, for who computes it."""
    join = Joined("weather_latest_wind")
    feature = ratio(join, "distance", when_zero=0)
    assert feature.inputs == (join, "distance")
    assert feature.column_names == ("weather_latest_wind", "distance")


@pytest.mark.parametrize(
    "declare",
    [
        lambda **flags: number("x", **flags),
        lambda **flags: category("x", **flags),
        lambda **flags: cross("x", "y", **flags),
        lambda **flags: categories("x", length=1, **flags),
        lambda **flags: ratio("x", "y", when_zero=0.0, **flags),
        lambda **flags: hour("x", timezone="UTC", **flags),
        lambda **flags: minute("x", timezone="UTC", **flags),
        lambda **flags: weekday("x", timezone="UTC", **flags),
        lambda **flags: day_of_year("x", timezone="UTC", **flags),
        lambda **flags: function(identity, "x", **flags),
    ],
)
def test_every_declaration_keeps_its_flags(declare: Callable[..., Feature]) -> None:
    """Both are off unless they are said."""
    plain, relative, own = declare(), declare(relative_to_now=True), declare(own_output=True)
    assert (plain.relative_to_now, plain.own_output) == (False, False)
    assert (relative.relative_to_now, relative.own_output) == (True, False)
    assert (own.relative_to_now, own.own_output) == (False, True)


def test_methods_of_text_can_clean() -> None:
    """They need no file of their own."""
    assert category("x", clean=str.upper).call_name == "str.upper"
    assert category("x", clean=str.strip).call_name == "str.strip"
