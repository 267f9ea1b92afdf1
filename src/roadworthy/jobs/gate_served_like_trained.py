"""Measures how inputs and features look in training and when served: profile against traffic, history against log.

Where the held-out rows and the log hold the same question (one unit, one time), what the candidate's features make of
both is compared value by value: days and seasons are then the same, so a difference is no drift.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from roadworthy.data.tables import unit_texts
from roadworthy.features.batch import Batch, Column, Floats, Lists, Strings
from roadworthy.features.clockreading import clock_readers
from roadworthy.features.declarations import Custom
from roadworthy.features.fitted import FeatureRecord
from roadworthy.gate.served_like_trained_facts import ServedFeature, ServedInput, ServedLikeTrained, Usual
from roadworthy.gate.traffic_facts import Traffic
from roadworthy.jobs.stores import Stores
from roadworthy.monitoring.parity import differing_rows
from roadworthy.profiles.cells import Cells, cell_of
from roadworthy.profiles.reference import Reference
from roadworthy.registry.artifact import FUNCTIONS_FILE, PROFILES_FILE
from roadworthy.registry.versions import VersionRow
from roadworthy.scorer import Scorer
from roadworthy.stats.distance import jensen_shannon

Ints = npt.NDArray[np.int64]
Marks = npt.NDArray[np.bool_]

#: Rows whose values are exchanged to see how much a feature matters.
EXCHANGED = 1_000
#: The history and the log ask the same question where unit and time agree to this many microseconds.
SAME_TIME = 1_000_000
#: Numbers this close, for their size, are the same: another order of adding up gives that much.
CLOSE = 1e-9


def served_like_trained(
    stores: Stores,
    row: VersionRow,
    scorer: Scorer,
    traffic: Traffic | None,
    held_out: pa.Table,
    batch: Batch,
    seed: int,
) -> ServedLikeTrained | None:
    """What is compared of a candidate; None where there is no traffic.

    held_out    the candidate's held-out rows with unit and `asked_at`
    batch       the same rows as the candidate reads them
    """
    if traffic is None or not traffic.n:
        return None
    artifact = stores.settings.artifacts / row.digest
    reference = Reference.from_json((artifact / PROFILES_FILE).read_bytes())
    source = artifact / FUNCTIONS_FILE
    days = np.unique(traffic.days).size
    pairs = _pairs(held_out, scorer.unit, traffic)
    differs = _differing(scorer, traffic, batch, pairs)
    importance, encoded = _importance(scorer, batch, seed)
    clocks = clock_readers(source.read_bytes()) if source.exists() else frozenset()
    records = scorer.features.records
    features = [
        _feature(record, reference, days, importance[record.name], differs[record.name], clocks)
        for record in records
    ]
    asked = held_out.column("asked_at").cast(pa.int64()).to_numpy()
    inputs = [
        _input(name, records, reference, traffic, days, batch, asked)
        for name in scorer.features.schema.names()
        if name in traffic.inputs.columns
    ]
    follows = {given.name: given for given in inputs}
    return ServedLikeTrained(
        days=days,
        trained_days=len(reference.days),
        inputs=tuple(inputs),
        features=tuple(_with_gain(feature, follows, scorer, traffic, encoded) for feature in features),
        paired_days=traffic.days[pairs[:, 1]],
    )


def _pairs(held_out: pa.Table, unit: str, traffic: Traffic) -> Ints:
    """Places of the same questions among the held-out rows and the served ones, shape (k, 2)."""
    asked = held_out.column("asked_at").cast(pa.int64()).to_numpy()
    places: dict[tuple[str, int], int] = {}
    units = unit_texts(held_out.column(unit)).to_pylist()
    for row, (name, moment) in enumerate(zip(units, asked.tolist(), strict=True)):
        places.setdefault((name, moment // SAME_TIME), row)
    found = [
        (places[key], row)
        for row, key in enumerate(
            zip(traffic.units.tolist(), (traffic.asked_at // SAME_TIME).tolist(), strict=True)
        )
        if key in places
    ]
    return np.array(found, dtype=np.int64).reshape(len(found), 2)


def _differing(scorer: Scorer, traffic: Traffic, batch: Batch, pairs: Ints) -> dict[str, Marks]:
    """For every feature, in which pairs the request gave another value than the history."""
    history = batch.select(scorer.features.schema.names()).take(pairs[:, 0])
    found: dict[str, Marks] = {}
    if traffic.encoded is None:
        served = traffic.inputs.take(pairs[:, 1])
        for record in scorer.features.records:
            found[record.name] = np.zeros(len(pairs), dtype=np.bool_)
            for name in set(record.columns) & set(served.columns):
                found[record.name][differing_rows(history.columns[name], served.columns[name])] = True
        return found
    trained, served_now = scorer.features.encode(history), traffic.encoded[pairs[:, 1]]
    with np.errstate(invalid="ignore"):
        near = np.abs(trained - served_now) <= CLOSE * np.maximum(1.0, np.abs(trained))
    other = ~(near | (np.isnan(trained) & np.isnan(served_now)))
    for name, at in _places(scorer).items():
        found[name] = np.asarray(other[:, at].any(axis=1), dtype=np.bool_)
    return found


def _places(scorer: Scorer) -> dict[str, list[int]]:
    """Numbers of the encoded columns of each feature."""
    places: dict[str, list[int]] = {record.name: [] for record in scorer.features.records}
    for at, column in enumerate(scorer.features.columns):
        places[column.feature].append(at)
    return places


def _importance(scorer: Scorer, batch: Batch, seed: int) -> tuple[dict[str, float], Floats]:
    """Mean absolute change of score when a feature's values are exchanged among rows; and the encoded rows."""
    rows = np.linspace(0, batch.n - 1, min(batch.n, EXCHANGED)).astype(np.int64)
    encoded = scorer.features.encode(batch.take(rows))
    scores, chance = scorer.predictor.predict(encoded), np.random.default_rng(seed)
    found = {}
    for name, at in _places(scorer).items():
        other = encoded.copy()
        other[:, at] = encoded[chance.permutation(len(encoded))][:, at]
        found[name] = float(np.abs(scorer.predictor.predict(other) - scores).mean())
    return found, encoded


