"""Lays the held-out rows into slices: those that were declared, and those that the scores depend on most."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from roadworthy.features.batch import Batch, Floats, Strings
from roadworthy.gate.check import number
from roadworthy.gate.evidence import Holdout
from roadworthy.gate.slices_facts import Grouping, Slices
from roadworthy.jobs.gate_learned import judging_of
from roadworthy.registry.versions import VersionRow

#: Columns that are found, values of a category that are slices, and fewest rows of a slice.
COLUMNS, VALUES, ROWS = 12, 40, 100

FIFTHS = 5


def lay_slices(row: VersionRow, table: pa.Table, batch: Batch, holdout: Holdout) -> Slices:
    """Groupings of the held-out rows; `batch` holds the rows of `table` as a request carries them."""
    declared = judging_of(row)
    groupings = [_of_texts(name, texts, declared=True) for name, texts in holdout.slices.items()]
    found = [
        grouping
        for name, column in batch.columns.items()
        if name not in holdout.slices and (grouping := _found(name, column)) is not None
    ]
    found.sort(key=lambda grouping: -_explained(holdout.candidate, grouping))
    return Slices(
        groupings=(*groupings, *found[:COLUMNS]),
        perfect={
            f"{name}={value}": pc.equal(_as_text(table.column(name)), value).fill_null(False).to_numpy()
            for name, values in declared.perfect.items()
            for value in values
        },
        cut=declared.cut,
        trained_rate=float(row.run.details["baseline_rate"]),
    )


def _found(name: str, column: object) -> Grouping | None:
    """The grouping by a column of text or numbers; None for times, lists, and columns that part nothing."""
    if isinstance(column, Strings):
        if len(column.uniques) > column.codes.size / 2:  # a name of its own for each row, such as a unit
            return None
        grouping = _of_codes(name, column.codes, column.uniques)
    elif isinstance(column, np.ndarray) and column.dtype == np.float64:
        grouping = _of_numbers(name, column)
    else:
        return None
    return grouping if len(grouping.values) > 1 else None


def _of_texts(name: str, texts: np.ndarray, *, declared: bool) -> Grouping:
    values, index = np.unique(texts, return_inverse=True)
    return Grouping(
        column=name, values=tuple(values.tolist()), index=index.astype(np.int64), declared=declared
    )


def _of_codes(name: str, codes: np.ndarray, uniques: object) -> Grouping:
    """The most frequent values; missing is one of them."""
    texts = ["", *uniques]  # type: ignore[misc]  # a sequence of texts
    counts = np.bincount(codes + 1, minlength=len(texts))
    kept = np.flatnonzero(counts >= ROWS)
    kept = kept[np.argsort(-counts[kept], kind="stable")][:VALUES]
    place = np.full(len(texts), -1, dtype=np.int64)
    place[kept] = np.arange(kept.size)
    return Grouping(
        column=name, values=tuple(texts[code] for code in kept), index=place[codes + 1], declared=False
    )


def _of_numbers(name: str, values: Floats) -> Grouping:
    """Fifths of the numbers, a value that fills one or more by itself apart, and those that are missing."""
    known = ~np.isnan(values)
    if not known.any():
        return Grouping(column=name, values=(), index=np.full(values.size, -1), declared=False)
    edges = np.quantile(values[known], np.linspace(0, 1, FIFTHS + 1))
    alone = edges[1:][np.diff(edges) == 0]
    cuts = np.unique(np.concatenate([edges[1:-1], alone, np.nextafter(alone, np.inf)]))
    index = np.where(known, np.searchsorted(cuts, values, side="right"), cuts.size + 1)
    used, again = np.unique(index, return_inverse=True)
    return Grouping(
        column=name,
        values=tuple(_span(values[index == place]) for place in used),
        index=again.astype(np.int64),
        declared=False,
    )


def _span(values: Floats) -> str:
    """From the smallest to the largest of numbers; "" for missing ones."""
    if np.isnan(values).all():
        return ""
    low, high = number(float(values.min())), number(float(values.max()))
    return low if low == high else f"{low} to {high}"


def _explained(scores: Floats, grouping: Grouping) -> float:
    """Share of the variance of the scores that lies between the slices."""
    held = grouping.index >= 0
    if not held.any() or not np.isfinite(scores).all():
        return 0.0
    index, kept = grouping.index[held], scores[held]
    counts = np.bincount(index)
    means = np.bincount(index, weights=kept) / np.maximum(counts, 1)
    return float(
        (counts * np.square(means - kept.mean())).sum() / max(np.square(kept - kept.mean()).sum(), 1e-12)
    )


def _as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column if pa.types.is_string(column.type) else column.cast(pa.string())
