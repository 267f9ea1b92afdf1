"""Reads a version's parameters for the gate: which rows training never touched, who asks for them, what changed.

Not here: what training did (training.weights keeps it beside the held-out rows) and the judgement (gate.weights).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np

from roadworthy.errors import CorruptArtifact, RoadworthyError, UnsupportedEstimator
from roadworthy.estimators.kept_weights import kept_weights
from roadworthy.estimators.weights import Array, WeightArray, Weights
from roadworthy.features.batch import Floats
from roadworthy.features.declarations import Categories, Category
from roadworthy.features.fitted import FittedFeatures
from roadworthy.features.textual import SEPARATOR
from roadworthy.features.vocabulary import MISSING, RESERVED, UNKNOWN
from roadworthy.gate.weights_facts import ArrayFacts, WeightFacts
from roadworthy.jobs.stores import Stores
from roadworthy.jobs.train import weights_path
from roadworthy.registry.artifact import ESTIMATOR_DIRECTORY
from roadworthy.registry.versions import VersionRow
from roadworthy.scorer import Scorer
from roadworthy.training.weights import TrainedArray, TrainedWeights, at_random

#: Earlier versions whose arrays are compared, beside the champion; entries named; rows looked at.
COMPARED, SHOWN, ROWS = 3, 5, 10_000

logger = logging.getLogger("roadworthy.gate")


def weight_facts(
    stores: Stores,
    row: VersionRow,
    scorer: Scorer,
    encoded: Sequence[Floats | None],
    champion: VersionRow | None,
) -> WeightFacts | None:
    """The parameters of a version; None where the library that could read them is not installed.

    encoded   rows as the version sees them, such as the held-out ones and those served now; None where there are none
    """
    try:
        own = _weights(stores, row, scorer)
    except UnsupportedEstimator as error:
        logger.warning("%s: its parameters could not be read: %s", row.reference, error)
        return None
    rows = np.concatenate([_spread(each) for each in encoded if each is not None])
    kept = _kept(weights_path(stores, row.digest))
    others = _others(stores, row, champion)
    leader = None if champion is None else others.get(champion.version)
    ids = _differing(others, row)
    held = {array.name: _held(array, kept, scorer.features) for array in own.arrays}
    facts, asking = [], np.zeros(len(rows), dtype=np.bool_)
    places = {column.name: place for place, column in enumerate(scorer.features.columns)}
    for array in own.arrays:
        codes = rows[:, [places[name] for name in array.columns]]
        asked = np.isin(codes, held[array.name])
        asking |= asked.any(axis=1)
        facts.append(
            _facts(
                array,
                kept.of(array.name) if kept else None,
                held[array.name],
                entries=_most_asked(array, held[array.name], codes[asked], scorer.features),
                touched=int(asked.any(axis=1).sum()),
                change=None if leader is None else _change(array, scorer.features, *leader[1:]),
                same_as=tuple(version for version in ids if _same(array, others[version][1])),
            )
        )
    return WeightFacts(
        kind=own.kind,
        arrays=tuple(facts),
        sampled=len(rows),
        touched=int(asking.sum()),
        kept=kept is not None,
        unsplit=dict(own.unsplit or {}),
        compared=tuple(sorted(others)),
        same_as=tuple(version for version in ids if _all_same(own, others[version][1])),
    )


_Other = tuple[VersionRow, Weights, FittedFeatures]


def _weights(stores: Stores, row: VersionRow, scorer: Scorer) -> Weights:
    directory = stores.settings.artifacts / row.digest / ESTIMATOR_DIRECTORY
    return kept_weights(scorer.model.estimator_format, directory, scorer.features.columns)


def _spread(encoded: Floats) -> Floats:
    """At most `ROWS` rows, evenly spread."""
    chosen: Floats = encoded[np.linspace(0, len(encoded) - 1, min(len(encoded), ROWS)).astype(np.int64)]
    return chosen


def _kept(path: Path) -> TrainedWeights | None:
    """What training did to the parameters; None for a version from before that was kept."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=TrainedWeights)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise CorruptArtifact(f"{path} cannot be read: {error}; train the version again") from error


def _others(stores: Stores, row: VersionRow, champion: VersionRow | None) -> Mapping[int, _Other]:
    """The champion and the versions before this one, as far as they can be read."""
    earlier = [each for each in stores.versions.all(row.model) if each.version < row.version][-COMPARED:]
    found: dict[int, _Other] = {}
    for other in {each.version: each for each in [*earlier, *([champion] if champion else [])]}.values():
        try:
            scorer = stores.scorer(other)
            found[other.version] = (other, _weights(stores, other, scorer), scorer.features)
        except RoadworthyError as error:
            logger.warning("%s: its parameters could not be read: %s", other.reference, error)
    return found


