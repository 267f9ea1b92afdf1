"""What a drill is: one known way in which models fail, as something that can be injected.

How to write one. A drill is one file, `pNN_name.py`, whose docstring says what happened in the field, how it is
injected here and what severity means, and one line in `catalogue`. It makes a `Fault` whose `inject(deployment,
severity, chance)` changes a copy of a healthy deployment where the fault happens in life, with the operations of
`deployment.Deployment`:

    deployment.redeclare(estimator="...")       the user's file says something else from now on (it is edited)
    deployment.edit("functions.py", change)     so does any other of the user's files
    deployment.rewrite("weather", change)       the data files that are ingested next hold something else
    deployment.patch("training", function, …)   a library or the environment of one kind of process differs: `training`,
                                                `staging` (the gate's server), `serving` (the server that answers)
                                                or `elsewhere` (another scorer, which only logs to us)
    deployment.alter_requests(change)           between client and server, each row of a request is changed
    deployment.hear_answers(hear)               the client's own code is told the answers of every request
    deployment.during(after, action)            something is done to the running server, such as a signal

The frame (`cell`) does the rest, with the same code as production: ingest what was rewritten, train the candidate as
of `deployment.timeline.live_from` where anything it is made from changed (else the healthy candidate is taken), ask
the gate, and, if nothing caught it and `live` is set, release it and replay real traffic until something does.
Guards that also fail without the fault are not counted. A fault that begins, or is known, only after the release
(`stage="live"` or `"after"`) skips the gate.

    def inject(deployment: Deployment, severity: float, chance: np.random.Generator) -> None:
        deployment.redeclare(estimator="LGBMClassifier(n_estimators=1)", imports="from lightgbm import LGBMClassifier")

    FAULT = Fault(id="P3", name="untrained-model", ..., inject=inject)

A test of a drill injects it into `tests/small_workspace.py`'s model (fixture `drilled` of tests/unit/drills) and says
which guard catches it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from roadworthy.drills.deployment import Deployment
from roadworthy.jobs.stores import Stores

#: Where a fault can be caught: when data come in, before any traffic, by what watches the traffic, or afterwards.
#: `after`: nobody could have known; a person learns of it, and asks what it touched.
Stage = Literal["data", "gate", "live", "after"]

STAGES: tuple[Stage, ...] = ("data", "gate", "live", "after")

#: A deployment with its workspace, the version that answered, how many answers callers had → what a person is told of
#: all that the fault touched, or "" where that is not the truth.
After = Callable[[Deployment, Stores, str, int], str]

Inject = Callable[[Deployment, float, np.random.Generator], None]


def always(deployment: Deployment) -> str:
    """A fault that every model can have."""
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One way to fail.

    id         of the catalogue, such as `P3`
    name       such as `untrained-model`
    variant    which kind of it, where one fault has several; "" otherwise
    title      one line for a table
    happened   what happened in the field, one or two sentences
    stage      where it can be caught at the earliest, and must be
    guards     names of checks of the gate, hard guards, monitors, or of refusals (`ingest`, `train`, `release`), each
               of which may catch it; with all of them off nothing else does
    inject     (deployment, severity in [0, 1], chance) → None; changes the deployment
    moderate   the severity at which it must be caught: what costs 5 % relative log loss or touches 5 % of rows
    graded     whether its severity makes a difference; without it there is one severity to drill, the moderate one
    live       whether it has a live half, to be replayed when nothing before caught it
    after      asked when the replay ended and nobody had noticed; for faults of the stage `after`
    applies    "" where the model can have this fault, else why it cannot, as a sentence
    """

    id: str
    name: str
    title: str
    happened: str
    stage: Stage
    guards: tuple[str, ...]
    inject: Inject
    variant: str = ""
    moderate: float = 0.5
    graded: bool = True
    live: bool = False
    after: After | None = None
    applies: Callable[[Deployment], str] = always

    @property
    def key(self) -> str:
        """What tells it from every other one, such as `P3` or `P3:shuffled-labels`."""
        return f"{self.id}:{self.variant}" if self.variant else self.id
