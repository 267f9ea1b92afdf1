"""P8: one side keeps what the other cuts off, so that one thing has two names.

In the field training kept `com.app$hl=en_US` and serving had `com.app`, so that the number of the app was learned from
rows that it was never asked about; bundle names held odd Unicode besides. Here the history's files hold a share of
their texts with a parameter behind them, or with a letter of another script in them; requests carry the plain text. Of
the kind `elsewhere` a scorer of somebody else's, which only logs its answers, leaves the parameter at some texts.

Of the kind `ever` some callers have written the letter of another script from the first day on: history and requests
hold both names alike, and nothing differs between training and serving. Only who looks at the texts can tell.

Severity is the share of rows whose text is written otherwise; moderate is one in twenty.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from roadworthy.data.tables import read, table_schema, unit_texts
from roadworthy.drills.deployment import Deployment
from roadworthy.drills.fault import Fault, Inject
from roadworthy.drills.launcher import wrap
from roadworthy.drills.resent import resend_whole
from roadworthy.features.batch import Batch
from roadworthy.features.declarations import Categories, Category
from roadworthy.scorer import Scored, Scorer
from roadworthy.traffic import fraction

PARAMETER = "$hl=en_US"

#: A Latin letter, and the one of Cyrillic that looks like it.
LETTERS = str.maketrans("aceopxyABEHKMOPTX", "асеорхуАВЕНКМОРТХ")


def column_of_texts(deployment: Deployment) -> str:
    """A column of the history whose texts a feature looks up and that may be longer; "" where there is none."""
    schema = table_schema(deployment.settings.tables, deployment.model.history)
    features = deployment.model.features.features.values()
    names = [each.column_names[0] for each in features if isinstance(each.options, Category | Categories)]
    for name in names:
        column = schema.column(name)
        if (
            column is not None
            and name not in schema.key
            and column.kind in ("string", "strings")
            and not column.length
        ):
            return name
    return ""


def written_otherwise(rows: pa.Table, name: str, chosen: np.ndarray, write: Callable[[str], str]) -> pa.Table:
    """The rows with the text, or the first text of the list, of the chosen ones written otherwise."""
    column = rows.column(name)
    values = column.to_pylist()
    for row in np.flatnonzero(chosen):
        value = values[row]
        if isinstance(value, str):
            values[row] = write(value)
        elif value:
            values[row] = [write(value[0]), *value[1:]]
    return rows.set_column(
        rows.column_names.index(name), name, pa.chunked_array([pa.array(values, column.type)])
    )


def _written(write: Callable[[str], str]) -> Inject:
    def inject(deployment: Deployment, severity: float, chance: np.random.Generator) -> None:
        name = column_of_texts(deployment)

        def change(rows: pa.Table) -> pa.Table:
            return written_otherwise(rows, name, chance.random(rows.num_rows) < severity, write)

        deployment.rewrite(deployment.model.history, change)

    return inject


def column_of_codes(deployment: Deployment) -> str:
    """A text of the history that a feature looks up as it is written and that joins nothing; "" where there is none."""
    schema, model = table_schema(deployment.settings.tables, deployment.model.history), deployment.model
    keys = {key for join in model.joins() for key in join.source.key}
    hidden = {*schema.key, *keys, model.unit, *model.features.sensitive}
    texts = {column.name for column in schema.columns if column.kind in ("string", "strings")} - hidden
    plain = [
        each
        for each in model.features.features.values()
        if isinstance(each.options, Category | Categories) and each.options.clean is None
    ]
    return next((each.column_names[0] for each in plain if each.column_names[0] in texts), "")


def _written_ever(deployment: Deployment, severity: float, chance: np.random.Generator) -> None:
    """The text of units chosen by chance is written otherwise in the history and in every request that was logged."""
    model, salt, name = deployment.model, str(chance.integers(2**31)), column_of_codes(deployment)
    share = severity / _able(deployment, name)

    def chosen(units: pa.ChunkedArray) -> np.ndarray:
        return np.array([fraction(unit, salt) < share for unit in unit_texts(units).to_pylist()])

    def change(rows: pa.Table) -> pa.Table:
        return written_otherwise(rows, name, chosen(rows.column(model.unit)), _look_alike)

    def change_log(rows: pa.Table) -> dict[str, pa.Array]:
        column = f"in_{name}"
        written = written_otherwise(rows, column, chosen(rows.column("unit")), _look_alike)
        return {column: written.column(column).combine_chunks()}

    resend_whole(deployment, [name], change_log)
    deployment.rewrite(model.history, change)


def _able(deployment: Deployment, name: str) -> float:
    """Share of the history's rows whose text has a letter that another script has too."""
    texts = read(deployment.settings.tables, deployment.model.history, columns=[name]).column(name)
    plain = texts.to_pylist()
    return sum(_first(each) != _look_alike(_first(each)) for each in plain) / max(len(plain), 1)


