"""Named situations of the point-in-time join; that it is right in general is for tests/oracle and tests/property."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from roadworthy.clock import instant, parse_instant
from roadworthy.data.pointintime import instants, join_as_known
from roadworthy.data.schema import table
from roadworthy.data.sources import Join, TimeExpression, source
from roadworthy.data.tables import ingest
from roadworthy.errors import DefinitionError, UnknownName

TIME = pa.timestamp("us", tz="UTC")
NOON = parse_instant("2013-07-01T12:00")

weather = source("weather", key="origin", known_at="observed_at + 1h", max_age="3h")


def minutes(*after: int | None) -> pa.Array:
    """Instants, minutes after noon."""
    return pa.array([None if m is None else NOON + timedelta(minutes=m) for m in after], TIME)


def asked(*after: int | None, origin: str = "JFK") -> pa.Table:
    """Questions at these minutes after noon."""
    return pa.table({"origin": pa.array([origin] * len(after), pa.string()), "at": minutes(*after)})


def history(*rows: tuple[int | None, Any]) -> pa.Table:
    """Weather observed at minutes after noon, with the temperature."""
    return pa.table(
        {
            "origin": pa.array(["JFK"] * len(rows), pa.string()),
            "observed_at": minutes(*(row[0] for row in rows)),
            "temp": pa.array([row[1] for row in rows], pa.float64()),
        }
    )


def latest(questions: pa.Table, rows: pa.Table) -> list[Any]:
    """The joined temperatures."""
    joined = join_as_known(questions, "at", [weather.latest("temp")], {"weather": rows})
    values: list[Any] = joined.column("weather_latest_temp").to_pylist()
    return values


def test_a_value_is_visible_from_the_microsecond_it_is_known_until_max_age_has_passed() -> None:
    """Observed at noon and known at one: not before one, and until four, both included."""
    boundaries = [NOON + timedelta(hours=hour, microseconds=micro) for hour in (1, 4) for micro in (-1, 0, 1)]
    questions = pa.table({"origin": ["JFK"] * 6, "at": pa.array(boundaries, TIME)})
    assert latest(questions, history((0, 20.0))) == [None, 20.0, 20.0, 20.0, 20.0, None]


def test_a_window_holds_its_near_end_and_not_its_far_end() -> None:
    """Known in (asked - over, asked], so that windows side by side count every row once."""
    events = source("weather", key="origin", known_at="observed_at")
    rows = history((0, 1.0), (60, 2.0))
    joined = join_as_known(asked(0, 59, 60, 119, 120), "at", [events.count(over="1h")], {"weather": rows})
    assert joined.column("weather_count_1h").to_pylist() == [1, 1, 1, 1, 0]


def test_the_newest_row_decides_even_where_its_value_is_missing() -> None:
    """A broken thermometer is missing, not an hour old."""
    assert latest(asked(150), history((0, 20.0), (60, None))) == [None]
    assert latest(asked(150), history((0, 20.0), (60, float("nan")))) == [None]


def test_a_question_without_an_instant_is_told_nothing_and_a_row_without_one_is_never_known() -> None:
    """Missing is not the beginning of time."""
    assert latest(asked(None, 90), history((None, 9.0), (0, 20.0))) == [None, 20.0]


def test_the_instant_may_be_an_expression() -> None:
    """As a model declares it."""
    joined = join_as_known(
        asked(120), "at - 1h", [weather.latest("temp")], {"weather": history((0, 1.0), (30, 2.0))}
    )
    assert joined.column("weather_latest_temp").to_pylist() == [1.0]


def test_the_rows_of_the_questions_and_their_columns_stay_as_they_are() -> None:
    """Also in many chunks, in any order and with the same question twice."""
    questions = pa.concat_tables([asked(90, 30), asked(90), asked(600)])
    joined = join_as_known(questions, "at", [weather.latest("temp")], {"weather": history((0, 20.0))})
    assert joined.select(questions.column_names) == questions
    assert joined.column("weather_latest_temp").to_pylist() == [20.0, None, 20.0, None]


def test_columns_come_in_the_order_of_the_joins_and_a_join_named_twice_comes_once() -> None:
    """Two features may read one join."""
    wanted = [weather.count(over="1h"), weather.latest("temp"), weather.count(over="1h")]
    joined = join_as_known(asked(90), "at", wanted, {"weather": history((0, 1.0))})
    assert joined.column_names == ["origin", "at", "weather_count_1h", "weather_latest_temp"]


def test_without_questions_or_without_history_the_columns_and_their_types_are_the_same() -> None:
    """The first day of production is not an error."""
    wanted = [weather.latest("temp"), weather.count(over="1h"), weather.mean("temp", over="1h")]
    schemas = [
        join_as_known(questions, "at", wanted, {"weather": rows}).schema
        for questions in (asked(), asked(90))
        for rows in (history(), history((0, 1.0)))
    ]
    assert all(schema == schemas[0] for schema in schemas)
    assert schemas[0].types[2:] == [pa.float64(), pa.int64(), pa.float64()]


def test_widths_encodings_and_timezones_do_not_matter() -> None:
    """Arrow holds one instant and one text in many ways."""
    questions = pa.table(
        {
            "origin": pa.array(["JFK"]).dictionary_encode(),
            "at": minutes(90).cast(pa.timestamp("ns", tz="America/New_York")),
        }
    )
    rows = pa.table(
        {
            "origin": pa.array(["JFK"], pa.large_string()),
            "observed_at": minutes(0).cast(pa.timestamp("s", tz="Asia/Tokyo")),
            "temp": pa.array([20.5], pa.float32()),
        }
    )
    assert latest(questions, rows) == [20.5]


def test_names_that_would_be_sql_are_names() -> None:
    """Quotes, keywords and our own aliases are all just columns."""
    odd = 'a"; DROP TABLE rows; --'
    events = source("select", key=odd, known_at="select")
    ours = {"known": [1.5], "t": [1], "row": [2], "position": [3], "k0": ["z"]}
    rows = pa.table({odd: ["x"], "select": minutes(0), **ours})
    questions = pa.table({odd: ["x"], "at": minutes(5)})
    joined = join_as_known(questions, "at", [events.latest("known"), events.latest("k0")], {"select": rows})
    assert joined.select([2, 3]).to_pylist() == [{"select_latest_known": 1.5, "select_latest_k0": "z"}]


def test_a_directory_of_ingested_tables_may_stand_for_a_table(tmp_path: Path) -> None:
    """Jobs read what was ingested."""
    columns = {"origin": "string", "observed_at": "timestamp", "temp": "float"}
    schema = table("weather", key="observed_at", columns=columns)
    ingest(tmp_path / "tables", tmp_path / "aside", schema, history((0, 20.0)), "a")
    joined = join_as_known(asked(90), "at", [weather.latest("temp")], {"weather": tmp_path / "tables"})
    assert joined.column("weather_latest_temp").to_pylist() == [20.0]


def keyed(key: str, known_at: str = "observed_at", of: str = "weather") -> Join:
    """A join through another key."""
    return source(of, key=key, known_at=known_at).latest("temp")


@pytest.mark.parametrize(
    ("join", "error", "reason"),
    [
        (
            lambda: weather.latest("rain"),
            UnknownName,
            "weather.latest('rain') needs column 'rain'; columns of table",
        ),
        (lambda: weather.count("temp", over="1h"), DefinitionError, "needs column 'temp' as bool"),
        (
            lambda: weather.mean("origin", over="1h"),
            DefinitionError,
            "needs column 'origin' as float or int or bool",
        ),
        (
            lambda: weather.last("temp", n=2),
            DefinitionError,
            "'temp' as string, but in table 'weather' it is double",
        ),
        (lambda: weather.latest("temp", name="origin"), DefinitionError, "more than one column 'origin'"),
        (lambda: keyed("dest"), UnknownName, "needs column 'dest'; columns of the questions are origin, at"),
        (lambda: keyed("at"), UnknownName, "needs column 'at'; columns of table 'weather' are origin"),
        (lambda: keyed("origin", known_at="temp"), DefinitionError, "needs column 'temp' as timestamp"),
        (lambda: keyed("origin", of="wether"), UnknownName, "which is none of ['weather']"),
    ],
)
def test_a_join_that_cannot_work_says_what_is_missing_and_where(
    join: Callable[[], Any], error: type[Exception], reason: str
) -> None:
    """The person who reads it wrote the definition, not this module."""
    with pytest.raises(error) as raised:
        join_as_known(asked(90), "at", [join()], {"weather": history((0, 1.0))})
    assert reason in str(raised.value)


def test_a_key_of_another_type_is_refused_and_not_converted() -> None:
    """1 and "1" never meet by accident."""
    questions = pa.table({"origin": [1], "at": minutes(5)})
    with pytest.raises(
        DefinitionError, match="key 'origin' is int in the questions and string in table 'weather'"
    ):
        join_as_known(questions, "at", [weather.latest("temp")], {"weather": history((0, 1.0))})


def test_infinity_in_a_mean_is_refused() -> None:
    """Ingested tables hold none; a table that was handed in may."""
    with pytest.raises(
        DefinitionError, match=r"weather\.mean\('temp'\) needs finite numbers, but 1 row has Infinity"
    ):
        join_as_known(
            asked(90),
            "at",
            [weather.mean("temp", over="1h")],
            {"weather": history((0, float("inf")), (1, 2.0))},
        )


def test_instants_are_microseconds_and_missing_where_the_column_is() -> None:
    """Evaluated without a clock and without a timezone of the machine."""
    times = pa.table({"at": pa.array([instant(5), None], TIME)})
    assert instants(times, TimeExpression.parse("at + 1s")).to_pylist() == [1_000_005, None]
