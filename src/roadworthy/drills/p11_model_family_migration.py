"""P11: trees are replaced by a network that is better offline, because offline data are better than what is served.

In the field the network was better on held-out rows and worse for weeks online. Here the user's file declares a network
(a missing value that is no number becomes 0, as a network needs one), and in the data files a number of some rows was
completed after the fact: more so where the outcome came. Requests carried what was known.

Severity is the share of rows that were completed; moderate touches 5 % of them.
"""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from roadworthy.drills.deployment import Deployment
from roadworthy.drills.fault import Fault
from roadworthy.drills.resent import heaviest_number
from roadworthy.features.declarations import as_float

#: How much higher where the outcome came, in standard deviations of the number; where it did not, by one.
HIGHER = 4.0

_NETWORK = (
    "MLPClassifier(hidden_layer_sizes=(16,), alpha=3.0, learning_rate_init=0.003, early_stopping=True, "
    "n_iter_no_change=3)"
)

#: Features as they were, but that what is missing becomes 0 in those named.
_FILLED = (
    "_Features(**{{name: _replace(each, options=_structs.replace(each.options, missing=0.0)) if name in {names!r} "
    "else each for name, each in old.features.features.items()}})"
)


def _inject(deployment: Deployment, severity: float, chance: np.random.Generator) -> None:
    name, outcome = heaviest_number(deployment, own=True), deployment.model.outcome.name

    def completed(rows: pa.Table) -> pa.Table:
        values = rows.column(name).cast(pa.float64()).to_numpy(zero_copy_only=False)
        came = pc.fill_null(rows.column(outcome).cast(pa.float64()), 0.0).to_numpy(zero_copy_only=False)
        some = chance.random(len(values)) < severity
        higher = np.where(some, values + np.nanstd(values) * np.where(came > 0.0, HIGHER, 1.0), values)
        field, place = rows.schema.field(name), rows.column_names.index(name)
        return rows.set_column(place, field, pa.array(higher, from_pandas=True).cast(field.type, safe=False))

    deployment.rewrite(deployment.model.history, completed)
    deployment.redeclare(
        estimator=_NETWORK,
        features=_FILLED.format(names=_without_number(deployment)),
        imports="from dataclasses import replace as _replace\nfrom msgspec import structs as _structs\n"
        "from roadworthy import Features as _Features\nfrom sklearn.neural_network import MLPClassifier",
    )


def _without_number(deployment: Deployment) -> tuple[str, ...]:
    """Features whose missing value is no number."""
    given = deployment.model.features.features.items()
    missing = {name: as_float(getattr(feature.options, "missing", None)) for name, feature in given}
    return tuple(name for name, value in missing.items() if value is not None and math.isnan(value))


def _applies(deployment: Deployment) -> str:
    if type(deployment.model.estimator).__module__.startswith("sklearn.neural_network"):
        return "it is a network already"
    return "" if heaviest_number(deployment, own=True) else "no number of its own history is an input"


FAULT = Fault(
    id="P11",
    name="model-family-migration",
    title="trees become a network that is better on data no request carries",
    happened="A neural network replaced boosted trees: offline better, online worse for weeks, as the data differed.",
    stage="gate",
    guards=("served_like_trained", "champion"),
    inject=_inject,
    moderate=0.05,
    applies=_applies,
)
