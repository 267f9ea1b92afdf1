"""The log as one table: Parquet of rolled journals and the tail that is still in journals, each record once.

Not here: what the rows mean together (outcomes joins labels; monitors judge). Journals are looked at before manifests:
a journal that is rolled in between is then read from Parquet, and never twice or not at all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache, reduce
from operator import and_
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from roadworthy.clock import DAY_MICROS, micros
from roadworthy.errors import UnknownName
from roadworthy.predictionlog.columns import (
    OUTCOME_SCHEMA,
    TIME,
    outcome_table,
    prediction_schema,
    prediction_table,
)
from roadworthy.predictionlog.contents import JournalContents
from roadworthy.predictionlog.journal import journals_in, read_journal
from roadworthy.predictionlog.partitions import (
    day_of,
    files_of_days,
    is_rolled,
    model_directory,
    schema_of,
    values_of,
)
from roadworthy.predictionlog.record import LogSchema, Prediction
from roadworthy.predictionlog.repeats import ANSWER_COLUMNS, corrects, first_answers, ids_of, one_event_each
from roadworthy.predictionlog.uniting import in_order, united
from roadworthy.settings import DEFAULT_NAMESPACE

_PREDICTION_ORDER = ("event_time", "unit", "version", "role", "logged_at", "journal", "journal_seq")

#: How often files may go under a reader before it says so; merged files are a minute apart.
_LOOKS = 3

#: Corrections that claim another time than their event are looked for so many days around it.
CORRECTED_DAYS = 14

#: Microseconds; a day of five digits would not sort.
_LAST = micros(datetime.max.replace(tzinfo=UTC))
_OUTCOME_ORDER = ("event_time", "id", "revision")


class PredictionLog:
    """Questions to the log in `log` and to the journals that lie in the directories `journals`.

    Reading never changes anything and needs no lock; workers may append and a supervisor may roll meanwhile.
    """

    def __init__(self, log: Path, journals: Sequence[Path] = ()) -> None:
        self.log = log
        self.journals = tuple(journals)

    def predictions(
        self,
        model: str,
        *,
        namespace: str = DEFAULT_NAMESPACE,
        versions: Collection[int] | None = None,
        roles: Collection[str] | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        columns: Sequence[str] | None = None,
        repeats: bool = False,
    ) -> pa.Table:
        """Predictions with event time in [start, end), one row each, sorted by (event_time, unit, version, role).

        columns   only these, in that order; None for all: those of every prediction, then `in_<input>`,
                  `ctx_<context>`, `enc_<encoded>` and, where any was sampled, `clean_<input>`; what a schema does not
                  have is null
        repeats   keep every answer to a request that was repeated under its id; else the first, see `first_answers`

        `output` is the number of a model with one;
        NaN is what a model said, null is that it said nothing.

        raises UnknownName for a column that no row has, CorruptArtifact for a damaged file
        """
        span = _Span(start, end)
        keep: list[tuple[str, Collection[Any] | None]] = [("version", versions), ("role", roles)]
        needed = None if columns is None else {*columns, *_PREDICTION_ORDER, *ANSWER_COLUMNS}
        table = _patiently(lambda: self._united_predictions(model, namespace, span, keep, needed))
        table = in_order(table, _PREDICTION_ORDER)
        table = table if repeats else first_answers(table)
        table = _with_constant(_with_constant(table, "model", model), "namespace", namespace)
        return _arranged(table, columns, f"predictions of {model}")

    def _united_predictions(
        self,
        model: str,
        namespace: str,
        span: _Span,
        keep: Sequence[tuple[str, Collection[Any] | None]],
        needed: set[str] | None,
    ) -> pa.Table:
        tail = self._tail()
        home = model_directory(self.log, "predictions", namespace, model)
        schemas = {digest: schema_of(self.log, digest) for digest in values_of(home, "schema")}
        tables = []
        for journal, contents in tail:
            of_schema: dict[str, list[Prediction]] = defaultdict(list)
            for record in contents.predictions:
                if record.model == model and record.namespace == namespace:
                    of_schema[record.schema].append(record)
            for digest, records in of_schema.items():
                schema = schemas.setdefault(digest, contents.schemas[digest])
                held = [record for record in records if span.holds(record.event_time)]
                tables += [_of_schema(_whole(schema, journal, held), digest, needed)] if held else []
        for digest, schema in schemas.items():
            files = list(files_of_days(self.log, home / f"schema={digest}", span.first_day, span.last_day))
            if files:
                tables.append(_of_schema(_read(files, prediction_schema(schema), needed), digest, needed))
        kept = [table for table in (_selected(table, span, keep) for table in tables) if table.num_rows]
        if not kept:
            shapes = [prediction_schema(schema) for schema in (None, *schemas.values())]
            kept = [_of_schema(shape.empty_table(), "", needed) for shape in shapes]
        return united(kept)

    def days(self, model: str, *, namespace: str = DEFAULT_NAMESPACE) -> list[int]:
        """Days since 1970 (UTC) of the event times of a model's predictions, ascending; reads no rolled row."""
        home = model_directory(self.log, "predictions", namespace, model)
        rolled = {
            day
            for digest in values_of(home, "schema")
            for day in values_of(home / f"schema={digest}", "date")
        }
        found = {int(np.datetime64(day, "D").astype(np.int64)) for day in rolled}
        for _, contents in self._tail():
            found.update(
                record.event_time // DAY_MICROS
                for record in contents.predictions
                if record.model == model and record.namespace == namespace
            )
        return sorted(found)

    def outcomes(
        self,
        model: str,
        *,
        namespace: str = DEFAULT_NAMESPACE,
        names: Collection[str] | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        arrived_from: datetime | None = None,
    ) -> pa.Table:
        """Outcomes of events in [start, end), every revision once, sorted by (event_time, id, revision).

        An id is one event: it was when the first of it that arrived says, and of one revision the first is read.

        arrived_from   only those with that arrival time or a later one; files that have none are not read
        """
        asked = None if names is None else pc.field("name").isin(list(names))
        new = (
            None
            if arrived_from is None
            else pc.field("arrival_time") >= pa.scalar(micros(arrived_from), TIME)
        )
        days, around = _Span(start, end, days_around=0), _Span(start, end, days_around=CORRECTED_DAYS)
        table = _patiently(lambda: self._known_outcomes(model, namespace, (days, around), asked, new))
        table = _selected(one_event_each(table), _Span(start, end), [])
        table = in_order(table if new is None else table.filter(new), _OUTCOME_ORDER)
        return _with_constant(_with_constant(table, "model", model), "namespace", namespace)

    def _known_outcomes(
        self,
        model: str,
        namespace: str,
        spans: tuple[_Span, _Span],
        asked: pc.Expression | None,
        new: pc.Expression | None,
    ) -> pa.Table:
        """Rows in the first of the spans, and those in the second that speak of the same events."""
        home = model_directory(self.log, "outcomes", namespace, model)
        unrolled = [OUTCOME_SCHEMA.empty_table()]
        for journal, contents in self._tail():
            records = [row for row in contents.outcomes if (row.model, row.namespace) == (model, namespace)]
            unrolled += [outcome_table(journal, records)] if records else []
        tail = united(unrolled)

        def rows(span: _Span, *wanted: pc.Expression | None, corrections: bool = False) -> pa.Table:
            terms = [term for term in (asked, *wanted) if term is not None]
            where = reduce(and_, terms) if terms else None
            files = list(files_of_days(self.log, home, span.first_day, span.last_day))
            files = [file for file in files if corrects(str(file))] if corrections else files
            held = _selected(tail, span, [])
            held = held if where is None else held.filter(where)
            return united([held, _read(files, OUTCOME_SCHEMA, None, where)]) if files else held

        days, around = spans
        known = rows(days, new)
        if new is None and days.start is None and days.end is None:
            return known
        corrections = rows(around, pc.field("revision") > 0, new, corrections=True)
        if new is None:  # else the event may be an older one
            corrections = corrections.filter(pc.is_in(corrections.column("id"), ids_of(known)))
        known = united([known, corrections])
        corrected = ids_of(known.filter(pc.field("revision") > 0))
        whole = pc.is_in(corrected, ids_of(known.filter(pc.field("revision") == 0)))
        elsewhere = corrected.filter(pc.invert(whole))
        return united([known, rows(around, pc.field("id").isin(elsewhere))]) if len(elsewhere) else known

    def _tail(self) -> list[tuple[str, JournalContents]]:
        """Contents of the journals that are not rolled, as of one look."""
        found = []
        for path in journals_in(self.journals):
            with suppress(FileNotFoundError):  # rolled since it was listed: its manifest exists now
                found.append((path.stem, _contents_of(path)))
        return [(name, contents) for name, contents in found if not is_rolled(self.log, name)]


