"""D1: an input knows what was not known yet when the question was asked, in training only.

In the field a feature used values known only after the event ("time travel"): offline it shone, online it was empty or
late. Here it happens in the user's file, as it does in life. A source is joined sooner than its rows arrive (its lag is
forgotten); a column of the history that is filled in afterwards becomes an input (`filled-in-later`); the outcome of
earlier questions is averaged before those outcomes are known (`own-outcome`).

Severity is how much sooner than is true a row counts as known, up to an hour (up to the whole wait for the outcome, of
`own-outcome`). Moderate is three minutes: that touches 5 % of the questions that read an hourly table.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np

from roadworthy.data.sources import Join, TimeExpression
from roadworthy.data.tables import table_schema
from roadworthy.drills.deployment import Deployment
from roadworthy.drills.fault import Fault

#: How much sooner a row counts as known at most.
MOST = timedelta(hours=1)

#: Joins every source of a table sooner; put into the user's file.
_SOONER = """
from dataclasses import replace as _replace
from datetime import timedelta as _timedelta
from roadworthy import Features as _Features
from roadworthy.data.sources import Join as _Join


def _sooner(given):
    if not isinstance(given, _Join) or given.source.table != {table!r} or given.source.known_at is None:
        return given
    known = _replace(given.source.known_at, offset=given.source.known_at.offset - _timedelta(seconds={seconds}))
    return _replace(given, source=_replace(given.source, known_at=known))


def _all_sooner(features):
    changed = {{n: _replace(f, inputs=tuple(map(_sooner, f.inputs))) for n, f in features.features.items()}}
    return _Features(**changed)
"""


def slowest(deployment: Deployment) -> Join | None:
    """The join whose rows take longest to arrive, among those whose arrival is declared; None without any."""
    joins = [join for join in deployment.model.joins() if join.source.known_at is not None]
    return max(joins, key=_lag, default=None)


def _lag(join: Join) -> timedelta:
    return timedelta(0) if join.source.known_at is None else join.source.known_at.offset


def _forget_lag(deployment: Deployment, severity: float, chance: np.random.Generator) -> None:
    join = slowest(deployment)
    assert join is not None, "the fault does not apply without a join"
    seconds = (severity * MOST).total_seconds()
    deployment.redeclare(
        imports=_SOONER.format(table=join.source.table, seconds=seconds),
        features="_all_sooner(old.features)",
    )


def _has_join(deployment: Deployment) -> str:
    return "" if slowest(deployment) else "none of its inputs is joined from a table with a time of arrival"


def filled_in_later(deployment: Deployment) -> tuple[str, str]:
    """A column of the history that no question carries, and how it becomes a feature; two empty texts without one."""
    model = deployment.model
    told = {*model.question_columns(), model.outcome.name, model.outcome.known_at.column}
    columns = table_schema(deployment.settings.tables, model.history).columns
    for kind in ("float", "int", "timestamp", "bool"):
        for column in columns:
            if column.kind == kind and column.name not in told:
                written = (
                    "_hour({!r}, timezone='UTC', missing=-1.0)"
                    if kind == "timestamp"
                    else "_number({!r}, missing=-1.0)"
                )
                return column.name, written.format(column.name)
    return "", ""


def _use_it(deployment: Deployment, severity: float, chance: np.random.Generator) -> None:
    _, feature = filled_in_later(deployment)
    deployment.redeclare(
        imports="from roadworthy import Features as _Features, hour as _hour, number as _number",
        features=f"_Features(**old.features.features, filled_in_later={feature})",
    )


def _has_column(deployment: Deployment) -> str:
    return "" if filled_in_later(deployment)[0] else "its history has no column that questions do not carry"


def _own_key(deployment: Deployment) -> str:
    """A text that questions carry and rows of the history share; "" without one."""
    model = deployment.model
    carried = set(model.question_columns()) - {model.unit}
    columns = table_schema(deployment.settings.tables, model.history).columns
    return next((each.name for each in columns if each.kind == "string" and each.name in carried), "")


def _average_outcome(deployment: Deployment, severity: float, chance: np.random.Generator) -> None:
    model = deployment.model
    known = model.outcome.known_at
    sooner = TimeExpression(known.column, known.offset - severity * model.outcome.window)
    own = (
        f"_source({model.history!r}, name='own', key={_own_key(deployment)!r}, known_at={str(sooner)!r})"
        f".mean({model.outcome.name!r}, over='1d')"
    )
    deployment.redeclare(
        imports="from roadworthy import Features as _Features, number as _number, source as _source",
        features=f"_Features(**old.features.features, own_outcome=_number({own}, missing=-1.0))",
    )


def _has_key(deployment: Deployment) -> str:
    return (
        ""
        if _own_key(deployment)
        else "no text that questions carry could tell which earlier questions are alike"
    )


FAULT = Fault(
    id="D1",
    name="future-leakage",
    title="a source is joined sooner than its rows arrive",
    happened="A feature used values known only after the event: offline it shone, online it was late or empty.",
    stage="gate",
    guards=("leakage", "served_like_trained", "carried", "too_good_alone"),
    inject=_forget_lag,
    moderate=0.05,
    applies=_has_join,
)

VARIANTS: tuple[Fault, ...] = (
    replace(
        FAULT,
        variant="filled-in-later",
        title="a column that is filled in after the event becomes an input",
        inject=_use_it,
        moderate=0.5,
        graded=False,
        applies=_has_column,
    ),
    replace(
        FAULT,
        variant="own-outcome",
        title="the outcome of earlier questions is averaged before it is known",
        inject=_average_outcome,
        applies=_has_key,
    ),
)
