"""One healthy deployment of the small model for all drills, made once; every drill works on a copy.

A whole drill trains, gates and starts servers, so `make test` runs one of each way in which a fault gets in, and
`make proof` all of them.
"""

from __future__ import annotations

import os
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

#: A training that learned nothing, data that come twice or otherwise, a patched server, a fault after the release.
ALWAYS = (
    "test_one_answer_for_everybody_is_refused_by_the_gate",
    "test_at_moderate_severity_it_is_caught_at_its_stage[D5-ingest",
    "test_a_zero_denominator_that_is_served_otherwise_is_refused_and_the_stage_is_named",
    "test_with_all_its_guards_off_a_fault_is_missed",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave most whole drills to `make proof`."""
    if "ROADWORTHY_PROOF" in os.environ:
        return
    for item in items:
        if "drilled" in getattr(item, "fixturenames", ()) and not item.name.startswith(ALWAYS):
            item.add_marker(
                pytest.mark.skip(reason="a whole drill: make proof runs it, and make drill on flights")
            )


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

#: What is said of the small model without any fault.
CONTROL = Control(train=("Few rows",))


@pytest.fixture
def drilled(healthy: Deployment, tmp_path: Path) -> Drilled:
    """Drills a fault on the small model: `drilled(fault, severity=..., seed=..., off=...)`."""

    def drill(fault: Fault, **more: object) -> Cell:
        return run_cell(healthy, CONTROL, fault, tmp_path / "cell", **more)  # type: ignore[arg-type]  # as it takes

    return drill
