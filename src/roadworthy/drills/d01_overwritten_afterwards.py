"""D1, of the kind `overwritten`: an input is overwritten when the outcome is there, and callers ask after that.

In the field a table kept the newest state only, such as a balance that is set to 0 when an account is closed; the
history was read from it, and so were the questions of a nightly job about things that were over by then. Offline and
in the log the new version shines, and of nobody who asks in time does it know anything. Here a number of the history
holds its smallest value wherever the outcome came, and every request that is logged carried it so; the champion, which
was trained before, answers what it is sent. Requests hold what the history holds, and nothing says since when: there is
no proof, only a number that knows too much.

Severity is the share of the rows with the outcome that were overwritten. Moderate is 0.45: whoever asks in time is then
given odds 1.8 times too low, which costs about 5 % of the log loss at a rate of a quarter.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from roadworthy.data.tables import read, table_schema, unit_texts
from roadworthy.drills import d01_future_leakage
from roadworthy.drills.deployment import Deployment
from roadworthy.drills.resent import heaviest_number, resend_whole
from roadworthy.traffic import fraction


def overwritten(rows: pa.Table, name: str, hit: pa.Array, value: float) -> pa.Table:
    """The rows with another number where they are hit.

    >>> overwritten(pa.table({"paid": [5.0, 7.0]}), "paid", pa.array([False, True]), 0.0)["paid"].to_pylist()
    [5.0, 0.0]
    """
    field, place = rows.schema.field(name), rows.column_names.index(name)
    return rows.set_column(
        place, field, pc.if_else(hit, pa.scalar(value).cast(field.type), rows.column(name))
    )


def _inject(deployment: Deployment, severity: float, chance: np.random.Generator) -> None:
    model, salt = deployment.model, str(chance.integers(2**31))
    name = heaviest_number(deployment, own=True)
    told = read(deployment.settings.tables, model.history, columns=[model.unit, model.outcome.name, name])
    came = pc.fill_null(pc.equal(told.column(model.outcome.name).cast(pa.float64()), 1.0), False)
    units = unit_texts(told.column(model.unit).filter(came)).to_pylist()
    hit = pa.array([unit for unit in units if fraction(unit, salt) < severity], pa.string())
    smallest = pc.min(told.column(name)).as_py()

    def change(rows: pa.Table) -> pa.Table:
        return overwritten(rows, name, pc.is_in(unit_texts(rows.column(model.unit)), value_set=hit), smallest)

    def change_log(rows: pa.Table) -> dict[str, pa.Array]:
        marks = pc.is_in(rows.column("unit").cast(pa.string()), value_set=hit)
        return {f"in_{name}": overwritten(rows, f"in_{name}", marks, smallest)[f"in_{name}"].combine_chunks()}

    resend_whole(deployment, [name], change_log)
    deployment.rewrite(model.history, change)


def _applies(deployment: Deployment) -> str:
    model = deployment.model
    columns = {column.name for column in table_schema(deployment.settings.tables, model.history).columns}
    if model.outcome.name not in columns:
        return "its outcome is no column of its history"
    if model.unit in model.features.sensitive:
        return "its log does not say which units were asked about"
    return (
        "" if heaviest_number(deployment, own=True) else "none of its inputs is a number of its own history"
    )


FAULT = replace(
    d01_future_leakage.FAULT,
    variant="overwritten",
    title="a number is overwritten when the outcome is there, and callers ask after that",
    happened="A table kept the newest state only, and training and a nightly job read from it what was known later.",
    guards=("too_good_alone",),
    inject=_inject,
    moderate=0.45,
    applies=_applies,
)
