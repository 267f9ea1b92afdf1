"""Past questions of a model as a table: what a request carried, as known when it was asked, and what became of it.

One function serves training, the gate, replay, batch scoring and source parity, so they cannot disagree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from roadworthy.clock import micros
from roadworthy.data.pointintime import join_as_known
from roadworthy.data.sources import TimeExpression
from roadworthy.data.tables import read
from roadworthy.errors import DefinitionError
from roadworthy.features.columns import Floats, Times
from roadworthy.judging import Sampling
from roadworthy.model import Model

ASKED_AT = "asked_at"
NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Questions:
    """Questions in the order in which they were asked.

    table           what a request carries: inputs (joins included), context, unit, join keys, and `asked_at`
    asked_at        microseconds since 1970 UTC, (n,)
    label           outcome as 0 and 1, NaN where it never became known in time, (n,)
    label_known_at  microseconds since 1970 UTC, NEVER where it never became known, (n,)
    kept            share of rows like it that the history kept, (n,); None where nothing is declared about it
    """

    table: pa.Table
    asked_at: Times
    label: Floats
    label_known_at: Times
    kept: Floats | None = None

    @property
    def n(self) -> int:
        """Number of questions."""
        return len(self.asked_at)

    def labels_as_of(self, now: int) -> Floats:
        """Labels that were known at `now` (microseconds); NaN for all others."""
        return np.where(self.label_known_at <= now, self.label, np.nan)

    def before(self, cut: int) -> Questions:
        """The questions asked before `cut` (microseconds), with what was known by then: later labels are NaN."""
        kept = self.take(self.asked_at < cut)
        return replace(kept, label=kept.labels_as_of(cut))

    def take(self, mask: np.ndarray) -> Questions:
        """The questions where `mask` is true."""
        return Questions(
            self.table.filter(pa.array(mask)),
            self.asked_at[mask],
            self.label[mask],
            self.label_known_at[mask],
            None if self.kept is None else self.kept[mask],
        )


def load_questions(
    tables: Path, model: Model, start: datetime | None = None, end: datetime | None = None
) -> Questions:
    """Read the model's history, keep questions asked in [start, end), and join every source as known then.

    An outcome later than its window never came; where absent means negative it is 0 then, known when the window closes.

    tables   directory of the ingested tables
    raises   UnknownName for a table or column that does not exist, DefinitionError for a wrong type
    """
    asked = TimeExpression.parse(model.asked_at)
    known = model.outcome.known_at
    wanted = dict.fromkeys([*model.question_columns(), asked.column, model.outcome.name, known.column])
    sampling = model.judging().sampling
    rates = [sampling.column] if sampling is not None and sampling.column else []
    history = read(tables, model.history, columns=[*wanted, *rates])
    if history.num_rows == 0:
        raise DefinitionError(
            f"table {model.history!r} has no rows: ingest some before asking questions of it"
        )
    asked_at = _instants(history, asked)
    mask = np.ones(len(asked_at), dtype=bool)
    mask &= asked_at >= micros(start) if start else True
    mask &= asked_at < micros(end) if end else True
    order = np.flatnonzero(mask)
    order = order[np.argsort(asked_at[order], kind="stable")]
    history = history.take(pa.array(order))
    asked_at = asked_at[order]
    label = _numbers(history.column(model.outcome.name))
    label_known_at = _instants(history, known)
    closes = asked_at + model.outcome.window // timedelta(microseconds=1)
    never = np.isnan(label) | (label_known_at > closes)
    if model.outcome.absent == "negative":
        label, label_known_at = np.where(never, 0.0, label), np.where(never, closes, label_known_at)
    else:
        label, label_known_at = np.where(never, np.nan, label), np.where(never, NEVER, label_known_at)
    questions = history.select(list(model.question_columns()))
    questions = questions.append_column(ASKED_AT, pa.array(asked_at, pa.timestamp("us", "UTC")))
    kept = None if sampling is None else _kept(sampling, history, label)
    return Questions(join_sources(tables, model, questions), asked_at, label, label_known_at, kept)


def join_sources(tables: Path, model: Model, questions: pa.Table) -> pa.Table:
    """Append every joined input of the model to `questions`, as known at their `asked_at`."""
    joins = model.joins()
    needed = {join.source.table for join in joins}
    sources: Mapping[str, pa.Table] = {name: read(tables, name) for name in sorted(needed)}
    return join_as_known(questions, ASKED_AT, joins, sources) if joins else questions


def _kept(sampling: Sampling, history: pa.Table, label: Floats) -> Floats:
    """The share of rows like each that was kept; 1 for those of unknown outcome where nothing else is said."""
    if not sampling.column:
        return np.where(label == 1.0, sampling.positive, np.where(label == 0.0, sampling.negative, 1.0))
    kept = _numbers(history.column(sampling.column))
    kept = np.where(np.isnan(kept) & np.isnan(label), 1.0, kept)
    wrong = np.flatnonzero(~((kept > 0.0) & (kept <= 1.0)))
    if wrong.size:
        raise DefinitionError(
            f"sampling: column {sampling.column!r} must hold the share of rows like each that was kept, above 0 and at "
            f"most 1, got {kept[wrong[0]]:g} ({wrong.size:,} of {kept.size:,} rows)"
        )
    return kept


def _instants(table: pa.Table, expression: TimeExpression) -> Times:
    column = table.column(expression.column)
    if not pa.types.is_timestamp(column.type):
        raise DefinitionError(
            f"column {expression.column!r} is {column.type}, but {str(expression)!r} needs a timestamp"
        )
    moments = pc.fill_null(column.cast(pa.timestamp("us", "UTC")).cast(pa.int64()), NEVER).to_numpy()
    offset = expression.offset // timedelta(microseconds=1)
    return np.where(moments == NEVER, NEVER, moments + np.where(moments == NEVER, 0, offset))


def _numbers(column: pa.ChunkedArray) -> Floats:
    numbers: Floats = pc.fill_null(column.cast(pa.float64()), float("nan")).to_numpy()
    return numbers
