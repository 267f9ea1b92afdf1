"""Answers in the log that reached somebody, counted by day, version and role.

Read a month at a time and the few columns that are counted, so that the memory this takes does not grow with the log.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from roadworthy.automation import LEFT_TO_PEOPLE
from roadworthy.clock import DAY_MICROS, instant
from roadworthy.jobs.stores import Stores
from roadworthy.predictionlog.repeats import told

#: Days read together.
_STRETCH = 31


class Answered(msgspec.Struct, frozen=True):
    """Answers that reached somebody on one day (days since 1970, UTC): a version's, a fallback's or a person's.

    version   who answered; of a constant, a rule or a person the version in whose place they did
    """

    day: int
    version: int
    role: str
    n: int


def answered(stores: Stores, model: str) -> tuple[Answered, ...]:
    """How many answers each version gave, in ascending order of days; nobody acted on what a shadow said."""
    found = []
    for table in _months(stores, model):
        reached = pc.and_(
            pc.not_equal(table.column("role"), "shadow"),
            pc.not_equal(table.column("decision"), LEFT_TO_PEOPLE),
        )
        table = table.filter(pc.and_(reached, pa.array(told(table))))
        day = pa.array(table.column("event_time").cast("int64").to_numpy() // DAY_MICROS)
        counts = table.set_column(0, "day", day).group_by(["day", "version", "role"])
        rows = counts.aggregate([([], "count_all")]).sort_by(
            [("day", "ascending"), ("role", "descending"), ("version", "ascending")]
        )
        found += [
            Answered(row["day"], row["version"], str(row["role"]), row["count_all"])
            for row in rows.to_pylist()
        ]
    return tuple(found)


def _months(stores: Stores, model: str) -> Iterator[pa.Table]:
    log, namespace = stores.log(), stores.settings.namespace
    days = log.days(model, namespace=namespace)
    while days:
        first = days[0]
        days = [day for day in days if day >= first + _STRETCH]
        start, end = instant(first * DAY_MICROS), instant((first + _STRETCH) * DAY_MICROS)
        columns = ["event_time", "version", "role", "status", "decision"]
        yield log.predictions(model, namespace=namespace, start=start, end=end, columns=columns)
