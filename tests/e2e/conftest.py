"""Fixtures of end-to-end tests: two small trained versions, and processes that end with their test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from processes import Starter, Version, Workspace, trained
from roadworthy.traffic import Route


@pytest.fixture(scope="session")
def versions(tmp_path_factory: pytest.TempPathFactory) -> list[Version]:
    """Two versions of the model `delay`, of which the second answers otherwise."""
    store = tmp_path_factory.mktemp("store")
    return [trained(store, tmp_path_factory.mktemp("draft") / "draft", seed) for seed in (1, 2)]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Starter]:
    """Starts processes for one test."""
    starter = Starter(tmp_path)
    yield starter
    starter.end()


@pytest.fixture(scope="module")
def start_shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Starter]:
    """Starts processes for all tests of a file."""
    starter = Starter(tmp_path_factory.mktemp("shared"))
    yield starter
    starter.end()


@pytest.fixture
def workspace(tmp_path: Path, versions: list[Version]) -> Iterator[Workspace]:
    """A workspace in which both versions are registered and the first one is champion."""
    made = Workspace(tmp_path / "workspace")
    for version in versions:
        made.register(version)
    made.flip(Route(champion=1))
    yield made
    made.engine.dispose()
