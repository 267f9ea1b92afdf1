"""What the supervisor reads from and writes to the control database, and nothing more.

Not here: what follows from it (planning). Connects when first needed and again after a failure, so a node starts
without its database.
"""

from __future__ import annotations

import threading
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.engine import make_url

from roadworthy.clock import Clock
from roadworthy.database.engine import connect, migrate
from roadworthy.errors import NotReady
from roadworthy.node import Prepared
from roadworthy.registry.nodes import Nodes
from roadworthy.registry.plans import Plans
from roadworthy.registry.versions import Versions
from roadworthy.settings import Settings
from roadworthy.supervisor.planning import Registered, Said, Wanted

#: A lock is waited for no longer than this: the next poll comes soon, and a plan read earlier goes on being served.
BUSY_SECONDS = 1.0

#: A longer reason is cut; the node's log has all of it.
LONGEST_ERROR = 1_000


class ControlDatabase:
    """The control database as one node sees it.

    may_create   whether a missing SQLite file may be made; not when the node has a plan, because then it is lost
    """

    def __init__(self, settings: Settings, node: str, *, may_create: bool, clock: Clock) -> None:
        self._settings, self._node, self._may_create, self._clock = settings, node, may_create, clock
        url = make_url(settings.url)
        self._file = Path(url.database or "") if url.get_backend_name() == "sqlite" else None
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        self._known: dict[tuple[str, int], Registered] = {}

    def read(self) -> Wanted:
        """Routes and everything to have loaded.

        raises  NotReady or another RoadworthyError while the database cannot be read
        """
        engine = self._connected()
        plans = Plans(engine, self._settings.namespace)
        # A flip turns a preparation into a route: asked in this order, one of the two answers has the version.
        prepared = plans.preparations()
        routes = plans.routes()
        wanted = set(prepared)
        for model, (_, route) in routes.items():
            wanted |= {(model, version) for version in route.versions()}
        return Wanted(routes, tuple(self._registered(engine, *name) for name in sorted(wanted)))

    def heartbeat(self, said: Said) -> None:
        """Say that the node lives, which plan all its workers answer by (0 before one), and the rest of it."""
        nodes = Nodes(self._connected(), self._settings.namespace)
        nodes.heartbeat(
            self._node,
            said.plan_number or 0,
            said.prepared,
            self._clock.now(),
            errors={key: why[:LONGEST_ERROR] for key, why in said.errors.items()},
        )

    def leave(self) -> None:
        """Say that the node stops on purpose."""
        Nodes(self._connected(), self._settings.namespace).leave(self._node)

    def _registered(self, engine: Engine, model: str, version: int) -> Registered:
        """Where a version lies; asked once, because a registered version never changes."""
        if (model, version) not in self._known:
            row = Versions(engine, self._settings.namespace).get(model, version)
            directory = self._settings.root / row.directory
            self._known[model, version] = Registered(Prepared(model, version, row.digest), str(directory))
        return self._known[model, version]

    def _connected(self) -> Engine:
        """The engine; NotReady without one. A lost SQLite file is never replaced by an empty one."""
        with self._lock:
            if self._file is not None and not self._file.exists() and not self._may_create:
                if self._engine is not None:
                    self._engine.dispose()
                self._engine = None
                raise NotReady(
                    f"the control database {self._file} is missing: restore it. Serving goes on with the "
                    "last local plan"
                )
            if self._engine is None:
                engine = connect(self._settings.url, busy_seconds=BUSY_SECONDS)
                migrate(engine)
                self._engine, self._may_create = engine, False
            return self._engine
