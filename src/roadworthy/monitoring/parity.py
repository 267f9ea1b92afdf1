"""Parity: what the model saw is compared, value by value, with what it should have seen. Exact, so no threshold.

Encoding parity asks whether the logged raw inputs, encoded again in another environment, give what was logged as
encoded. Source parity asks whether the history, joined again as known when the question was asked, gives what the
request carried. A verdict outlives the rows: it names predictions, never units, so that forgetting one leaves no trace
of whose the values were. Not here: encoding and joining; callers bring both sides, row by row in the same order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from roadworthy.errors import DefinitionError
from roadworthy.features.batch import Batch
from roadworthy.features.columns import NO_TIME, Column, Lists, Strings
from roadworthy.monitoring.budget import share_of
from roadworthy.verdict import Ruling, Verdict

Floats = npt.NDArray[np.float64]
Marks = npt.NDArray[np.bool_]

#: As many differing columns are described in the evidence.
DESCRIBED = 20


class Encoded(Protocol):
    """A column of the encoded matrix, as `roadworthy.features` describes it."""

    @property
    def name(self) -> str:
        """Name of the column."""
        ...

    @property
    def feature(self) -> str:
        """The feature it belongs to."""
        ...


def encoding_parity(
    logged: Floats,
    again: Floats,
    columns: Sequence[Encoded],
    *,
    subject: str = "model",
    rows: Sequence[str] | None = None,
    cleaned: tuple[Batch, Batch] | None = None,
    tolerance: float = 0.0,
) -> Verdict:
    """Compare the logged encoded matrix with the one encoded again from the logged raw inputs.

    logged, again   float64 (n, width); NaN equals NaN
    columns         the `width` columns, each with `name` and `feature`
    rows            identifiers of the n predictions, for the message; their numbers where None
    cleaned         the logged and the recomputed cleaned inputs of the same rows, where they were sampled: where they
                    differ already, the stage that differs is `cleaned`, else `encoded`
    tolerance       largest difference that counts as equal; 0 for exact equality
    returns         fail naming feature, stage and first row; insufficient without rows
    raises          DefinitionError when shapes do not fit
    """
    if logged.shape != again.shape or logged.ndim != 2 or logged.shape[1] != len(columns):
        raise DefinitionError(
            f"encoded matrices of shapes {logged.shape} and {again.shape} with {len(columns)} columns do not fit"
        )
    found = []
    for at, column in enumerate(columns):
        left, right = logged[:, at], again[:, at]
        differs = ~((left == right) | (np.isnan(left) & np.isnan(right)))
        if tolerance:
            differs &= ~(np.abs(left - right) <= tolerance)
        if differs.any():
            found.append(_difference(column.feature, column.name, "encoded", differs, left, right, rows))
    early = [] if cleaned is None else _differences(*cleaned, "cleaned", rows)
    return _verdict("encoding_parity", subject, len(logged), [*early, *found])


def source_parity(
    carried: Batch, known: Batch, *, subject: str = "model", rows: Sequence[str] | None = None
) -> Verdict:
    """Compare what requests carried with the history joined again as known when they were asked.

    carried   the logged raw inputs that come from sources, n rows
    known     the same columns joined again, the same rows in the same order
    rows      identifiers of the n predictions, for the message; their numbers where None
    returns   fail naming input and first row; insufficient without rows
    raises    DefinitionError when columns or lengths do not fit
    """
    return _verdict("source_parity", subject, carried.n, _differences(carried, known, "raw", rows))


def differing_rows(left: Column, right: Column) -> Marks:
    """Which rows of two columns differ, missing being equal to missing; shape (n,). DefinitionError for other kinds."""
    if isinstance(left, Strings) and isinstance(right, Strings):
        index = {text: code for code, text in enumerate(left.uniques)}
        table = [index.get(text, -2) for text in right.uniques]
        return np.not_equal(left.codes, np.array([*table, -1], dtype=np.int64)[right.codes])
    if isinstance(left, Lists) and isinstance(right, Lists):
        return np.array([a != b for a, b in zip(left.lists(), right.lists(), strict=True)], dtype=np.bool_)
    if isinstance(left, np.ndarray) and isinstance(right, np.ndarray) and left.dtype == right.dtype:
        both = np.isnan(left) & np.isnan(right) if left.dtype == np.float64 else np.equal(left, right)
        return ~(np.equal(left, right) | both)
    raise DefinitionError(
        f"a column of kind {type(left).__name__} cannot be compared with one of {type(right).__name__}"
    )


def _differences(left: Batch, right: Batch, stage: str, rows: Sequence[str] | None) -> list[dict[str, Any]]:
    if left.n != right.n or left.columns.keys() != right.columns.keys():
        wrong = ", ".join(sorted(left.columns.keys() ^ right.columns.keys())) or "none"
        raise DefinitionError(
            f"{left.n} and {right.n} rows, columns on one side only: {wrong}: compare the same rows and columns"
        )
    found = []
    for name, column in left.columns.items():
        differs = differing_rows(column, right.columns[name])
        if differs.any():
            found.append(_difference(name, name, stage, differs, column, right.columns[name], rows))
    return found


def _difference(
    feature: str,
    column: str,
    stage: str,
    differs: Marks,
    left: Column,
    right: Column,
    rows: Sequence[str] | None,
) -> dict[str, Any]:
    first = int(np.flatnonzero(differs)[0])
    return {
        "feature": feature,
        "column": column,
        "stage": stage,
        "rows": int(differs.sum()),
        "first_row": first if rows is None else rows[first],
        "logged": _value(left, first),
        "again": _value(right, first),
    }


def _value(column: Column, row: int) -> Any:
    if isinstance(column, Strings):
        return column.take(np.array([row])).texts()[0]
    if isinstance(column, Lists):
        return column.take(np.array([row])).lists()[0]
    value = column[row].item()
    return None if value == NO_TIME or value != value else value


def _verdict(check: str, subject: str, n: int, found: list[dict[str, Any]]) -> Verdict:
    share = share_of(check)
    evidence: dict[str, Any] = {"severity": share.severity, "calls_for": share.calls_for}
    if n == 0:
        reason = f"{check} has no rows to compare"
        return Verdict(check=check, subject=subject, ruling="insufficient", reason=reason, evidence=evidence)
    ruling: Ruling = "fail" if found else "pass"
    if found:
        order = {"raw": 0, "cleaned": 1, "encoded": 2}
        worst = min(found, key=lambda entry: (order[entry["stage"]], -entry["rows"]))
        others = len({entry["feature"] for entry in found} - {worst["feature"]})
        reason = (
            f"{worst['feature']} differs at the stage `{worst['stage']}` in {worst['rows']:,} of {n:,} rows, first row "
            f"{worst['first_row']}: logged {worst['logged']!r}, again {worst['again']!r}"
            + (f"; {others} other{'s' * (others > 1)} differ{'s' * (others == 1)} too" if others else "")
        )
        evidence["differences"] = found[:DESCRIBED]
    else:
        reason = f"all of {n:,} rows are equal, value by value"
    most = max((entry["rows"] for entry in found), default=0)
    return Verdict(
        check=check,
        subject=subject,
        ruling=ruling,
        reason=reason,
        measured=float(most),
        limit="<= 0",
        unit="rows",
        n=n,
        evidence=evidence,
    )
