"""Join questions with history as it was known when each question was asked.

Every row of a source is put in one order: by key, by the instant it became known, then by its other columns. A
question then is a range of positions in that order, found by two ASOF joins in DuckDB, and every kind of join reads
that range: `latest` its last row, `last` its last rows, `count` and `mean` the whole of it. Rows that become known
later lie behind the range, which is why they cannot change an answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from roadworthy.data.arrowsql import query
from roadworthy.data.prefixsum import Integers, range_sums
from roadworthy.data.schema import STORED_AS, Kind, kind_of
from roadworthy.data.sources import Join, Source, TimeExpression
from roadworthy.data.tables import read
from roadworthy.errors import DefinitionError, UnknownName

_MICROSECOND = timedelta(microseconds=1)
#: Before every instant: `known_at` of a source that was always known.
_BEFORE_ALL = np.iinfo(np.int64).min + 1

_READS: Mapping[str, tuple[Kind, ...]] = {
    "latest": ("string", "float", "int", "bool", "timestamp", "strings"),
    "count": ("bool",),
    "mean": ("float", "int", "bool"),
    "last": ("string",),
}


def join_as_known(
    questions: pa.Table, asked_at: str, joins: Sequence[Join], tables: Mapping[str, pa.Table | Path]
) -> pa.Table:
    """Append one column for every join, holding what was known when each question was asked.

    questions   one row a question; carries the key columns of every source
    asked_at    a timestamp column of `questions`, or an expression such as `scheduled - 1h`; a question without an
                instant (null) is told nothing, as if no row were known
    joins       made by the methods of `roadworthy.source`; the same join twice is joined once
    tables      name → history as an Arrow table, or the directory that holds all ingested tables
    returns     `questions` in the same order, with the columns of `joins` appended in their order; `latest` keeps the
                type of its column, `count` is int64, `mean` is float64, `last` is a list of strings
    raises      UnknownName for a table or column that does not exist; DefinitionError for one of the wrong type, or two
                columns of one name

    A null in a key matches nothing. A row whose `known_at` is null is never known. NaN is null.
    """
    wanted = list(dict.fromkeys(joins))
    _refuse_ambiguous(questions, wanted)
    asked = instants(questions, TimeExpression.parse(asked_at), "the questions")
    answers: dict[str, pa.Array | pa.ChunkedArray] = {}
    for source in dict.fromkeys(join.source for join in wanted):
        of_source = [join for join in wanted if join.source == source]
        backs = list(dict.fromkeys(_back(join) for join in of_source))
        possible = _selected(_history(source, tables), source, questions, _span(asked, backs))
        known = _known(source, possible)
        ranges = dict(zip(backs, _ranges(source, known, questions, asked, backs), strict=True))
        for join in of_source:
            answers[join.column] = _answer(join, known, ranges[_back(join)])
    for join in wanted:
        questions = questions.append_column(join.column, answers[join.column])
    return questions


def instants(table: pa.Table, expression: TimeExpression, of: str = "the table") -> pa.ChunkedArray:
    """Evaluate a time expression on every row: int64 microseconds since 1970 UTC, null where the column is null.

    raises   UnknownName without that column, DefinitionError where it is no timestamp with a timezone
    """
    column = _column(table, expression.column, ("timestamp",), of, f"'{expression}'")
    micros = column.cast(STORED_AS["timestamp"], safe=False).cast(pa.int64())
    return pc.add_checked(micros, expression.offset // _MICROSECOND)


@dataclass(frozen=True, slots=True)
class _Known:
    """A source's rows in the order described above; `known_at` in microseconds."""

    rows: pa.Table
    known_at: pa.ChunkedArray


@dataclass(frozen=True, slots=True)
class _Ranges:
    """For every question the positions [first, end) of the rows it may see."""

    first: Integers
    end: Integers


def _back(join: Join) -> timedelta | None:
    """How far back a join looks, exclusive: a window excludes its far end, max_age includes it."""
    if join.over is not None:
        return join.over
    return None if join.source.max_age is None else join.source.max_age + _MICROSECOND


