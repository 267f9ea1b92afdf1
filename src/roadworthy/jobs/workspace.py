"""The workspace as notebooks and scripts see it: the same jobs as the command line, as methods."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from roadworthy.data.tables import Ingested
from roadworthy.jobs.compare import Compared, compare
from roadworthy.jobs.gate import Gated, gate
from roadworthy.jobs.ingest import ingest_file
from roadworthy.jobs.monitor import monitor
from roadworthy.jobs.monitored import Monitored
from roadworthy.jobs.release import Released, release, rollback
from roadworthy.jobs.repair import RepairedVersion, repair
from roadworthy.jobs.report import report
from roadworthy.jobs.score import Scored, score_file
from roadworthy.jobs.stores import Stores, open_stores
from roadworthy.jobs.tick import Ticked, tick
from roadworthy.jobs.trace import Trace, trace
from roadworthy.jobs.train import TrainedVersion, train
from roadworthy.jobs.unbar import Unbarred, unbar
from roadworthy.settings import Settings


@dataclass(frozen=True)
class Workspace:
    """A directory with everything in it; open one with `roadworthy.open()`. Arguments are those of the jobs.

    stores   what the jobs read and write
    """

    stores: Stores

    @classmethod
    def of(cls, settings: Settings) -> Workspace:
        """The workspace that these settings describe; made where it is missing."""
        return cls(open_stores(settings))

    def ingest(self, file: str | Path, **more: Any) -> list[Ingested]:
        """Check and store the tables that a file declares; see `jobs.ingest`."""
        return ingest_file(self.stores.settings, file, **more)

    def train(self, file: str | Path, **more: Any) -> TrainedVersion:
        """Fit and register a version; see `jobs.train`."""
        return train(self.stores, file, **more)

    def gate(self, reference: str, **more: Any) -> Gated:
        """Judge a version before any traffic; see `jobs.gate`."""
        return gate(self.stores, reference, **more)

    def repair(self, reference: str, **more: Any) -> RepairedVersion:
        """Register a version anew with its untrained parameters repaired; see `jobs.repair`."""
        return repair(self.stores, reference, **more)

    def release(self, reference: str, **more: Any) -> Released:
        """Give a version traffic; see `jobs.release`."""
        return release(self.stores, reference, **more)

    def rollback(self, model: str, **more: Any) -> Released:
        """Undo the last step; see `jobs.release`."""
        return rollback(self.stores, model, **more)

    def unbar(self, reference: str, **more: Any) -> Unbarred:
        """Lift the bar from a version; see `jobs.unbar`."""
        return unbar(self.stores, reference, **more)

    def monitor(self, model: str, **more: Any) -> Monitored:
        """Judge the days that are due; see `jobs.monitor`."""
        return monitor(self.stores, model, **more)

    def tick(self, **more: Any) -> Ticked:
        """Guards and monitors of every model, once; see `jobs.tick`."""
        return tick(self.stores, **more)

    def score(self, reference: str, file: Path, output: Path | None = None) -> Scored:
        """Score a table; see `jobs.score`."""
        return score_file(self.stores, reference, file, output)

    def compare(self, model: str, old: int, new: int, **more: Any) -> list[Compared]:
        """Two versions on the same logged requests; see `jobs.compare`."""
        return compare(self.stores, model, old, new, **more)

    def trace(self, what: str) -> Trace:
        """From a prediction to its training rows, or back; see `jobs.trace`."""
        return trace(self.stores, what)

    def report(self, model: str) -> Path:
        """Write the page with the life of a model; see `jobs.report`."""
        return report(self.stores, model)


def open_workspace(root: str | Path | None = None, *, namespace: str | None = None) -> Workspace:
    """Open a workspace; `roadworthy.open` is this function.

    root        directory (ROADWORTHY_WORKSPACE, `.roadworthy`)
    namespace   first part of every key (ROADWORTHY_NAMESPACE, `default`)
    """
    return Workspace.of(Settings.load(root, namespace))
