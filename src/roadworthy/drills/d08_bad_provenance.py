"""D8: a list that labels were made from turns out to be wrong, when the model has answered for weeks.

In the field a blacklist used in training was no such list, and nobody could say which versions had learned from it and
whom they had answered. Here the history's files say of some units that the outcome came though it did not; the version
trained on them is released and answers four weeks of traffic. Then the list is known to be wrong, and lineage is asked
as a person would (`roadworthy trace --rows`). It has caught the fault when it names every version that was trained on
units of the list, with as many of them as the files hold, and all answers that callers were given meanwhile.

Severity is the share of the rows whose label is wrong; moderate is one in twenty.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from roadworthy.clock import micros
from roadworthy.data.tables import table_schema, unit_texts
from roadworthy.drills.deployment import HISTORY, LATEST, Deployment
from roadworthy.drills.fault import Fault
from roadworthy.jobs.questions import load_questions
from roadworthy.jobs.stores import Stores
from roadworthy.jobs.trace_rows import trace_rows

_LIST = "blacklist.txt"


def _inject(deployment: Deployment, severity: float, chance: np.random.Generator) -> None:
    model = deployment.model
    listed: list[str] = []

    def labelled_by_the_list(rows: pa.Table) -> pa.Table:
        name = model.outcome.name
        field, place = rows.schema.field(name), rows.column_names.index(name)
        not_so = pc.fill_null(pc.equal(rows.column(name).cast(pa.float64()), 0.0), False)
        wrong = not_so.to_numpy(zero_copy_only=False) & (chance.random(rows.num_rows) < severity)
        listed.extend(unit_texts(rows.column(model.unit).filter(pa.array(wrong))).to_pylist())
        said = pc.if_else(pa.array(wrong), pa.scalar(1).cast(field.type), rows.column(name))
        return rows.set_column(place, field, said)

    deployment.rewrite(model.history, labelled_by_the_list, batches=(HISTORY, LATEST))
    _list(deployment).write_text("\n".join(dict.fromkeys(listed)), encoding="utf-8")


def lineage(deployment: Deployment, stores: Stores, reference: str, answered: int) -> str:
    """What `trace --rows` says of the list, if that is the truth: else ""."""
    described = deployment.description
    traced = trace_rows(stores, described.model, _list(deployment))
    found = {touched.version.reference: touched for touched in traced.versions}
    this = found.get(reference)
    units = {name: touched.units for name, touched in found.items()}
    if this is None or not this.answering or this.answers < answered or units != _touched(deployment, stores):
        return ""
    return "; ".join(traced.sentences())


def _touched(deployment: Deployment, stores: Stores) -> dict[str, int]:
    """Version → units of the list among the questions it was trained on, as the files hold them; those with any."""
    listed = set(_list(deployment).read_text(encoding="utf-8").splitlines())
    model = deployment.model
    questions = load_questions(stores.settings.tables, model, None, deployment.timeline.live_from)
    found = {}
    for row in stores.versions.all(model.name):
        assert row.run.trained_until is not None, "a registered run has a training period"
        before = questions.before(micros(row.run.trained_until)).table
        learned = set(unit_texts(before.column(model.unit)).to_pylist())
        found[row.reference] = len(listed & learned)
    return {reference: units for reference, units in found.items() if units}


def _list(deployment: Deployment) -> Path:
    return deployment.home / _LIST


def _applies(deployment: Deployment) -> str:
    model = deployment.model
    columns = {column.name for column in table_schema(deployment.settings.tables, model.history).columns}
    return "" if model.outcome.name in columns else "its outcome is no column of its history"


FAULT = Fault(
    id="D8",
    name="bad-provenance",
    title="a list that labels were made from was wrong, and is known to be only now",
    happened="A blacklist used in training turned out wrong.",
    stage="after",
    guards=("trace",),
    inject=_inject,
    moderate=0.05,
    live=True,
    after=lineage,
    applies=_applies,
)