def _refuse_ambiguous(questions: pa.Table, joins: Sequence[Join]) -> None:
    named = [*questions.column_names, *(join.column for join in joins)]
    twice = sorted({name for name in named if named.count(name) > 1})
    if twice:
        raise DefinitionError(
            f"joining would make more than one column {', '.join(map(repr, twice))}: give the source or the join a "
            "name of its own, such as source(..., name='aircraft')"
        )


def _history(source: Source, tables: Mapping[str, pa.Table | Path]) -> pa.Table:
    if source.table not in tables:
        raise UnknownName(
            f"source {source.name!r} reads table {source.table!r}, which is none of {sorted(tables)}"
        )
    table = tables[source.table]
    return read(table, source.table) if isinstance(table, Path) else table


def _span(asked: pa.ChunkedArray, backs: Sequence[timedelta | None]) -> tuple[int, int]:
    """(after, until]: when a row must have become known for any of the questions to see it, in microseconds."""
    bounds = pc.min_max(asked).as_py()
    if bounds["min"] is None:
        return 0, 0
    reaches = [back // _MICROSECOND for back in backs if back is not None]
    unbounded = len(reaches) < len(backs)
    return (_BEFORE_ALL - 1 if unbounded else bounds["min"] - max(reaches)), bounds["max"]


def _selected(history: pa.Table, source: Source, questions: pa.Table, span: tuple[int, int]) -> pa.Table:
    """Rows that some question can see, in canonical types, with `known_at` in microseconds as the last column.

    Left out are rows outside `span`: a day's questions need not have a year of history sorted for them.
    """
    for name in source.key:
        kinds = [
            kind_of(_column(table, name, tuple(STORED_AS), of, f"source {source.name!r}").type)
            for table, of in ((questions, "the questions"), (history, f"table {source.table!r}"))
        ]
        if kinds[0] != kinds[1]:
            raise DefinitionError(
                f"source {source.name!r}: key {name!r} is {kinds[0]} in the questions and {kinds[1]} in table "
                f"{source.table!r}: give both the same type"
            )
    if source.known_at is None:
        known_at = pa.chunked_array([pa.array(np.full(history.num_rows, _BEFORE_ALL))])
    else:
        known_at = instants(history, source.known_at, f"table {source.table!r}")
    columns = {name: _canonical(history.column(name)) for name in sorted(history.column_names)}
    possible = pc.and_(pc.greater(known_at, span[0]), pc.less_equal(known_at, span[1]))
    for name in source.key:
        possible = pc.and_(possible, pc.is_valid(columns[name]))
    return pa.table({**columns, _free_name("known", columns): known_at}).filter(possible)


def _known(source: Source, rows: pa.Table) -> _Known:
    time = rows.column_names[-1]
    others = [name for name in rows.column_names[:-1] if name not in source.key]
    order = ", ".join(f"{_quoted(name)} NULLS FIRST" for name in (*source.key, time, *others))
    ordered = query(f"SELECT * FROM rows ORDER BY {order}", rows=rows)  # noqa: S608  # names are quoted
    return _Known(ordered, ordered.column(time))


def _ranges(
    source: Source,
    known: _Known,
    questions: pa.Table,
    asked: pa.ChunkedArray,
    backs: Sequence[timedelta | None],
) -> list[_Ranges]:
    """For each of `backs` the rows with known_at in (asked - back, asked] and the key of the question."""
    keys = [f"k{number}" for number in range(len(source.key))]
    events = {key: known.rows.column(name) for key, name in zip(keys, source.key, strict=True)}
    asking = {key: _canonical(questions.column(name)) for key, name in zip(keys, source.key, strict=True)}
    firsts, past = [], []
    for number, back in enumerate(backs):
        asking[f"since{number}"] = pc.subtract_checked(asked, (back or timedelta(0)) // _MICROSECOND)
        earlier = "NULL" if back is None else f"past{number}.seen"
        firsts.append(f"coalesce({earlier}, starts.start, 0) AS first{number}")
        if back is not None:
            past.append(_latest_seen(f"past{number}", f"since{number}", keys))
    columns = ", ".join(keys)
    sql = f"""
        WITH instants AS (
            SELECT {columns}, t, max(position) + 1 AS seen FROM events GROUP BY {columns}, t
        ), starts AS (
            SELECT {columns}, min(position) AS start FROM events GROUP BY {columns}
        )
        SELECT {", ".join(firsts)}, coalesce(present.seen, starts.start, 0) AS "end"
        FROM asking
        LEFT JOIN starts USING ({columns})
        {_latest_seen("present", "asked", keys)}
        {" ".join(past)}
        ORDER BY asking.row
    """  # noqa: S608  # only names of our own are put into the text
    positions, rows = pa.array(np.arange(known.rows.num_rows)), pa.array(np.arange(questions.num_rows))
    found = query(
        sql,
        events=pa.table({**events, "t": known.known_at, "position": positions}),
        asking=pa.table({**asking, "asked": asked, "row": rows}),
    )
    end = found["end"].to_numpy().astype(np.int64)
    return [_Ranges(found[f"first{number}"].to_numpy().astype(np.int64), end) for number in range(len(backs))]


def _latest_seen(name: str, instant: str, keys: Sequence[str]) -> str:
    matching = " AND ".join(f"asking.{key} = {name}.{key}" for key in keys)
    return f"ASOF LEFT JOIN instants AS {name} ON {matching} AND asking.{instant} >= {name}.t"


def _answer(join: Join, known: _Known, ranges: _Ranges) -> pa.Array | pa.ChunkedArray:
    if join.value is None:
        return pa.array(ranges.end - ranges.first)
    needed_by = f"{join.source.name}.{join.kind}({join.value!r})"
    column = _column(known.rows, join.value, _READS[join.kind], f"table {join.source.table!r}", needed_by)
    if join.kind == "latest":
        newest = pa.array(ranges.end - 1, mask=ranges.end <= ranges.first)
        return column.take(newest)
    if join.kind == "last":
        assert join.n is not None
        return _last(column, ranges, join.n)
    numbers = pc.fill_null(column.cast(pa.float64(), safe=False), 0.0).to_numpy()
    if join.kind == "count":
        return pa.array(_counts(numbers != 0, ranges))
    infinite = np.isinf(numbers).sum()
    if infinite:
        rows = "1 row has" if infinite == 1 else f"{infinite} rows have"
        raise DefinitionError(
            f"{needed_by} needs finite numbers, but {rows} Infinity in table {join.source.table!r}"
        )
    counted = _counts(column.is_valid().to_numpy(), ranges)
    sums = range_sums(numbers, ranges.first, ranges.end)
    return pa.array(sums / np.maximum(counted, 1), mask=counted == 0)


def _counts(mask: np.ndarray[tuple[int], np.dtype[np.bool_]], ranges: _Ranges) -> Integers:
    running = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(mask, dtype=np.int64)])
    counted: Integers = running[ranges.end] - running[ranges.first]
    return counted


