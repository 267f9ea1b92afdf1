"""The newest predictions of a model as they were logged, with the outcome where it is known.

Not here: judgement (monitor) and where a prediction comes from (trace).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from roadworthy.clock import instant, micros
from roadworthy.errors import DefinitionError
from roadworthy.jobs.days import outcome_rule
from roadworthy.jobs.elsewhere import declared
from roadworthy.jobs.history import require_model
from roadworthy.jobs.stores import Stores
from roadworthy.predictionlog.outcomes import labelled
from roadworthy.predictionlog.partitions import model_directory, values_of

COLUMNS = ("event_time", "id", "unit", "version", "role", "status", "output")


def newest(
    stores: Stores,
    model: str,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    limit: int = 20,
    as_of: datetime | None = None,
    whole: bool = False,
) -> list[dict[str, Any]]:
    """At most `limit` predictions with event time in [start, end), the newest last; `label` is None while unknown.

    as_of    labels are those known at this instant; now by default
    whole    every column of the record, inputs as `in_NAME`, context as `ctx_NAME`; else those of COLUMNS
    raises   UnknownName for a model that has neither versions nor predictions

    A model that is served elsewhere has predictions without versions; its outcomes are read as an import declared it.
    Without a `start` only as many of the newest days are read as hold `limit` rows.
    """
    if limit < 1:
        raise DefinitionError(f"limit {limit} shows nothing: write a number from 1")
    table = _last(stores, model, start, end, limit, None if whole else COLUMNS)
    if table.num_rows == 0:
        require_model(stores, model)
    known = _labels(stores, model, table, as_of or stores.clock.now())
    return [{**row, "label": known.get(row["id"])} for row in table.to_pylist()]


def _last(
    stores: Stores,
    model: str,
    start: datetime | None,
    end: datetime | None,
    limit: int,
    columns: Sequence[str] | None,
) -> pa.Table:
    log, namespace = stores.log(), stores.settings.namespace
    days = [] if start else _days(stores, model, end)
    look_back = 1
    while True:
        first = start or (instant(days[-look_back]) if look_back < len(days) else None)
        table = log.predictions(model, namespace=namespace, start=first, end=end, columns=columns)
        if table.num_rows >= limit or first is start:
            return table.slice(max(table.num_rows - limit, 0))
        look_back *= 4


def _days(stores: Stores, model: str, end: datetime | None) -> list[int]:
    """First instants of the days of which predictions are rolled, ascending; what is not rolled is read anyway."""
    home = model_directory(stores.settings.log, "predictions", stores.settings.namespace, model)
    dates = {
        date for schema in values_of(home, "schema") for date in values_of(home / f"schema={schema}", "date")
    }
    found = sorted(micros(datetime.fromisoformat(f"{date}T00:00:00+00:00")) for date in dates)
    return [day for day in found if end is None or day < micros(end)]


def _labels(stores: Stores, model: str, table: pa.Table, as_of: datetime) -> dict[str, float | None]:
    """Label of each prediction by its identifier; every version reads outcomes as it was declared to."""
    if table.num_rows == 0:
        return {}
    times = table.column("event_time")
    start, end = times[0].as_py(), times[-1].as_py() + timedelta(microseconds=1)
    registered = {row.version: row for row in stores.versions.all(model)}
    found: dict[str, float | None] = {}
    for version in set(table.column("version").to_pylist()):
        known = registered.get(version)
        rule = declared(stores, model).rule if known is None else outcome_rule(stores.scorer(known))
        if rule is None:
            continue
        joined = labelled(
            stores.log(), model, rule, as_of,
            namespace=stores.settings.namespace, versions=[version], start=start, end=end, columns=["id"],
        )  # fmt: skip
        found.update(zip(joined.column("id").to_pylist(), joined.column("label").to_pylist(), strict=True))
    return found
