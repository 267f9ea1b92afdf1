"""Joins questions with the history once more under another word on since when it was known, and counts what changes.

Not here: which other words there are (gate_leakage), and what is made of the counts (gate.leakage).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from roadworthy.clock import format_duration
from roadworthy.data.pointintime import instants, join_as_known
from roadworthy.data.sources import ALWAYS, Join, TimeExpression
from roadworthy.data.tables import read
from roadworthy.features.arrow import batch_from_arrow, schema_from_arrow
from roadworthy.features.columns import Column
from roadworthy.gate.leakage_facts import Replayed
from roadworthy.jobs.questions import ASKED_AT
from roadworthy.monitoring.parity import differing_rows

Marks = npt.NDArray[np.bool_]

#: Delays that are tried on a join that does not give what requests carried.
LAGS = tuple(
    timedelta(minutes=minutes) for minutes in (1, 2, 3, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1_440, 10_080)
)

_LATEST = "known_by_the_latest"


class Sources:
    """The tables of a workspace, each read once."""

    def __init__(self, tables: Path) -> None:
        self._tables = tables
        self._read: dict[str, pa.Table] = {}

    def __getitem__(self, name: str) -> pa.Table:
        if name not in self._read:
            self._read[name] = read(self._tables, name)
        return self._read[name]


def joined(questions: pa.Table, join: Join, table: pa.Table) -> Column:
    """The values of one join as a column of features."""
    name = join.source.table
    keyed = questions.select(list(dict.fromkeys([*join.source.key, ASKED_AT])))
    found = join_as_known(keyed, ASKED_AT, [join], {name: table}).select([join.column])
    schema = schema_from_arrow(found.schema, {join.column: "input"}, {join.column})
    return batch_from_arrow(found, schema).columns[join.column]


def changed_when_later(questions: pa.Table, join: Join, otherwise: TimeExpression, sources: Sources) -> Marks:
    """Which questions get another value when a row is known only once `otherwise` says so too; shape (n,).

    otherwise   of a column of the joined table; a row for which it is missing is never known
    """
    table = sources[join.source.table]
    later = instants(table, otherwise, f"table {join.source.table!r}")
    if join.source.known_at is not None:
        own = instants(table, join.source.known_at, f"table {join.source.table!r}")
        later = pc.max_element_wise(own, later, skip_nulls=False)
    delayed = table.append_column(_LATEST, later.cast(pa.timestamp("us", "UTC")))
    source = replace(join.source, known_at=TimeExpression(_LATEST))
    before = joined(questions, join, table)
    return differing_rows(before, joined(questions, replace(join, source=source), delayed))


def compared_with_carried(
    questions: pa.Table, join: Join, carried: Column, sources: Sources, lags: Sequence[timedelta] = LAGS
) -> Replayed | None:
    """How many questions carried another value than the join gives, and the delay that explains most of them.

    questions   the served requests with the keys of the join and `asked_at`; shape (n,)
    carried     what they carried, in the same order
    lags        delays to try where they differ
    returns     None where none was asked while the source still reached: its rows may not have been ingested yet
    """
    known_at = join.source.known_at
    if known_at is None:
        return None
    table = sources[join.source.table]
    newest = pc.max(instants(table, known_at, f"table {join.source.table!r}")).as_py()
    asked = questions.column(ASKED_AT).cast(pa.int64()).to_numpy()
    rows = np.flatnonzero(asked <= newest) if newest is not None else np.zeros(0, dtype=np.int64)
    if rows.size == 0:
        return None
    there, sent = questions.take(pa.array(rows)), _taken(carried, rows)
    differing = int(differing_rows(sent, joined(there, join, table)).sum())
    best, remaining = "", differing
    for lag in lags if differing else ():
        delayed = replace(known_at, offset=known_at.offset + lag)
        shifted = replace(join, source=replace(join.source, known_at=delayed))
        left = int(differing_rows(sent, joined(there, shifted, table)).sum())
        if left < remaining:
            best, remaining = format_duration(lag), left
    return Replayed(
        column=join.column, declared=str(known_at), rows=int(rows.size), differing=differing, lag=best,
        remaining=remaining,
    )  # fmt: skip


def word_of(join: Join) -> str:
    """Since when a join takes its rows to be known, as a definition says it."""
    return ALWAYS if join.source.known_at is None else str(join.source.known_at)


def keyed(keys: pa.Table, asked_at: npt.NDArray[np.int64]) -> pa.Table:
    """Questions with these keys, asked at these microseconds."""
    return keys.append_column(ASKED_AT, pa.array(asked_at, pa.timestamp("us", "UTC")))


def _taken(column: Column, rows: npt.NDArray[np.int64]) -> Column:
    return column[rows] if isinstance(column, np.ndarray) else column.take(rows)
