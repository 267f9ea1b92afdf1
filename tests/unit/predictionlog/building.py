"""Records of one small model, for tests that are not about what is in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from roadworthy.predictionlog.journal import Journal
from roadworthy.predictionlog.record import Group, LogField, LogSchema, Number, Outcome, Prediction

#: 2013-07-01 00:00 UTC
START = 1_372_636_800_000_000
SECOND = 1_000_000
HOUR = 3_600 * SECOND
DAY = 24 * HOUR

SCHEMA = LogSchema(
    "delay",
    (
        LogField("wind", "number"),
        LogField("heavy", "boolean"),
        LogField("carrier", "string"),
        LogField("scheduled", "timestamp"),
        LogField("last", "strings"),
        LogField("dest", "string", "context"),
        LogField("flight", "string", "unit"),
    ),
    ("wind", "carrier"),
)


def prediction(number: int, **changes: Any) -> Prediction:
    """The prediction with that number, asked that many seconds after START."""
    values: dict[str, Any] = {
        "id": f"id-{number}",
        "request_id": f"request-{number}",
        "model": "delay",
        "version": 1,
        "schema": SCHEMA.digest,
        "unit": f"UA{number}",
        "event_time": START + number * SECOND,
        "logged_at": 10 * START + number,
        "inputs": (float(number), True, "UA", START, ["ORD", "IAH"], "ORD", f"UA{number}"),
        "encoded": np.array([number, 2.0], dtype="<f8").tobytes(),
        "output": Number(0.25),
    }
    return Prediction(**(values | changes))


def group(first: int, rows: int, **changes: Any) -> Group:
    """The predictions from that number on, as one group."""
    records = [prediction(number) for number in range(first, first + rows)]
    values: dict[str, Any] = {
        "model": "delay",
        "version": 1,
        "schema": SCHEMA.digest,
        "logged_at": 10 * START + first,
        "ids": [record.id for record in records],
        "request_ids": [record.request_id for record in records],
        "rows": [0] * rows,
        "units": [record.unit for record in records],
        "event_times": [record.event_time for record in records],
        "latencies": [0.0] * rows,
        "inputs": [record.inputs for record in records],
        "encoded": b"".join(record.encoded for record in records),
        "outputs": [0.25] * rows,
    }
    return Group(**(values | changes))


def outcome(number: int, **changes: Any) -> Outcome:
    """The outcome of the unit with that number, an hour after it was asked, known at once."""
    at = changes.get("event_time", START + number * SECOND + HOUR)
    values: dict[str, Any] = {
        "id": f"late:UA{number}",
        "model": "delay",
        "name": "late",
        "value": float(number % 2),
        "unit": f"UA{number}",
        "event_time": at,
        "arrival_time": at,
        "logged_at": 10 * START + number,
    }
    return Outcome(**(values | changes))


def journal_in(directory: Path, worker: int = 0, **options: Any) -> Journal:
    """A journal that knows SCHEMA."""
    journal = Journal(directory, worker, **options)
    journal.declare(SCHEMA)
    return journal


def sealed(
    directory: Path, predictions: list[Prediction], outcomes: list[Outcome] | None = None, worker: int = 0
) -> Path:
    """A sealed journal with these records."""
    journal = journal_in(directory, worker)
    journal.append(predictions)
    journal.append_outcomes(outcomes or [])
    path = journal.seal()
    assert path is not None
    return path
