"""Golden requests: which corners they visit, and that nobody's data is among them."""

from __future__ import annotations

import json
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from roadworthy.features.batch import Batch
from roadworthy.features.collection import Features
from roadworthy.features.declare import number
from roadworthy.features.fitted import FittedFeatures
from roadworthy.features.schema import Field, InputSchema
from roadworthy.training.fit import served_schema
from roadworthy.training.goldens import Request, golden_requests

from .conftest import History, features

Made = tuple[FittedFeatures, InputSchema, dict[str, Request]]


@pytest.fixture(scope="module")
def made(flights: History, functions: ModuleType) -> Made:
    fitted = features(functions).fit(flights.rows, flights.schema)
    schema = served_schema(fitted, flights.schema, "flight", ("terminal",))
    return fitted, schema, golden_requests(fitted, schema)


def column(made: Made, name: str) -> list[Any]:
    return [request[name] for request in made[2].values()]


def test_every_request_is_one_that_the_server_would_take(made: Made) -> None:
    """Each carries every column of the schema and nothing else, and passes its checks, before and after JSON."""
    _, schema, requests = made
    again = json.loads(json.dumps(list(requests.values())))
    assert Batch.from_rows(again, schema).n == len(requests)
    assert all(set(request) == set(schema.names()) for request in requests.values())


def test_there_are_enough_and_not_too_many(made: Made) -> None:
    """Loading a version replays all of them, so they are dozens, not thousands."""
    assert 32 <= len(made[2]) <= 64


def test_every_nullable_column_is_missing_once_and_all_at_once(made: Made) -> None:
    """Missing has an encoding of its own for each feature."""
    _, schema, requests = made
    nullable = [field.name for field in schema.fields if field.nullable]
    assert len(nullable) >= 6
    for name in nullable:
        assert requests[f"missing {name}"][name] is None
    assert [name for name, value in requests["missing all that may be"].items() if value is None] == [
        name for name in schema.names() if name in nullable
    ]


def test_every_state_of_every_text_feature_is_visited(made: Made) -> None:
    """Present, missing and unknown all occur, so each branch of each encoder has a golden answer."""
    fitted, schema, requests = made
    states = fitted.states(Batch.from_rows(list(requests.values()), schema))
    for name in ("carrier", "route"):
        assert set(states[name].tolist()) == {0, 1, 2}, name
    assert set(states["recent"].tolist()) == {0, 2}
    assert set(states["wind"].tolist()) == {0, 1}


def test_denominators_are_zero_under_something_and_under_nothing(made: Made) -> None:
    """x/0 and 0/0 both have the declared encoding."""
    requests = made[2]
    assert (
        requests["zero denominator of queue"]["late"],
        requests["zero denominator of queue"]["total"],
    ) == (1.0, 0.0)
    assert (requests["zero by zero of queue"]["late"], requests["zero by zero of queue"]["total"]) == (
        0.0,
        0.0,
    )


def test_lists_are_empty_too_long_and_strange(made: Made) -> None:
    """Padding, cutting and unknown texts in lists."""
    requests = made[2]
    assert requests["empty list of recent"]["recent"] == []
    assert len(requests["long list of recent"]["recent"]) > 3


def test_local_time_is_asked_where_it_jumps(made: Made) -> None:
    """Both sides of both changes of the clocks: one and two in the morning meet three and one."""
    fitted, schema, requests = made
    batch = Batch.from_rows(list(requests.values()), schema)
    hours = fitted.encode(batch)[:, [one.name for one in fitted.columns].index("hour")]
    shown = dict(zip(requests, hours.tolist(), strict=True))
    zone = "at at America/New_York"
    assert (
        shown[f"{zone} last moment before the clocks change, 1"],
        shown[f"{zone} the clocks change, 1"],
    ) == (1.0, 3.0)
    assert (
        shown[f"{zone} last moment before the clocks change, 2"],
        shown[f"{zone} the clocks change, 2"],
    ) == (1.0, 1.0)
    assert (shown[f"{zone} last moment of a day"], shown[f"{zone} midnight"]) == (23.0, 0.0)


def test_known_tuples_of_a_cross_are_asked(made: Made) -> None:
    """Columns chosen one by one would hardly meet in a pair that the cross knows."""
    fitted, schema, requests = made
    batch = Batch.from_rows([requests["first tuple of route"], requests["last tuple of route"]], schema)
    assert fitted.states(batch)["route"].tolist() == [0, 0]


def test_no_row_of_the_training_data_is_stored(made: Made, flights: History) -> None:
    """Units, times and numbers come from arithmetic; texts only from vocabularies, which the artifact holds anyway."""
    known = flights.rows.rows()
    assert not set(column(made, "flight")) & {row["flight"] for row in known}
    assert not set(column(made, "at")) & {row["at"] for row in known}
    assert len(set(column(made, "flight"))) == len(made[2])


def test_the_same_features_give_the_same_requests(made: Made) -> None:
    """No chance, no clock."""
    fitted, schema, requests = made
    assert golden_requests(FittedFeatures.from_json(fitted.to_json(), _functions(fitted)), schema) == requests


def test_a_model_of_one_number_has_goldens_too(flights: History) -> None:
    """Nothing but ordinary values and, where it may be null, a missing one."""
    fitted = Features(wind=number("wind", missing=-1.0)).fit(flights.rows, flights.schema)
    schema = InputSchema((*fitted.schema.fields, Field("id", "number", role="unit")))
    requests = golden_requests(fitted, schema)
    assert len(requests) == 17
    assert np.isfinite([request["id"] for request in requests.values()]).all()


def _functions(fitted: FittedFeatures) -> dict[str, Any]:
    return {"tidy": str.upper, "gustiness": np.hypot}
