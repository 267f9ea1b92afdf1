"""Reading predict requests: both forms, and every fault at once."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from roadworthy.features.schema import Field, InputSchema
from roadworthy.serving.exchange import Rejected
from roadworthy.serving.requests import PredictRequest, RequestReader

SCHEMA = InputSchema(
    (
        Field("carrier", "string"),
        Field("wind", "number", nullable=True),
        Field("scheduled", "timestamp"),
        Field("late", "boolean"),
        Field("before", "strings"),
        Field("flight", "string", role="unit"),
    )
)
WIDER = InputSchema((*SCHEMA.fields, Field("rain", "number")))
ROW = {
    "carrier": "UA",
    "wind": 9.2,
    "scheduled": "2013-07-01T10:00:00Z",
    "late": True,
    "before": ["EWR"],
    "flight": "UA1545",
}


def read(content: Any, schemas: dict[int, InputSchema] | None = None, max_rows: int = 100) -> PredictRequest:
    """The request read from this body."""
    body = content if isinstance(content, bytes) else msgspec.json.encode(content)
    return RequestReader(schemas or {1: SCHEMA}, max_rows).read(body)


def rejected(content: Any, schemas: dict[int, InputSchema] | None = None, max_rows: int = 100) -> Rejected:
    """Why the body is refused."""
    with pytest.raises(Rejected) as caught:
        read(content, schemas, max_rows)
    return caught.value


def paths(error: Rejected) -> list[str]:
    """Where the faults are."""
    return [fault.path for fault in error.faults]


def test_rows_and_columns_are_read_to_the_same_values() -> None:
    """TF-Serving's row form and column form say the same."""
    rows = read({"instances": [ROW, {**ROW, "wind": None}], "request_id": "a"})
    columns = read({"inputs": {name: [value, value] for name, value in ROW.items()} | {"wind": [9.2, None]}})
    assert rows.rows == columns.rows
    assert len(rows.rows) == 2
    assert (rows.form, rows.request_id, columns.form, columns.request_id) == ("instances", "a", "inputs", "")


def test_all_faults_of_all_rows_are_listed_with_their_paths() -> None:
    """A client repairs everything at once."""
    bad = {**ROW, "carrier": 7, "wind": "n/a", "extra": 1}
    del bad["flight"]
    error = rejected({"instances": [ROW, bad, {**ROW, "before": [1]}]})
    assert (error.status, error.kind) == (422, "invalid_request")
    assert sorted(paths(error)) == [
        "$.instances[1].carrier",
        "$.instances[1].extra",
        "$.instances[1].flight",
        "$.instances[1].wind",
        "$.instances[2].before",
    ]
    assert {fault.got for fault in error.faults} >= {"7", '"n/a"', "nothing: the key is absent"}


def test_faults_of_the_column_form_are_placed_in_columns() -> None:
    """A path is written as the client wrote the value."""
    columns = {name: [value, value] for name, value in ROW.items()}
    del columns["late"]
    error = rejected({"inputs": {**columns, "carrier": ["UA", None], "extra": [1, 2]}})
    assert sorted(paths(error)) == ["$.inputs.carrier[1]", "$.inputs.extra", "$.inputs.late"]


@pytest.mark.parametrize(
    ("body", "status", "kind", "says"),
    [
        (b"", 400, "malformed_json", "the body is empty"),
        (b'{"instances": [', 400, "malformed_json", "truncated"),
        (b'{"instances": [{"wind": NaN}]}', 400, "malformed_json", "send null for a missing number"),
        (b'{"instances": [{"wind": -Infinity}]}', 400, "malformed_json", "send null for a missing number"),
        (b'{"instances": "\xff"}', 400, "malformed_json", "not UTF-8"),
        (b"[" * 100_000, 400, "too_deep", "nested too deeply"),
        (b'{"instances": []}', 422, "empty_batch", "has no rows"),
        (b'{"inputs": {}}', 422, "invalid_request", "1 fault in the request"),
        (b"[]", 422, "invalid_request", "1 fault in the request"),
        (b"{}", 422, "invalid_request", "1 fault in the request"),
        (b'{"instances": {}}', 422, "invalid_request", "1 fault in the request"),
        (b'{"instances": [], "inputs": {}}', 422, "invalid_request", "1 fault in the request"),
        (b'{"instances": [3]}', 422, "invalid_request", "1 fault in the request"),
        (b'{"instances": [{}], "request_id": 3, "x": 1}', 422, "invalid_request", "8 faults in the request"),
    ],
)
def test_a_body_that_is_no_request_is_refused_with_its_reason(
    body: bytes, status: int, kind: str, says: str
) -> None:
    """Each way to be wrong has a status, a kind and a sentence."""
    error = rejected(body)
    assert (error.status, error.kind) == (status, kind)
    assert says in str(error)


