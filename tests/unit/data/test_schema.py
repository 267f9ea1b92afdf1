"""The column language and what may be declared with it."""

from __future__ import annotations

import pyarrow as pa
import pytest

from roadworthy.data.schema import Column, TableSchema, kind_of, table
from roadworthy.errors import DefinitionError


@pytest.mark.parametrize(
    "text",
    ["string", "string(2)", "string(2)?", "float? >= 0", "int >= 0 <= 100", "bool?", "timestamp", "strings"],
)
def test_a_column_is_written_as_it_was_declared(text: str) -> None:
    """Errors and schema.json quote the user's own words."""
    assert str(Column.parse("c", text)) == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("str", "'str' is not understood: write one of string, float, int, bool, timestamp, strings"),
        ("float >= ", "is not understood"),
        ("float >= much", "limit '>= much' is not understood"),
        ("int(2)", "gives a length, which only 'string' has"),
        ("string >= 2", "gives bounds, which only 'float' and 'int' have"),
        ("strings?", "a list is never missing"),
    ],
)
def test_a_column_that_means_nothing_is_refused_with_its_reason(text: str, reason: str) -> None:
    """A typing mistake is found when the definition is read, not when data comes."""
    with pytest.raises(DefinitionError) as error:
        Column.parse("wind", text)
    assert reason in str(error.value)


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("id", "key column 'id' is not among its columns a, b, f"),
        ("b", "key column 'b' is 'string?'"),
        ("f", "key column 'f' is 'float'"),
        (["a", "a"], "must name one or more different columns"),
        ([], "must name one or more different columns"),
    ],
)
def test_a_key_must_be_able_to_name_a_row(key: str | list[str], reason: str) -> None:
    """A null never equals itself and a float rarely does."""
    with pytest.raises(DefinitionError) as error:
        table("t", key=key, columns={"a": "string", "b": "string?", "f": "float"})
    assert reason in str(error.value)


def test_a_table_name_that_would_leave_its_directory_is_refused() -> None:
    """Names become paths."""
    with pytest.raises(DefinitionError, match="use lower-case letters"):
        table("../planes", key="a", columns={"a": "string"})


def test_a_schema_survives_json_without_its_load_function() -> None:
    """What is stored beside the data is exactly what was declared."""
    declared = table(
        "t", key=["a", "n"], columns={"a": "string(3)", "n": "int", "x": "float? > 0"}, load=list
    )
    restored = TableSchema.from_json(declared.to_json())
    assert restored == declared
    assert restored.load is None


@pytest.mark.parametrize(
    ("arrow_type", "kind"),
    [
        (pa.large_string(), "string"),
        (pa.string_view(), "string"),
        (pa.dictionary(pa.int8(), pa.string()), "string"),
        (pa.float32(), "float"),
        (pa.uint8(), "int"),
        (pa.timestamp("ns", tz="America/New_York"), "timestamp"),
        (pa.timestamp("us"), None),
        (pa.large_list(pa.string()), "strings"),
        (pa.list_(pa.int64()), None),
        (pa.date32(), None),
        (pa.binary(), None),
    ],
)
def test_the_kind_of_a_type_is_what_it_means_not_how_it_is_held(
    arrow_type: pa.DataType, kind: str | None
) -> None:
    """A timestamp without a timezone says no instant, so it has no kind."""
    assert kind_of(arrow_type) == kind
