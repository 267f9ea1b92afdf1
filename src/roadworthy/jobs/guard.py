"""Watches the newest answers of what was released last, and takes it back when a hard guard fails."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from roadworthy.errors import RoadworthyError
from roadworthy.jobs.days import Watched
from roadworthy.jobs.release import rollback
from roadworthy.jobs.seen import SeenAnswers, window_start
from roadworthy.jobs.stores import Stores
from roadworthy.release.decision import respond
from roadworthy.release.guards import DEFAULT_LIMITS, Answers, Expected, hard_guards
from roadworthy.traffic import Route
from roadworthy.verdict import Verdict

#: Answers of a champion that are older than this are no news; a canary of little traffic needs longer to be judged.
LOOK_BACK, CANARY_LOOK_BACK = timedelta(days=1), timedelta(days=14)

ACTOR = "controller"

NOTHING = Answers()

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


def guard(stores: Stores, model: str, now: datetime, seen: SeenAnswers | None = None) -> Guarded | None:
    """Judge the answers of the watched version since the route last changed; None while nothing serves.

    now      virtual time in a replay
    seen     what earlier looks counted, so that this one reads only what is new; without it the window is read
    raises   NotReady when a node does not follow the rollback, Conflict when somebody else moved the route meanwhile
    """
    number, route = stores.plans.route(model)
    watched = route.canary or route.champion
    if watched is None:
        return None
    look_back = LOOK_BACK if route.canary is None else CANARY_LOOK_BACK
    since = window_start(stores.plans.history(model)[-1].event_time, now - look_back)
    counted = (seen or SeenAnswers(stores)).of(model, number, since, now)
    verdicts = judge(stores, model, route, watched, counted)
    step = respond(route, verdicts, watched)
    done = step.action == "roll back"
    if done:
        rollback(stores, model, reason=step.reason, actor=ACTOR, event_time=now)
    return Guarded(
        model=model, watched=watched, answered=counted.get(watched, NOTHING).given, rolled_back=done,
        reason=step.reason, verdicts=tuple(verdicts),
    )  # fmt: skip


def judge(
    stores: Stores, model: str, route: Route, watched: int, counted: Mapping[int, Answers]
) -> list[Verdict]:
    """The verdicts of the hard guards on version `watched`, from the answers of every version beside it."""
    expected = _expected(stores, model, route, watched, counted)
    return hard_guards(counted.get(watched, NOTHING), expected=expected, subject=f"{model}@{watched}")


def _expected(
    stores: Stores, model: str, route: Route, watched: int, counted: Mapping[int, Answers]
) -> list[Expected]:
    """Whose mean a canary is compared with: the champion's on the same traffic; without enough of it the reference's.

    A champion has nobody beside it and is compared with its reference. Without a readable artifact there is none,
    and the other guards go on.
    """
    if watched == route.canary and route.champion is not None:
        beside = counted.get(route.champion, NOTHING)
        if beside.finite >= DEFAULT_LIMITS.mean_rows:
            return [Expected(beside.mean, beside.finite, "champion")]
    try:
        reference = Watched.open(stores, stores.versions.get(model, watched)).reference.profile.output
    except (RoadworthyError, OSError) as error:
        logger.error("%s@%d has no reference to compare its mean with: %s", model, watched, error)
        return []
    return [Expected(reference.mean, reference.n, "reference")]
