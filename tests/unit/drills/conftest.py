"""One healthy deployment of the small model for all drills, made once; every drill works on a copy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from roadworthy.drills.cell import run_cell
from roadworthy.drills.deployment import Deployment
from roadworthy.drills.fault import Fault
from roadworthy.drills.healthy import build
from roadworthy.drills.result import Cell, Control
from roadworthy.jobs.ingest import ingest_file
from roadworthy.settings import Settings
from small_workspace import define


@pytest.fixture(scope="session")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """A champion with two weeks of real traffic, and a healthy candidate; not to be changed."""
    small = define(tmp_path_factory.mktemp("drilled"))
    settings = Settings(small.root)
    ingest_file(settings, small.definition)
    return build(settings.tables, small.definition, tmp_path_factory.mktemp("drills") / "healthy")


@pytest.fixture
def broken(healthy: Deployment, tmp_path: Path) -> Deployment:
    """A copy of the healthy deployment, to break."""
    return healthy.copy(tmp_path / "broken")


Drilled = Callable[..., Cell]


@pytest.fixture
def drilled(healthy: Deployment, tmp_path: Path) -> Drilled:
    """Drills a fault on the small model: `drilled(fault, severity=..., seed=..., off=...)`, nothing else failing."""

    def drill(fault: Fault, **more: object) -> Cell:
        return run_cell(healthy, Control(), fault, tmp_path / "cell", **more)  # type: ignore[arg-type]  # as it takes

    return drill
