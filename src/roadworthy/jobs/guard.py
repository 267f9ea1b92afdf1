"""Watches the newest answers of what was released last, and takes it back when a hard guard fails."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from roadworthy.features.batch import Floats
from roadworthy.jobs.days import ANSWERING, Watched
from roadworthy.jobs.release import rollback
from roadworthy.jobs.stores import Stores
from roadworthy.release.decision import Step, respond
from roadworthy.release.guards import Expected, hard_guards
from roadworthy.traffic import Route
from roadworthy.verdict import Verdict

#: Answers older than this are no news.
LOOK_BACK = timedelta(days=1)

ACTOR = "controller"


class Guarded(msgspec.Struct, frozen=True, kw_only=True):
    """What the guards said of one model.

    watched    version they looked at: the canary, else the champion
    answered   answers of it that they saw
    rolled_back  whether it was taken back
    """

    model: str
    watched: int
    answered: int
    rolled_back: bool
    reason: str
    verdicts: tuple[Verdict, ...]


def guard(stores: Stores, model: str, now: datetime) -> Guarded | None:
    """Judge the answers of the watched version since the route last changed; None while nothing serves.

    now    virtual time in a replay
    """
    _, route = stores.plans.route(model)
    watched = route.canary or route.champion
    if watched is None:
        return None
    since = max(stores.plans.history(model)[-1].event_time, now - LOOK_BACK)
    rows = stores.log().predictions(
        model, namespace=stores.settings.namespace, roles=ANSWERING, start=since,
        columns=["version", "output", "status", "decision"],
    )  # fmt: skip
    verdicts = _judge(stores, model, route, watched, rows)
    step = respond(route, verdicts, watched)
    return _act(stores, model, watched, rows, verdicts, step, now)


def _judge(stores: Stores, model: str, route: Route, watched: int, rows: pa.Table) -> list[Verdict]:
    own = rows.filter(pc.equal(rows.column("version"), watched))
    expected = []
    if route.canary is not None and route.champion is not None:
        beside = _answers(rows.filter(pc.equal(rows.column("version"), route.champion)))
        if len(beside):
            expected.append(Expected(float(beside.mean()), len(beside), "champion"))
    reference = Watched.open(stores, stores.versions.get(model, watched)).reference.profile.output
    expected.append(Expected(reference.mean, reference.n, "reference"))
    errors = pc.sum(pc.equal(own.column("status"), "error")).as_py() or 0
    return hard_guards(_answers(own), errors=int(errors), expected=expected[:1], subject=f"{model}@{watched}")


def _answers(rows: pa.Table) -> Floats:
    given = rows.filter(pc.and_(pc.equal(rows.column("status"), "ok"), pc.is_valid(rows.column("output"))))
    outputs: Floats = given.column("output").to_numpy()
    return outputs


def _act(
    stores: Stores,
    model: str,
    watched: int,
    rows: pa.Table,
    verdicts: list[Verdict],
    step: Step,
    now: datetime,
) -> Guarded:
    done = step.action == "roll back"
    if done:
        rollback(stores, model, reason=step.reason, actor=ACTOR, event_time=now)
    answered = pc.sum(pc.equal(rows.column("version"), watched)).as_py() or 0
    return Guarded(
        model=model,
        watched=watched,
        answered=int(answered),
        rolled_back=done,
        reason=step.reason,
        verdicts=tuple(verdicts),
    )
