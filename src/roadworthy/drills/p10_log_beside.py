"""P10, of the kind `log`: answers are logged beside requests that they do not belong to.

In the field a library under the log was upgraded and brought the rows of a batch into another order: callers had the
right answers, and whatever was learned, compared or proved from the log afterwards rested on answers that nobody had
been given. Here a share of the champion's answers have changed places in its log; everything else is as it was.

Severity is the share of the logged answers; moderate is one in twenty.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from roadworthy.drills import p10_dependency_change
from roadworthy.drills.deployment import Deployment
from roadworthy.drills.resent import logged_files, write_logged
from roadworthy.features.batch import Floats

OUTPUT = "output"


def displaced(answers: Floats, share: float, chance: np.random.Generator) -> Floats:
    """The answers, a share of them, two at least, each in the place of the next of those.

    >>> sorted(displaced(np.array([0.1, 0.2, 0.3]), 1.0, np.random.default_rng(0)).tolist())
    [0.1, 0.2, 0.3]
    """
    size = min(max(round(share * len(answers)), 2), len(answers))
    chosen = np.sort(chance.choice(len(answers), size, replace=False))
    moved = answers.copy()
    moved[chosen] = answers[np.roll(chosen, 1)]
    return moved


def _inject(deployment: Deployment, severity: float, chance: np.random.Generator) -> None:
    for file in logged_files(deployment):
        rows = pq.ParquetFile(file).read()
        place, field = rows.column_names.index(OUTPUT), rows.schema.field(OUTPUT)
        answers = displaced(rows.column(OUTPUT).to_numpy(), severity, chance)
        write_logged(file, rows.set_column(place, field, pa.array(answers, field.type)))


FAULT = replace(
    p10_dependency_change.FAULT,
    variant="log",
    title="answers are logged beside requests that they do not belong to",
    happened="A library under the log was upgraded and brought the rows of a batch into another order.",
    guards=("champion_rows",),
    inject=_inject,
)
