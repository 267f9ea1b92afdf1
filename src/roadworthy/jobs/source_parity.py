"""Source parity: joins the history again as it was known, and compares with what the requests carried.

Needs the user's definition, because only there stand the sources; a version whose definition has changed since, or is
gone, cannot be compared, and the verdict says so instead of passing.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from msgspec.structs import replace

from roadworthy.errors import DefinitionError, RoadworthyError
from roadworthy.features.arrow import batch_from_arrow
from roadworthy.features.schema import InputSchema
from roadworthy.jobs.days import Watched
from roadworthy.jobs.hiding import hide_table
from roadworthy.jobs.questions import ASKED_AT, join_sources
from roadworthy.jobs.stores import Stores
from roadworthy.jobs.train import WITHOUT
from roadworthy.model import Model, load_definition
from roadworthy.monitoring.budget import share_of
from roadworthy.monitoring.parity import source_parity
from roadworthy.verdict import Verdict

#: Rows compared at a time; a difference in the join touches many rows.
SAMPLED = 2_000


def check_source_parity(stores: Stores, watched: Watched, predictions: pa.Table) -> Verdict:
    """The verdict on logged predictions (all columns of the log), at most `SAMPLED` of them evenly spread."""
    subject = watched.row.reference
    try:
        model = _definition(watched)
        joined = [join.column for join in model.joins()]
        if not joined:
            return _said(
                subject, "insufficient", "no input comes from a source, so there is nothing to compare"
            )
        rows = np.linspace(0, predictions.num_rows - 1, min(predictions.num_rows, SAMPLED)).astype(np.int64)
        sample = predictions.take(pa.array(rows))
        known = join_sources(stores.settings.tables, model, _questions(model, sample))
        known = hide_table(stores, [name for name in model.features.sensitive if name in joined], known)
        fields = [field for field in watched.scorer.features.schema.fields if field.name in joined]
        # A value that is missing where none may be is a difference to report, not a table to refuse.
        schema = InputSchema(tuple(replace(field, nullable=True) for field in fields))
        carried = pa.table({name: sample.column(f"in_{name}") for name in schema.names()})
        sides = batch_from_arrow(carried, schema), batch_from_arrow(known, schema)
    except RoadworthyError as error:
        return _said(subject, "error", f"source parity could not be measured: {error}")
    return source_parity(*sides, subject=subject, rows=sample.column("id").to_pylist())


def _definition(watched: Watched) -> Model:
    definition = load_definition(watched.row.run.details["definition"])
    if definition.source_digest != watched.row.run.source_digest:
        raise DefinitionError(
            f"{definition.path} is not the definition that {watched.row.reference} was trained from: restore that one"
        )
    model = definition.model(watched.row.model)
    without = watched.row.run.details.get(WITHOUT, ())
    return model.without(without) if without else model


def _questions(model: Model, predictions: pa.Table) -> pa.Table:
    """The questions as they were asked: keys of the joins from the logged row, and the time."""
    names = set(predictions.column_names)
    keys = dict.fromkeys(key for join in model.joins() for key in join.source.key)
    columns = {}
    for key in keys:
        named = (f"in_{key}", f"ctx_{key}", *(["unit"] if key == model.unit else []))
        logged = next((name for name in named if name in names), None)
        if key in model.features.sensitive:
            raise DefinitionError(
                f"the key {key!r} is sensitive: the log holds its hash, which joins to nothing"
            )
        if logged is None:
            raise DefinitionError(
                f"the key {key!r} is neither an input nor context, so it is not in the log: add it to context"
            )
        columns[key] = predictions.column(logged)
    return pa.table({**columns, ASKED_AT: predictions.column("event_time")})


def _said(subject: str, ruling: str, reason: str) -> Verdict:
    share = share_of("source_parity")
    evidence = {"severity": share.severity, "calls_for": share.calls_for}
    return Verdict(check="source_parity", subject=subject, ruling=ruling, reason=reason, evidence=evidence)  # type: ignore[arg-type]  # literals above
