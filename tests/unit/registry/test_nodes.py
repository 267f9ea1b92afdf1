"""Nodes and their heartbeats."""

from __future__ import annotations

import threading
from datetime import timedelta

from sqlalchemy import Engine

from roadworthy.registry.nodes import Nodes

from .building import NOON, after


def test_a_heartbeat_replaces_the_one_before(engine: Engine) -> None:
    """A node has one row, holding what it said last."""
    nodes = Nodes(engine, "default")
    nodes.heartbeat("eu-1", 3, [("delay", 1), ("delay", 2)], NOON, errors={"delay@3": "damaged"})
    assert nodes.all()[0].errors == {"delay@3": "damaged"}
    nodes.heartbeat("eu-1", 4, [("delay", 2), ("delay", 2)], after(1))
    (row,) = nodes.all()
    assert row.errors == {}
    assert (row.node, row.plan_number, row.prepared, row.at) == ("eu-1", 4, {("delay", 2)}, after(1))


def test_a_node_is_live_for_five_seconds_after_it_spoke(engine: Engine) -> None:
    """Exactly five still count; the span is an argument."""
    nodes = Nodes(engine, "default")
    nodes.heartbeat("eu-1", 1, [], NOON)
    nodes.heartbeat("eu-2", 1, [], after(2))
    assert [row.node for row in nodes.live(after(5))] == ["eu-1", "eu-2"]
    assert [row.node for row in nodes.live(after(5.000001))] == ["eu-2"]
    assert [row.node for row in nodes.live(after(60), within=timedelta(minutes=1))] == ["eu-1", "eu-2"]


def test_a_node_that_left_is_forgotten(engine: Engine) -> None:
    """One that stopped on purpose holds up no flip; the others stay."""
    nodes = Nodes(engine, "default")
    nodes.heartbeat("eu-1", 1, [], NOON)
    nodes.heartbeat("eu-2", 1, [], NOON)
    nodes.leave("eu-1")
    assert [row.node for row in nodes.all()] == ["eu-2"]


def test_nodes_belong_to_their_namespace(engine: Engine) -> None:
    """A node of the same name in staging is another node."""
    Nodes(engine, "staging").heartbeat("eu-1", 1, [], NOON)
    Nodes(engine, "default").leave("eu-1")
    assert Nodes(engine, "default").live(NOON) == ()
    assert len(Nodes(engine, "staging").live(NOON)) == 1


def test_first_words_spoken_together_make_one_row(engine: Engine) -> None:
    """No heartbeat fails because another one came first."""
    nodes = Nodes(engine, "default")
    failed: list[Exception] = []

    def speak() -> None:
        try:
            nodes.heartbeat("eu-1", 1, [("delay", 1)], NOON)
        except Exception as error:  # noqa: BLE001  # a thread's failure must reach the test
            failed.append(error)

    threads = [threading.Thread(target=speak) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(nodes.all()) == 1
