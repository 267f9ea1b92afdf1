"""Watches the newest answers of what was released last, and takes it back when a hard guard fails."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from roadworthy.errors import RoadworthyError
from roadworthy.features.batch import Floats
from roadworthy.jobs.days import ANSWERING, Watched
from roadworthy.jobs.release import rollback
from roadworthy.jobs.stores import Stores
from roadworthy.release.decision import Step, respond
from roadworthy.release.guards import DEFAULT_LIMITS, Expected, hard_guards
from roadworthy.traffic import Route
from roadworthy.verdict import Verdict

#: Answers of a champion that are older than this are no news; a canary of little traffic needs longer to be judged.
LOOK_BACK, CANARY_LOOK_BACK = timedelta(days=1), timedelta(days=14)

ACTOR = "controller"

logger = logging.getLogger("roadworthy.guard")


class Guarded(msgspec.Struct, frozen=True, kw_only=True):
    """What the guards said of one model.

    watched    version they looked at: the canary, else the champion
    answered      answers that it gave and they saw
    rolled_back   whether it was taken back
    """

    model: str
    watched: int
    answered: int
    rolled_back: bool
    reason: str
    verdicts: tuple[Verdict, ...]

    @property
    def failing(self) -> tuple[str, ...]:
        """The guards that fail; without a rollback there is nobody to go back to, and a person must act."""
        return tuple(verdict.check for verdict in self.verdicts if verdict.ruling == "fail")

    @property
    def waiting(self) -> bool:
        """Whether there are too few answers yet to say that they differ from each other."""
        return any(one.check == "constant_output" and one.ruling == "insufficient" for one in self.verdicts)


def guard(stores: Stores, model: str, now: datetime) -> Guarded | None:
    """Judge the answers of the watched version since the route last changed; None while nothing serves.

    now      virtual time in a replay
    raises   NotReady when a node does not follow the rollback, Conflict when somebody else moved the route meanwhile
    """
    _, route = stores.plans.route(model)
    watched = route.canary or route.champion
    if watched is None:
        return None
    look_back = LOOK_BACK if route.canary is None else CANARY_LOOK_BACK
    since = max(stores.plans.history(model)[-1].event_time, now - look_back)
    rows = stores.log().predictions(
        model, namespace=stores.settings.namespace, roles=ANSWERING, start=since,
        columns=["version", "output", "status"],
    )  # fmt: skip
    verdicts = _judge(stores, model, route, watched, rows)
    step = respond(route, verdicts, watched)
    return _act(stores, model, watched, rows, verdicts, step, now)


def _judge(stores: Stores, model: str, route: Route, watched: int, rows: pa.Table) -> list[Verdict]:
    own = rows.filter(pc.equal(rows.column("version"), watched))
    errors = pc.sum(pc.equal(own.column("status"), "error")).as_py() or 0
    expected = _expected(stores, model, route, watched, rows)
    return hard_guards(_answers(own), errors=int(errors), expected=expected, subject=f"{model}@{watched}")


def _expected(stores: Stores, model: str, route: Route, watched: int, rows: pa.Table) -> list[Expected]:
    """Whose mean a canary is compared with: the champion's on the same traffic; without enough of it the reference's.

    A champion has nobody beside it and is compared with its reference. Without a readable artifact there is none,
    and the other guards go on.
    """
    if watched == route.canary and route.champion is not None:
        beside = _answers(rows.filter(pc.equal(rows.column("version"), route.champion)))
        if len(beside) >= DEFAULT_LIMITS.mean_rows:
            return [Expected(float(beside.mean()), len(beside), "champion")]
    try:
        reference = Watched.open(stores, stores.versions.get(model, watched)).reference.profile.output
    except (RoadworthyError, OSError) as error:
        logger.error("%s@%d has no reference to compare its mean with: %s", model, watched, error)
        return []
    return [Expected(reference.mean, reference.n, "reference")]


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
    answered = len(_answers(rows.filter(pc.equal(rows.column("version"), watched))))
    return Guarded(
        model=model,
        watched=watched,
        answered=answered,
        rolled_back=done,
        reason=step.reason,
        verdicts=tuple(verdicts),
    )
