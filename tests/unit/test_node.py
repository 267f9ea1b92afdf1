"""The directory through which the processes of a node talk."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from roadworthy.durable import write_whole
from roadworthy.errors import CorruptArtifact, Refused
from roadworthy.node import NodeDirectory, WorkerState
from roadworthy.traffic import PLAN_FORMAT, Plan, Route, Staged

PLAN = Plan(
    number=3,
    routes={"delay": Route(champion=1)},
    staged=(Staged(model="delay", version=1, directory="staged/ab", digest="ab"),),
)


def test_a_plan_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Also over an earlier plan, and without leftovers."""
    node = NodeDirectory(tmp_path)
    assert node.read_plan() is None
    node.write_plan(Plan(number=2))
    node.write_plan(PLAN)
    assert node.read_plan() == PLAN
    assert os.listdir(tmp_path) == ["plan.json"]


def test_a_plan_that_is_damaged_or_of_a_newer_format_is_refused(tmp_path: Path) -> None:
    """The reader keeps what it has and says why."""
    node = NodeDirectory(tmp_path)
    node.plan.write_text('{"number": ')
    with pytest.raises(CorruptArtifact, match=r"plan\.json cannot be read"):
        node.read_plan()
    node.write_plan(msgspec.structs.replace(PLAN, format=PLAN_FORMAT + 1))
    with pytest.raises(Refused, match="upgrade this node"):
        node.read_plan()


def test_the_age_of_a_plan_counts_from_the_last_agreement_with_the_database(tmp_path: Path) -> None:
    """A plan that is years old and confirmed now is fresh."""
    node = NodeDirectory(tmp_path)
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert node.plan_age_seconds(now) == 0.0
    node.write_plan(PLAN)
    os.utime(node.plan, (now.timestamp() - 1_000, now.timestamp() - 1_000))
    assert node.plan_age_seconds(now) == pytest.approx(1_000)
    node.confirmed.touch()
    os.utime(node.confirmed, (now.timestamp() - 2, now.timestamp() - 2))
    assert node.plan_age_seconds(now) == pytest.approx(2)


def test_a_state_that_nobody_wrote_or_that_is_torn_reads_as_none(tmp_path: Path) -> None:
    """A worker that just died cannot confuse the supervisor."""
    node = NodeDirectory(tmp_path)
    node.create()
    assert node.read_state(0) is None
    node.state(0).write_text("{")
    assert node.read_state(0) is None
    state = WorkerState(worker=0, pid=7, plan_number=3)
    write_whole(node.state(0), msgspec.json.encode(state))
    assert node.read_state(0) == state
