"""Joins outcomes to predictions: what each prediction's label is, as of an instant, and since when it is known.

Not here: metrics on labels (stats) and judgement (monitoring). An outcome is seen from the later of its event and its
arrival on, both by the clock of events; one that arrives after `as_of` changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from roadworthy.clock import micros
from roadworthy.errors import DefinitionError
from roadworthy.predictionlog.columns import TIME
from roadworthy.predictionlog.read import PredictionLog
from roadworthy.predictionlog.repeats import ANSWER_COLUMNS, first_answers
from roadworthy.settings import DEFAULT_NAMESPACE

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_ADDED = ("label", "label_known_at", "matured", "window_passed")
_JOIN_COLUMNS = ("id", "request_id", "row", "unit", "event_time")


#: How much earlier than its prediction an outcome that names it may claim to be: clocks of clients differ.
_SKEW = timedelta(days=1)


class OutcomeRule(msgspec.Struct, frozen=True, kw_only=True):
    """How the outcomes of a model are read.

    name        of the outcome
    window      how long after a prediction an event still counts; its last instant does
    absent      what it means that the window passed without one: `negative` (label 0) or `unknown` (no label)
    attribute   which of several events gives the label: the first, the last, or all of them (the largest value)
    revisions   which revision of one event counts: the latest that is visible
    """

    name: str
    window: timedelta
    absent: Literal["negative", "unknown"] = "unknown"
    attribute: Literal["first", "last", "all"] = "last"
    revisions: Literal["latest"] = "latest"

    def __post_init__(self) -> None:
        if self.window <= timedelta(0):
            raise DefinitionError(
                f"outcome {self.name!r}: the window {self.window} must be longer than nothing"
            )


def labelled(
    log: PredictionLog,
    model: str,
    rule: OutcomeRule,
    as_of: datetime,
    *,
    namespace: str = DEFAULT_NAMESPACE,
    versions: Sequence[int] | None = None,
    roles: Sequence[str] | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    columns: Sequence[str] | None = None,
) -> pa.Table:
    """Predictions of [start, end) with their labels, see `PredictionLog.predictions` and `join_outcomes`."""
    wanted = None if columns is None else list(dict.fromkeys((*columns, *_JOIN_COLUMNS, *ANSWER_COLUMNS)))
    # A client that asked twice may hold the identifiers of either answer, so outcomes are joined to both.
    predictions = log.predictions(
        model, namespace=namespace, versions=versions, roles=roles, start=start, end=end, columns=wanted,
        repeats=True,
    )  # fmt: skip
    last = None if end is None else end + rule.window + timedelta(microseconds=1)
    first = None if start is None else start - _SKEW
    outcomes = log.outcomes(model, namespace=namespace, names=[rule.name], start=first, end=last)
    joined = first_answers(join_outcomes(predictions, outcomes, rule, as_of))
    return joined if columns is None else joined.select([*columns, *_ADDED])


def join_outcomes(predictions: pa.Table, outcomes: pa.Table, rule: OutcomeRule, as_of: datetime) -> pa.Table:
    """Predictions in their order, with four more columns.

    label            value of the outcome; null while it is not known, and for ever where absent means unknown
    label_known_at   when that label could be known; null where there is none. Labels may still change: by a revision,
                     by a late arrival, and before the window has passed by another event, unless the first one counts
    matured          whether there is a label or the window has passed
    window_passed    whether the window has passed: a set chosen by this alone is not biased to what is known early

    predictions   columns id, request_id, row, unit, event_time
    outcomes      columns id, name, value, prediction_id, unit, event_time, arrival_time, revision; those of one id with
                  one event time, as `PredictionLog.outcomes` reads them
    An outcome that names a prediction belongs to it, and to every other version that was asked the same row of the same
    request (a shadow), as far as they are in `predictions`. One that names a unit belongs to every prediction of that
    unit with the event in [event_time, event_time + window].
    """
    asked = _int64(predictions, "event_time")
    closes = asked + rule.window // timedelta(microseconds=1)
    now = micros(as_of)
    label, known_at = _labels(predictions, _visible(outcomes, rule.name, now), rule.attribute, asked, closes)
    passed = closes <= now
    missing = np.isnan(label)
    if rule.absent == "negative":
        fill = missing & passed
        label[fill], known_at[fill] = 0.0, closes[fill]
        missing &= ~passed
    table = predictions.append_column("label", pa.array(label, mask=missing))
    table = table.append_column("label_known_at", pa.array(known_at, mask=missing).cast(TIME))
    table = table.append_column("matured", pa.array(~missing | passed))
    return table.append_column("window_passed", pa.array(passed))


def _visible(outcomes: pa.Table, name: str, now: int) -> pa.Table:
    """Outcomes of that name that are known at `now`: the latest revision of each, withdrawn ones left out.

    They come sorted by (event_time, known_at, id), with `known_at` appended.
    """
    known_at = np.maximum(_int64(outcomes, "event_time"), _int64(outcomes, "arrival_time"))
    table = outcomes.select(["id", "value", "prediction_id", "unit", "event_time", "revision"])
    table = table.append_column("known_at", pa.array(known_at))
    table = table.filter(pc.and_(pc.equal(outcomes.column("name"), name), pa.array(known_at <= now)))
    fact = _found(table.column("id"), pc.unique(table.column("id")))
    order = np.lexsort((_int64(table, "known_at"), -_int64(table, "revision"), fact))
    latest = order[np.diff(fact[order], prepend=-1) != 0]
    table = table.take(pa.array(latest))
    table = table.filter(pc.invert(pc.is_nan(table.column("value"))))
    return table.take(
        pc.sort_indices(table, [("event_time", "ascending"), ("known_at", "ascending"), ("id", "ascending")])
    )


def _labels(
    predictions: pa.Table, events: pa.Table, attribute: str, asked: Integers, closes: Integers
) -> tuple[Floats, Integers]:
    """The value of the event that counts for each prediction, NaN without one, and when that event was known."""
    times, value = _int64(events, "event_time"), events.column("value").to_numpy()
    known_at = _int64(events, "known_at")
    place = np.arange(len(times))
    rank = place
    if attribute == "first":
        rank = place[::-1]
    elif (
        attribute == "all"
    ):  # of equal values the one that was known first, so that `label_known_at` never moves back
        rank = np.empty_like(place)
        rank[np.lexsort((-place, -known_at, value))] = place
    row = _row_codes(predictions)
    names_prediction = pc.not_equal(events.column("prediction_id"), "").to_numpy()
    of_row = _found(events.column("prediction_id"), predictions.column("id"))
    of_row = np.where(of_row >= 0, row[of_row], -1) if len(row) else of_row
    units = pc.unique(events.column("unit"))
    names_unit = pc.not_equal(events.column("unit"), "").to_numpy() & ~names_prediction
    of_unit = np.where(names_unit, _found(events.column("unit"), units), -1)
    best = np.maximum(
        _best(_Ranges(np.where(names_prediction, of_row, -1), times), rank, row, None, closes),
        _best(_Ranges(of_unit, times), rank, _found(predictions.column("unit"), units), asked, closes),
    )
    by_rank = np.empty_like(place)
    by_rank[rank] = place
    label, label_known_at = np.full(len(best), np.nan), np.zeros(len(best), dtype=np.int64)
    hit = best >= 0
    label[hit] = value[by_rank[best[hit]]]
    label_known_at[hit] = known_at[by_rank[best[hit]]]
    return label, label_known_at


class _Ranges:
    """Events of each owner in time order, laid out so that all look-ups are one binary search each.

    owner   code of the owner of each event, -1 = none
    times   of the events, ascending
    """

    def __init__(self, owner: Integers, times: Integers) -> None:
        first = np.diff(times, prepend=times[:1] - 1) != 0
        self._instants = times[first]
        self._stride = len(self._instants) + 1
        owned = np.flatnonzero(owner >= 0)
        keys = owner[owned] * self._stride + (np.cumsum(first) - 1)[owned]
        order = np.argsort(keys, kind="stable")
        self._keys, self.events = keys[order], owned[order]

    def find(self, owner: Integers, low: Integers | None, high: Integers) -> tuple[Integers, Integers]:
        """Bounds in `events` of those with that owner and a time in [low, high]; an empty range for the owner -1."""
        base = owner * self._stride
        first = base if low is None else base + np.searchsorted(self._instants, low, side="left")
        after = base + np.searchsorted(self._instants, high, side="right")
        begin = np.searchsorted(self._keys, first)
        end = np.maximum(np.searchsorted(self._keys, after), begin)
        return begin, np.where(owner >= 0, end, begin)


def _best(ranges: _Ranges, rank: Integers, owner: Integers, low: Integers | None, high: Integers) -> Integers:
    """The highest rank among each prediction's events, -1 without any, from maxima over runs of 1, 2, 4, ... events."""
    begin, end = ranges.find(owner, low, high)
    best = np.full(len(owner), -1, dtype=np.int64)
    length = end - begin
    runs = rank[ranges.events]
    width = 1
    while len(runs):
        fits = (length >= width) & (length < 2 * width)
        best[fits] = np.maximum(runs[begin[fits]], runs[end[fits] - width])
        runs = np.maximum(runs[:-width], runs[width:])
        width *= 2
    return best


def _row_codes(predictions: pa.Table) -> Integers:
    """One number for each row of each request, the same for every version that was asked it."""
    request = pc.if_else(
        pc.equal(predictions.column("request_id"), ""),
        predictions.column("id"),
        predictions.column("request_id"),
    )
    row = _int64(predictions, "row")
    codes = _found(request, pc.unique(request)) * (row.max(initial=0) + 1) + row
    return np.unique(codes, return_inverse=True)[1].astype(np.int64)


def _found(values: Any, among: Any) -> Integers:
    """Where each of `values` is among others, -1 where it is not."""
    among = among.combine_chunks() if isinstance(among, pa.ChunkedArray) else among
    places = pc.fill_null(pc.index_in(values, value_set=among), -1)
    return np.asarray(
        places.to_numpy(zero_copy_only=False) if isinstance(places, pa.Array) else places.to_numpy()
    ).astype(np.int64)


def _int64(table: pa.Table, name: str) -> Integers:
    return np.asarray(table.column(name).cast(pa.int64()).to_numpy())
