"""Reads the protected attributes of the held-out rows, for the gate's check of groups.

A number with many values is cut into quarters of its rows: people are compared with others of their age, not by year.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from roadworthy.gate.groups_facts import Groups, Texts
from roadworthy.registry.versions import VersionRow

#: A number with more values than this is cut into quarters.
MOST_GROUPS = 12


def groups_of(row: VersionRow, table: pa.Table) -> Groups:
    """The group of every held-out row, for each attribute that is declared as protected."""
    declared = row.run.details.get("protected", [])
    return Groups(
        values={name: _texts(table.column(name)) for name in declared}, cut=row.run.details.get("cut")
    )


def _texts(column: pa.ChunkedArray) -> Texts:
    if pa.types.is_floating(column.type) or pa.types.is_integer(column.type):
        values = column.cast(pa.float64()).to_numpy()
        if np.unique(values[~np.isnan(values)]).size > MOST_GROUPS:
            return _quarters(values)
        return np.array(["" if np.isnan(value) else f"{value:g}" for value in values], dtype=np.str_)
    return np.array(["" if value is None else str(value) for value in column.to_pylist()], dtype=np.str_)


def _quarters(values: np.ndarray) -> Texts:
    there = ~np.isnan(values)
    edges = np.unique(np.quantile(values[there], [0.25, 0.5, 0.75], method="higher"))
    ends = [values[there].min(), *edges, values[there].max()]
    names = [f"{ends[at]:g} to {ends[at + 1]:g}" for at in range(len(ends) - 1)]
    cell = np.searchsorted(edges, values, side="right")
    return np.where(there, np.array(names, dtype=np.str_)[np.minimum(cell, len(names) - 1)], "")
