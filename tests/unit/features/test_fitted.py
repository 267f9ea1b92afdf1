"""Claims about fitted features: what each kind of feature encodes, and how it is stored."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np
import pytest

from roadworthy.errors import CorruptArtifact, DefinitionError, UnknownName
from roadworthy.features.batch import Batch, Strings
from roadworthy.features.declare import (
    Feature,
    Features,
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
from roadworthy.features.fitted import EncodedColumn, FittedFeatures
from roadworthy.features.schema import Field, InputSchema

SCHEMA = InputSchema(
    (
        Field("n", "number", True),
        Field("m", "number", True),
        Field("b", "boolean", True),
        Field("s", "string", True),
        Field("r", "string", True),
        Field("t", "timestamp", True),
        Field("l", "strings"),
    )
)
FULL = {"n": 1.0, "m": 2.0, "b": True, "s": "a", "r": "r", "t": 0, "l": ["a"]}
NAN = math.nan


def batch(*changes: dict[str, Any]) -> Batch:
    """Rows that differ from a full one by these changes."""
    return Batch.from_rows([FULL | change for change in changes], SCHEMA)


def column(name: str, values: list[Any]) -> Batch:
    """Rows that differ in one input."""
    return batch(*({name: value} for value in values))


def log(x: Any) -> Any:
    """NaN below zero."""
    return np.log(x)


def described(number: Any, at: Any, text: Any) -> Any:
    """What kinds of array a function is given."""
    assert (number.dtype, at.dtype, text.dtype) == (np.float64, np.int64, np.object_)
    return number + at + np.array([len(item) for item in text])


def first(text: str) -> str | None:
    """The first letter; none of an empty text."""
    return text[:1] or None


def encoded(feature: Feature, rows: Batch, fit_on: Batch | None = None) -> list[list[float]]:
    """The columns of one feature."""
    return Features(x=feature).fit(fit_on or rows, SCHEMA).encode(rows).tolist()


def states(feature: Feature, rows: Batch, fit_on: Batch | None = None) -> list[int]:
    """The states of one feature."""
    return Features(x=feature).fit(fit_on or rows, SCHEMA).states(rows)["x"].tolist()


def test_a_number_is_itself_and_null_is_what_is_declared() -> None:
    """NaN may be declared; a boolean is 0 or 1."""
    assert encoded(number("n", missing=-1), column("n", [0.1, None, -0.0])) == [[0.1], [-1.0], [0.0]]
    assert encoded(number("b", missing=7), column("b", [True, False, None])) == [[1.0], [0.0], [7.0]]
    assert math.isnan(encoded(number("n", missing=NAN), column("n", [None]))[0][0])
    assert states(number("n", missing=-1), column("n", [0.1, None])) == [0, 1]


@pytest.mark.parametrize(
    ("numerator", "denominator", "expected", "state"),
    [
        (1, 4, 0.25, 0),
        (1, 0, -1.0, 0),
        (0, 0, -1.0, 0),
        (0, 4, 0.0, 0),
        (1, -0.0, -1.0, 0),
        (None, 4, -9.0, 1),
        (1, None, -9.0, 1),
        (None, 0, -9.0, 1),
        (None, None, -9.0, 1),
    ],
)
def test_a_ratio_has_one_encoding_for_zero_and_one_for_missing(
    numerator: Any, denominator: Any, expected: float, state: int
) -> None:
    """A missing part is missing, whatever the other is."""
    feature, rows = ratio("n", "m", when_zero=-1, missing=-9), batch({"n": numerator, "m": denominator})
    assert encoded(feature, rows, batch({})) == [[expected]]
    assert states(feature, rows, batch({})) == [state]


def test_a_zero_denominator_may_become_nan() -> None:
    """Some estimators know what to do with it."""
    assert math.isnan(encoded(ratio("n", "m", when_zero=NAN), batch({"m": 0}))[0][0])


def test_parts_of_a_time_are_local() -> None:
    """2013-07-01T02:30Z is Sunday evening, the last day of June, in New York."""
    zone = "America/New_York"
    features = Features(
        h=hour("t", timezone=zone),
        m=minute("t", timezone=zone),
        w=weekday("t", timezone=zone),
        d=day_of_year("t", timezone=zone),
        utc=weekday("t", timezone="UTC"),
    )
    rows = column("t", ["2013-07-01T02:30:59.999999Z"])
    assert features.fit(rows, SCHEMA).encode(rows).tolist() == [[22.0, 30.0, 6.0, 181.0, 0.0]]


def test_a_category_is_its_number_in_the_vocabulary() -> None:
    """0 missing, 1 unknown, then by frequency."""
    trained = column("s", ["b", "b", "a", None])
    rows = column("s", ["a", "b", "x", None, ""])
    assert encoded(category("s"), rows, trained) == [[3.0], [2.0], [1.0], [0.0], [1.0]]
    assert states(category("s"), rows, trained) == [0, 0, 2, 1, 2]
    assert encoded(category("s", min_count=2), rows, trained) == [[1.0], [2.0], [1.0], [0.0], [1.0]]


def test_unknown_may_be_encoded_as_missing_and_is_counted_apart_still() -> None:
    """The states do not change."""
    feature, trained, rows = (
        category("s", unknown="as_missing"),
        column("s", ["a"]),
        column("s", ["a", "x", None]),
    )
    assert encoded(feature, rows, trained) == [[2.0], [0.0], [0.0]]
    assert states(feature, rows, trained) == [0, 2, 1]


def test_text_is_cleaned_before_it_is_counted_and_looked_up() -> None:
    """What cleaning makes None is missing."""
    feature, trained = category("s", clean=first), column("s", ["ab", "ac", "b", ""])
    rows = column("s", ["a", "bb", "x", "", None])
    assert encoded(feature, rows, trained) == [[2.0], [3.0], [1.0], [0.0], [0.0]]
    assert states(feature, rows, trained) == [0, 0, 2, 1, 1]


def test_a_cross_is_known_by_the_whole_tuple() -> None:
    """Parts that are known do not make a tuple that is."""
    trained = batch({"s": "a", "r": "x"}, {"s": "b", "r": "y"}, {"s": "b", "r": "y"})
    rows = batch({"s": "b", "r": "y"}, {"s": "a", "r": "x"}, {"s": "a", "r": "y"}, {"s": None}, {"r": None})
    assert encoded(cross("s", "r"), rows, trained) == [[2.0], [3.0], [1.0], [0.0], [0.0]]
    assert states(cross("s", "r"), rows, trained) == [0, 0, 2, 1, 1]


def test_a_cross_of_many_rows_is_that_of_each_row() -> None:
    """Many rows take another path; three parts, some missing, tuples that occur once."""
    rng = np.random.default_rng(1)
    schema = InputSchema(tuple(Field(name, "string", True) for name in "abc"))
    rows = [{name: rng.choice([None, "x", "y", "\x1f", "xx"]) for name in "abc"} for _ in range(500)]
    many = Batch.from_rows(
        [{k: None if v is None else str(v) for k, v in row.items()} for row in rows], schema
    )
    fitted = Features(x=cross("a", "b", "c", min_count=3)).fit(many, schema)
    single = [fitted.encode(many.take(np.array([row]))) for row in range(500)]
    assert np.array_equal(fitted.encode(many), np.concatenate(single))


def test_a_list_is_its_first_texts_padded() -> None:
    """An empty list is present, and all padding."""
    feature, trained = categories("l", length=2), column("l", [["a", "a", "b"]])
    rows = column("l", [["b"], [], ["a", "b", "x"], ["x", "a"]])
    assert encoded(feature, rows, trained) == [[3.0, 0.0], [0.0, 0.0], [2.0, 3.0], [1.0, 2.0]]
    assert states(feature, rows, trained) == [0, 0, 0, 2]
    assert encoded(feature, column("l", [[]]), trained) == [[0.0, 0.0]]


def test_a_list_longer_than_a_chunk_of_rows_is_encoded_whole() -> None:
    """The last rows of 70,000 are as right as the first."""
    small = column("l", [["a", "b"], [], ["b"]])
    fitted = Features(x=categories("l", length=2)).fit(small, SCHEMA)
    rows = np.arange(70_000) % 3
    assert np.array_equal(fitted.encode(small.take(rows)), fitted.encode(small)[rows])
    assert np.array_equal(fitted.states(small.take(rows))["x"], fitted.states(small)["x"][rows])


def test_a_vocabulary_can_be_shared() -> None:
    """The same text has the same number in both features."""
    features = Features(last=categories("l", length=1, vocabulary_of="s"), s=category("s", min_count=2))
    rows = batch({"s": "b", "l": ["a"]}, {"s": "b", "l": ["b"]}, {"s": "a", "l": ["a"]})
    fitted = features.fit(rows, SCHEMA)
    assert fitted.encode(rows).tolist() == [[1.0, 2.0], [2.0, 2.0], [1.0, 1.0]]
    assert list(fitted.vocabularies) == ["s"]
    assert [(item.name, item.size) for item in fitted.columns] == [("last_0", 3), ("s", 3)]


def test_a_function_is_given_plain_arrays() -> None:
    """Numbers, microseconds, and text as objects."""
    assert encoded(function(described, "n", "t", "s"), batch({"n": 1, "t": 10, "s": "abc"})) == [[14.0]]


def test_a_function_never_sees_null_where_missing_is_declared() -> None:
    """NaN that it returns is missing too."""
    rows = batch({"n": 1}, {"n": None}, {"s": None}, {"t": None}, {"n": 2, "s": "ab"})
    feature = function(described, "n", "t", "s", missing=-1)
    assert encoded(feature, rows) == [[2.0], [-1.0], [-1.0], [-1.0], [4.0]]
    assert states(feature, rows) == [0, 1, 1, 1, 0]
    assert encoded(function(log, "n", missing=-1), column("n", [1, -1, None])) == [[0.0], [-1.0], [-1.0]]
    assert states(function(log, "n", missing=-1), column("n", [1, -1, None])) == [0, 1, 1]
    assert encoded(feature, column("n", [None]), rows) == [[-1.0]]


EVERYTHING = Features(
    n=number("n", missing=0.1),
    nan=number("m", missing=NAN, relative_to_now=True),
    s=category("s", clean=first, min_count=1, max_size=9, unknown="as_missing"),
    sr=cross("s", "r", own_output=True),
    l=categories("l", length=2, vocabulary_of="s"),
    q=ratio("n", "m", when_zero=NAN, missing=1 / 3),
    h=hour("t", timezone="America/New_York", missing=-1),
    f=function(described, "n", "t", "s", missing=-0.0),
    up=category("r", clean=str.upper),
)
ROWS = batch(
    {}, {"n": None}, {"m": 0, "n": 0}, {"s": "ö", "l": ["b", "a", "x"]}, {"s": None, "t": None, "r": '"'}
)
FUNCTIONS = {"first": first, "described": described}


def test_the_columns_of_the_matrix_are_described() -> None:
    """Name, kind, size of the vocabulary, feature."""
    fitted = EVERYTHING.fit(ROWS, SCHEMA)
    assert fitted.columns[2:6] == (
        EncodedColumn("s", "category", 4, "s"),
        EncodedColumn("sr", "category", 4, "sr"),
        EncodedColumn("l_0", "category", 4, "l"),
        EncodedColumn("l_1", "category", 4, "l"),
    )
    assert fitted.columns[0] == EncodedColumn("n", "number", 0, "n")
    matrix = fitted.encode(ROWS)
    assert fitted.width == len(fitted.columns) == matrix.shape[1]
    assert (matrix.dtype, matrix.flags.c_contiguous) == (np.float64, True)


def test_fitted_features_survive_json() -> None:
    """The same bytes, the same encoding, the same states; NaN and fractions included."""
    fitted = EVERYTHING.fit(ROWS, SCHEMA)
    again = FittedFeatures.from_json(fitted.to_json(), FUNCTIONS)
    assert again.to_json() == fitted.to_json()
    assert again.encode(ROWS).tobytes() == fitted.encode(ROWS).tobytes()
    assert {name: array.tolist() for name, array in again.states(ROWS).items()} == {
        name: array.tolist() for name, array in fitted.states(ROWS).items()
    }
    assert (again.columns, again.schema, again.width) == (fitted.columns, fitted.schema, fitted.width)


def test_the_json_of_fitted_features_keeps_flags_and_sorts_its_keys() -> None:
    """It is part of what a digest covers."""
    text = EVERYTHING.fit(ROWS, SCHEMA).to_json()
    stored = msgspec.json.decode(text)
    assert text == msgspec.json.encode(stored, order="sorted")
    flags = {item["name"]: (item["relative_to_now"], item["own_output"]) for item in stored["features"]}
    assert (flags["n"], flags["nan"], flags["sr"]) == ((False, False), (True, False), (False, True))


@pytest.mark.parametrize("text", [b"", b"{}", b'{"format":1}', b"[]", b"\xff"])
def test_json_of_something_else_is_refused(text: bytes) -> None:
    """As an artifact that is damaged."""
    with pytest.raises(CorruptArtifact, match="cannot be read"):
        FittedFeatures.from_json(text, {})


def test_json_of_another_format_is_refused() -> None:
    """The message names both formats."""
    stored = msgspec.json.decode(EVERYTHING.fit(ROWS, SCHEMA).to_json()) | {"format": 2}
    with pytest.raises(CorruptArtifact, match="have format 2, this build reads format 1"):
        FittedFeatures.from_json(msgspec.json.encode(stored), FUNCTIONS)


def test_json_whose_vocabulary_was_lost_is_refused() -> None:
    """It names the feature."""
    stored = msgspec.json.decode(EVERYTHING.fit(ROWS, SCHEMA).to_json()) | {"vocabularies": {}}
    with pytest.raises(CorruptArtifact, match="no vocabulary for s"):
        FittedFeatures.from_json(msgspec.json.encode(stored), FUNCTIONS)


def test_a_function_that_is_not_given_is_named() -> None:
    """The snapshot of another version would lack it."""
    with pytest.raises(UnknownName, match="function described is not there; functions given: first"):
        FittedFeatures.from_json(EVERYTHING.fit(ROWS, SCHEMA).to_json(), {"first": first})


def test_cleaned_text_is_shown_by_feature() -> None:
    """Two features may clean one input in two ways."""
    rows = batch({"s": "abc", "r": "x", "l": ["b"]}, {"s": "", "r": None})
    features = Features(
        raw=category("s"),
        short=category("s", clean=first),
        both=cross("s", "r"),
        l=categories("l", length=1),
        n=number("n"),
    )
    assert features.fit(rows, SCHEMA).clean(rows).rows() == [
        {"raw": "abc", "short": "a", "both": "abc\x1fx", "l": ["b"]},
        {"raw": "", "short": None, "both": None, "l": ["a"]},
    ]


def test_a_batch_without_an_input_is_refused() -> None:
    """The message names what it lacks."""
    fitted = Features(n=number("n"), m=number("m")).fit(ROWS.take(np.array([0])), SCHEMA)
    with pytest.raises(DefinitionError, match="the batch lacks the inputs m"):
        fitted.encode(ROWS.select(["n", "s"]))


@pytest.mark.parametrize(
    ("feature", "wanted"),
    [
        (number("n"), "numbers"),
        (category("s"), "text"),
        (hour("t", timezone="UTC"), "timestamps"),
        (categories("l", length=1), "lists of text"),
        (function(log, "n"), "numbers, times or text"),
    ],
)
def test_a_batch_of_another_schema_is_refused(feature: Feature, wanted: str) -> None:
    """A column of another kind cannot be encoded by accident."""
    fitted = Features(x=feature).fit(batch({}), SCHEMA)
    (name,) = fitted.schema.names()
    other = batch({}).columns["l" if name != "l" else "s"]
    with pytest.raises(DefinitionError, match=f"column {name} of this batch does not hold {wanted}"):
        fitted.encode(Batch({name: other}, 1))


def test_more_columns_than_needed_do_no_harm() -> None:
    """Context travels in the same batch."""
    fitted = Features(n=number("n")).fit(batch({}), SCHEMA)
    extra = {**batch({}).columns, "other": Strings.of(["x"])}
    assert fitted.encode(Batch(extra, 1)).tolist() == [[1.0]]
