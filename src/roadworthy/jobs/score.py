"""Scores a file through the code that answers requests: the same rows give the same bits. Nothing is logged.

Not here: reading and writing files (tablefiles).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa

from roadworthy.errors import DefinitionError, Fault, Refused, SchemaError
from roadworthy.features.batch import Batch, Floats
from roadworthy.jobs.hiding import hide_rows_of
from roadworthy.jobs.stores import Stores
from roadworthy.jobs.tablefiles import PIECE_ROWS, pieces, written
from roadworthy.registry.versions import VersionRow
from roadworthy.scorer import Scorer

PREDICTION = "prediction"


class Scored(msgspec.Struct, frozen=True, kw_only=True):
    """What was written.

    version   reference of the version that scored
    mean      of all predictions
    output    the file, with every column of the input and `prediction`
    """

    version: str
    rows: int
    mean: float
    output: Path


def score_file(
    stores: Stores, reference: str, file: Path, output: Path | None = None, *, piece_rows: int = PIECE_ROWS
) -> Scored:
    """Score every row of a CSV, JSON lines or Parquet file with the columns of a request.

    output       Parquet or CSV by its suffix; `FILE.scored.parquet` beside the file by default
    piece_rows   rows in memory at a time
    raises       SchemaError with every fault of the whole file, Refused for a version that gives numbers that no
                 server would let pass; then nothing is written
    """
    row = stores.versions.resolve(reference)
    target = output or file.with_name(f"{file.name}.scored.parquet")
    if target.resolve() == file.resolve():
        raise DefinitionError(f"{target} is the file that is read: write the predictions somewhere else")
    scorer = stores.scorer(row)
    faults: list[Fault] = []
    rows, total = 0, 0.0
    with written(target) as writer:
        for piece in pieces(file, scorer.schema, piece_rows):
            if PREDICTION in piece.table.column_names:
                faults.append(
                    Fault(f"$.{PREDICTION}", "no such column, because it is added", "one", piece.rows)
                )
            faults += piece.faults
            rows += piece.rows
            if piece.batch is None or faults:
                continue
            batch = hide_rows_of(stores, scorer.schema.sensitive, piece.batch)
            predicted = predict(row, scorer, batch)
            writer.write(piece.table.append_column(PREDICTION, pa.array(predicted)))
            total += float(predicted.sum())
        _require(file, faults, rows)
    return Scored(version=row.reference, rows=rows, mean=total / rows, output=target)


def predict(row: VersionRow, scorer: Scorer, batch: Batch) -> Floats:
    """One number a row, shape (n,); Refused for numbers that a server would not let pass."""
    predicted = np.asarray(scorer.score(batch).output, dtype=np.float64)
    low, high = scorer.model.clamp or (-np.inf, np.inf)
    wrong = ~np.isfinite(predicted) | (predicted < low) | (predicted > high)
    if predicted.shape != (batch.n,) or wrong.any():
        raise Refused(
            f"{row.reference} gave {int(wrong.sum()):,} of {batch.n:,} numbers that are not finite or not between "
            f"{low:g} and {high:g}; nothing was written. A server refuses such answers too: train again"
        )
    return predicted


def _require(file: Path, faults: Iterable[Fault], rows: int) -> None:
    merged: dict[tuple[str, str], Fault] = {}
    for fault in faults:
        key = (fault.path, fault.expected)
        before = merged.get(key)
        merged[key] = fault if before is None else _added(before, fault)
    if rows == 0 and not merged:
        merged["$", ""] = Fault("$", "at least one row", "none", 0)
    if merged:
        consequence = "Rows are counted from 0, a header not among them. Nothing was written."
        raise SchemaError(f"{file} ({rows:,} row{'s' * (rows != 1)})", tuple(merged.values()), consequence)


def _added(first: Fault, second: Fault) -> Fault:
    """The same fault in two pieces of a file."""
    return Fault(first.path, first.expected, first.got, first.rows + second.rows, first.first_row)
