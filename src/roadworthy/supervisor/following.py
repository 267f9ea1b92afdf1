"""Keeps the local plan file as the control database wants it, and tells the database what the node can serve.

Not here: what the plan is to be (planning) and SQL (control). Both tasks fail without harm while the database is away:
the workers go on with the last local plan.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from roadworthy.clock import Clock, micros
from roadworthy.errors import CorruptArtifact, NotReady
from roadworthy.node import NodeDirectory, WorkerState
from roadworthy.supervisor.planning import Said, Wanted, next_plan, together
from roadworthy.supervisor.staging import Stager

#: A node that has nothing new to say says so that often.
HEARTBEAT_SECONDS = 1.0

logger = logging.getLogger("roadworthy.supervisor")


class Database(Protocol):
    """What the supervisor needs of the control database; every method raises NotReady while it is away."""

    def read(self) -> Wanted:
        """Routes and versions to have ready."""
        ...

    def heartbeat(self, said: Said) -> None:
        """Say what all workers of this node answer by and have prepared, and what is wrong."""
        ...


class Follower:
    """Follows the control database with the plan file."""

    def __init__(
        self, database: Database, stager: Stager, node: NodeDirectory, namespace: str, clock: Clock
    ) -> None:
        self._database, self._stager, self._node = database, stager, node
        self._namespace, self._clock = namespace, clock
        self._is_new = True
        try:
            self._current = node.read_plan()
        except CorruptArtifact as error:
            logger.error("the local plan is lost, and only the control database has it now: %s", error)
            self._current = None

    def poll(self) -> None:
        """One look at the database: stage, write the plan if it changed, note that the database agrees with it.

        raises  NotReady while the database is away, Conflict when it is behind the local plan
        """
        wanted = self._database.read()
        staged = self._stager.staged(wanted.versions)
        try:
            plan = next_plan(self._namespace, wanted, staged, micros(self._clock.now()), self._current)
        except NotReady:
            return  # the stager says so once if staging fails; until then the next look finds more
        if plan is not self._current:
            self._node.write_plan(plan)
            self._current = plan
            named = ", ".join(f"{entry.model}@{entry.version}" for entry in plan.staged) or "no version"
            logger.info("plan %d is written, with %s", plan.number, named)
        if self._is_new and not any(route.versions() for route in plan.routes.values()):
            logger.info("nothing is released yet: roadworthy release NAME@N --promote")
        self._is_new = False
        self._confirm()
        self._stager.keep({version.key for version in wanted.versions})

    def _confirm(self) -> None:
        try:
            os.utime(self._node.confirmed)
        except FileNotFoundError:
            self._node.confirmed.touch()


class Reporter:
    """Reports the node to the control database: at once when something changed, else once a second.

    states     gives the state of every worker's place, None for one that has not said anything
    troubles   gives what else is wrong, as in `planning.together`
    """

    def __init__(
        self,
        database: Database,
        states: Callable[[], list[WorkerState | None]],
        troubles: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        self._database, self._states, self._troubles = database, states, troubles
        self._said: Said | None = None
        self._said_at = 0.0

    def report(self) -> None:
        """Say what is new, or that nothing is."""
        saying = together(self._states(), self._troubles())
        if saying == self._said and time.monotonic() - self._said_at < HEARTBEAT_SECONDS:
            return
        self._database.heartbeat(saying)
        self._said, self._said_at = saying, time.monotonic()