def _differing(others: Mapping[int, _Other], row: VersionRow) -> list[int]:
    """Versions that were trained on other rows."""
    return [
        version
        for version, (other, *_) in others.items()
        if other.run.data_fingerprint != row.run.data_fingerprint
    ]


def _held(array: WeightArray, kept: TrainedWeights | None, features: FittedFeatures) -> tuple[int, ...]:
    """Rows that hold their random start and can be asked for."""
    trained = None if kept is None else kept.of(array.name)
    if trained is None or not array.columns:
        return ()
    asked = {code for name in array.columns for code in _reserved(name, features)}
    return tuple(row for row in at_random(array.values, trained) if row >= RESERVED or row in asked)


def _reserved(column: str, features: FittedFeatures) -> set[int]:
    """Which of the numbers of missing and unknown a request can bring into a column."""
    feature = next(each.feature for each in features.columns if each.name == column)
    record = next(each for each in features.records if each.name == feature)
    options = record.options
    fields = [features.schema.field(name) for name in record.columns]
    if isinstance(options, Categories):
        return {MISSING, UNKNOWN}
    can = {MISSING} if any(field is not None and field.nullable for field in fields) else set()
    if isinstance(options, Category) and options.clean is not None:
        can.add(MISSING)
    as_missing = isinstance(options, Category) and options.unknown == "as_missing"
    return can | {MISSING if as_missing else UNKNOWN}


def _most_asked(
    array: WeightArray, rows: Sequence[int], codes: Floats, features: FittedFeatures
) -> tuple[str, ...]:
    """Names of entries, the most asked for first."""
    if not rows:
        return ()
    asked, often = np.unique(codes.astype(np.int64), return_counts=True)
    counts = dict(zip(asked.tolist(), often.tolist(), strict=True))
    order = sorted(rows, key=lambda row: (-counts.get(row, 0), row))[:SHOWN]
    names = entries_of(array, features)
    return tuple(names[row] for row in order)


def entries_of(array: WeightArray, features: FittedFeatures) -> list[str]:
    """What every row stands for."""
    feature = next(each.feature for each in features.columns if each.name == array.columns[0])
    named = (" × ".join(text.split(SEPARATOR)) for text in features.entries(feature))
    return ["missing", "unknown", *named]


def _facts(
    array: WeightArray,
    trained: TrainedArray | None,
    random: Sequence[int],
    *,
    entries: tuple[str, ...],
    touched: int,
    change: float | None,
    same_as: tuple[int, ...],
) -> ArrayFacts:
    finite = np.isfinite(array.values)
    return ArrayFacts(
        name=array.name,
        shape=array.values.shape,
        norm=_norm(array.values[finite]),
        not_finite=int(array.values.size - finite.sum()),
        learned=None if trained is None else trained.changed,
        change=change,
        same_as=same_as,
        columns=array.columns,
        untrained=0 if trained is None else len(trained.untrained),
        repaired=0 if trained is None else len(trained.repaired),
        random=len(random),
        touched=touched,
        entries=entries,
    )


def _change(
    array: WeightArray, features: FittedFeatures, other: Weights, theirs: FittedFeatures
) -> float | None:
    """How far an array lies from the champion's, relative to that one's norm; None where there is nothing like it."""
    match = next((each for each in other.arrays if each.name == array.name), None)
    if match is None or match.values.shape[1:] != array.values.shape[1:]:
        return None
    ours, was = array.values, match.values
    if array.columns and match.columns:
        places = {name: row for row, name in enumerate(entries_of(match, theirs))}
        pairs = [
            (row, places[name]) for row, name in enumerate(entries_of(array, features)) if name in places
        ]
        ours, was = ours[[row for row, _ in pairs]], was[[row for _, row in pairs]]
    if ours.shape != was.shape or not (np.isfinite(ours).all() and np.isfinite(was).all()):
        return None
    size = _norm(was)
    return _norm(ours.astype(np.float64) - was) / size if size else None


def _norm(values: Array) -> float:
    return float(np.linalg.norm(values.astype(np.float64)))


def _same(array: WeightArray, other: Weights) -> bool:
    match = next((each for each in other.arrays if each.name == array.name), None)
    return (
        match is not None
        and array.values.size > 0
        and array.values.shape == match.values.shape
        and array.values.tobytes() == match.values.tobytes()
    )


def _all_same(own: Weights, other: Weights) -> bool:
    return own.kind == other.kind and bool(own.arrays) and all(_same(each, other) for each in own.arrays)