def _last(column: pa.ChunkedArray, ranges: _Ranges, n: int) -> pa.Array:
    """The newest n values of every range that are not null, newest first."""
    valid = column.is_valid().to_numpy()
    before = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(valid, dtype=np.int64)])
    first, end = before[ranges.first], before[ranges.end]
    lengths = np.minimum(end - first, n)
    offsets = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths)])
    within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
    positions = np.repeat(end, lengths) - 1 - within
    values = column.drop_null().take(pa.array(positions)).combine_chunks()
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), values)


def _column(table: pa.Table, name: str, kinds: tuple[Kind, ...], of: str, needed_by: str) -> pa.ChunkedArray:
    if name not in table.column_names:
        raise UnknownName(
            f"{needed_by} needs column {name!r}; columns of {of} are {', '.join(table.column_names)}"
        )
    column = table.column(name)
    if kind_of(column.type) not in kinds:
        raise DefinitionError(
            f"{needed_by} needs column {name!r} as {' or '.join(kinds)}, but in {of} it is {column.type}"
        )
    return column


def _canonical(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Stored types, whatever width or encoding came in; NaN is null, and zero has no sign, so that ties are ties."""
    kind = kind_of(column.type)
    if kind is None:
        return column
    plain = column.cast(STORED_AS[kind], safe=False)
    if kind == "float":
        plain = pc.if_else(pc.is_nan(plain), pa.scalar(None, pa.float64()), pc.add(plain, 0.0))
    return plain


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _free_name(wanted: str, taken: Mapping[str, object]) -> str:
    while wanted in taken:
        wanted += "_"
    return wanted
