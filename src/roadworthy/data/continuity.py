"""Does a batch continue what was ingested before: no day left out or twice, values of the size that they had?

Pure, on Arrow tables. A schema says what a value may be; this says what values were, and is asked only where four weeks
of them are there. What it finds may be right all the same, so a person can accept it with a reason. Not here: storing.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from roadworthy.clock import DAY_MICROS
from roadworthy.data.arrowsql import query
from roadworthy.data.schema import Column, TableSchema
from roadworthy.errors import Fault
from roadworthy.stats.regularity import odd_days

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: Days of history that a batch is compared with; and so many with rows must be there.
LOOKED_AT, NEEDED = 120, 21
#: A batch with fewer rows says nothing about their values.
MIN_ROWS = 50
#: A day needs so many values for its median to be compared.
MIN_VALUES = 10
#: Days whose median the values of a batch are compared with.
BEFORE = 28
#: Values this many times as large or small are odd, if that is half as far again as they ever moved in the history;
#: where that cannot be told, these many times.
TIMES, MARGIN, TIMES_UNTOLD = 1.4, 1.5, 3.0
#: How far the shapes of two distributions may be apart to be one, beside what chance adds.
SHAPE = 0.08
#: Share of a batch that is missing, or was never there before, at which a column was dropped or renamed upstream.
MOST = 0.5
#: And this many times the largest share of a day before.
BEYOND = 2.0
#: Share of rows equal to one that is there, in all but the key, at which a batch came twice.
AGAIN = 0.02
#: So many standard deviations of a count are chance.
CHANCE = 3.0
#: A column of text with more values than this names things, of which new ones come every day.
MOST_TEXTS = 1_000

#: A factor that is a unit's within this, as a logarithm, is called by that name; one within the other is tried.
ABOUT, NEAR = 0.08, 0.25
#: What a number is multiplied by when its unit changes, and how that is called.
UNITS = {
    1.609344: "kilometres for miles", 3.28084: "feet for metres", 2.20462: "pounds for kilograms",
    25.4: "millimetres for inches", 60.0: "seconds for minutes", 3_600.0: "seconds for hours",
    24.0: "hours for days", 86_400.0: "seconds for days", 100.0: "hundredths for wholes",
    1_000.0: "thousandths for wholes", 1_000_000.0: "millionths for wholes",
}  # fmt: skip
#: The same in both directions.
RATIOS = UNITS | {1 / factor: " for ".join(reversed(name.split(" for "))) for factor, name in UNITS.items()}


def breaks(batch: pa.Table, stored: pa.Table, schema: TableSchema) -> list[Fault]:
    """What of a batch does not go on as the rows before it.

    batch    rows in the stored types of the schema
    stored   rows of the table that are there: those of the last 120 days before the batch, of its own days and the one
             after, or all of a table that has no column of time
    returns  nothing where fewer than 21 days are there, or the batch is as before
    """
    if batch.num_rows == 0 or stored.num_rows == 0:
        return []
    days, before = _days(batch, schema), _days(stored, schema)
    if before is not None and np.unique(before).size < NEEDED:
        return []
    faults = [] if days is None or before is None else _volume(days, before, schema.partition)
    if batch.num_rows < MIN_ROWS or stored.num_rows < MIN_ROWS:
        return faults
    faults += _again(batch, stored, before, schema)
    for column in schema.columns:
        if column.name not in schema.key:
            faults += _values(column, batch, stored, days, before)
    return faults


def _days(table: pa.Table, schema: TableSchema) -> Ints | None:
    if not schema.partition:
        return None
    moments: Ints = table.column(schema.partition).cast(pa.int64()).to_numpy()
    return moments // DAY_MICROS


def _volume(days: Ints, before: Ints, column: str) -> list[Fault]:
    """Days from the last before the batch to its own last without rows or with few; the newest of all may be cut."""
    first, last = int(before.min()), int(max(days.max(), before.max()))
    counts = (
        np.bincount(np.concatenate([days, before]) - first, minlength=last - first + 1)
        if days.min() >= first
        else None
    )
    if counts is None:
        return []
    # the last day before the batch may have been cut there: it is judged now that the rest of it must be here
    earlier = before[before < days.min()]
    since, until = int(earlier.max() if earlier.size else days.min()) - first, int(days.max()) - first
    odd = odd_days(counts.astype(np.float64), before_only=True)
    odd = [each for each in odd if since <= each.day <= until]
    faults = []
    for kind in ("missing", "short"):
        found = [each for each in odd if each.kind == kind]
        if found:
            usual = sum(each.usual for each in found)
            dates = [_date(first + each.day) for each in found]
            named = dates[0] if len(dates) == 1 else f"{len(dates)} days from {dates[0]} to {dates[-1]}"
            expected = f"about {usual:,.0f} rows on {named}, as on these weekdays before"
            had = sum(each.rows for each in found)
            faults.append(Fault(f"$.{column}", expected, f"{had:,.0f}" if had else "none", int(usual - had)))
    return faults


def _again(batch: pa.Table, stored: pa.Table, before: Ints | None, schema: TableSchema) -> list[Fault]:
    """Rows that are there already under another key, beyond what is usual for such rows."""
    names = [column.name for column in schema.columns if column.name not in schema.key]
    if not names:
        return []
    columns = [f"c{number}" for number in range(len(names))]
    rows = stored.select(names).rename_columns(columns)
    older, newest = _parted(rows, before, batch.num_rows)
    among = {
        "batch": batch.select(names).rename_columns(columns), "stored": rows, "older": older, "newest": newest
    }  # fmt: skip
    row = f"hash({', '.join(columns)})"
    asked = (
        f"SELECT count(*) AS n FROM batch WHERE {row} IN (SELECT {row} FROM stored)",  # noqa: S608  # names c0, c1, ...
        f"SELECT count(*) - count(DISTINCT {row}) AS n FROM batch",  # noqa: S608
        f"SELECT count(*) - count(DISTINCT {row}) AS n FROM stored",  # noqa: S608
        f"SELECT count(*) AS n FROM newest WHERE {row} IN (SELECT {row} FROM older)",  # noqa: S608
    )
    there, twice, alike, known = (int(query(sql, **among).column("n")[0].as_py()) for sql in asked)
    again = max(there, twice)
    usual = max(alike / stored.num_rows, known / newest.num_rows)
    likely = BEYOND * usual * batch.num_rows
    if again <= max(AGAIN * batch.num_rows, likely + CHANCE * np.sqrt(likely)):
        return []
    where = "are in the table already" if there >= twice else "are in the batch already"
    expected = f"new rows; {usual:.0%} of those before equal another in all but the key"
    return [Fault(f"$({', '.join(schema.key)})", expected, f"rows that {where} under another key", again)]


def _parted(stored: pa.Table, before: Ints | None, rows: int) -> tuple[pa.Table, pa.Table]:
    """Older and newest rows: as many newest as a batch brings, which once came to older ones as the batch does now."""
    newest = max(min(rows, stored.num_rows // 5), min(MIN_ROWS, stored.num_rows // 2))
    order = np.arange(stored.num_rows) if before is None else np.argsort(before, kind="stable")
    older, last = np.split(order, [stored.num_rows - newest])
    return stored.take(pa.array(older)), stored.take(pa.array(last))


def _values(
    column: Column, batch: pa.Table, stored: pa.Table, days: Ints | None, before: Ints | None
) -> list[Fault]:
    new, old = batch.column(column.name), stored.column(column.name)
    faults = _dropped(column.name, new, old, before)
    if faults:
        return faults
    if column.kind in ("float", "int"):
        return _scale(column.name, _numbers(new), _numbers(old), days, before)
    return _renamed(column.name, new, old) if column.kind == "string" else []


def _dropped(name: str, new: pa.ChunkedArray, old: pa.ChunkedArray, before: Ints | None) -> list[Fault]:
    """A column that was there and is not any more, or is nothing but zeros."""
    faults = []
    for what, gone, was in (
        ("missing", pc.is_null(new), pc.is_null(old)),
        *(
            [("0", _is_zero(new), _is_zero(old))]
            if pa.types.is_floating(new.type) or pa.types.is_integer(new.type)
            else []
        ),
    ):
        share = float(pc.mean(gone.cast(pa.float64())).as_py())
        usual = _largest(was.to_numpy().astype(np.float64), before)
        if share >= MOST and share > BEYOND * usual:
            rows = round(share * len(new))
            faults.append(
                Fault(
                    f"$.{name}",
                    f"values; at most {usual:.0%} of a day's were {what}",
                    f"{what} in {share:.0%}",
                    rows,
                )
            )
    return faults


def _largest(marked: Floats, days: Ints | None) -> float:
    """The largest share of marked rows on a day; of all rows where there are no days."""
    if days is None:
        return float(marked.mean())
    _, place = np.unique(days, return_inverse=True)
    rows = np.bincount(place)
    shares = np.bincount(place, weights=marked) / rows
    return float(shares[rows >= MIN_VALUES].max(initial=float(marked.mean())))


def _scale(name: str, new: Floats, old: Floats, days: Ints | None, before: Ints | None) -> list[Fault]:
    """Numbers many times as large or small as before, by the medians of days."""
    if days is None or before is None:
        medians, moved = np.array([_size(old)]), None
        now = _size(new)
    else:
        medians = _medians(old, before)
        now = float(np.median(_medians(new, days, least=1))) if np.isfinite(new[new != 0]).any() else np.nan
        moved = _moved(medians, min(np.unique(days).size, BEFORE))
    if not medians.size or not np.isfinite(now) or not np.isfinite(medians).all():
        return []
    was = float(np.median(medians[-BEFORE:]))
    if was <= 0 or now <= 0:
        return []
    recent = old if before is None else old[before > before.max() - BEFORE]
    times = _factor(new, recent, now / was)
    if times is None:
        return []
    least = np.log(TIMES_UNTOLD) if moved is None else max(np.log(TIMES), MARGIN * moved)
    if abs(np.log(times)) <= least:
        return []
    expected = f"numbers of the size that they had (half of them {was:,.6g} or more, those of 0 left out)"
    got = f"numbers {times:,.5g} times as large (half of them {now:,.6g} or more){_unit(times)}"
    return [Fault(f"$.{name}", expected, got, int(np.isfinite(new).sum()))]


def _factor(new: Floats, old: Floats, times: float) -> float | None:
    """By what all values were multiplied, if they are distributed as before but for that, as in another unit.

    times   the ratio of medians; of few rows, or of values that come in lumps, it may be far off

    None where the shape is another, as after a storm, a holiday or in a new market, or where most values are 0. Known
    units near the ratio are tried first; then both are shifted by the median and divided by the interquartile range.
    """
    one, other = new[np.isfinite(new)], old[np.isfinite(old)]
    if min(one.size, other.size) < MIN_ROWS or min(np.mean(one != 0), np.mean(other != 0)) < MOST:
        return None
    near = {abs(np.log(times / ratio)): ratio for ratio in RATIOS}
    for off, ratio in sorted(near.items()):
        if off < NEAR and _alike(one / ratio, other):
            return ratio
    shifted = []
    for values in (one, other):
        low, middle, high = np.percentile(values, (25, 50, 75))
        if high <= low:
            return None
        shifted.append((values - middle) / (high - low))
    return times if _alike(*shifted) else None


def _alike(one: Floats, other: Floats) -> bool:
    """Whether two samples are of one distribution, by the Kolmogorov-Smirnov distance."""
    one, other = np.sort(np.round(one, 9)), np.sort(np.round(other, 9))
    both = np.concatenate([one, other])
    first, second = (np.searchsorted(values, both, "right") / values.size for values in (one, other))
    return bool(np.abs(first - second).max() <= SHAPE + 1.0 / np.sqrt(one.size))


def _size(values: Floats) -> float:
    there = np.abs(values[np.isfinite(values) & (values != 0)])
    return float(np.median(there)) if there.size >= MIN_VALUES else float("nan")


def _medians(values: Floats, days: Ints, least: int = MIN_VALUES) -> Floats:
    """Median size of the values of each day that has enough, zeros left out, in the order of time."""
    there = np.isfinite(values) & (values != 0)
    sizes, of = np.abs(values[there]), days[there]
    order = np.argsort(of, kind="stable")
    starts = np.flatnonzero(np.diff(of[order], prepend=of[order][:1] - 1))
    parts = np.split(sizes[order], starts[1:]) if sizes.size else []
    return np.array([np.median(part) for part in parts if part.size >= least], dtype=np.float64)


def _moved(medians: Floats, length: int) -> float | None:
    """How far the median of `length` days ever was from that of the days before, as a logarithm; None: unknown."""
    logs = np.log(medians)
    starts = range(min(BEFORE, NEEDED), logs.size - length + 1)
    moves = [
        abs(np.median(logs[at : at + length]) - np.median(logs[max(at - BEFORE, 0) : at])) for at in starts
    ]
    return max(moves) if len(moves) >= 5 else None


def _unit(times: float) -> str:
    """How a change of unit by about so much is called, as the medians of few rows tell it; "" where it is none."""
    nearest = min(RATIOS, key=lambda ratio: abs(np.log(times / ratio)))
    return f", as {RATIOS[nearest]}" if abs(np.log(times / nearest)) < ABOUT else ""


def _renamed(name: str, new: pa.ChunkedArray, old: pa.ChunkedArray) -> list[Fault]:
    """A column of few values that are now called otherwise."""
    known = pc.unique(old.drop_null())
    there = new.drop_null()
    if not len(known) or len(known) > min(MOST_TEXTS, 0.1 * len(old)) or len(there) < MIN_ROWS:
        return []
    strange = there.filter(pc.invert(pc.is_in(there, value_set=known)))
    if len(strange) < MOST * len(there):
        return []
    shown = ", ".join(repr(text) for text in pc.unique(strange).to_pylist()[:3])
    was = ", ".join(repr(text) for text in known.to_pylist()[:3])
    return [
        Fault(
            f"$.{name}",
            f"mostly values that were there before, such as {was}",
            f"new ones, such as {shown}",
            len(strange),
        )
    ]


def _is_zero(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.fill_null(pc.equal(column, 0), False)


def _numbers(column: pa.ChunkedArray) -> Floats:
    numbers: Floats = pc.fill_null(column.cast(pa.float64(), safe=False), float("nan")).to_numpy()
    return numbers


def _date(day: int) -> str:
    return f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day):%Y-%m-%d}"
