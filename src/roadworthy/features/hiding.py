"""Replaces the texts of sensitive columns by their keyed hashes, in rows of a request and in batches.

Not here: the hash and its key (roadworthy.sensitive). It happens once, where rows come in and before anything is
encoded, logged, counted or kept; whatever is read from the log later is hashed already.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from roadworthy.features.batch import Batch
from roadworthy.features.columns import Lists, Strings
from roadworthy.features.schema import InputSchema
from roadworthy.sensitive import hashed

#: One row in schema order.
Row = tuple[Any, ...]


def hidden_places(schema: InputSchema) -> tuple[int, ...]:
    """Where the sensitive columns of a schema stand in a row.

    >>> from roadworthy.features.schema import Field
    >>> hidden_places(InputSchema((Field("wind", "number"), Field("card", "string")), ("card",)))
    (1,)
    """
    return tuple(place for place, field in enumerate(schema.fields) if field.name in schema.sensitive)


def hide_rows(rows: Sequence[Row], places: Sequence[int], key: bytes) -> list[Row]:
    """Checked rows with the texts, or lists of texts, at `places` hashed; the others are as they were.

    >>> hide_rows([(1.0, "4711"), (2.0, None)], (1,), bytes(32))
    [(1.0, '#847ca528a0b63f7d14e96298cd0f9fb2'), (2.0, None)]
    """
    found = []
    for row in rows:
        values = list(row)
        for place in places:
            value = values[place]
            values[place] = hashed(value, key) if isinstance(value, list) else hashed([value], key)[0]
        found.append(tuple(values))
    return found


def hide_batch(batch: Batch, names: Sequence[str], key: bytes) -> Batch:
    """A batch with these columns hashed; every distinct text once."""
    columns = dict(batch.columns)
    for name in names:
        column = columns[name]
        if isinstance(column, Strings):
            columns[name] = _hide(column, key)
        elif isinstance(column, Lists):
            columns[name] = replace(column, values=_hide(column.values, key))
    return Batch(columns, batch.n)


def _hide(column: Strings, key: bytes) -> Strings:
    return Strings(column.codes, tuple(text for text in hashed(column.uniques, key) if text is not None))
