"""A worker that is killed with -9 under load, again and again, has lost no answer and doubled none."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from processes import Starter, Version, plan_of, wait_until
from roadworthy.node import NodeDirectory
from roadworthy.predictionlog.gaps import gaps
from roadworthy.predictionlog.journal import journals_in, orphans
from roadworthy.predictionlog.read import PredictionLog
from roadworthy.predictionlog.roll import roll
from roadworthy.traffic import Route
from streaming import stream

KILLS = 50 if "ROADWORTHY_PROOF" in os.environ else 2


@pytest.mark.parametrize("durability", ["process", "disk"])
def test_every_answer_is_in_the_log_exactly_once(
    durability: str, start: Starter, versions: list[Version], tmp_path: Path
) -> None:
    """Whatever it was doing: reading, scoring, writing, syncing or answering a batch of several requests."""
    node = NodeDirectory(tmp_path / "n")
    node.create()
    node.write_plan(plan_of(1, Route(champion=1), versions[0]))
    chance = random.Random(1)
    answered: dict[str, float] = {}
    for _ in range(KILLS):
        server = start.worker(node, "--durability", durability)
        wait_until(server.ready, "readiness")
        with stream(server, 8) as client:
            client.answered(20)
            time.sleep(chance.random() * 0.2)
            os.kill(server.process.pid, signal.SIGKILL)
        assert client.failures == []
        answered |= {answer["ids"][0]: answer["predictions"][0] for answer in client.answers}
    log = tmp_path / "log"
    sealed = [path for path in journals_in([node.journals]) if path.suffix == ".sealed"]
    assert roll([*sealed, *orphans(node.journals)], log).refused == ()
    assert journals_in([node.journals]) == []
    rows = PredictionLog(log, [node.journals]).predictions("delay", columns=["id", "output"]).to_pylist()
    assert set(Counter(row["id"] for row in rows).values()) == {1}
    outputs = {row["id"]: row["output"] for row in rows}
    assert {name: outputs.get(name) for name in answered} == answered
    assert len(rows) - len(answered) <= 8 * KILLS, "only what was being answered is extra"
    assert gaps(log) == []
