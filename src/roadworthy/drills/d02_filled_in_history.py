"""D2, of the kind `filled`: the history is filled where requests say nothing, and the new version takes no null.

In the field a job imputed what was missing before anybody trained on it. Training never met a gap, nobody had to say
what one means, and the new version would have refused every request with one, which the version before had answered.
Here the history's files hold the mean where a number was missing, the user's file does not say any more what missing
becomes, and a share of the requests that are logged carry null.

Severity is the share of requests without the number; moderate is one in twenty.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from roadworthy.data.tables import read
from roadworthy.drills import d02_coverage_drop
from roadworthy.drills.deployment import Deployment
from roadworthy.drills.resent import heaviest_number, resend
from roadworthy.features.batch import Floats


def gappy_number(deployment: Deployment) -> str:
    """The number of its own history that moves its answers most, among those that may be and are missing; else ""."""

    def fits(name: str) -> bool:
        column = read(deployment.settings.tables, deployment.model.history, columns=[name]).column(name)
        return bool(column.null_count) and len(_readers(deployment, name)) == 1

    return heaviest_number(deployment, own=True, optional=True, fits=fits)


def _readers(deployment: Deployment, name: str) -> list[str]:
    features = deployment.model.features.features.items()
    return [key for key, each in features if name in each.column_names]


def _inject(deployment: Deployment, severity: float, chance: np.random.Generator) -> None:
    name = gappy_number(deployment)
    (reader,) = _readers(deployment, name)

    def filled(rows: pa.Table) -> pa.Table:
        column, place = rows.column(name), rows.column_names.index(name)
        mean = pa.scalar(pc.mean(column).as_py()).cast(column.type, safe=False)
        return rows.set_column(place, rows.schema.field(name), pc.fill_null(column, mean))

    def sending(values: Floats, said: Floats, chance: np.random.Generator) -> Floats:
        return np.where(chance.random(len(values)) < severity, np.nan, values)

    resend(deployment, name, sending, chance)
    deployment.rewrite(deployment.model.history, filled)
    deployment.redeclare(
        imports="from roadworthy import Features as _Features, number as _number",
        features=f"_Features(**{{**old.features.features, {reader!r}: _number({name!r})}})",
    )


def _applies(deployment: Deployment) -> str:
    return (
        ""
        if gappy_number(deployment)
        else "no number of its history that one feature reads is missing anywhere"
    )


FAULT = replace(
    d02_coverage_drop.FAULT,
    variant="filled",
    title="the history is filled where requests say nothing, and the new version takes no null",
    happened="A job imputed what was missing before training, and the new version refused requests with gaps.",
    stage="gate",
    guards=("carried",),
    inject=_inject,
    live=False,
    applies=_applies,
)