def _feature(
    record: FeatureRecord,
    reference: Reference,
    days: int,
    importance: float,
    differs: Marks,
    clocks: frozenset[str],
) -> ServedFeature:
    options = record.options
    name = options.function if isinstance(options, Custom) else getattr(options, "clean", None)
    rows = np.array([day.profile.n for day in reference.days], dtype=np.float64)
    held = [day.profile.features[record.name] for day in reference.days]
    return ServedFeature(
        name=record.name,
        inputs=record.columns,
        importance=importance,
        relative_to_now=record.relative_to_now,
        own_output=record.own_output,
        reads_clock=name in clocks,
        missing=_usual(np.array([float(each.missing) for each in held]), rows, days),
        unknown=_usual(np.array([float(each.unknown) for each in held]), rows, days),
        differs=differs,
    )


def _usual(marked: Floats, rows: Floats, days: int) -> Usual:
    stretches = _stretches(np.stack([marked, rows], axis=1), days)
    return Usual(
        share=float(marked.sum() / rows.sum()),
        most=float((stretches[:, 0] / np.maximum(stretches[:, 1], 1.0)).max()),
    )


def _stretches(daily: Floats, days: int) -> Floats:
    """Sums over stretches of so many training days, a quarter of that apart; shorter ones where training was short."""
    length = max(min(days, len(daily) // 2), 1)
    total = np.concatenate([np.zeros((1, daily.shape[1])), np.cumsum(daily, axis=0)])
    starts = np.arange(0, len(daily) - length + 1, max(length // 4, 1))
    found: Floats = total[starts + length] - total[starts]
    return found


def _input(
    name: str,
    records: Sequence[FeatureRecord],
    reference: Reference,
    traffic: Traffic,
    days: int,
    batch: Batch,
    asked: Ints,
) -> ServedInput:
    column = traffic.inputs.columns[name]
    varied, distance, furthest = _against_training(reference, reference.cells.get(name), name, column, days)
    held_out = batch.columns[name]
    number = isinstance(held_out, np.ndarray) and held_out.dtype == np.float64
    return ServedInput(
        name=name,
        features=tuple(record.name for record in records if name in record.columns),
        varied=varied,
        varies=_varies(column),
        distance=distance,
        furthest=furthest,
        follows_time=_rank_correlation(held_out, asked) if number else float("nan"),  # type: ignore[arg-type]  # float64 then
        echo=traffic.echoes.get(name),
    )


def _against_training(
    reference: Reference, cells: Cells | None, name: str, column: Column, days: int
) -> tuple[float, float, float]:
    """Least variety of a stretch of training; distance of the served rows; the furthest stretch of training."""
    if cells is None or not cells.size:
        return float("nan"), float("nan"), float("nan")
    daily = np.array([day.profile.inputs[name].counts for day in reference.days], dtype=np.float64)
    stretches, whole = _stretches(daily, days), daily.sum(axis=0)
    stretches = stretches[stretches.sum(axis=1) > 0]
    cell, _ = cell_of(cells, column)
    now = np.bincount(cell, minlength=cells.size)
    if not len(stretches) or not now.sum():
        return float("nan"), float("nan"), float("nan")
    varied = float((1.0 - stretches.max(axis=1) / stretches.sum(axis=1)).min())
    rest = [(stretch, whole - stretch) for stretch in stretches if (whole - stretch).sum() > 0]
    furthest = max((jensen_shannon(stretch, other) for stretch, other in rest), default=float("nan"))
    return varied, jensen_shannon(now, whole), furthest


def _varies(column: Column) -> float:
    """Share of rows that do not have the commonest value; a missing value is one too."""
    if isinstance(column, Lists):
        most = Counter(map(tuple, column.lists())).most_common(1)[0][1]
        return 1.0 - most / (len(column.offsets) - 1)
    values = column.codes if isinstance(column, Strings) else column
    return 1.0 - float(np.unique(values, return_counts=True)[1].max()) / len(values)


def _rank_correlation(values: Floats, moments: Ints) -> float:
    """Spearman's, over rows where the value is there; NaN where it does not vary."""
    there = ~np.isnan(values)
    if there.sum() < 2:
        return float("nan")
    value, time = _ranks(values[there]), _ranks(moments[there].astype(np.float64))
    if value.std() == 0.0 or time.std() == 0.0:
        return float("nan")
    return float(np.corrcoef(value, time)[0, 1])


def _ranks(values: Floats) -> Floats:
    """Ranks, equal values having the mean of theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: Floats = (last - (counts - 1) / 2.0)[place]
    return ranks


def _with_gain(
    feature: ServedFeature,
    inputs: Mapping[str, ServedInput],
    scorer: Scorer,
    traffic: Traffic,
    encoded: Floats,
) -> ServedFeature:
    """The feature with how much a moved answer comes back through it, where it derives from answers or may."""
    echoes = [given.echo for name in feature.inputs if (given := inputs.get(name)) and given.echo]
    at = [
        place
        for place, column in enumerate(scorer.features.columns)
        if column.feature == feature.name and column.kind == "number"
    ]
    if not at or not (feature.own_output or any(echo.follows for echo in echoes)):
        return feature
    rows = encoded if traffic.encoded is None else traffic.encoded
    values = rows[:, at[0]]
    spread = float(np.nanstd(values))
    if not spread > 0.0:
        return feature
    up, down = rows.copy(), rows.copy()
    up[:, at[0]] += spread / 2
    down[:, at[0]] -= spread / 2
    rise = float((scorer.predictor.predict(up) - scorer.predictor.predict(down)).mean()) / spread
    seen = [echo.slope for echo in echoes if echo.follows]
    answers = traffic.logged[np.isfinite(traffic.logged)]
    bound = spread / float(answers.std()) if answers.size and answers.std() > 0 else 0.0
    slope = max(seen, key=abs) if seen else bound
    return replace(feature, gain=abs(rise * slope), gain_is_bound=not seen)
