"""Serving nodes as they report themselves: alive, on which plan, with which versions prepared.

Not here: making a version ready (supervisor, serving) and what a missing node means (plans, controller).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, Row, insert, select, update
from sqlalchemy.exc import IntegrityError

from roadworthy.clock import instant, micros
from roadworthy.database.engine import reading, writing
from roadworthy.database.schema import nodes
from roadworthy.registry.rows import as_text, from_text

#: A node beats at least every second; after five it is not counted on any more.
LIVE_WITHIN = timedelta(seconds=5)


class NodeRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a node last said.

    plan_number   number of the plan its workers answer by
    prepared      (model, version) loaded in every worker, with golden requests answered equally
    errors        `model@version`, `plan` or `worker N` → why something is not as it should be
    at            real time of the report
    """

    node: str
    plan_number: int
    prepared: frozenset[tuple[str, int]]
    at: datetime
    errors: Mapping[str, str] = {}


class Nodes:
    """The serving nodes of one namespace."""

    def __init__(self, engine: Engine, namespace: str) -> None:
        self._engine = engine
        self._namespace = namespace

    def heartbeat(
        self,
        node: str,
        plan_number: int,
        prepared: Iterable[tuple[str, int]],
        at: datetime,
        errors: Mapping[str, str] | None = None,
    ) -> None:
        """Say that a node is alive, what it holds and what is wrong; replaces what it said before."""
        said = {
            "plan_number": plan_number,
            "prepared": as_text(sorted(set(prepared))),
            "errors": as_text(dict(errors or {})),
            "at": micros(at),
        }
        try:
            self._say(node, said)
        except IntegrityError:
            # Two processes of one node said their first word together: now there is a row to update.
            self._say(node, said)

    def all(self) -> tuple[NodeRow, ...]:
        """Every node that ever reported and did not leave, by name."""
        query = select(nodes).where(nodes.c.namespace == self._namespace).order_by(nodes.c.node)
        with reading(self._engine) as connection:
            return tuple(_read(row) for row in connection.execute(query))

    def live(self, now: datetime, within: timedelta = LIVE_WITHIN) -> tuple[NodeRow, ...]:
        """Nodes that reported within the last `within`, by name."""
        with reading(self._engine) as connection:
            return live_nodes(connection, self._namespace, now, within)

    def leave(self, node: str) -> None:
        """Forget a node that stopped on purpose, so that no flip waits for it."""
        key = (nodes.c.namespace == self._namespace, nodes.c.node == node)
        with writing(self._engine) as connection:
            connection.execute(nodes.delete().where(*key))

    def _say(self, node: str, said: dict[str, Any]) -> None:
        key = (nodes.c.namespace == self._namespace, nodes.c.node == node)
        with writing(self._engine) as connection:
            if connection.execute(update(nodes).where(*key).values(**said)).rowcount == 0:
                connection.execute(insert(nodes).values(namespace=self._namespace, node=node, **said))


def live_nodes(
    connection: Connection, namespace: str, now: datetime, within: timedelta = LIVE_WITHIN
) -> tuple[NodeRow, ...]:
    """Nodes that reported within the last `within`, inside the caller's transaction."""
    query = select(nodes).where(nodes.c.namespace == namespace, nodes.c.at >= micros(now - within))
    return tuple(_read(row) for row in connection.execute(query.order_by(nodes.c.node)))


def _read(row: Row[Any]) -> NodeRow:
    return NodeRow(
        node=row.node,
        plan_number=row.plan_number,
        prepared=from_text(row.prepared, frozenset[tuple[str, int]]),
        at=instant(row.at),
        errors=from_text(row.errors, dict[str, str]),
    )
