"""Two versions on the same logged requests, where outcomes are known: by month and in total, whatever it shows.

Not here: judgement. Both versions score the raw requests again, so it does not matter which of them answered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias, TypeVar

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from roadworthy.data.split import day_number
from roadworthy.errors import DefinitionError, TooFewSamples
from roadworthy.features.arrow import batch_from_arrow
from roadworthy.features.batch import Floats
from roadworthy.jobs.days import ANSWERING, outcome_rule
from roadworthy.jobs.hiding import hide_table
from roadworthy.jobs.stores import Stores
from roadworthy.predictionlog.columns import column_name
from roadworthy.predictionlog.outcomes import labelled
from roadworthy.scorer import Scorer
from roadworthy.stats.metrics import auc, calibration_error, log_loss
from roadworthy.stats.resampling import MIN_BLOCKS, Interval, Metric, paired_intervals

#: Fits 80 characters; a period takes a line for each metric.
COLUMNS = ("month", "rows", "metric", "old", "new", "new minus old")

#: A month with fewer rows or days says more about chance than about the versions.
MIN_ROWS, MIN_DAYS = 200, MIN_BLOCKS

SEED = 20_130_101
TOTAL = "total"
_PIECE = 50_000

T = TypeVar("T")


@dataclass(frozen=True)
class _Place:
    """How the log holds the requests that one version answered.

    columns   input that the compared versions need → its column; none where they could not be scored on these rows
    hashed    columns of a request that were hashed before they were logged
    unit      whether its unit is one of them
    """

    columns: dict[str, str]
    hashed: tuple[str, ...]
    unit: bool


#: Version that answered → how.
_Places: TypeAlias = dict[int, _Place]


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """One period; numbers are None where it holds too little.

    period            a calendar month (UTC) such as `2013-07`, or `total`
    n                 rows compared: one a unit, later than both versions' training rows, with a matured outcome
    log_loss_old, log_loss_new            in nats; lower is better
    log_loss                              their difference new minus old, with its interval over resampled days
    calibration_old, calibration_new, calibration   error of each, lower is better, and their difference
    auc_old, auc_new, auc                 of each, higher is better, and their difference
    trained_on        rows left out because one of the versions was trained on that time
    repeated          rows left out because their unit was asked before
    unlabelled        rows left out because their outcome is not known, or not settled yet
    unscorable        rows left out because they lack an input that one of the versions needs, or hold a hash in place
                      of its text
    """

    period: str
    n: int
    log_loss_old: float | None
    log_loss_new: float | None
    log_loss: Interval | None
    calibration_old: float | None
    calibration_new: float | None
    calibration: Interval | None
    auc_old: float | None
    auc_new: float | None
    auc: Interval | None
    trained_on: int
    repeated: int
    unlabelled: int
    unscorable: int

    def lines(self) -> list[tuple[str | int | float | None, ...]]:
        """Its lines in a table under `COLUMNS`: one a metric; a single one where it holds too little."""
        if self.log_loss is None:
            return [(self.period, self.n, "too little", None, None, None)]
        return [
            (self.period, self.n, "log loss", self.log_loss_old, self.log_loss_new, _shown(self.log_loss)),
            ("", "", "calibration", self.calibration_old, self.calibration_new, _shown(self.calibration)),
            ("", "", "AUC", self.auc_old, self.auc_new, _shown(self.auc)),
        ]


@dataclass(frozen=True)
class _Rows:
    """Comparable rows in time order: both versions' scores, outcome, day and month; shape (n,) each."""

    old: Floats
    new: Floats
    label: Floats
    day: np.ndarray
    month: np.ndarray
    left_out: Mapping[str, Counter[str]]


def compare(
    stores: Stores,
    model: str,
    old: int,
    new: int,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    as_of: datetime | None = None,
) -> list[Compared]:
    """Compare versions `new` and `old` on requests of [start, end) that any version answered; months, then the total.

    as_of    outcomes are those known at this instant; now by default
    raises   UnknownName for a version that does not exist, DefinitionError for versions of different outcomes or twice
             the same, TooFewSamples when not one row can be compared
    """
    if old == new:
        raise DefinitionError(f"{model}@{old} cannot be compared with itself: name two versions")
    rows = _rows(stores, model, old, new, start, end, as_of or stores.clock.now())
    if not len(rows.label):
        raise TooFewSamples(
            f"no row to compare {model}@{new} with {model}@{old} on: {_counted(rows.left_out[TOTAL])}"
        )
    months = sorted({*rows.month.tolist(), *rows.left_out} - {TOTAL})
    found = [_compared(month, rows, rows.month == month) for month in months]
    return [*found, _compared(TOTAL, rows, np.ones(len(rows.label), dtype=bool))]


