"""D6: rows without the outcome are down-sampled for training, and the scores are served as if nothing had happened.

In the field negatives were thinned to train faster, and nobody put the odds right. Here the history that training reads
lacks a share of its rows without the outcome; the later rows, which the gate judges on, are whole, as traffic is.

Severity is the share that is lacking, up to 95 %. Moderate is 0.45: the odds are then 1.75 times too high, which costs
about 5 % of the log loss at a rate of a quarter.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from roadworthy.clock import micros
from roadworthy.data.sources import TimeExpression
from roadworthy.drills.deployment import Deployment
from roadworthy.drills.fault import Fault

#: Share of the rows without the outcome that is lacking at most.
MOST = 0.95


def thinned(rows: pa.Table, negative: np.ndarray, share: float, chance: np.random.Generator) -> pa.Table:
    """The table without a share of the rows in `negative`, shape (n,).

    >>> thinned(pa.table({"late": [1, 0]}), np.array([False, True]), 1.0, np.random.default_rng(0)).num_rows
    1
    """
    return rows.filter(pa.array(~(negative & (chance.random(rows.num_rows) < share))))


def _inject(deployment: Deployment, severity: float, chance: np.random.Generator) -> None:
    model, when = deployment.model, deployment.timeline
    asked = TimeExpression.parse(model.asked_at)
    cut = micros(when.live_from - when.holdout - asked.offset)

    def change(rows: pa.Table) -> pa.Table:
        times = rows.column(asked.column).cast(pa.timestamp("us", "UTC")).cast(pa.int64())
        earlier = pc.fill_null(pc.less(times, cut), False).to_numpy()
        outcome = pc.fill_null(rows.column(model.outcome.name).cast(pa.float64()), 1.0).to_numpy()
        return thinned(rows, earlier & (outcome == 0.0), MOST * severity, chance)

    deployment.rewrite(model.history, change)


FAULT = Fault(
    id="D6",
    name="sampling-difference",
    title="negatives are down-sampled for training, and nobody corrects the scores",
    happened="Negatives were down-sampled for training and the scores were served uncorrected.",
    stage="gate",
    guards=(
        "sampling",
        "data",
        "limits",
        "champion",
        "calibration",
        "slices",
        "better_than_baseline",
        "ingest",
        "train",
    ),
    inject=_inject,
    moderate=0.45,
)
