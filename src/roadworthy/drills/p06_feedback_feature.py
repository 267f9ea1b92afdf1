"""P6: an input is made from what the model itself answered before, and an error comes back through it.

In the field `clearing_price` was made from the model's own bids, harmless until false labels of a small cohort moved
the bids. Here callers send, in place of a number, the answer they were given last. The champion answers what it is
sent, so the log is what production would have written; where the history holds that number, it holds what was sent.
The candidate has a feature of it, `price`, that nobody has declared with `own_output=True`.

Of the kind `spiral` the loop closes after the release: callers raise or lower a number by how far recent answers are
from what they used to be, and false labels of a small cohort have given it a push in the direction of higher answers.

Severity is the share of requests that carry the last answer; moderate touches 5 % of them. Of `spiral` it is how much
of a rise of the answers comes back through the number: three times as much at 1, and 1.5 times where it is moderate, so
that it goes on until the number moves the answers no more; below a third it dies out. It is pushed by half a standard
deviation of the number at 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from roadworthy.data.tables import unit_texts
from roadworthy.drills.deployment import Deployment
from roadworthy.drills.fault import Fault
from roadworthy.drills.resent import heaviest_number, lever, resend
from roadworthy.features.batch import Floats

#: Weight of each answer in how high answers are, how much of a rise comes back at most, and the push that starts it.
RECENT, GAIN, PUSH = 0.02, 3.0, 0.5


def _inject(deployment: Deployment, severity: float, chance: np.random.Generator) -> None:
    name = _input(deployment)

    def sending(values: Floats, said: Floats, chance: np.random.Generator) -> Floats:
        if not said.size:
            return values
        return np.where(chance.random(len(values)) < severity, said[-1], values)

    sent = resend(deployment, name, sending, chance)
    model = deployment.model
    if name not in {join.column for join in model.joins()}:
        _tell_the_history(deployment, name, sent)
    deployment.redeclare(
        imports="from roadworthy import Features as _Features, number as _number",
        features=f"_Features(**old.features.features, price=_number({_given(deployment, name)}, missing=-1.0))",
    )


def _tell_the_history(deployment: Deployment, name: str, sent: pa.Table) -> None:
    """Let the data files hold what was sent."""
    unit = deployment.model.unit
    prices = dict(zip(sent.column("unit").to_pylist(), sent.column(f"in_{name}").to_pylist(), strict=True))

    def as_sent(rows: pa.Table) -> pa.Table:
        units, place = unit_texts(rows.column(unit)).to_pylist(), rows.column_names.index(name)
        was = rows.column(name).to_pylist()
        now = [prices.get(text, value) for text, value in zip(units, was, strict=True)]
        field = rows.schema.field(name)
        return rows.set_column(place, field, pa.array(now, from_pandas=True).cast(field.type, safe=False))

    deployment.rewrite(deployment.model.history, as_sent)


def _given(deployment: Deployment, name: str) -> str:
    """The input as the user's file gives it: a column, or the join of the feature that reads it."""
    if name not in {join.column for join in deployment.model.joins()}:
        return repr(name)
    features = deployment.model.features.features.items()
    reader, at = next(
        (key, each.column_names.index(name)) for key, each in features if name in each.column_names
    )
    return f"old.features.features[{reader!r}].inputs[{at}]"


def _input(deployment: Deployment) -> str:
    """A number of the model's own history, else of a join."""
    return heaviest_number(deployment, own=True) or heaviest_number(deployment)


def _has_number(deployment: Deployment) -> str:
    return "" if _input(deployment) else "none of its inputs is a number"


def _raises(deployment: Deployment) -> str:
    return "" if lever(deployment) else "no number among its inputs raises its answers"


class Market:
    """Callers that send a number as recent answers moved it.

    name     of the number; `spread` is its standard deviation, with the sign in which answers rise with it
    usual    mean of the answers before, and `deviation` theirs
    follows  standard deviations of the number for one of the answers; `push` are added to all
    """

    def __init__(
        self, name: str, spread: float, usual: float, deviation: float, follows: float, push: float
    ) -> None:
        self.name, self.spread, self.usual, self.deviation = name, spread, usual, deviation
        self.follows, self.push, self.level = follows, push, usual

    def hear(self, answers: Sequence[float]) -> None:
        """Remember how high answers are."""
        for answer in answers:
            self.level += RECENT * (answer - self.level)

    def ask(self, row: dict[str, Any]) -> dict[str, Any]:
        """A request as the market is now."""
        moved = self.push + self.follows * (self.level - self.usual) / self.deviation
        value = row.get(self.name)
        return row if value is None else {**row, self.name: value + self.spread * moved}


def _spiral(deployment: Deployment, severity: float, chance: np.random.Generator) -> None:
    found = lever(deployment)
    assert found is not None, "the fault applies"
    usual, deviation = float(found.answers.mean()), float(found.answers.std())
    follows = GAIN * severity / found.rise
    market = Market(found.name, found.spread, usual, deviation, follows, PUSH * severity)
    deployment.hear_answers(market.hear)
    deployment.alter_requests(market.ask)


FAULT = Fault(
    id="P6",
    name="feedback-feature",
    title="an input is the model's own last answer, and nobody declared it",
    happened="A price made from the model's own bids was harmless until false labels of a small cohort spiralled.",
    stage="gate",
    guards=("feedback", "served_like_trained"),
    inject=_inject,
    moderate=0.05,
    applies=_has_number,
)

VARIANTS: tuple[Fault, ...] = (
    replace(
        FAULT,
        variant="spiral",
        title="callers follow the answers, false labels gave a push: it spirals",
        stage="live",
        guards=(
            "input_distance", "prediction_mean", "prediction_p50", "prediction_p99", "prediction_distance",
            "mean_output", "calibration", "calibration_error", "performance", "source_parity",
        ),
        inject=_spiral,
        moderate=0.5,
        live=True,
        applies=_raises,
    ),
)  # fmt: skip
