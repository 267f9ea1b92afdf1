"""Groups as flat Arrow columns, without a record a row in between: rolling is what competes with serving for a core.

Not here: which columns there are (columns). Gives the table that the groups' predictions give.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any, Final

import numpy as np
import pyarrow as pa

from roadworthy.predictionlog.columns import OUTPUTS, PREDICTION, column_name, fitted
from roadworthy.predictionlog.record import Group, LogSchema

#: Column → the list of a group that holds it; what is in no list is shared by the group's rows.
_LISTS: Final = {
    "id": "ids", "request_id": "request_ids", "row": "rows", "unit": "units", "event_time": "event_times",
    "latency": "latencies",
}  # fmt: skip

#: What no group has.
_ABSENT: Final[dict[str, Any]] = {"position": None, "candidates": []}

#: Rows transposed at a time: few enough to stay in the processor's cache.
_CHUNK = 512


def group_table(schema: LogSchema, journal: str, groups: Sequence[Group]) -> tuple[pa.Table, int]:
    """Groups of one log schema as a table, and how many raw values did not fit their kind (they become null)."""
    sizes = np.array([len(group.ids) for group in groups])
    n = int(sizes.sum())
    of_group = pa.array(np.repeat(np.arange(len(groups)), sizes))
    arrays: dict[str, pa.Array] = {}
    for name, kind in PREDICTION.items():
        if name in _LISTS:
            values = list(chain.from_iterable(getattr(group, _LISTS[name]) for group in groups))
            arrays[name] = pa.array(values, type=kind)
        elif name in _ABSENT:
            arrays[name] = pa.repeat(pa.scalar(_ABSENT[name], kind), n)
        elif name == "journal_seq":
            first = np.array([group.journal_seq for group in groups]) - (np.cumsum(sizes) - sizes)
            arrays[name] = pa.array(np.repeat(first, sizes) + np.arange(n), type=kind)
        else:
            arrays[name] = pa.array([getattr(group, name) for group in groups], type=kind).take(of_group)
    arrays["output"] = pa.array(_outputs(groups), type=OUTPUTS["output"])
    for name in ("output_vector", "output_heads"):
        arrays[name] = pa.nulls(n, OUTPUTS[name])
    arrays["journal"] = pa.repeat(pa.scalar(journal), n)
    misfits = 0
    for field, values in zip(schema.fields, _inputs(schema, groups), strict=True):
        column = column_name(field)
        if column is not None:
            arrays[column], missed = fitted(field.kind, values)
            misfits += missed
    arrays.update(_encoded(schema, groups, sizes))
    return pa.table(arrays), misfits


def _outputs(groups: Sequence[Group]) -> list[float | None]:
    found: list[float | None] = []
    for group in groups:
        found += [None] * len(group.ids) if group.outputs is None else group.outputs
    return found


def _inputs(schema: LogSchema, groups: Sequence[Group]) -> list[list[Any]]:
    """The raw values by column."""
    width = len(schema.fields)
    unread = (None,) * width
    rows = [row or unread for group in groups for row in group.inputs]
    columns: list[list[Any]] = [[] for _ in range(width)]
    for start in range(0, len(rows), _CHUNK):
        for column, values in zip(columns, zip(*rows[start : start + _CHUNK], strict=True), strict=True):
            column += values
    return columns


def _encoded(schema: LogSchema, groups: Sequence[Group], sizes: np.ndarray) -> dict[str, pa.Array]:
    width = len(schema.encoded)
    if not width:
        return {}
    unread = np.full(width, np.nan, dtype="<f8").tobytes()
    block = b"".join(group.encoded or unread * len(group.ids) for group in groups)
    columns = np.ascontiguousarray(np.frombuffer(block, dtype="<f8").reshape(-1, width).T)
    absent = np.repeat(np.array([not group.encoded for group in groups]), sizes)
    mask = absent if absent.any() else None
    return {
        f"enc_{name}": pa.array(column, mask=mask)
        for name, column in zip(schema.encoded, columns, strict=True)
    }