def test_a_number_beyond_the_range_of_a_float_is_a_fault() -> None:
    """1e999 is JSON, and no number a model can take."""
    body = msgspec.json.encode({"instances": [ROW]}).replace(b"9.2", b"1e999")
    assert rejected(body).status in {400, 422}


def test_too_many_rows_are_refused_before_they_are_checked() -> None:
    """The limit is one of rows, whatever their bytes."""
    assert rejected({"instances": [ROW] * 101}).kind == "too_many_rows"
    assert rejected({"inputs": {name: [value] * 101 for name, value in ROW.items()}}).kind == "too_many_rows"


def test_columns_of_unequal_length_are_refused() -> None:
    """Nobody guesses which row a value belongs to."""
    columns: dict[str, list[Any]] = {name: [value, value] for name, value in ROW.items()}
    columns["wind"] = [9.2]
    assert paths(rejected({"inputs": columns})) == ["$.inputs.wind"]


def test_a_text_that_is_too_long_is_one_fault_at_its_path() -> None:
    """What only the typed decoder checks is reported too."""
    error = rejected({"instances": [{**ROW, "carrier": "U" * 600}]})
    assert paths(error) == ["$.instances[0].carrier"]


def test_versions_with_other_schemas_read_their_own_fields_of_one_request() -> None:
    """During a canary with a new input, the client sends it and both versions find what they read."""
    reader = RequestReader({1: SCHEMA, 2: WIDER}, 100)
    request = reader.read(msgspec.json.encode({"instances": [ROW, {**ROW, "rain": 1.5}]}))
    assert reader.values(request, "flight", 1) == ["UA1545", "UA1545"]
    assert [len(row) for row in reader.rows(request, 1)] == [len(SCHEMA.fields)] * 2
    (wider,) = reader.rows(request, 2, [1])
    assert wider[WIDER.names().index("rain")] == 1.5
    with pytest.raises(Rejected) as caught:
        reader.rows(request, 2, [0])
    assert paths(caught.value) == ["$.instances[0].rain"]


def test_a_field_that_no_version_of_the_route_reads_is_a_fault() -> None:
    """A misspelt input is not silently dropped because two versions differ."""
    reader = RequestReader({1: SCHEMA, 2: WIDER}, 100)
    request = reader.read(msgspec.json.encode({"instances": [{**ROW, "rian": 1.5}]}))
    with pytest.raises(Rejected) as caught:
        reader.rows(request, 1, [0])
    assert paths(caught.value) == ["$.instances[0].rian"]


@pytest.mark.parametrize("schemas", [1, 2])
def test_sensitive_texts_are_hashed_before_anybody_sees_them(schemas: int) -> None:
    """In rows of one schema and of several, in single values too; the text itself is nowhere in what was read."""
    hidden = InputSchema(SCHEMA.fields, ("carrier",))
    reader = RequestReader({1: hidden, 2: WIDER} if schemas == 2 else {1: hidden}, 100, bytes(32))
    request = reader.read(msgspec.json.encode({"instances": [{**ROW, "carrier": "4711"}]}))
    (row,) = reader.rows(request, 1)
    assert row[SCHEMA.names().index("carrier")] == "#847ca528a0b63f7d14e96298cd0f9fb2"
    assert reader.values(request, "carrier", 1) == ["#847ca528a0b63f7d14e96298cd0f9fb2"]


@pytest.mark.parametrize("decides", [1, 2])
def test_a_single_field_is_read_as_the_version_reads_it_that_decides(decides: int) -> None:
    """Whether it may be missing, and whether it is hashed, is not for an older version beside it to say."""
    free = (Field("flight", "string", role="unit", nullable=True), Field("wind", "number"))
    strict = (Field("flight", "string", role="unit"), Field("rain", "number"))
    standby = 3 - decides
    schemas = {standby: InputSchema(strict), decides: InputSchema(free, ("flight",))}
    reader = RequestReader(schemas, 100, bytes(32))
    request = reader.read(b'{"instances": [{"flight": null, "wind": 1}, {"flight": "4711", "wind": 1}]}')
    assert reader.values(request, "flight", decides) == [None, "#847ca528a0b63f7d14e96298cd0f9fb2"]
    with pytest.raises(Rejected) as caught:
        reader.values(request, "flight", standby)
    assert paths(caught.value) == ["$.instances[0].flight"]
