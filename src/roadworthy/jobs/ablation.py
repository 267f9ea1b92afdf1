"""Trains a model without some of its features beside the whole one, and compares both on the same held-out rows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from roadworthy.data.split import day_number
from roadworthy.features.arrow import batch_from_arrow
from roadworthy.features.batch import Floats
from roadworthy.jobs.stores import Stores
from roadworthy.jobs.train import HOLDOUT, KEPT, SEED, TrainedVersion, holdout_path, train
from roadworthy.model import load_definition
from roadworthy.stats.resampling import Interval, paired_intervals

Progress = Callable[[str, int, int], None]


class Ablation(msgspec.Struct, frozen=True, kw_only=True):
    """Two versions that differ in their features only.

    without      features that were left out
    whole        the version with all of them
    ablated      the version without
    differences  metric → ablated minus whole on the same held-out rows and resampled days
    """

    without: tuple[str, ...]
    whole: TrainedVersion
    ablated: TrainedVersion
    differences: Mapping[str, Interval]

    def sentences(self) -> list[str]:
        """What a person wants to read."""
        known = "was registered before" if self.ablated.known else "is registered"
        lines = [
            f"{self.ablated.reference} {known}: {self.whole.reference} without {', '.join(self.without)}. On the same "
            f"{self.ablated.holdout_rows:,} held-out rows:",
            f"  {'':<18}{'without':>9}{'with':>9}  without minus with",
        ]
        for name, found in self.differences.items():
            lines.append(
                f"  {name:<18}{self.ablated.metrics[name].value:9.4f}{self.whole.metrics[name].value:9.4f}  "
                f"{found.value:+.4f} [{found.low:+.4f}, {found.high:+.4f}]"
            )
        return [
            *lines,
            "Better without where AUC differs by more than 0, and losses and errors by less; a gap is best at 0. "
            "Intervals (95 %) resample days.",
            f"Next: roadworthy gate {self.ablated.reference}",
        ]


def train_without(
    stores: Stores,
    path: str | Path,
    without: Collection[str],
    *,
    model: str | None = None,
    until: datetime | str | None = None,
    since: datetime | str | None = None,
    holdout: timedelta | str = HOLDOUT,
    seed: int = SEED,
    progress: Progress = lambda step, done, total: None,
) -> Ablation:
    """Train and register both versions on the same history, the whole one first; arguments as of `train`.

    raises   DefinitionError for a feature that there is not, or that something else of the model needs
    """
    end = stores.clock.now() if until is None else until
    names = tuple(dict.fromkeys(without))
    load_definition(path).model(model).without(names)  # before the whole one is trained
    done = [
        train(
            stores, path, model=model, until=end, since=since, holdout=holdout, seed=seed, progress=progress,
            without=left_out,
        )
        for left_out in ((), names)
    ]  # fmt: skip
    whole, ablated = done
    return Ablation(
        without=names, whole=whole, ablated=ablated, differences=_differences(stores, whole, ablated, seed)
    )


def _differences(
    stores: Stores, whole: TrainedVersion, ablated: TrainedVersion, seed: int
) -> dict[str, Interval]:
    before, scored = _scored(stores, whole)
    _, rescored = _scored(stores, ablated)
    kept = before.column(KEPT).to_numpy() if KEPT in before.column_names else None
    days = day_number(before.column("asked_at").cast(pa.int64()).to_numpy())
    found = paired_intervals(
        rescored, scored, before.column("label").to_numpy(), days, np.random.default_rng(seed),
        weights=None if kept is None else 1.0 / kept,
    )  # fmt: skip
    return {str(name): interval for name, interval in found.items()}


def _scored(stores: Stores, version: TrainedVersion) -> tuple[pa.Table, Floats]:
    """The held-out rows of a version, and what it says of them."""
    table = pq.read_table(holdout_path(stores, version.digest))
    scorer = stores.scorer(stores.versions.get(version.model, version.version))
    return table, scorer.score(batch_from_arrow(table, scorer.schema)).output
