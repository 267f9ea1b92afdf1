"""A batch that leaves days out, comes twice or changes its units is set aside whole, unless a person takes it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from roadworthy.data.continuity import breaks
from roadworthy.data.schema import TableSchema, table
from roadworthy.data.tables import batches, ingest, read
from roadworthy.errors import DefinitionError, SchemaError

RIDES = table(
    "rides",
    key="ride",
    columns={
        "ride": "string", "left_at": "timestamp", "miles": "float", "fee": "float?", "zone": "string", "seats": "int",
    },
)  # fmt: skip
MARCH = datetime(2013, 3, 1, tzinfo=UTC)
WEEKS = 8


def rides(days: range, seed: int = 1, **changed: Any) -> pa.Table:
    """Rides of days after 1 March: 60 on a weekday, 20 on a weekend; fees go up in summer."""
    chance = np.random.default_rng((seed, days.start))
    day = np.concatenate([np.full(20 if each % 7 in (1, 2) else 60, each) for each in days])
    n = len(day)
    moments = [
        MARCH + timedelta(days=int(each), minutes=int(minute))
        for each, minute in zip(day, chance.integers(0, 1440, n), strict=True)
    ]
    columns = {
        "ride": [f"{seed}-{days.start}-{number}" for number in range(n)],
        "left_at": pa.array(moments, pa.timestamp("us", "UTC")),
        "miles": chance.lognormal(1.5, 0.8, n),
        "fee": pa.array(chance.normal(10 + day / 20, 2, n), mask=chance.random(n) < 0.1),
        "zone": chance.choice(["north", "south", "centre"], n),
        "seats": chance.integers(1, 5, n),
    }  # fmt: skip
    return pa.table({**columns, **changed})


BEFORE = rides(range(WEEKS * 7))
NEXT = range(WEEKS * 7, WEEKS * 7 + 7)


def found(batch: pa.Table, before: pa.Table = BEFORE, schema: TableSchema = RIDES) -> list[str]:
    """The faults as a person reads them."""
    return [str(fault) for fault in breaks(batch, before, schema)]


def test_the_next_week_goes_on_and_so_does_the_rest_of_a_day() -> None:
    """Weekends, a trend, and a batch that begins where the last one broke off."""
    assert found(rides(NEXT)) == []
    half = rides(range(WEEKS * 7, WEEKS * 7 + 1))
    assert found(half.slice(30), pa.concat_tables([BEFORE, half.slice(0, 30)])) == []


def test_days_that_were_left_out_are_named() -> None:
    """Between what was there and what came, and within what came."""
    (gap,) = found(rides(range(NEXT.start + 2, NEXT.stop)))
    assert gap.startswith(
        "$.left_at: expected about 80 rows on 2 days from 2013-04-26 to 2013-04-27, as on these"
    )
    assert "got none" in gap
    week = rides(NEXT)
    day = pc.floor_temporal(week.column("left_at"), unit="day")
    inside = week.filter(pc.not_equal(day, pa.scalar(MARCH + timedelta(days=NEXT.start + 4), day.type)))
    (hole,) = found(inside)
    assert "expected about 60 rows on 2013-04-30" in hole


def test_a_batch_that_does_not_bring_the_rest_of_the_last_day_is_found() -> None:
    """The day was cut where the last batch ended, and the new one begins with the next day."""
    started = pa.concat_tables([BEFORE, rides(range(WEEKS * 7, WEEKS * 7 + 1)).slice(0, 5)])
    (gap,) = found(rides(range(NEXT.start + 1, NEXT.stop)), started)
    assert "rows on 2013-04-26, as on these weekdays before, got 5 (" in gap


def test_each_day_is_judged_once_where_a_batch_comes_every_day() -> None:
    """The day before is whole now; the one before that was judged when it was."""
    day = [rides(range(at, at + 1)) for at in range(NEXT.start, NEXT.start + 3)]
    short = pa.concat_tables([BEFORE, day[0].slice(0, 5)])
    (gap,) = found(day[1], short)
    assert "rows on 2013-04-26, as on these weekdays before, got 5 (" in gap
    assert found(day[2], pa.concat_tables([short, day[1]])) == []


def test_an_earlier_batch_that_comes_again_is_judged_by_what_was_before_it() -> None:
    """What came after it is there already, and is no reason to take it as it is."""
    later = rides(range(NEXT.stop, NEXT.stop + 14))
    week = rides(NEXT)
    day = pc.floor_temporal(week.column("left_at"), unit="day")
    inside = week.filter(pc.not_equal(day, pa.scalar(MARCH + timedelta(days=NEXT.start + 4), day.type)))
    (hole,) = found(inside, pa.concat_tables([BEFORE, later]))
    assert "expected about 60 rows on 2013-04-30" in hole
    assert found(week, pa.concat_tables([BEFORE, later])) == []


def test_a_day_that_broke_off_is_found_when_the_next_one_is_there() -> None:
    """The last day of a batch may go on in the next."""
    week = rides(NEXT)
    cut = pa.concat_tables([week.slice(0, 110), week.slice(160)])  # 10 of the 60 rows of the fourth day
    assert found(cut) == [
        "$.left_at: expected about 60 rows on 2013-04-29, as on these weekdays before, got 10 (50 rows)"
    ]
    assert found(cut.slice(0, 110)) == []


def test_rows_that_come_again_under_other_keys_are_found() -> None:
    """A loader that numbers its rows anew sees nothing of it."""
    (again,) = found(
        BEFORE.slice(BEFORE.num_rows - 300).set_column(0, "ride", pa.array([f"new{n}" for n in range(300)]))
    )
    assert "got rows that are in the table already under another key (300 rows)" in again
    week = rides(NEXT)
    twice = pa.concat_tables(
        [week, week.set_column(0, "ride", pc.binary_join_element_wise(week.column("ride"), "b", ""))]
    )
    assert [fault for fault in found(twice) if "in the batch already" in fault]


def test_rows_that_are_alike_by_nature_may_be_alike() -> None:
    """Seats and zones alone repeat in every batch."""
    few = table("rides", key="ride", columns={"ride": "string", "left_at": "timestamp", "zone": "string"})

    def days(rows: pa.Table) -> pa.Table:
        kept = rows.select(["ride", "left_at", "zone"])
        whole = pc.floor_temporal(kept.column("left_at"), unit="day").cast(pa.timestamp("us", "UTC"))
        return kept.set_column(1, "left_at", whole)

    assert found(days(rides(NEXT)), days(BEFORE), few) == []


def test_rows_that_meet_earlier_ones_by_chance_are_no_batch_that_came_twice() -> None:
    """The more rows are there, the more new ones equal one of them; measured is what the newest stored ones did."""
    sizes = table("sizes", key="item", columns={"item": "string", "length": "int", "width": "int"})

    def measured(rows: int, seed: int) -> pa.Table:
        chance = np.random.default_rng(seed)
        item = [f"{seed}-{number}" for number in range(rows)]
        sides = {name: chance.integers(0, 173, rows) for name in ("length", "width")}
        return pa.table({"item": item, **sides})

    for seed in range(10):
        assert found(measured(1_000, 100 + seed), measured(3_000, seed), sizes) == []
    before = measured(3_000, 1)
    again = before.slice(0, 1_000).set_column(0, "item", pa.array([f"again-{row}" for row in range(1_000)]))
    assert "are in the table already under another key (1000 rows)" in found(again, before, sizes)[0]


@pytest.mark.parametrize(
    ("times", "said"),
    [
        (1.609344, "as kilometres for miles"),
        (60.0, "as seconds for minutes"),
        (0.01, "as wholes for hundredths"),
    ],
)
def test_another_unit_is_found_and_named(times: float, said: str) -> None:
    """Half of the values, before and now, and what may have happened."""
    (scale,) = found(rides(NEXT, miles=pc.multiply(rides(NEXT).column("miles"), times)))
    assert "$.miles: expected numbers of the size that they had (half of them 4." in scale
    assert said in scale


def test_a_table_without_time_is_compared_as_a_whole() -> None:
    """And only what is thrice as large is odd there, for nobody knows how its values move."""
    fleet = table("fleet", key="car", columns={"car": "string", "weight": "float"})
    chance = np.random.default_rng(4)

    def cars(name: str, times: float) -> pa.Table:
        return pa.table(
            {"car": [f"{name}{n}" for n in range(200)], "weight": chance.normal(1500, 200, 200) * times}
        )

    assert found(cars("b", 2.0), cars("a", 1.0), fleet) == []
    assert "1,000 times as large" in found(cars("b", 1000.0), cars("a", 1.0), fleet)[0]


def test_a_column_that_is_empty_now_was_dropped_upstream() -> None:
    """Missing, or 0 where nothing was."""
    n = rides(NEXT).num_rows
    (missing,) = found(rides(NEXT, fee=pa.nulls(n, pa.float64())))
    assert missing.startswith("$.fee: expected values; at most ")
    assert "got missing in 100%" in missing
    (zero,) = found(rides(NEXT, seats=np.zeros(n, dtype=np.int64)))
    assert "got 0 in 100%" in zero


def test_values_that_are_called_otherwise_were_renamed() -> None:
    """A few new ones are not."""
    n = rides(NEXT).num_rows
    (renamed,) = found(rides(NEXT, zone=["NORTH"] * n))
    assert "expected mostly values that were there before, such as " in renamed
    assert "got new ones, such as 'NORTH'" in renamed
    assert found(rides(NEXT, zone=["west"] * 30 + ["north"] * (n - 30))) == []


def test_another_unit_is_found_where_values_come_in_lumps() -> None:
    """Half of the trips are 4.0 miles or less, in the new week 4.8: the median jumps from one lump to the next."""
    lumps, chance = np.array([1.0, 2.0, 4.0, 4.8, 9.0]), np.random.default_rng(3)
    before = rides(
        range(WEEKS * 7), miles=chance.choice(lumps, BEFORE.num_rows, p=[0.2, 0.2, 0.12, 0.13, 0.35])
    )
    n = rides(NEXT).num_rows
    week = chance.choice(lumps, n, p=[0.2, 0.2, 0.08, 0.17, 0.35])
    (said,) = found(rides(NEXT, miles=week * 1.609344), before)
    assert "got numbers 1.6093 times as large" in said
    assert "as kilometres for miles" in said
    assert found(rides(NEXT, miles=week), before) == []


def test_with_less_than_three_weeks_of_history_nothing_is_said() -> None:
    """There is nothing to compare with."""
    assert found(rides(range(40, 47), miles=rides(range(40, 47)).column("miles")), rides(range(14))) == []


def test_a_refused_batch_is_set_aside_whole_and_taken_with_a_reason_that_is_kept(tmp_path: Path) -> None:
    """Nothing is half ingested, and who asks later is told why it was taken."""
    tables, quarantine = tmp_path / "tables", tmp_path / "quarantine"
    ingest(tables, quarantine, RIDES, BEFORE, "one")
    odd = rides(
        range(NEXT.start + 3, NEXT.stop),
        miles=pc.multiply(rides(range(NEXT.start + 3, NEXT.stop)).column("miles"), 1.609344),
    )
    with pytest.raises(SchemaError, match="ingest it again with --accept") as refused:
        ingest(tables, quarantine, RIDES, odd, "two")
    assert len(refused.value.faults) == 2
    assert len(json.loads((quarantine / "rides" / "two" / "faults.json").read_text())) == 2
    assert read(tables, "rides").num_rows == BEFORE.num_rows
    done = ingest(tables, quarantine, RIDES, odd, "two", accept="moved to kilometres")
    assert done.accepted == "moved to kilometres"
    assert [each.accepted for each in batches(tables, "rides")] == ["", "moved to kilometres"]


def test_a_reason_takes_no_row_that_does_not_fit_the_schema(tmp_path: Path) -> None:
    """What is impossible stays so."""
    ingest(tmp_path / "t", tmp_path / "q", RIDES, BEFORE, "one")
    broken = rides(NEXT).set_column(2, "miles", pa.nulls(rides(NEXT).num_rows, pa.float64()))
    with pytest.raises(SchemaError, match=r"nothing was ingested\.$"):
        ingest(tmp_path / "t", tmp_path / "q", RIDES, broken, "two", accept="please")


def test_the_column_whose_days_come_in_can_be_named_or_left_out() -> None:
    """The first time that is never missing by default."""
    columns = {"ride": "string", "booked_at": "timestamp", "left_at": "timestamp"}
    assert table("rides", key="ride", columns=columns).partition == "booked_at"
    named = table("rides", key="ride", columns=columns, partition="left_at")
    assert TableSchema.from_json(named.to_json()).partition == "left_at"
    assert table("rides", key="ride", columns=columns, partition="").partition == ""
    with pytest.raises(DefinitionError, match="partition='ride' is 'string'"):
        table("rides", key="ride", columns=columns, partition="ride")


def test_what_is_stored_of_later_days_is_no_history_of_an_earlier_batch(tmp_path: Path) -> None:
    """Half a year of later rows is there; the day that it lacks is found by the weeks before it."""
    tables, quarantine = tmp_path / "t", tmp_path / "q"
    ingest(tables, quarantine, RIDES, BEFORE, "one")
    ingest(
        tables, quarantine, RIDES, rides(range(NEXT.stop, NEXT.stop + 180)), "three", accept="two comes later"
    )
    week = rides(NEXT)
    day = pc.floor_temporal(week.column("left_at"), unit="day")
    inside = week.filter(pc.not_equal(day, pa.scalar(MARCH + timedelta(days=NEXT.start + 4), day.type)))
    with pytest.raises(SchemaError, match="about 60 rows on 2013-04-30"):
        ingest(tables, quarantine, RIDES, inside, "two")
    ingest(tables, quarantine, RIDES, week, "two")
