"""Runs of jobs, and that nobody does the same twice."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from roadworthy.errors import Conflict, UnknownName
from roadworthy.registry.runs import Runs

from .building import JULY, NOON, after


@pytest.fixture
def runs(engine: Engine) -> Runs:
    """An empty store."""
    return Runs(engine, "default")


def test_a_run_keeps_what_was_asked_and_what_came_out(runs: Runs) -> None:
    """Parameters, metrics, state and all times."""
    run = runs.start("train", at=NOON, model="delay", parameters={"as_of": "2013-07-01"}, event_time=JULY)
    runs.succeed(run, after(60), {"auc": 0.71})
    (row,) = runs.all()
    assert (row.run, row.job, row.model, row.state, row.error) == (run, "train", "delay", "succeeded", "")
    assert (row.parameters, row.metrics) == ({"as_of": "2013-07-01"}, {"auc": 0.71})
    assert (row.started_at, row.event_time, row.ended_at) == (NOON, JULY, after(60))


def test_a_failed_run_says_why(runs: Runs) -> None:
    """And is found among its job's runs, newest first."""
    failed = runs.start("train", at=NOON)
    runs.fail(failed, after(1), "SchemaError: 2 faults")
    other = runs.start("gate", at=after(2))
    again = runs.start("train", at=after(3))
    assert [(row.run, row.state) for row in runs.all("train")] == [(again, "running"), (failed, "failed")]
    assert runs.all("train")[1].error == "SchemaError: 2 faults"
    assert [row.run for row in runs.all(limit=2)] == [again, other]
    assert runs.all(model="delay") == ()


def test_what_is_claimed_is_done_once(runs: Runs) -> None:
    """While it runs and after it succeeded, a second start names the first."""
    run = runs.start("monitor", at=NOON, model="delay", claim="2013-07-01")
    with pytest.raises(
        Conflict, match=f"monitor delay for 2013-07-01 is being done by run {run}, started 2026-11-21"
    ):
        runs.start("monitor", at=after(1), model="delay", claim="2013-07-01")
    runs.succeed(run, after(2))
    with pytest.raises(Conflict, match=f"is done by run {run}"):
        runs.start("monitor", at=after(3), model="delay", claim="2013-07-01")


def test_a_claim_is_one_job_s_for_one_model_in_one_namespace(engine: Engine, runs: Runs) -> None:
    """Nobody else is kept from anything; without a claim nothing is."""
    runs.start("monitor", at=NOON, model="delay", claim="2013-07-01")
    runs.start("monitor", at=NOON, model="delay", claim="2013-07-02")
    runs.start("monitor", at=NOON, model="cancelled", claim="2013-07-01")
    runs.start("retrain", at=NOON, model="delay", claim="2013-07-01")
    Runs(engine, "staging").start("monitor", at=NOON, model="delay", claim="2013-07-01")
    for _ in range(2):
        runs.start("monitor", at=NOON, model="delay")
    assert len(runs.all()) == 6


def test_a_failed_run_frees_its_claim(runs: Runs) -> None:
    """It may be tried again, any number of times."""
    for second in range(3):
        run = runs.start("monitor", at=after(second), claim="2013-07-01")
        runs.fail(run, after(second), "no disk")
    assert [row.state for row in runs.all()] == ["failed"] * 3


def test_a_run_that_was_killed_is_taken_over_when_it_is_old(runs: Runs) -> None:
    """Not before; then it reads as failed, and its late end is refused."""
    killed = runs.start("monitor", at=NOON, claim="2013-07-01")
    hour = timedelta(hours=1)
    with pytest.raises(Conflict):
        runs.start("monitor", at=NOON + hour, claim="2013-07-01", abandoned_after=hour)
    taken = runs.start("monitor", at=after(3601), claim="2013-07-01", abandoned_after=hour)
    assert [(row.run, row.state) for row in runs.all()] == [(taken, "running"), (killed, "failed")]
    assert runs.all()[1].error == "no sign of life for 1h: taken to be dead"
    with pytest.raises(Conflict, match=f"run {killed} has failed already"):
        runs.succeed(killed, after(3700))


def test_a_succeeded_run_is_never_taken_over(runs: Runs) -> None:
    """However long ago it was."""
    runs.succeed(runs.start("monitor", at=NOON, claim="2013-07-01"), after(1))
    with pytest.raises(Conflict, match="is done by"):
        runs.start("monitor", at=NOON + timedelta(days=400), claim="2013-07-01")


def test_a_run_ends_once_and_only_if_it_began(runs: Runs) -> None:
    """A second end contradicts the first; an unknown number is a wrong request."""
    run = runs.start("train", at=NOON)
    runs.succeed(run, after(1))
    with pytest.raises(Conflict, match=f"run {run} has succeeded already"):
        runs.fail(run, after(2), "late")
    with pytest.raises(UnknownName, match="run 99 does not exist in namespace default"):
        runs.succeed(99, NOON)


def test_of_many_that_claim_together_one_begins(runs: Runs) -> None:
    """Two schedulers on two machines do the day once."""
    begun: list[int] = []

    def begin() -> None:
        try:
            begun.append(runs.start("monitor", at=NOON, claim="2013-07-01"))
        except Conflict:
            return

    threads = [threading.Thread(target=begin) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(begun) == 1
    assert len(runs.all()) == 1