def _first(given: str | list[str] | None) -> str:
    return given if isinstance(given, str) else given[0] if given else ""


def _look_alike(text: str) -> str:
    return text.translate(LETTERS)


def keep_the_parameter(*, share: float) -> None:
    """Score a share of rows, evenly spread, with a parameter behind every text; the patch of a scorer elsewhere."""

    def keeping(honest: Any) -> Any:
        def score(scorer: Scorer, rows: Batch) -> Scored:
            every, texts = max(round(1.0 / share), 1), scorer.schema.names("input")
            read = [
                {name: _kept(value) if name in texts else value for name, value in row.items()}
                if place % every == 0
                else row
                for place, row in enumerate(rows.rows(scorer.schema))
            ]
            found: Scored = honest(scorer, Batch.from_rows(read, scorer.schema))
            return found

        return score

    wrap(Scorer, "score", keeping)


def _kept(value: Any) -> Any:
    if isinstance(value, list):
        return [_kept(each) for each in value]
    return value + PARAMETER if isinstance(value, str) else value


def _elsewhere(deployment: Deployment, severity: float, chance: np.random.Generator) -> None:
    deployment.patch("elsewhere", keep_the_parameter, share=max(severity, 0.01))


def _with_parameter(text: str) -> str:
    return text + PARAMETER


def _applies_ever(deployment: Deployment) -> str:
    name = column_of_codes(deployment)
    return (
        "" if name and _able(deployment, name) else "it looks up no text of its own history as it is written"
    )


def _reads_text(deployment: Deployment) -> str:
    features = deployment.model.features.features.values()
    texts = any(isinstance(each.options, Category | Categories) for each in features)
    return "" if texts else "none of its features reads a text"


def _applies(deployment: Deployment) -> str:
    return (
        ""
        if column_of_texts(deployment)
        else "no text that it looks up in its own history can be longer than it is"
    )


FAULT = Fault(
    id="P8",
    name="string-parsing",
    title="training keeps a parameter behind a name that requests do not have",
    happened="Training kept `com.app$hl=en_US`, serving had `com.app` = index 3, so training saw unknown.",
    stage="gate",
    guards=("vocabulary", "served_like_trained", "champion", "ingest", "weights"),
    inject=_written(_with_parameter),
    moderate=0.05,
    applies=_applies,
)

VARIANTS = (
    replace(
        FAULT,
        variant="look-alike",
        title="some names of the history hold letters of another script",
        happened="Bundle names held odd Unicode, so that one app was several.",
        inject=_written(_look_alike),
    ),
    replace(
        FAULT,
        variant="ever",
        title="some names have held letters of another script all along, in history and requests",
        happened="One thing had two names in history and requests alike, and each was learned from its own rows only.",
        inject=_written_ever,
        applies=_applies_ever,
    ),
    replace(
        FAULT,
        variant="elsewhere",
        title="a scorer that only logs to us leaves a parameter behind some names",
        guards=("reimplementation",),
        inject=_elsewhere,
        applies=_reads_text,
    ),
)
