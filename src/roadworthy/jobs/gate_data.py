"""Counts the questions of a training by day when it is trained, and lays that before the gate beside earlier trainings.

What is kept holds counts only: no row, no unit, and no value but the frequent ones of context columns with few values.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from roadworthy.clock import DAY_MICROS, micros
from roadworthy.data.arrowsql import query
from roadworthy.data.schema import kind_of
from roadworthy.data.split import day_number
from roadworthy.data.tables import table_schema
from roadworthy.errors import CorruptArtifact
from roadworthy.features.columns import Floats
from roadworthy.gate.data_facts import DataFacts, EarlierSet, Source
from roadworthy.jobs.questions import Questions
from roadworthy.jobs.stores import Stores
from roadworthy.model import Model
from roadworthy.registry.versions import VersionRow

#: Name of the file among the evidence of a version.
DAYS_FILE = "days.json"

#: A context column with more values names something, such as a person, and no source.
MOST_VALUES = 20
#: Values in fewer rows are not kept by name.
LEAST_ROWS = 50

Counts = tuple[int, ...]


class KeptSource(msgspec.Struct, frozen=True):
    """Labels of the rows with one value of a context column, by day."""

    column: str
    value: str
    labelled: Counts
    positive: Counts


class KeptDays(msgspec.Struct, frozen=True, kw_only=True):
    """What `DataFacts` says of the questions of one training; see there."""

    first_day: int
    rows: Counts
    repeated: Counts
    labelled: Counts
    positive: Counts
    ripe: Counts
    columns: dict[str, str]
    sources: tuple[KeptSource, ...]
    declared: tuple[str, ...]
    training: tuple[int, int]
    held_out: tuple[int, int]
    format: int = 1


def count_questions(
    tables: Path, model: Model, questions: Questions, learn: Questions, later: Questions, end: datetime
) -> KeptDays:
    """Count the questions asked before `end`, of which `learn` were trained on and `later` held out."""
    days = day_number(questions.asked_at)
    first, last = int(days.min()), (micros(end) - 1) // DAY_MICROS
    place, n = days - first, int(last - first + 1)
    label = questions.labels_as_of(micros(end))
    known, positive = ~np.isnan(label), label == 1
    ends = (first + np.arange(n) + 1) * DAY_MICROS + model.outcome.window.total_seconds() * 1_000_000
    key = table_schema(tables, model.history).key
    declared = tuple(
        name for name in model.context if _is_source(questions.table.column(name)) and name != model.unit
    )

    def by_day(chosen: np.ndarray) -> Counts:
        return tuple(np.bincount(place[chosen], minlength=n).tolist())

    return KeptDays(
        first_day=first,
        rows=by_day(np.ones(len(place), dtype=np.bool_)),
        repeated=_repeated(questions.table, place, n, key),
        labelled=by_day(known),
        positive=by_day(positive),
        ripe=tuple((ends <= micros(end)).astype(int).tolist()),
        columns={field.name: kind_of(field.type) or str(field.type) for field in questions.table.schema},
        sources=tuple(
            KeptSource(name, value, by_day(known & chosen), by_day(positive & chosen))
            for name in declared
            for value, chosen in _values(questions.table.column(name))
        ),
        declared=declared,
        training=_side(learn),
        held_out=_side(later),
    )


def data_facts(stores: Stores, row: VersionRow, home: Path) -> DataFacts | None:
    """What was kept in `home` when the version was trained, beside earlier ones; None where that is not there."""
    kept = kept_days(home)
    if kept is None:
        return None
    before = [other for other in stores.versions.all(row.model) if other.version < row.version]
    before.sort(key=lambda other: other.version)
    newest = None if not before else kept_days(home.parent / before[-1].digest)
    earlier = [_earlier(other, newest if other is before[-1] else None) for other in before]
    return DataFacts(
        first_day=kept.first_day,
        rows=_floats(kept.rows),
        repeated=_floats(kept.repeated),
        labelled=_floats(kept.labelled),
        positive=_floats(kept.positive),
        ripe=_floats(kept.ripe),
        columns=kept.columns,
        fingerprint=row.run.data_fingerprint,
        since=row.run.trained_from,
        until=row.run.trained_until,
        sources=tuple(
            Source(
                column=each.column,
                value=each.value,
                labelled=_floats(each.labelled),
                positive=_floats(each.positive),
            )
            for each in kept.sources
        ),
        earlier=tuple(earlier),
        training=(float(kept.training[0]), float(kept.training[1])),
        held_out=(float(kept.held_out[0]), float(kept.held_out[1])),
        declared=kept.declared,
    )


def kept_days(home: Path) -> KeptDays | None:
    """What was counted when the version was trained whose evidence lies in `home`; None where nothing was."""
    path = home / DAYS_FILE
    if not path.is_file():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=KeptDays)
    except msgspec.DecodeError as error:
        raise CorruptArtifact(f"{path} cannot be read: {error}; train the version again") from error


def _earlier(row: VersionRow, kept: KeptDays | None) -> EarlierSet:
    run = row.run
    return EarlierSet(
        version=row.version,
        fingerprint=run.data_fingerprint,
        since=run.trained_from,
        until=run.trained_until,
        columns=None if kept is None else kept.columns,
    )


def _repeated(table: pa.Table, place: np.ndarray, n: int, key: tuple[str, ...]) -> Counts:
    """Rows by day that equal another of the day but for the key; of a key of several columns nothing is left out."""
    names = [name for name in table.column_names if key != (name,)]
    columns = [f"c{number}" for number in range(len(names))]
    rows = table.select(names).rename_columns(columns).append_column("day", pa.array(place))
    alike = f"SELECT day, count(*) - 1 AS more FROM rows GROUP BY day, hash({', '.join(columns)})"  # noqa: S608  # names c0, c1, ...
    found = query(f"SELECT day, sum(more)::BIGINT AS more FROM ({alike}) GROUP BY day", rows=rows)  # noqa: S608
    counts = np.zeros(n, dtype=np.int64)
    counts[found.column("day").to_numpy()] = found.column("more").to_numpy()
    return tuple(counts.tolist())


def _is_source(column: pa.ChunkedArray) -> bool:
    if kind_of(column.type) not in ("string", "bool", "int"):
        return False
    return int(pc.count_distinct(column).as_py()) <= MOST_VALUES


def _values(column: pa.ChunkedArray) -> list[tuple[str, np.ndarray]]:
    """The frequent values of a column as text, missing included, each with the rows that have it."""
    texts = np.array(
        ["(missing)" if value is None else str(value) for value in column.to_pylist()], dtype=np.str_
    )
    values, counts = np.unique(texts, return_counts=True)
    return [
        (str(value), texts == value)
        for value, count in zip(values, counts, strict=True)
        if count >= LEAST_ROWS
    ]


def _side(questions: Questions) -> tuple[int, int]:
    return int((~np.isnan(questions.label)).sum()), int((questions.label == 1).sum())


def _floats(counts: Counts) -> Floats:
    return np.array(counts, dtype=np.float64)
