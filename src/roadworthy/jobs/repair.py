"""Makes a version again with the rows that its training never touched set to the unknown entry's value.

Not here: which rows those are and what they get (training.weights). The version is trained again from the same rows
with the same seed, so that its golden requests, its reference and its metrics are those of what will answer; it is
registered only if everything but the repaired rows came out as it was.
"""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from roadworthy.errors import Refused
from roadworthy.estimators.kept_weights import kept_weights
from roadworthy.estimators.weights import WeightArray, Weights, refuse_trees
from roadworthy.features.fitted import FittedFeatures
from roadworthy.jobs.gate_weights import entries_of
from roadworthy.jobs.questions import Questions
from roadworthy.jobs.stores import Stores
from roadworthy.jobs.train import WITHOUT, Progress, TrainedVersion, train, training_fingerprint
from roadworthy.model import load_definition
from roadworthy.registry.artifact import ESTIMATOR_DIRECTORY
from roadworthy.registry.versions import VersionRow
from roadworthy.training.recipe import Trained

#: Entries of an array that the sentence names.
SHOWN = 5


class RepairedVersion(msgspec.Struct, frozen=True, kw_only=True):
    """What a repair gave.

    of        the version that was repaired
    version   the new one
    entries   array → names of the entries whose rows were set
    """

    of: str
    version: TrainedVersion
    entries: Mapping[str, tuple[str, ...]]

    def sentences(self) -> list[str]:
        """What a person wants to read."""
        rows = sum(map(len, self.entries.values()))
        parts = [
            f"{name}: {', '.join(entries[:SHOWN])}{f' and {len(entries) - SHOWN:,} more' * (len(entries) > SHOWN)}"
            for name, entries in self.entries.items()
        ]
        return [
            f"{self.version.reference} is {self.of} with {rows:,} untrained rows set to the unknown entry's value "
            f"({'; '.join(parts)})"
        ]


def repair(
    stores: Stores,
    reference: str,
    *,
    actor: str = "",
    event_time: datetime | None = None,
    progress: Progress = lambda step, done, total: None,
) -> RepairedVersion:
    """Register the version anew with its untrained rows repaired; the ledger says of which version, and which rows.

    raises   Refused for trees, where nothing is to be repaired, and where training again would give something else:
             the definition or the history has changed, or a library is another
    """
    row = stores.versions.resolve(reference)
    scorer = stores.scorer(row)
    directory = stores.settings.artifacts / row.digest / ESTIMATOR_DIRECTORY
    was = kept_weights(scorer.model.estimator_format, directory, scorer.features.columns)
    if was.kind == "trees":
        raise refuse_trees()
    definition = Path(str(row.run.details["definition"]))
    _require_same_source(row, definition)
    assert row.run.as_of is not None, "a registered run has a time"
    assert row.run.trained_until is not None, "and a training period"
    entries: dict[str, tuple[str, ...]] = {}

    def accept(learn: Questions, trained: Trained) -> Mapping[str, Any]:
        if training_fingerprint(learn) != row.run.data_fingerprint:
            raise Refused(
                f"{row.reference} cannot be repaired: its training rows are not what they were (rows were ingested or "
                f"forgotten since). Train again: roadworthy train {definition}"
            )
        entries.update(_accepted(row, was, trained))
        return {"repaired": {"of": row.reference, "entries": entries}}

    done = train(
        stores,
        definition,
        model=row.model,
        since=row.run.trained_from,
        until=row.run.as_of,
        holdout=row.run.as_of - row.run.trained_until,
        seed=row.run.seed,
        progress=progress,
        repaired=accept,
        without=row.run.details.get(WITHOUT, ()),
    )
    found = RepairedVersion(of=row.reference, version=done, entries=entries)
    now = stores.clock.now()
    stores.ledger.append(
        "repair", actor=actor or getpass.getuser(), reason=found.sentences()[0], at=now, event_time=event_time or now,
        model=row.model, version=done.version, details={"of": row.reference, "entries": entries},
    )  # fmt: skip
    return found


def _require_same_source(row: VersionRow, definition: Path) -> None:
    if not definition.exists() or load_definition(definition).source_digest != row.run.source_digest:
        gone = "has changed since" if definition.exists() else "is not there any more"
        raise Refused(
            f"{row.reference} cannot be repaired: {definition}, which it was trained from, {gone}, and a repair "
            f"changes nothing but untrained rows. Train again: roadworthy train {definition}"
        )


def _accepted(row: VersionRow, was: Weights, trained: Trained) -> dict[str, tuple[str, ...]]:
    """Array → names of repaired entries; Refused where nothing was repaired, or more came out otherwise."""
    now = trained.fitted.weights()
    entries = {}
    for array in now.arrays:
        kept = trained.weights.of(array.name)
        rows = kept.repaired if kept is not None else ()
        _require_same(row, array, was, rows)
        if rows:
            entries[array.name] = _names(array, rows, trained.scorer.features)
    if not entries:
        raise Refused(
            f"{row.reference} has nothing to repair: every row that training never touched holds the unknown entry's "
            "value or nothing already"
        )
    return entries


def _require_same(row: VersionRow, array: WeightArray, was: Weights, repaired: tuple[int, ...]) -> None:
    before = next((each.values for each in was.arrays if each.name == array.name), None)
    if before is not None and before.shape == array.values.shape:
        others = np.setdiff1d(np.arange(len(before)), repaired)
        if before[others].tobytes() == array.values[others].tobytes():
            return
    raise Refused(
        f"{row.reference} cannot be repaired: trained again from the same rows, its {array.name} comes out otherwise. "
        f"It was trained with {', '.join(f'{name} {number}' for name, number in sorted(row.run.libraries.items()))}; "
        "install these, or train a new version"
    )


def _names(array: WeightArray, rows: tuple[int, ...], features: FittedFeatures) -> tuple[str, ...]:
    names = entries_of(array, features)
    return tuple(names[number] for number in rows)