def remarks(found: Sequence[Compared]) -> list[str]:
    """What has to be said beside the numbers: which rows were left out, and why some numbers are missing."""
    total = found[-1]
    counts = Counter({name: getattr(total, name) for name in _REASONS})
    lines = [f"Left out: {_counted(counts)}."]
    thin = [row.period for row in found if row.log_loss is None]
    if thin:
        lines.append(
            f"Too little for numbers (fewer than {MIN_DAYS} days or {MIN_ROWS} rows): {', '.join(thin)}."
        )
    return [
        *lines,
        "Intervals (95 %) resample whole days. The new version is better where log loss and calibration error "
        "differ by less than 0, and AUC by more.",
    ]


_REASONS = {
    "trained_on": "from times that one of the versions was trained on",
    "repeated": "of units asked before",
    "unlabelled": "without a settled outcome",
    "unscorable": "without an input that one of the versions needs, or with a hash in place of its text",
}


def _counted(counts: Mapping[str, int]) -> str:
    counted = (f"{counts[name]:,} rows {reason}" for name, reason in _REASONS.items() if counts[name])
    return "; ".join(counted) or "no rows"


def _compared(period: str, rows: _Rows, mask: np.ndarray) -> Compared:
    p_old, p_new, y, day = rows.old[mask], rows.new[mask], rows.label[mask], rows.day[mask]
    enough = len(y) >= MIN_ROWS and len(np.unique(day)) >= MIN_DAYS
    left_out = rows.left_out.get(period, Counter())

    def if_enough(measure: Callable[[], T]) -> T | None:
        try:
            return measure() if enough else None
        except TooFewSamples:
            return None

    def difference(name: Metric) -> Interval | None:
        rng = np.random.default_rng(SEED)
        return if_enough(lambda: paired_intervals(p_new, p_old, y, day, rng, names=(name,))[name])

    return Compared(
        period=period, n=len(y), log_loss=difference("log_loss"),
        log_loss_old=if_enough(lambda: log_loss(p_old, y)), log_loss_new=if_enough(lambda: log_loss(p_new, y)),
        calibration_old=if_enough(lambda: calibration_error(p_old, y)),
        calibration_new=if_enough(lambda: calibration_error(p_new, y)),
        calibration=difference("calibration_error"),
        auc_old=if_enough(lambda: auc(p_old, y)), auc_new=if_enough(lambda: auc(p_new, y)),
        auc=difference("auc"),
        trained_on=left_out["trained_on"], repeated=left_out["repeated"], unlabelled=left_out["unlabelled"],
        unscorable=left_out["unscorable"],
    )  # fmt: skip


def _rows(
    stores: Stores,
    model: str,
    old: int,
    new: int,
    start: datetime | None,
    end: datetime | None,
    as_of: datetime,
) -> _Rows:
    versions = {version: stores.versions.get(model, version) for version in (old, new)}
    scorers = {version: stores.scorer(row) for version, row in versions.items()}
    rule = outcome_rule(scorers[new])
    if outcome_rule(scorers[old]).name != rule.name:
        raise DefinitionError(
            f"{model}@{old} predicts {outcome_rule(scorers[old]).name} and {model}@{new} predicts {rule.name}: "
            "versions of different outcomes cannot be compared"
        )
    places = _places(stores, model, list(scorers.values()), start, end)
    table = labelled(
        stores.log(), model, rule, as_of, namespace=stores.settings.namespace, roles=ANSWERING, start=start, end=end,
        columns=list(dict.fromkeys(["event_time", "unit", "status", "version", *_inputs(places)])),
    )  # fmt: skip
    cuts = [row.run.trained_until for row in versions.values() if row.run.trained_until is not None]
    return _comparable(stores, table, places, scorers[old], scorers[new], max(cuts, default=None))


def _comparable(
    stores: Stores, table: pa.Table, places: _Places, old: Scorer, new: Scorer, cut: datetime | None
) -> _Rows:
    """Leave out what cannot be compared, count why, and score the rest with both versions."""
    left_out: dict[str, Counter[str]] = {TOTAL: Counter()}

    def keep(table: pa.Table, mask: pa.Array | pa.ChunkedArray, reason: str) -> pa.Table:
        for month, count in Counter(_months(table.filter(pc.invert(mask)))).items():
            left_out.setdefault(month, Counter())[reason] += count
            left_out[TOTAL][reason] += count
        return table.filter(mask)

    table = table.filter(pc.equal(table.column("status"), "ok"))
    if cut is not None:
        moments = table.column("event_time")
        table = keep(table, pc.greater_equal(moments, pa.scalar(cut, moments.type)), "trained_on")
    hashing = [version for version, place in places.items() if place.unit]
    units = _hashes(stores, table.column("unit"), table, hashing) if hashing else table.column("unit")
    table = keep(table, _first_of_unit(units), "repeated")
    settled = pc.and_(table.column("window_passed"), pc.is_valid(table.column("label")))
    table = keep(table, settled, "unlabelled")
    table = keep(table, _scorable(table, places, (old, new)), "unscorable")
    return _Rows(
        old=_scores(stores, old, table, places),
        new=_scores(stores, new, table, places),
        label=table.column("label").to_numpy().astype(np.float64),
        day=day_number(table.column("event_time").cast(pa.int64()).to_numpy()),
        month=np.array(_months(table), dtype=np.str_),
        left_out=left_out,
    )


