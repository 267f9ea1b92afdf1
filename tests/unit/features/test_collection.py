"""Claims about the features of one model together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from roadworthy.errors import DefinitionError, UnknownName
from roadworthy.features.declare import Features, categories, category, cross, function, number, ratio


@dataclass(frozen=True)
class Joined:
    """An input that stands for a join."""

    column: str
    table: str = "weather"


def double(x: Any) -> Any:
    """A plain function of a module."""
    return 2 * x


def other() -> Callable[..., Any]:
    """Another function that is called `double`."""

    def twice(x: Any) -> Any:
        return x + x

    twice.__name__ = twice.__qualname__ = "double"
    return twice


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (lambda: Features(), "has no features"),
        (lambda: Features(x="x"), "feature x is 'x': declare it with number"),
        (lambda: Features(**{"2h": number("x")}), "feature '2h' is not a name"),
        (lambda: Features(a=categories("x", length=1, vocabulary_of="b")), "vocabulary_of='b' is not one of"),
        (
            lambda: Features(a=categories("x", length=1, vocabulary_of="a")),
            "'a' has no vocabulary of its own",
        ),
        (
            lambda: Features(a=categories("x", length=1, vocabulary_of="b"), b=number("y")),
            "feature a: 'b' has no vocabulary of its own",
        ),
        (
            lambda: Features(a=categories("x", length=1, vocabulary_of="b"), b=cross("y", "z")),
            "feature a: 'b' has no vocabulary of its own",
        ),
        (
            lambda: Features(last=categories("x", length=2), last_1=number("y")),
            "features last and last_1 would both make a column last_1",
        ),
        (
            lambda: Features(a=number(Joined("x")), b=number(Joined("x", "planes"))),
            "feature b: the column 'x' stands for two different inputs",
        ),
        (lambda: Features(a=number("x"), b=number(Joined("x"))), "feature b: the column 'x' stands for two"),
        (
            lambda: Features(a=function(double, "x"), b=function(other(), "x")),
            "feature b: two different functions are called double",
        ),
    ],
)
def test_features_that_cannot_stand_together_are_refused(
    declare: Callable[[], Features], message: str
) -> None:
    """The message names the feature."""
    with pytest.raises(DefinitionError) as raised:
        declare()
    assert message in str(raised.value)


def test_inputs_come_once_in_order_of_first_use() -> None:
    """Joins as the objects they were declared with."""
    wind = Joined("wind")
    features = Features(
        queue=ratio("late", wind, when_zero=0.0), wind=number(Joined("wind")), route=cross("origin", "late")
    )
    assert features.inputs == ("late", wind, "origin")
    assert features.input_columns == ("late", "wind", "origin")


def test_own_functions_are_given_by_name_without_methods_of_text() -> None:
    """They are what a snapshot must hold."""
    features = Features(a=function(double, "x"), b=category("y", clean=str.upper), c=function(double, "z"))
    assert dict(features.functions) == {"double": double}


def test_functions_can_be_replaced_by_those_of_a_snapshot() -> None:
    """Cleaners too; the original is left alone."""
    features = Features(
        a=function(double, "x"), b=category("y", clean=double), c=category("y", clean=str.upper)
    )
    replacement = other()
    changed = features.with_functions({"double": replacement, "unused": other()})
    assert [feature.call for feature in changed.features.values()] == [replacement, replacement, str.upper]
    assert features.features["a"].call is double
    assert changed.inputs == features.inputs


def test_a_snapshot_that_lacks_a_function_is_refused() -> None:
    """The message names both."""
    with pytest.raises(UnknownName, match="function double is not there; functions given: treble"):
        Features(a=function(double, "x")).with_functions({"treble": double})
