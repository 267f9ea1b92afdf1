"""Claims about fitting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from roadworthy.errors import DefinitionError, SchemaError, TooFewSamples
from roadworthy.features.batch import Batch
from roadworthy.features.declare import (
    Feature,
    Features,
    categories,
    category,
    cross,
    function,
    hour,
    number,
    ratio,
)
from roadworthy.features.schema import Field, InputSchema

SCHEMA = InputSchema(
    (
        Field("n", "number", True),
        Field("m", "number", True),
        Field("b", "boolean", True),
        Field("s", "string", True),
        Field("t", "timestamp", True),
        Field("l", "strings"),
        Field("unused", "string", True, "context"),
    )
)
FULL = {"n": 1.0, "m": 2.0, "b": True, "s": "a", "t": 0, "l": ["a"], "unused": None}


def batch(*changes: dict[str, Any]) -> Batch:
    """Rows that differ from a full one by these changes."""
    return Batch.from_rows([FULL | change for change in changes], SCHEMA)


def log(x: Any) -> Any:
    """A row-wise function."""
    return np.log(x)


def centred(x: Any) -> Any:
    """A function of the whole batch."""
    return x - np.mean(x)


def length(text: Any) -> Any:
    """A cleaner that returns a number."""
    return len(text)


CALLS: list[str] = []


def fickle(text: str) -> str:
    """A cleaner that never says the same twice."""
    CALLS.append(text)
    return f"{text}{len(CALLS)}"


@pytest.mark.parametrize(
    ("feature", "message"),
    [
        (category("n"), "feature x (category) uses n, which is number; it accepts string"),
        (cross("s", "b"), "feature x (cross) uses b, which is boolean; it accepts string"),
        (categories("s", length=1), "feature x (categories) uses s, which is string; it accepts strings"),
        (number("s"), "feature x (number) uses s, which is string; it accepts number or boolean"),
        (
            ratio("n", "t", when_zero=0.0),
            "feature x (ratio) uses t, which is timestamp; it accepts number or boolean",
        ),
        (hour("n", timezone="UTC"), "feature x (timepart) uses n, which is number; it accepts timestamp"),
        (function(log, "l"), "feature x (custom) uses l, which is strings; it accepts number or boolean or"),
        (number("z"), "feature x uses the column z, which the rows do not have"),
    ],
)
def test_an_input_of_the_wrong_kind_is_refused(feature: Feature, message: str) -> None:
    """The message names feature, input, the kind found and the kinds accepted."""
    with pytest.raises(DefinitionError) as raised:
        Features(x=feature).fit(batch({}), SCHEMA)
    assert message in str(raised.value)


def test_all_wrong_inputs_are_named_at_once() -> None:
    """One fit is enough to find them."""
    with pytest.raises(DefinitionError, match=r"feature x .*; feature y "):
        Features(x=number("s"), y=number("z")).fit(batch({}), SCHEMA)


@pytest.mark.parametrize(
    "feature",
    [number("n"), ratio("n", "m", when_zero=0.0), ratio("m", "n", when_zero=0.0), function(log, "n")],
)
def test_nulls_are_refused_where_nothing_says_what_they_become(feature: Feature) -> None:
    """The fault names feature, input and how many rows."""
    with pytest.raises(SchemaError) as raised:
        Features(x=feature).fit(batch({}, {"n": None}, {"n": None}), SCHEMA)
    (fault,) = raised.value.faults
    assert (fault.path, fault.rows, fault.first_row) == ("$.n", 2, 1)
    assert "feature x" in fault.expected


def test_a_missing_time_is_refused_where_nothing_says_what_it_becomes() -> None:
    """And accepted where something does."""
    rows = batch({}, {"t": None})
    with pytest.raises(SchemaError, match=r"\$\.t: .* feature x .*null \(1 row, row 1\)"):
        Features(x=hour("t", timezone="UTC")).fit(rows, SCHEMA)
    assert Features(x=hour("t", timezone="UTC", missing=-1)).fit(rows, SCHEMA).encode(rows).tolist() == [
        [0],
        [-1],
    ]


NULLABLE = [
    (number("n"), {"n": False}),
    (number("n", missing=0), {"n": True}),
    (number("n", missing=float("nan")), {"n": True}),
    (category("s"), {"s": True}),
    (cross("s", "unused"), {"s": True, "unused": True}),
    (categories("l", length=1), {"l": False}),
    (ratio("n", "m", when_zero=0), {"n": False, "m": False}),
    (ratio("n", "m", when_zero=0, missing=0), {"n": True, "m": True}),
    (hour("t", timezone="UTC"), {"t": False}),
    (function(log, "n", missing=0), {"n": True}),
]


@pytest.mark.parametrize(("feature", "nullable"), NULLABLE)
def test_an_input_may_be_null_where_its_feature_says_what_missing_becomes(
    feature: Feature, nullable: dict[str, bool]
) -> None:
    """Whatever the training rows happened to hold."""
    rows = batch({"unused": "u"})
    schema = Features(x=feature).fit(rows, SCHEMA).schema
    assert {field.name: field.nullable for field in schema.fields} == nullable
    assert {field.role for field in schema.fields} == {"input"}


def test_an_input_may_be_null_only_if_all_its_features_say_so() -> None:
    """One that does not is enough."""
    features = Features(a=number("n", missing=0), b=ratio("n", "m", when_zero=0), c=number("m", missing=0))
    schema = features.fit(batch({}), SCHEMA).schema
    assert schema.fields == (Field("n", "number", False), Field("m", "number", False))


def test_no_rows_are_too_few() -> None:
    """A wrong filter is the usual reason."""
    with pytest.raises(TooFewSamples, match="0 rows"):
        Features(x=number("n")).fit(batch(), SCHEMA)


def test_a_function_that_is_not_row_wise_is_refused_at_fit() -> None:
    """Before anything is trained on it."""
    with pytest.raises(DefinitionError, match="function centred is not row-wise"):
        Features(x=function(centred, "n")).fit(batch({"n": 1}, {"n": 2}, {"n": 4}), SCHEMA)


@pytest.mark.parametrize(
    ("values", "feature", "message"),
    [
        ([1, 0, 0], function(log, "n", missing=0), "returned infinite in 2 of 3 rows, first in row 1"),
        ([1, 2, -1], function(log, "n"), "returned NaN in 1 of 3 rows, first in row 2"),
        ([None, 1, 0], function(log, "n", missing=0), "returned infinite in 1 of 2 rows, first in row 2"),
    ],
)
def test_numbers_that_no_model_can_use_are_refused_at_fit(
    values: list[Any], feature: Feature, message: str
) -> None:
    """Row numbers are those of the batch, nulls included."""
    with pytest.raises(DefinitionError, match=message):
        Features(x=feature).fit(batch(*({"n": value} for value in values)), SCHEMA)


def test_a_function_that_no_row_can_test_is_refused() -> None:
    """All rows lack an input."""
    with pytest.raises(TooFewSamples, match="feature x: no row has all inputs of function log"):
        Features(x=function(log, "n", missing=0)).fit(batch({"n": None}), SCHEMA)


@pytest.mark.parametrize(
    ("clean", "message"),
    [(length, "clean('a') returned int: return a text"), (fickle, "and then 'a")],
)
@pytest.mark.parametrize(
    "declare",
    [
        lambda clean: {"x": category("s", clean=clean)},
        lambda clean: {"x": categories("l", length=1, clean=clean)},
        lambda clean: {"y": category("s"), "x": categories("l", length=1, clean=clean, vocabulary_of="y")},
    ],
)
def test_a_cleaner_must_turn_a_text_into_always_the_same_text(
    declare: Callable[..., dict[str, Feature]], clean: Callable[..., Any], message: str
) -> None:
    """Also where the vocabulary is another feature's."""
    with pytest.raises(DefinitionError) as raised:
        Features(**declare(clean)).fit(batch({}), SCHEMA)
    assert "feature x: clean('a')" in str(raised.value)
    assert message in str(raised.value)


def test_the_order_of_rows_changes_nothing_in_what_is_stored() -> None:
    """The same history gives the same artifact."""
    features = Features(s=category("s"), sl=cross("s", "unused"), l=categories("l", length=2))
    rows = [{"s": text, "unused": text * 2, "l": [text, "z"]} for text in "abcabdaxyz"]
    assert features.fit(batch(*rows), SCHEMA).to_json() == features.fit(batch(*rows[::-1]), SCHEMA).to_json()
