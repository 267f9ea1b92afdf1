"""P5: a feature is relative to now, and now is another time in training than when it is served.

In the field `weeks_ago` varied in training, where it was computed from a file, and was always 0 when served, where it
was computed as things happened. Here it happens in two ways. `clock`: a function in the user's file subtracts a time of
the request from the present one, so that in training it says how old the files are. `sent`: callers compute an input
when they ask and send 0; in training it varies.

Severity is, of `sent`, the share of requests that carry 0; of `clock`, how fine the unit is, from a
month at 0 to a day at 1. Moderate is what touches 5 % of requests, and a unit of about five days.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from roadworthy.drills.deployment import Deployment
from roadworthy.drills.fault import Fault
from roadworthy.drills.resent import heaviest_number, resend
from roadworthy.features.batch import Floats
from roadworthy.features.declarations import TimePart

_FUNCTION = '''

import time


def ago(moment):
    """How many spans of {days} days before now."""
    return (time.time() * 1_000_000 - moment) // ({days} * 86_400_000_000)
'''


def _time_of(deployment: Deployment) -> str:
    """A time that requests carry; "" where there is none."""
    features = deployment.model.features.features.values()
    return next((each.column_names[0] for each in features if isinstance(each.options, TimePart)), "")


def _has_time(deployment: Deployment) -> str:
    return "" if _time_of(deployment) else "none of its features reads a time"


def _read_the_clock(deployment: Deployment, severity: float, chance: np.random.Generator) -> None:
    days = round(30.0 ** (1.0 - severity))
    functions = deployment.model.features.functions.values()
    own = next((each.__globals__["__file__"] for each in functions if hasattr(each, "__globals__")), None)
    module = "ages" if own is None else str(own).rpartition("/")[2].removesuffix(".py")
    file = deployment.definition.with_name(f"{module}.py")
    if own is None:
        file.write_text('"""Ages of things."""\n', encoding="utf-8")
    deployment.edit(file.name, lambda text: text + _FUNCTION.format(days=days))
    deployment.redeclare(
        imports=f"from {module} import ago as _ago\n"
        "from roadworthy import Features as _Features, function as _function",
        features="_Features(**old.features.features, ago=_function(_ago, "
        f"{_time_of(deployment)!r}, missing=-1.0))",
    )


def _send_zero(deployment: Deployment, severity: float, chance: np.random.Generator) -> None:
    def sending(values: Floats, said: Floats, chance: np.random.Generator) -> Floats:
        return np.where(chance.random(len(values)) < severity, 0.0, values)

    resend(deployment, heaviest_number(deployment), sending, chance)


def _has_number(deployment: Deployment) -> str:
    return "" if heaviest_number(deployment) else "none of its inputs is a number"


FAULT = Fault(
    id="P5",
    name="time-relative-feature",
    title="callers compute an input when they ask: always zero, in training it varied",
    happened="`weeks_ago` varied in training and was always 0 when serving.",
    stage="gate",
    guards=("served_like_trained",),
    inject=_send_zero,
    moderate=0.05,
    applies=_has_number,
)

VARIANTS: tuple[Fault, ...] = (
    replace(
        FAULT,
        variant="clock",
        title="a function of the user's subtracts from the present time",
        guards=("served_like_trained", "champion", "limits", "cost"),
        inject=_read_the_clock,
        moderate=0.5,
        applies=_has_time,
    ),
)