def _patiently(look: Callable[[], pa.Table]) -> pa.Table:
    """Look again when a file went between listing and opening: it was merged, or dropped by retention."""
    for _ in range(_LOOKS):
        try:
            return look()
        except FileNotFoundError:
            continue
    return look()


def _contents_of(path: Path) -> JournalContents:
    """What a journal holds now; one that was sealed since it was listed has another name, which the reader knows."""
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return read_journal(path)
    return _contents(path, size)


@lru_cache(maxsize=4)
def _contents(path: Path, size: int) -> JournalContents:
    """A journal is only ever appended to, so its name and size say whether it was read before: one look asks often."""
    return read_journal(path)


class _Span:
    """A half-open interval of event time, in microseconds and in days.

    days_around   makes it one of whole days, with so many more on both sides
    """

    def __init__(
        self, start: datetime | None, end: datetime | None, *, days_around: int | None = None
    ) -> None:
        self.start = None if start is None else micros(start)
        self.end = None if end is None else micros(end)
        if days_around is not None and self.start is not None:
            self.start = (self.start // DAY_MICROS - days_around) * DAY_MICROS
        if days_around is not None and self.end is not None:
            self.end = min((-(-self.end // DAY_MICROS) + days_around) * DAY_MICROS, _LAST)
        self.first_day = None if self.start is None else day_of(self.start)
        self.last_day = None if self.end is None else day_of(self.end - 1)

    def holds(self, event_time: int) -> bool:
        return (self.start is None or self.start <= event_time) and (
            self.end is None or event_time < self.end
        )


def _whole(schema: LogSchema, journal: str, records: list[Prediction]) -> pa.Table:
    """A table of the tail with every column that a rolled file is read with."""
    table, _ = prediction_table(schema, journal, records)
    for field in prediction_schema(schema):
        if field.name not in table.column_names:
            table = table.append_column(field, pa.nulls(table.num_rows, field.type))
    return table


def _read(
    files: Sequence[Path], schema: pa.Schema, needed: set[str] | None, where: pc.Expression | None = None
) -> pa.Table:
    import pyarrow.dataset as ds  # it loads pandas where that is installed: 0.5 s for commands that read no rows

    names = [name for name in schema.names if needed is None or name in needed]
    dataset = ds.dataset([str(file) for file in files], schema=schema, format="parquet")
    return dataset.to_table(columns=names, filter=where)


def _of_schema(table: pa.Table, digest: str, needed: set[str] | None) -> pa.Table:
    if needed is not None:
        table = table.select([name for name in table.column_names if name in needed])
    return _with_constant(table, "schema", digest)


def _with_constant(table: pa.Table, name: str, value: str) -> pa.Table:
    return table.append_column(name, pa.repeat(pa.scalar(value), table.num_rows))


def _selected(table: pa.Table, span: _Span, keep: Sequence[tuple[str, Collection[Any] | None]]) -> pa.Table:
    masks = []
    if span.start is not None:
        masks.append(pc.greater_equal(table.column("event_time"), pa.scalar(span.start, TIME)))
    if span.end is not None:
        masks.append(pc.less(table.column("event_time"), pa.scalar(span.end, TIME)))
    for name, values in keep:
        if values is not None:
            column = table.column(name)
            masks.append(pc.is_in(column, value_set=pa.array(list(values), type=column.type)))
    for mask in masks:
        if not pc.all(mask).as_py():
            chosen = masks[0]
            for other in masks[1:]:
                chosen = pc.and_(chosen, other)
            return table.filter(chosen)
    return table


def _arranged(table: pa.Table, columns: Sequence[str] | None, subject: str) -> pa.Table:
    if columns is None:
        unsampled = [
            name
            for name in table.column_names
            if name.startswith("clean_") and table.column(name).null_count == table.num_rows
        ]
        return table.drop_columns(unsampled)
    unknown = sorted(set(columns) - set(table.column_names))
    if unknown and table.num_rows:
        raise UnknownName(
            f"{subject} have no column {', '.join(unknown)}: inputs are `in_<input>`, context `ctx_<context>`, encoded "
            f"columns `enc_<name>`; there are {', '.join(sorted(table.column_names))}"
        )
    for name in unknown:
        table = table.append_column(name, pa.nulls(0))
    return table.select(list(columns))
