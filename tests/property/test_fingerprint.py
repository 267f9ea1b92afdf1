"""What must hold of every fingerprint: the same for the same content, another for another."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from hypothesis import assume, given
from hypothesis import strategies as st

from roadworthy.clock import instant
from roadworthy.data.fingerprint import fingerprint

SCHEMA = pa.schema(
    {
        "text": pa.string(),
        "float": pa.float64(),
        "int": pa.int64(),
        "bool": pa.bool_(),
        "time": pa.timestamp("us", tz="UTC"),
        "list": pa.list_(pa.string()),
    }
)
CELLS: dict[str, st.SearchStrategy[Any]] = {
    "text": st.none() | st.text(max_size=3),
    "float": st.none() | st.floats(allow_nan=False).map(lambda value: value + 0.0),
    "int": st.none() | st.integers(-(2**63), 2**63 - 1),
    "bool": st.none() | st.booleans(),
    "time": st.none() | st.integers(0, 2**50).map(instant),
    "list": st.none() | st.lists(st.none() | st.text(max_size=2), max_size=3),
}
rows = st.lists(st.fixed_dictionaries(CELLS), min_size=1, max_size=8)


def of(drawn: list[dict[str, Any]]) -> str:
    """The fingerprint of the drawn rows."""
    return fingerprint(pa.Table.from_pylist(drawn, SCHEMA))


@given(rows, st.randoms(use_true_random=False), st.integers(1, 4))
def test_order_of_rows_and_columns_chunks_and_encoding_do_not_matter(
    drawn: Any, random: Any, size: int
) -> None:
    """The same rows are the same content, however they are held."""
    shuffled = random.sample(drawn, len(drawn))
    names = random.sample(SCHEMA.names, len(SCHEMA.names))
    whole = pa.Table.from_pylist(shuffled, SCHEMA)
    held = pa.concat_tables([whole.slice(start, size) for start in range(0, whole.num_rows, size)]).select(
        names
    )
    text = names.index("text")
    held = held.set_column(text, "text", held.column("text").cast(pa.large_string()).dictionary_encode())
    assert fingerprint(held) == of(drawn)


@given(rows, st.data())
def test_one_other_cell_is_another_fingerprint(drawn: Any, data: st.DataObject) -> None:
    """A null, a value and an empty text or list are all different from each other."""
    number = data.draw(st.integers(0, len(drawn) - 1))
    name = data.draw(st.sampled_from(SCHEMA.names))
    cell = data.draw(CELLS[name])
    assume(cell != drawn[number][name])
    changed = [{**row, name: cell} if index == number else row for index, row in enumerate(drawn)]
    assert of(changed) != of(drawn)


@given(rows, st.data())
def test_a_row_that_is_there_twice_does_not_cancel(drawn: Any, data: st.DataObject) -> None:
    """With XOR, two more copies of a row would leave the fingerprint as it was."""
    row = data.draw(st.sampled_from(drawn))
    assert len({of(drawn), of([*drawn, row]), of([*drawn, row, row])}) == 3
