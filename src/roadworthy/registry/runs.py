"""Runs of jobs (train, gate, monitor, …): what was asked, what came out, and that nobody does the same twice.

Not here: the jobs and when they are due.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, Engine, Row, insert, select, update
from sqlalchemy.exc import IntegrityError

from roadworthy.clock import format_duration, instant, micros
from roadworthy.database.engine import reading, writing
from roadworthy.database.schema import runs
from roadworthy.errors import Conflict, UnknownName
from roadworthy.registry.rows import as_text, from_text, moment

State = Literal["running", "succeeded", "failed"]

#: A run that says nothing for so long was killed; whoever wants its claim may have it.
ABANDONED_AFTER = timedelta(hours=6)


class RunRow(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a job.

    claim         what no other run of the job may do at the same time or after it succeeded; "" claims nothing
    event_time    virtual time in a replay, otherwise when it started
    error         why it failed; "" unless it did
    """

    run: int
    job: str
    model: str
    claim: str
    state: State
    parameters: Mapping[str, Any]
    metrics: Mapping[str, Any]
    error: str
    started_at: datetime
    event_time: datetime
    ended_at: datetime | None


class Runs:
    """The runs of one namespace."""

    def __init__(self, engine: Engine, namespace: str) -> None:
        self._engine = engine
        self._namespace = namespace

    def start(
        self,
        job: str,
        *,
        at: datetime,
        model: str = "",
        claim: str = "",
        parameters: Mapping[str, Any] | None = None,
        event_time: datetime | None = None,
        abandoned_after: timedelta = ABANDONED_AFTER,
    ) -> int:
        """Note that a job begins and return the run's number.

        claim             such as the day it is for: with one, a second start is a Conflict while the first runs
                          and after it succeeded; a failed run frees its claim
        abandoned_after   a running run that began longer ago is taken to be dead: it is failed and its claim freed
        """
        values = {
            "namespace": self._namespace,
            "job": job,
            "model": model,
            "claim": claim or None,
            "state": "running",
            "parameters": as_text(parameters or {}),
            "metrics": "{}",
            "error": "",
            "started_at": micros(at),
            "event_time": micros(event_time or at),
        }
        try:
            with writing(self._engine) as connection:
                if claim:
                    self._fail_abandoned(connection, job, model, claim, at, abandoned_after)
                return int(
                    connection.execute(insert(runs).values(**values).returning(runs.c.id)).scalar_one()
                )
        except IntegrityError as error:
            raise self._conflict(job, model, claim) from error

    def succeed(self, run: int, at: datetime, metrics: Mapping[str, Any] | None = None) -> None:
        """Note that a run came to its end, and with what; its claim stays taken."""
        self._end(run, state="succeeded", ended_at=micros(at), metrics=as_text(metrics or {}))

    def fail(self, run: int, at: datetime, error: str) -> None:
        """Note that a run failed, and why; its claim is free again."""
        self._end(run, state="failed", ended_at=micros(at), error=error, claim=None)

    def all(
        self, job: str | None = None, model: str | None = None, *, limit: int | None = None
    ) -> tuple[RunRow, ...]:
        """Runs from newest to oldest, at most `limit` of them."""
        query = select(runs).where(runs.c.namespace == self._namespace).order_by(runs.c.id.desc())
        if job is not None:
            query = query.where(runs.c.job == job)
        if model is not None:
            query = query.where(runs.c.model == model)
        with reading(self._engine) as connection:
            return tuple(_read(row) for row in connection.execute(query.limit(limit)))

    def _end(self, run: int, **values: Any) -> None:
        key = (runs.c.namespace == self._namespace, runs.c.id == run, runs.c.state == "running")
        with writing(self._engine) as connection:
            if connection.execute(update(runs).where(*key).values(**values)).rowcount == 1:
                return
            state = connection.execute(select(runs.c.state).where(*key[:2])).scalar()
        if state is None:
            raise UnknownName(f"run {run} does not exist in namespace {self._namespace}")
        raise Conflict(f"run {run} has {state} already: another process ended it, or took it to be dead")

    def _fail_abandoned(
        self, connection: Connection, job: str, model: str, claim: str, at: datetime, after: timedelta
    ) -> None:
        error = f"no sign of life for {format_duration(after)}: taken to be dead"
        connection.execute(
            update(runs)
            .where(*self._claimed(job, model, claim), runs.c.state == "running")
            .where(runs.c.started_at < micros(at - after))
            .values(state="failed", claim=None, error=error, ended_at=micros(at))
        )

    def _claimed(self, job: str, model: str, claim: str) -> tuple[Any, ...]:
        of_job = (runs.c.namespace == self._namespace, runs.c.job == job, runs.c.model == model)
        return (*of_job, runs.c.claim == claim)

    def _conflict(self, job: str, model: str, claim: str) -> Conflict:
        query = select(runs).where(*self._claimed(job, model, claim))
        with reading(self._engine) as connection:
            row = connection.execute(query).one_or_none()
        what = f"{job} {model}".strip()
        did = "is done by" if row is not None and row.state == "succeeded" else "is being done by"
        who = (
            f"run {row.id}, started {instant(row.started_at):%Y-%m-%d %H:%M:%S} UTC" if row else "another run"
        )
        return Conflict(f"{what} for {claim} {did} {who}: do it once; a failed run may be started again")


def _read(row: Row[Any]) -> RunRow:
    return RunRow(
        run=row.id,
        job=row.job,
        model=row.model,
        claim=row.claim or "",
        state=row.state,
        parameters=from_text(row.parameters, dict[str, Any]),
        metrics=from_text(row.metrics, dict[str, Any]),
        error=row.error,
        started_at=instant(row.started_at),
        event_time=instant(row.event_time),
        ended_at=moment(row.ended_at),
    )
