"""An opened workspace: the stores that jobs read and write, and the clock they go by.

Not here: any job. `Workspace` (workspace.py) is the same thing with the jobs as methods.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine

from roadworthy.clock import Clock, SystemClock
from roadworthy.database.engine import connect, migrate
from roadworthy.node import NodeDirectory
from roadworthy.predictionlog.read import PredictionLog
from roadworthy.registry.alarms import Alarms
from roadworthy.registry.gates import Gates
from roadworthy.registry.ledger import Ledger
from roadworthy.registry.nodes import Nodes
from roadworthy.registry.plans import Plans
from roadworthy.registry.runs import Runs
from roadworthy.registry.versions import VersionRow, Versions
from roadworthy.scorer import Scorer
from roadworthy.settings import Settings


@dataclass(frozen=True)
class Stores:
    """Everything a job may need, of one namespace.

    clock   real time; virtual time is an argument of the jobs that know it
    """

    settings: Settings
    engine: Engine
    clock: Clock = field(default_factory=SystemClock)

    @property
    def versions(self) -> Versions:
        """Registered versions."""
        return Versions(self.engine, self.settings.namespace)

    @property
    def plans(self) -> Plans:
        """Routes, changed by compare-and-swap."""
        return Plans(self.engine, self.settings.namespace)

    @property
    def ledger(self) -> Ledger:
        """Who did what, and why."""
        return Ledger(self.engine, self.settings.namespace)

    @property
    def gates(self) -> Gates:
        """What the gate said."""
        return Gates(self.engine, self.settings.namespace)

    @property
    def nodes(self) -> Nodes:
        """Serving nodes as they report themselves."""
        return Nodes(self.engine, self.settings.namespace)

    @property
    def alarms(self) -> Alarms:
        """Verdicts of monitors, and alarms."""
        return Alarms(self.engine, self.settings.namespace)

    @property
    def runs(self) -> Runs:
        """Runs of jobs."""
        return Runs(self.engine, self.settings.namespace)

    def journals(self) -> list[Path]:
        """Directories of all nodes of this machine that hold journals."""
        return [NodeDirectory(node).journals for node in sorted(self.settings.nodes.glob("*/"))]

    def gate_page(self, model: str, version: int) -> Path:
        """Where the gate's newest report on a version lies as HTML, if it was written on this machine."""
        return self.settings.reports / f"gate-{model}-{version}.html"

    def log(self) -> PredictionLog:
        """The prediction log as it is now, the unrolled tail included."""
        return PredictionLog(self.settings.log, self.journals())

    def scorer(self, version: VersionRow) -> Scorer:
        """A version in memory, once its digest is what the control database says."""
        return Scorer.load(self.settings.artifacts / version.digest, version.digest)


def open_stores(settings: Settings) -> Stores:
    """Open a workspace; makes it where it is missing."""
    engine = connect(settings.url)
    migrate(engine)
    return Stores(settings, engine)
