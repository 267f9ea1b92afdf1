"""Sensitive texts are hashed before anything sees them, and nothing reads them by mistake."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadworthy.errors import DefinitionError
from roadworthy.features.batch import Batch
from roadworthy.features.collection import Features
from roadworthy.features.declare import categories, category, cross, number
from roadworthy.features.hiding import hidden_places, hide_batch, hide_rows
from roadworthy.features.schema import Field, InputSchema, row_type

SCHEMA = InputSchema(
    (
        Field("card", "string", nullable=True),
        Field("amount", "number"),
        Field("seen", "strings"),
        Field("shop", "string"),
    ),
    ("card", "seen"),
)
KEY = bytes(range(32))

texts = st.text(max_size=8)
rows = st.lists(
    st.tuples(st.none() | texts, st.floats(0, 9), st.lists(texts, max_size=3), texts), min_size=1, max_size=6
)


def batch_of(some: list[tuple[object, ...]]) -> Batch:
    """Rows as a batch."""
    return Batch.from_rows([dict(zip(SCHEMA.names(), row, strict=True)) for row in some], SCHEMA)


@given(rows)
def test_rows_of_a_request_and_a_batch_are_hidden_alike(some: list[tuple[object, ...]]) -> None:
    """A server hides rows, training hides batches; parity is that they give the same."""
    hidden = hide_rows(some, hidden_places(SCHEMA), KEY)
    batch = hide_batch(batch_of(some), SCHEMA.sensitive, KEY)
    assert batch_of(hidden).rows() == batch.rows()
    for before, after in zip(some, hidden, strict=True):
        assert (before[1], before[3]) == (after[1], after[3])
        assert (before[0] is None) == (after[0] is None)


def test_a_category_of_hashes_encodes_as_one_of_texts() -> None:
    """Equal stays equal, missing stays missing, unknown stays unknown."""
    some = [(card, 1.0, [], "s") for card in ("a", "b", "a", None)]
    hidden = hide_batch(batch_of(some), SCHEMA.sensitive, KEY)
    fitted = Features(card=category("card", sensitive=True)).fit(hidden, SCHEMA)
    assert fitted.encode(hidden)[:, 0].tolist() == [2.0, 3.0, 2.0, 0.0]
    other = hide_batch(batch_of([("c", 1.0, [], "s")]), SCHEMA.sensitive, KEY)
    assert fitted.encode(other)[0, 0] == 1.0


def test_fitted_features_say_which_inputs_are_sensitive() -> None:
    """Whatever else uses the column; and an artifact keeps it."""
    features = Features(
        card=category("card", sensitive=True),
        pair=cross("card", "shop"),
        amount=number("amount"),
        seen=categories("seen", length=2, sensitive=True),
    )
    assert features.sensitive == ("card", "seen")
    hidden = hide_batch(batch_of([("a", 1.0, ["x"], "s"), ("b", 2.0, [], "t")]), SCHEMA.sensitive, KEY)
    schema = features.fit(hidden, SCHEMA).schema
    assert schema.sensitive == ("card", "seen")
    assert InputSchema.from_json(schema.to_json()) == schema


def test_a_schema_without_sensitive_columns_is_written_as_before() -> None:
    """Its digest names versions that are registered already."""
    plain = InputSchema((Field("amount", "number"),))
    assert b"sensitive" not in plain.to_json()
    assert plain.digest != msgspec.structs.replace(SCHEMA, sensitive=()).digest


def test_a_reader_that_does_not_hide_cannot_read_sensitive_rows() -> None:
    """Nobody logs a card because a new way in forgot to hash it."""
    with pytest.raises(DefinitionError, match="card, seen are sensitive"):
        row_type(SCHEMA)
    assert row_type(SCHEMA, hides=True).__struct_fields__ == SCHEMA.names()


def test_only_text_can_be_sensitive_and_hashes_cannot_be_cleaned() -> None:
    """Both are said when they are declared."""
    with pytest.raises(DefinitionError, match="only text is hashed"):
        InputSchema((Field("amount", "number"),), ("amount",))
    with pytest.raises(DefinitionError, match="nothing to clean"):
        category("card", sensitive=True, clean=str.upper)
