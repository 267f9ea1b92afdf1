"""Golden requests as test vectors for a second implementation of a version: what to ask it, and whether it is the same.

The other one, in whatever language, answers the requests and logs its answers under a name of its own (`POST /v1/log`,
or an imported file). Not here: servers of our own, which the gate asks itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from roadworthy.clock import instant
from roadworthy.errors import SchemaError
from roadworthy.features.batch import Batch
from roadworthy.features.schema import Field, InputSchema
from roadworthy.gate.check import number
from roadworthy.jobs.stores import Stores
from roadworthy.scorer import Scorer
from roadworthy.verdict import Limit, Verdict

#: Logged answers that are looked at, the newest.
ROWS = 10_000

CHECK = "reimplementation"

_INPUT = "in_"


class Vector(msgspec.Struct, frozen=True):
    """One request and its answer; times as RFC 3339, because that is how they are logged."""

    name: str
    inputs: Mapping[str, Any]
    output: float | str


def vectors(stores: Stores, reference: str) -> list[Vector]:
    """What a second implementation of a version is to be asked, and what it should say."""
    scorer = stores.scorer(stores.versions.resolve(reference))
    fields = [field for field in scorer.schema.fields if field.role == "input"]
    return [
        Vector(
            golden.name,
            {field.name: _written(golden.request[field.name], field) for field in fields},
            golden.prediction,
        )
        for golden in scorer.goldens
    ]


def compare_logged(stores: Stores, reference: str, logged: str, *, tolerance: float | None = None) -> Verdict:
    """Whether what was logged under another name is what a version says to the same inputs.

    logged      name under which the second implementation logs its answers
    tolerance   largest difference to accept; None = that of the version's format
    returns     pass only when every golden request was answered, and no logged answer differs by more
    """
    row = stores.versions.resolve(reference)
    scorer = stores.scorer(row)
    table = stores.log().predictions(logged, namespace=stores.settings.namespace)
    table = table.filter(pc.equal(table.column("status"), "ok"))
    table = table.slice(max(0, table.num_rows - ROWS))
    limit = Limit("<=", scorer.predictor.tolerance if tolerance is None else tolerance)
    about = {
        "check": CHECK,
        "subject": f"{row.reference} as {logged}",
        "limit": str(limit),
        "n": table.num_rows,
    }
    if table.num_rows == 0:
        return Verdict(
            ruling="insufficient", reason=f"nothing that {logged} answered has been logged (n=0)", **about
        )
    try:
        batch = Batch.from_rows(_rows(table, scorer), scorer.schema, path=f"log of {logged}")
    except SchemaError as fault:
        return Verdict(ruling="error", reason=" ".join(str(fault).split()), **about)
    scored = scorer.score(batch)
    said = table.column("output").cast(pa.float64()).to_numpy(zero_copy_only=False)
    differences = np.abs(scored.output - said)
    wrong = np.flatnonzero(~(differences <= limit.value))
    if wrong.size:
        return Verdict(ruling="fail", reason=_differs(scored.output, said, wrong, table, limit), **about)
    absent = _absent(scorer, scored.encoded)
    if absent:
        return Verdict(
            ruling="insufficient",
            reason=f"{len(absent)} of {len(scorer.goldens)} golden requests have no logged answer, the first is "
            f"{absent[0]!r}: ask it all that `roadworthy vectors {row.reference}` lists (n={table.num_rows:,})",
            **about,
        )
    largest = float(differences.max())
    return Verdict(
        ruling="pass",
        measured=largest,
        reason=f"largest difference {number(largest)} <= limit {limit.value:g}, all {len(scorer.goldens)} golden "
        f"requests among them (n={table.num_rows:,})",
        **about,
    )


def _differs(expected: np.ndarray, said: np.ndarray, wrong: np.ndarray, table: pa.Table, limit: Limit) -> str:
    worst = wrong[0]
    identifier = table.column("id")[int(worst)].as_py()
    return (
        f"{wrong.size:,} of {said.size:,} answers differ by more than limit {limit.value:g}; the first, {identifier}, "
        f"was {said[worst]:.17g}, this version says {expected[worst]:.17g} (n={said.size:,})"
    )


def _absent(scorer: Scorer, encoded: np.ndarray) -> list[str]:
    """Names of golden requests that are encoded as no logged row is."""
    seen = {row.tobytes() for row in np.ascontiguousarray(encoded)}
    columns = scorer.model.columns
    return [
        golden.name
        for golden in scorer.goldens
        if np.array([float(golden.encoded[name]) for name in columns]).tobytes() not in seen
    ]


def _rows(table: pa.Table, scorer: Scorer) -> list[dict[str, Any]]:
    """Logged inputs as a request would carry them; what is no input has no say."""
    stand_ins = _stand_ins(scorer.schema)
    columns = {
        field.name: _plain(table.column(_INPUT + field.name).to_pylist(), field)
        for field in scorer.schema.fields
        if _INPUT + field.name in table.column_names
    }
    return [
        {**stand_ins, **{name: values[place] for name, values in columns.items()}}
        for place in range(table.num_rows)
    ]


def _stand_ins(schema: InputSchema) -> dict[str, Any]:
    """Something for the unit and the context, which a second implementation need not know."""
    some = {"string": "", "number": 0.0, "boolean": False, "timestamp": 0, "strings": []}
    return {
        field.name: None if field.nullable else some[field.kind]
        for field in schema.fields
        if field.role != "input"
    }


def _plain(values: Sequence[Any], field: Field) -> list[Any]:
    """Values as JSON brings them: whole numbers and truth are logged as numbers, an empty list as nothing."""
    if field.kind == "strings":
        return [[] if value is None else value for value in values]
    if field.kind == "boolean":
        return [bool(value) if isinstance(value, float) else value for value in values]
    if field.kind == "timestamp":
        return [int(value) if isinstance(value, float) else value for value in values]
    return list(values)


def _written(value: Any, field: Field) -> Any:
    return instant(value).isoformat() if field.kind == "timestamp" and isinstance(value, int) else value
