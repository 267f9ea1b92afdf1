"""D4: the newest batch of data lacks a day, has one twice, or one that broke off.

In the field a job that writes partitions failed and nobody saw it: training went on with what was there. Here the file
of the newest batch of the model's history lacks the rows of some of its days, has them again under new keys, as a
loader that numbers its rows writes them, or has a quarter of them.

Severity is the share of the batch's days that this happened to, at least one; never the last, which may go on in the
next batch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from roadworthy.clock import DAY_MICROS
from roadworthy.data.schema import TableSchema
from roadworthy.data.tables import table_schema
from roadworthy.drills.deployment import LATEST, Deployment
from roadworthy.drills.fault import Fault, Inject

#: What is left of a day that broke off.
LEFT = 0.25

Break = Callable[[pa.Table, np.ndarray, TableSchema], pa.Table]


def _history(deployment: Deployment) -> TableSchema:
    return table_schema(deployment.settings.tables, deployment.model.history)


def lacking(rows: pa.Table, hit: np.ndarray, schema: TableSchema) -> pa.Table:
    """The rows without those that are hit."""
    return rows.filter(pa.array(~hit))


def twice(rows: pa.Table, hit: np.ndarray, schema: TableSchema) -> pa.Table:
    """The rows, and those that are hit once more under other keys."""
    name = schema.key[0]
    again = rows.filter(pa.array(hit))
    keys = again.column(name)
    fresh = (
        pc.binary_join_element_wise(keys, "again", " ")
        if pa.types.is_string(keys.type)
        else pc.add(keys, 2**40)
    )
    renamed = again.set_column(again.column_names.index(name), name, fresh)
    return pa.concat_tables([rows, renamed.cast(rows.schema)])


def broken_off(rows: pa.Table, hit: np.ndarray, schema: TableSchema) -> pa.Table:
    """The rows, of those that are hit only the first quarter of each day."""
    moments = rows.column(schema.partition).cast(pa.int64()).to_numpy()
    days = moments // DAY_MICROS
    kept = ~hit
    for day in np.unique(days[hit]):
        of_day = np.flatnonzero(days == day)
        kept[of_day[np.argsort(moments[of_day])][: int(LEFT * of_day.size)]] = True
    return rows.filter(pa.array(kept))


def _broken(how: Break, *, from_day: int = 0) -> Inject:
    """Severity is a share of the days of the batch; those before `from_day` stay as they are."""

    def inject(deployment: Deployment, severity: float, chance: np.random.Generator) -> None:
        schema = _history(deployment)

        def change(rows: pa.Table) -> pa.Table:
            days = rows.column(schema.partition).cast(pa.int64()).to_numpy() // DAY_MICROS
            every = np.unique(days)
            known = every[from_day:-1]
            count = min(max(round(severity * every.size), 1), known.size)
            return how(rows, np.isin(days, chance.choice(known, count, replace=False)), schema)

        deployment.rewrite(schema.name, change, batches=(LATEST,))

    return inject


def _applies(deployment: Deployment) -> str:
    schema = _history(deployment)
    if not schema.partition:
        return "its history has no column of time by which data come in"
    key = schema.column(schema.key[0])
    plain = (
        len(schema.key) == 1
        and schema.key[0] != schema.partition
        and key is not None
        and key.kind in ("string", "int")
    )
    return "" if plain else "the key of its history is no text or number of its own"


FAULT = Fault(
    id="D4",
    name="etl-break",
    title="the newest batch lacks a day",
    happened="A partition was missing, duplicated or late, and training went on with what was there.",
    stage="data",
    guards=("ingest", "data"),
    inject=_broken(lacking),
    moderate=0.05,
    applies=_applies,
)

VARIANTS = (
    replace(
        FAULT,
        variant="twice",
        title="the newest batch has a day twice, under other keys",
        inject=_broken(twice),
    ),
    replace(
        FAULT,
        variant="broken-off",
        title="a day of the newest batch broke off",
        # the rest of the first day is there already
        inject=_broken(broken_off, from_day=1),
    ),
)
