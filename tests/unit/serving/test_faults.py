"""Saying what is wrong with a body: as much as an answer lists, and no more work than that, since others wait."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from roadworthy.features.schema import Field, InputSchema
from roadworthy.serving.exchange import MAX_FAULTS, Rejected
from roadworthy.serving.faults import explain, first
from roadworthy.serving.foreign import ForeignReader
from roadworthy.serving.foreign_schemas import ForeignSchemas
from roadworthy.serving.infer_tensors import OUTPUTS, Tensor, read_tensors
from roadworthy.serving.outcomes import Sent, read_outcomes
from roadworthy.serving.requests import RequestReader

LIMIT = 2_000
WIDE = InputSchema((*(Field(f"x{at}", "number") for at in range(20)), Field("flight", "string", role="unit")))
READER = RequestReader({1: WIDE}, LIMIT)
SERVED: Any = SimpleNamespace(
    reader=READER, versions={1: SimpleNamespace(scorer=SimpleNamespace(schema=WIDE))}
)


def outcomes(content: Any) -> None:
    """Read outcomes."""
    body = msgspec.json.encode(content)
    read_outcomes(body, models={}, namespace="default", arrival_time=7, logged_at=8, limit=LIMIT)


def predictions(content: Any) -> None:
    """Read predictions that were made elsewhere; their schemas are never reached."""
    reader = ForeignReader(ForeignSchemas(Path("nowhere")), random.Random(1))
    body = msgspec.json.encode(content)
    reader.read(body, served={}, namespace="default", event_time=7, logged_at=8, limit=LIMIT)


def rows(content: Any) -> None:
    """Read a predict request."""
    READER.read(msgspec.json.encode(content))


def tensors(content: Any) -> None:
    """Read tensors."""
    sent = [Tensor(name, "FP64", [len(values)], values, f"$.inputs[{name}]") for name, values in content]
    read_tensors(SERVED, sent, "", {}, ())


def refusal(read: Callable[[Any], None], content: Any) -> tuple[Rejected, int]:
    """Why a body is refused, and how many functions were called to find out."""
    calls = 0

    def count(frame: Any, event: str, argument: Any) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    sys.setprofile(count)
    try:
        with pytest.raises(Rejected) as caught:
            read(content)
    finally:
        sys.setprofile(None)
    return caught.value, calls


@pytest.mark.parametrize(
    ("read", "content"),
    [
        (outcomes, {"outcomes": [{}] * LIMIT}),
        (outcomes, {"outcomes": [], **dict.fromkeys(map(str, range(LIMIT)))}),
        (predictions, {"predictions": [{}] * LIMIT}),
        (predictions, {"predictions": [], "schemas": [1] * LIMIT}),
        (rows, {"instances": [1] * LIMIT}),
        (rows, {"instances": [{}] * LIMIT}),
        (rows, {"instances": [dict.fromkeys(map(str, range(LIMIT)))]}),
        (rows, {"inputs": dict.fromkeys(map(str, range(LIMIT)))}),
        (rows, {"inputs": {str(number): [1] * (number % 2) for number in range(LIMIT)}}),
    ],
)
def test_no_more_faults_are_looked_for_than_are_listed(read: Callable[[Any], None], content: Any) -> None:
    """A body that is wrong all over costs what a hundred faults cost, and says that there may be more."""
    refused, calls = refusal(read, content)
    assert (refused.status, len(refused.faults)) == (422, MAX_FAULTS)
    assert str(refused).startswith("at least 100 faults in the request")
    assert calls < 15 * LIMIT


@pytest.mark.parametrize(
    ("read", "content"),
    [
        (outcomes, {"outcomes": [{}] * (LIMIT + 1)}),
        (predictions, {"predictions": [{}] * (LIMIT + 1)}),
        (rows, {"instances": [1] * (LIMIT + 1)}),
        (rows, {"instances": [{}] * (LIMIT + 1)}),
        (rows, {"inputs": {"x0": ["a"] * (LIMIT + 1), "x1": [1]}}),
        (tensors, [("x0", [float("inf")] * (LIMIT + 1))]),
    ],
)
def test_rows_are_counted_before_anything_else_is_said_of_them(
    read: Callable[[Any], None], content: Any
) -> None:
    """Beyond the limit it does not matter how wrong they are: 413, at once."""
    refused, calls = refusal(read, content)
    assert (refused.status, refused.kind) == (413, "too_many_rows")
    assert calls < 1_000


def test_one_wrong_item_among_many_is_found_without_taking_the_others_apart() -> None:
    """Whether an item is right is asked once for each."""
    right = {"id": "o1", "model": "delay", "name": "late", "value": 1, "event_time": 7, "unit": "UA1545"}
    refused, calls = refusal(outcomes, {"outcomes": [right] * (LIMIT - 1) + [{**right, "value": "x"}]})
    assert [fault.path for fault in refused.faults] == [f"$.outcomes[{LIMIT - 1}].value"]
    assert calls < 15 * LIMIT


def test_values_of_tensors_are_looked_at_until_there_is_enough_to_list() -> None:
    """Twenty inputs of infinities are one input of infinities."""
    refused, calls = refusal(tensors, [(f"x{at}", [float("inf")] * LIMIT) for at in range(20)])
    assert len(refused.faults) == MAX_FAULTS
    assert calls < 20 * LIMIT


def test_an_output_is_answered_once() -> None:
    """A request of four megabytes that names one output again and again would have an answer of gigabytes."""
    sent = [Tensor("flight", "BYTES", [1], ["UA1545"], "$.inputs[0]")]
    with pytest.raises(Rejected) as caught:
        read_tensors(SERVED, sent, "", {}, [*OUTPUTS, "id"])
    assert ("$.outputs", '"id" again') in [(fault.path, fault.got) for fault in caught.value.faults]


def test_an_object_is_explained_field_by_field() -> None:
    """Unknown, absent and wrong; nothing is said of one that is right."""
    right = {"id": "o1", "model": "delay", "name": "late", "value": 1, "event_time": 7, "unit": "UA1545"}
    assert first(explain(right, Sent, "$")) == []
    wrong: dict[str, Any] = {**right, "name": "", "x": 1}
    del wrong["model"]
    assert [fault.path for fault in explain(wrong, Sent, "$")] == ["$.x", "$.model", "$.name"]
    assert [fault.got for fault in explain(3, Sent, "$")] == ["3"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            {"event_time": "2026-11-21"},
            "a time with a UTC offset (RFC 3339) or integer microseconds since 1970",
        ),
        ({"event_time": None}, "a time with a UTC offset (RFC 3339) or integer microseconds since 1970"),
        ({"prediction_id": 3}, "a string or null"),
        ({"value": "yes"}, "true or false, a number or null"),
        ({"revision": -1}, "an integer >= 0"),
        ({"name": ""}, "a string of length >= 1"),
    ],
)
def test_what_would_have_been_right_is_said_in_words(change: dict[str, Any], expected: str) -> None:
    """Who sends JSON need not know how we name types."""
    right = {"id": "o1", "model": "delay", "name": "late", "value": 1, "event_time": 7, "unit": "UA1545"}
    (fault,) = explain({**right, **change}, Sent, "$")
    assert fault.expected == expected