def _places(
    stores: Stores, model: str, scorers: Sequence[Scorer], start: datetime | None, end: datetime | None
) -> _Places:
    """How the log holds the requests of every version that answered and is registered."""
    answered = stores.log().predictions(
        model, namespace=stores.settings.namespace, roles=ANSWERING, start=start, end=end, columns=["version"]
    )
    needed = {name for scorer in scorers for name in scorer.features.schema.names()}
    as_text = {
        name for one in scorers for name in one.features.schema.names() if name not in one.schema.sensitive
    }
    registered = {row.version: row for row in stores.versions.all(model)}
    places: _Places = {}
    for version in sorted(set(pc.unique(answered.column("version")).to_pylist()) & set(registered)):
        asked = stores.scorer(registered[version])
        fields, hashed = asked.log_schema.fields, asked.schema.sensitive
        where = {field.name: column_name(field) or "unit" for field in fields if field.name in needed}
        scorable = needed <= set(where) and as_text.isdisjoint(hashed)
        places[version] = _Place(where if scorable else {}, hashed, asked.unit in hashed)
    return places


def _inputs(places: _Places) -> list[str]:
    return [column for place in places.values() for column in place.columns.values()]


def _input(table: pa.Table, name: str, places: _Places) -> pa.ChunkedArray:
    """One raw input; an input of one version may have been context of another."""
    columns = dict.fromkeys(place.columns[name] for place in places.values() if place.columns)
    return (
        pc.coalesce(*(table.column(column) for column in columns))
        if len(columns) > 1
        else table.column(*columns)
    )


def _scorable(table: pa.Table, places: _Places, scorers: Sequence[Scorer]) -> pa.ChunkedArray:
    scorable = [version for version, place in places.items() if place.columns]
    mask = _answered_by(table, scorable)
    needed = {
        field.name for scorer in scorers for field in scorer.features.schema.fields if not field.nullable
    }
    for name in sorted(needed) if scorable else ():
        mask = pc.and_(mask, pc.is_valid(_input(table, name, places)))
    return mask


def _scores(stores: Stores, scorer: Scorer, table: pa.Table, places: _Places) -> Floats:
    if table.num_rows == 0:
        return np.empty(0)
    columns = {name: _input(table, name, places) for name in scorer.features.schema.names()}
    for name in scorer.schema.sensitive:
        hashing = [version for version, place in places.items() if name in place.hashed]
        columns[name] = _hashes(stores, columns[name], table, hashing)
    inputs = pa.table(columns)
    starts = range(0, inputs.num_rows, _PIECE)
    batches = (batch_from_arrow(inputs.slice(first, _PIECE), scorer.features.schema) for first in starts)
    return np.concatenate([scorer.score(batch).output for batch in batches])


def _hashes(
    stores: Stores, column: pa.ChunkedArray, table: pa.Table, hashing: Sequence[int]
) -> pa.ChunkedArray:
    """A column of hashes: as logged in rows of versions that hashed it themselves, hashed here in all others."""
    hashed = _answered_by(table, hashing)
    if pc.all(hashed).as_py():
        return column
    hidden = hide_table(stores, ["text"], pa.table({"text": column})).column("text")
    return pc.if_else(hashed, column.cast(hidden.type), hidden)


def _answered_by(table: pa.Table, versions: Sequence[int]) -> pa.ChunkedArray:
    column = table.column("version")
    return pc.is_in(column, value_set=pa.array(sorted(versions), column.type))


def _first_of_unit(column: pa.ChunkedArray) -> pa.Array:
    """True for the first row of every unit; the rows are in time order."""
    units = column.combine_chunks().dictionary_encode()
    codes = (units.chunk(0) if isinstance(units, pa.ChunkedArray) else units).indices.to_numpy(
        zero_copy_only=False
    )
    first = np.zeros(len(column), dtype=bool)
    first[np.unique(codes, return_index=True)[1]] = True
    return pa.array(first)


def _months(table: pa.Table) -> list[str]:
    """Calendar month (UTC) of every row, such as `2013-07`."""
    months: list[str] = pc.strftime(table.column("event_time"), "%Y-%m").to_pylist()
    return months


def _shown(interval: Interval | None) -> str | None:
    """A difference with its interval.

    >>> _shown(Interval(-0.0123, -0.02, 0.001, 0.95, 30))
    '-0.0123 [-0.0200, +0.0010]'
    """
    return None if interval is None else f"{interval.value:+.4f} [{interval.low:+.4f}, {interval.high:+.4f}]"
