"""Claims about input schemas."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from roadworthy.errors import DefinitionError
from roadworthy.features.batch import Batch
from roadworthy.features.schema import Field, InputSchema, row_type

SCHEMA = InputSchema(
    (
        Field("wind", "number", nullable=True),
        Field("holiday", "boolean"),
        Field("carrier", "string"),
        Field("scheduled", "timestamp"),
        Field("last", "strings"),
        Field("dest", "string", role="context"),
        Field("flight", "string", role="unit"),
    )
)
ROW: dict[str, Any] = {
    "wind": None,
    "holiday": True,
    "carrier": "UA",
    "scheduled": "2013-07-01T10:00:00Z",
    "last": ["SEA"],
    "dest": "SFO",
    "flight": "UA1",
}


def decode(row: dict[str, Any], **limits: int) -> dict[str, Any]:
    """The row as a server would have it."""
    return msgspec.structs.asdict(
        msgspec.json.decode(msgspec.json.encode(row), type=row_type(SCHEMA, **limits))
    )


def test_names_are_given_by_role() -> None:
    """Context is not an input."""
    assert SCHEMA.names("input") == ("wind", "holiday", "carrier", "scheduled", "last")
    assert SCHEMA.names("context") == ("dest",)
    assert SCHEMA.names()[-2:] == ("dest", "flight")


def test_a_schema_survives_json() -> None:
    """Byte by byte."""
    again = InputSchema.from_json(SCHEMA.to_json())
    assert again == SCHEMA
    assert again.to_json() == SCHEMA.to_json()


def test_the_digest_of_a_schema_never_changes() -> None:
    """It is a key of the prediction log; the witness is sha256sum of the JSON text."""
    schema = InputSchema((Field("wind", "number", nullable=True),))
    assert schema.to_json() == b'{"fields":[{"kind":"number","name":"wind","nullable":true,"role":"input"}]}'
    assert schema.digest == "ec5b6bf2ff0c0db52427fb0b0810f14b"


@pytest.mark.parametrize(
    "other",
    [
        Field("wind", "number"),
        Field("wind2", "number", True),
        Field("wind", "string", True),
        Field("wind", "number", True, "context"),
    ],
)
def test_the_digest_differs_when_anything_does(other: Field) -> None:
    """Name, kind, nullability and role all count."""
    assert InputSchema((other,)).digest != InputSchema((Field("wind", "number", True),)).digest


@pytest.mark.parametrize("name", ["", "2h", "wind speed", "a-b", "__class__"])
def test_a_name_that_is_no_identifier_is_refused(name: str) -> None:
    """It becomes an attribute and a column of the log."""
    with pytest.raises(DefinitionError, match="rename it"):
        Field(name, "number")


def test_a_repeated_name_is_refused() -> None:
    """The message says which."""
    with pytest.raises(DefinitionError, match="more than once in one schema: wind"):
        InputSchema((Field("wind", "number"), Field("wind", "string")))


def test_a_list_cannot_be_nullable() -> None:
    """An empty list says the same."""
    with pytest.raises(DefinitionError, match="empty list"):
        Field("last", "strings", nullable=True)


def test_a_decoded_row_is_a_row_of_a_batch() -> None:
    """What the server's decoder gives, `from_rows` takes."""
    batch = Batch.from_rows([decode(ROW)], SCHEMA)
    assert batch.rows(SCHEMA) == [ROW | {"scheduled": 1_372_672_800_000_000}]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"wind": "n/a"}, "got `str` - at `$.wind`"),
        ({"holiday": 1}, "got `int` - at `$.holiday`"),
        ({"carrier": None}, "got `null` - at `$.carrier`"),
        ({"carrier": "x" * 513}, "length <= 512 - at `$.carrier`"),
        ({"scheduled": "2013-07-01T10:00:00"}, "timezone component - at `$.scheduled`"),
        ({"scheduled": 2**62}, "at `$.scheduled`"),
        ({"last": ["a"] * 1_001}, "length <= 1000 - at `$.last`"),
        ({"last": ["x" * 513]}, "length <= 512 - at `$.last[0]`"),
        ({"wnid": 3.0}, "unknown field `wnid`"),
    ],
)
def test_a_decoder_refuses_what_does_not_fit(change: dict[str, Any], message: str) -> None:
    """Types, sizes and names."""
    with pytest.raises(msgspec.ValidationError) as raised:
        decode(ROW | change)
    assert message in str(raised.value)


@pytest.mark.parametrize("absent", sorted(ROW))
def test_a_decoder_refuses_a_row_without_a_key(absent: str) -> None:
    """Null must be said."""
    with pytest.raises(msgspec.ValidationError, match=f"missing required field `{absent}`"):
        decode({name: value for name, value in ROW.items() if name != absent})


def test_the_limits_of_a_decoder_can_be_set() -> None:
    """A server may be stricter."""
    with pytest.raises(msgspec.ValidationError, match="length <= 1 "):
        decode(ROW, max_text=1)
