"""D5: an event changed upstream: its unit, its name, or it is not sent any more.

In the field an upstream team renamed, dropped or re-measured an event without telling anybody. Here a number of the
newest batch of the model's history comes in another unit, under another name, or is 0 in every row.

Severity is, of another unit, how far it is from the old one: 1.609, kilometres for miles, at the moderate 0.5; other
kinds have one severity only.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from roadworthy.data.tables import table_schema
from roadworthy.drills.deployment import LATEST, Deployment
from roadworthy.drills.fault import Fault

MILE = 1.609344


def number_of(deployment: Deployment) -> str:
    """An input of the model that is a float of its own history and no time; "" where there is none."""
    schema = table_schema(deployment.settings.tables, deployment.model.history)
    for name in deployment.model.input_columns():
        column = schema.column(name)
        if column is not None and column.kind == "float" and name not in schema.key:
            return name
    return ""


def _rewrite(deployment: Deployment, name: str, factor: float) -> None:
    def change(rows: pa.Table) -> pa.Table:
        column = rows.column(name)
        return rows.set_column(rows.column_names.index(name), name, pc.multiply(column, factor))

    deployment.rewrite(deployment.model.history, change, batches=(LATEST,))


def _measured_otherwise(deployment: Deployment, severity: float, chance: np.random.Generator) -> None:
    _rewrite(deployment, number_of(deployment), MILE ** (2.0 * severity))


def _renamed(deployment: Deployment, severity: float, chance: np.random.Generator) -> None:
    name = number_of(deployment)

    def change(rows: pa.Table) -> pa.Table:
        return rows.rename_columns([f"{each}_v2" if each == name else each for each in rows.column_names])

    deployment.rewrite(deployment.model.history, change, batches=(LATEST,))


def _dropped(deployment: Deployment, severity: float, chance: np.random.Generator) -> None:
    _rewrite(deployment, number_of(deployment), 0.0)


def _applies(deployment: Deployment) -> str:
    return "" if number_of(deployment) else "none of its inputs is a number of its own history"


FAULT = Fault(
    id="D5",
    name="event-change",
    title="a number comes in another unit",
    happened="An upstream event was renamed, dropped or changed its units.",
    stage="data",
    guards=("ingest",),
    inject=_measured_otherwise,
    applies=_applies,
)

VARIANTS = (
    replace(
        FAULT, variant="renamed", title="a column comes under another name", inject=_renamed, graded=False
    ),
    replace(
        FAULT, variant="dropped", title="a number comes as 0 in every row", inject=_dropped, graded=False
    ),
)
