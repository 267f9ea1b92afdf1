"""What must hold of every encoding, whatever the rows: the batch and the row agree to the last bit."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from roadworthy.features.arrow import batch_from_arrow, batch_to_arrow
from roadworthy.features.batch import Batch
from roadworthy.features.columns import EARLIEST, LATEST
from roadworthy.features.declare import (
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
from roadworthy.features.fitted import FittedFeatures
from roadworthy.features.plain import Plain, batch_of
from roadworthy.features.schema import Field, InputSchema, row_type

SCHEMA = InputSchema(
    (
        Field("x", "number", True),
        Field("y", "number", True),
        Field("flag", "boolean", True),
        Field("a", "string", True),
        Field("b", "string", True),
        Field("at", "timestamp", True),
        Field("items", "strings"),
    )
)


def shortened(text: str) -> str | None:
    """A cleaner that merges texts and makes some missing."""
    return text.strip().lower()[:2] or None


def squashed(x: Any, y: Any) -> Any:
    """A row-wise function with NaN in its range."""
    return np.sqrt(x) + np.tanh(y) * np.exp(-np.abs(x))


ZONE = "America/New_York"
FEATURES = Features(
    x=number("x", missing=-1.0),
    x_nan=number("x", missing=float("nan")),
    flag=number("flag", missing=0.5),
    share=ratio("x", "y", when_zero=-1.0, missing=float("nan")),
    hour=hour("at", timezone=ZONE, missing=-1),
    minute=minute("at", timezone=ZONE, missing=-1),
    weekday=weekday("at", timezone=ZONE, missing=-1),
    day=day_of_year("at", timezone=ZONE, missing=-1),
    a=category("a", min_count=2),
    a_short=category("a", clean=shortened, unknown="as_missing"),
    a_upper=category("a", clean=str.upper, max_size=2),
    pair=cross("a", "b", min_count=2),
    triple=cross("b", "a", max_size=3),
    items=categories("items", length=3, clean=shortened),
    shared=categories("items", length=1, vocabulary_of="a"),
    f=function(squashed, "x", "y", missing=-5.0),
)

texts = st.sampled_from(["", "a", "A ", "ab", "abc", "b", "\x1f", "é", "Ω\U0001f6eb", "a\x1fb"]) | st.text(
    max_size=3
)
numbers = st.sampled_from([0.0, -0.0, 1.0, -1.0, 5e-324, 1e300]) | st.floats(
    allow_nan=False, allow_infinity=False
)
rows = st.fixed_dictionaries(
    {
        "x": st.none() | numbers,
        "y": st.none() | numbers,
        "flag": st.none() | st.booleans(),
        "a": st.none() | texts,
        "b": st.none() | texts,
        "at": st.none()
        | st.integers(EARLIEST, LATEST)
        | st.integers(1_362_873_600_000_000, 1_362_988_800_000_000),
        "items": st.lists(texts, max_size=5),
    }
)
FULL = {"x": 1.0, "y": 2.0, "flag": True, "a": "a", "b": "b", "at": 0, "items": ["a"]}


def fitted_on(training: list[dict[str, Any]]) -> FittedFeatures:
    """Features fitted on these rows and one that has everything."""
    return FEATURES.fit(Batch.from_rows([*training, FULL], SCHEMA), SCHEMA)


def same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    """Equal to the last bit; NaN is NaN whatever its payload."""
    return a.shape == b.shape and bool(
        np.all((a.view(np.int64) == b.view(np.int64)) | (np.isnan(a) & np.isnan(b)))
    )


@given(st.lists(rows, max_size=8), st.lists(rows, min_size=1, max_size=10), st.sampled_from([1, 70]))
def test_a_batch_is_encoded_as_each_of_its_rows(
    training: list[dict[str, Any]], asked: list[dict[str, Any]], repeats: int
) -> None:
    """With few rows and, repeated, with more rows than the path for few takes; states and cleaned text too."""
    fitted = fitted_on(training)
    batch = Batch.from_rows(asked * repeats, fitted.schema)
    singles = [Batch.from_rows([row], fitted.schema) for row in asked]
    assert same_bits(
        fitted.encode(batch), np.concatenate([fitted.encode(single) for single in singles] * repeats)
    )
    for name, states in fitted.states(batch).items():
        assert states.tolist() == [fitted.states(single)[name][0] for single in singles] * repeats
    assert fitted.clean(batch).rows() == [fitted.clean(single).rows()[0] for single in singles] * repeats


@given(st.lists(rows, max_size=8), st.lists(rows, max_size=10))
def test_plain_rows_are_encoded_as_their_batch(
    training: list[dict[str, Any]], asked: list[dict[str, Any]]
) -> None:
    """The path of requests and the path of tables agree to the last bit, and so do checked rows as a batch."""
    fitted = fitted_on(training)
    schema = fitted.schema
    batch = Batch.from_rows(asked, schema)
    plain = [tuple(row.values()) for row in batch.rows(schema)]
    kinds = {field.name: field.kind for field in schema.fields}
    columns = dict(zip(kinds, zip(*plain, strict=True), strict=False)) or dict.fromkeys(kinds, ())
    matrix = fitted.encode(batch)
    assert same_bits(fitted.encode_few(Plain(columns, kinds, len(plain))), matrix)
    assert same_bits(fitted.encode(batch_of(plain, schema)), matrix)


@given(st.lists(rows, min_size=1, max_size=30), st.randoms())
def test_order_selection_and_company_of_rows_change_nothing(asked: list[dict[str, Any]], chance: Any) -> None:
    """Take, then encode, is encode, then take; joined batches encode as their parts."""
    fitted = fitted_on(asked)
    batch = Batch.from_rows(asked, fitted.schema)
    chosen = np.array([chance.randrange(len(asked)) for _ in range(90)])
    matrix = fitted.encode(batch)
    assert same_bits(fitted.encode(batch.take(chosen)), matrix[chosen])
    joined = Batch.concat([batch.take(chosen), batch])
    assert same_bits(fitted.encode(joined), np.concatenate([matrix[chosen], matrix]))


@given(st.lists(rows, max_size=8), st.lists(rows, max_size=8))
def test_stored_features_encode_identically(
    training: list[dict[str, Any]], asked: list[dict[str, Any]]
) -> None:
    """JSON there and back."""
    fitted = fitted_on(training)
    again = FittedFeatures.from_json(fitted.to_json(), FEATURES.functions)
    batch = Batch.from_rows(asked, fitted.schema)
    assert again.to_json() == fitted.to_json()
    assert same_bits(again.encode(batch), fitted.encode(batch))


@given(st.lists(rows, max_size=8))
def test_rows_arrow_and_json_make_the_same_batch(asked: list[dict[str, Any]]) -> None:
    """Training reads tables, a server reads JSON: both see the same matrix."""
    fitted = fitted_on(asked)
    schema = fitted.schema
    batch = Batch.from_rows(asked, schema)
    assert batch.rows(schema) == asked
    table = pa.concat_tables([batch_to_arrow(batch, schema), batch_to_arrow(batch, schema)])
    from_table = batch_from_arrow(table, schema)
    decoder = msgspec.json.Decoder(list[row_type(schema)])  # type: ignore[misc]  # made at run time
    decoded = [msgspec.structs.asdict(row) for row in decoder.decode(msgspec.json.encode(asked))]
    matrix = fitted.encode(batch)
    assert same_bits(fitted.encode(from_table), np.concatenate([matrix, matrix]))
    assert same_bits(fitted.encode(Batch.from_rows(decoded, schema)), matrix)
