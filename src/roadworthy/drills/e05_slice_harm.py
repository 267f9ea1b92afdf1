"""E5: a new version is as good as the old one on average, and worse for a group.

In the field an experiment was won on average and lost by those who mattered. Here the labels of one group of rows are
wrong in training: a share of them says the opposite. The other rows, most of them, are learned as before.

The group is the largest value of a declared slice, or else of a text that the model reads, that has 5 % of the rows and
no more than a half. Severity is the share of its labels that say the opposite, up to a half: then they say nothing. Of
flights that is the largest airline; moderate turns 30 % of its labels, 5 % of all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pyarrow.compute as pc

from roadworthy.data.tables import read, table_schema
from roadworthy.drills.deployment import Deployment
from roadworthy.drills.fault import Fault
from roadworthy.drills.launcher import wrap
from roadworthy.features.batch import Batch, Floats, Strings
from roadworthy.jobs import train as training

Fit = Callable[..., Any]

#: Smallest and largest share of the rows that a group may be.
SHARE, LARGEST = 0.05, 0.5

#: Share of the group's labels that say the opposite at most.
MOST = 0.5


def turn_labels(*, column: str, value: str, share: float, seed: int) -> None:
    """Let a share of a group's labels say the opposite in training; the patch of a training process."""

    def turning(honest: Fit) -> Fit:
        def fit(recipe: Any, schema: Any, rows: Batch, y: Floats, **more: Any) -> Any:
            texts = rows.columns[column]
            assert isinstance(texts, Strings), "a group is a value of text"
            held = np.array([text == value for text in (*texts.uniques, None)])[texts.codes]
            turned = held & (np.random.default_rng(seed).random(len(y)) < share)
            return honest(recipe, schema, rows, np.where(turned, 1.0 - y, y), **more)

        return fit

    wrap(training, "fit", turning)


def group_of(deployment: Deployment) -> tuple[str, str]:
    """Column and value of the group; two empty texts where there is none."""
    model = deployment.model
    carried = [*model.slices, *model.input_columns(), *model.context]
    return largest_group(deployment, [name for name in carried if name != model.unit])


def largest_group(deployment: Deployment, columns: Iterable[str]) -> tuple[str, str]:
    """The first of these texts of the history with such a group, and the group; two empty texts where there is none."""
    history, home = deployment.model.history, deployment.settings.tables
    texts = {column.name for column in table_schema(home, history).columns if column.kind == "string"}
    for name in (each for each in columns if each in texts):
        counted = pc.value_counts(read(home, history, columns=[name]).column(name)).to_pylist()
        rows = sum(each["counts"] for each in counted)
        sizes = {each["values"]: each["counts"] / rows for each in counted if each["values"] is not None}
        groups = [value for value, size in sizes.items() if SHARE <= size <= LARGEST]
        if groups:
            return name, max(groups, key=lambda value: (sizes[value], value))
    return "", ""


def _inject(deployment: Deployment, severity: float, chance: np.random.Generator) -> None:
    column, value = group_of(deployment)
    deployment.patch(
        "training",
        turn_labels,
        column=column,
        value=value,
        share=MOST * severity,
        seed=int(chance.integers(2**31)),
    )


def _has_group(deployment: Deployment) -> str:
    return "" if group_of(deployment)[0] else "no text that it carries parts its rows into groups"


FAULT = Fault(
    id="E5",
    name="slice-harm",
    title="as good on average, worse for a group",
    happened="A version that was better on average was worse for a group of users, and nobody looked at them apart.",
    stage="gate",
    guards=(
        "slices", "champion", "limits", "calibration", "champion_rows", "better_than_baseline", "learned", "groups",
    ),
    inject=_inject,
    moderate=0.6,
    applies=_has_group,
)  # fmt: skip
