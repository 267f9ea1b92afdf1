"""One small workspace for the tests of all jobs, made once; whoever changes it works on a copy."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from roadworthy.jobs.stores import Stores
from small_workspace import Small, build
from smalltown import DAY, OPENED, Town, trained_town


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """Two trained versions and a month and a half of traffic; not to be changed."""
    return build(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="session")
def small_stores(small: Small) -> Iterator[Stores]:
    """The small workspace, opened; for reading only."""
    stores = small.stores()
    yield stores
    stores.engine.dispose()


@pytest.fixture
def own(small: Small, tmp_path: Path) -> Small:
    """A copy of the small workspace, to change."""
    shutil.copytree(small.root, tmp_path / "workspace")
    return Small(tmp_path / "workspace", small.definition)


@pytest.fixture
def own_stores(own: Small) -> Iterator[Stores]:
    """A copy of the small workspace, opened."""
    stores = own.stores()
    yield stores
    stores.engine.dispose()


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Town:
    """The small town with version 1 trained and gated; not to be changed."""
    return trained_town(tmp_path_factory.mktemp("town"))


@pytest.fixture
def town(trained: Town, tmp_path: Path) -> Town:
    """A copy of the small town, to change."""
    return trained.copy(tmp_path)


@pytest.fixture
def town_stores(town: Town) -> Iterator[Stores]:
    """A copy of the small town, opened."""
    stores = town.stores()
    yield stores
    stores.engine.dispose()


@pytest.fixture(scope="session")
def retrained(trained: Town, tmp_path_factory: pytest.TempPathFactory) -> Town:
    """The small town with a version 2 that was trained a day later; not to be changed."""
    town = trained.copy(tmp_path_factory.mktemp("retrained"))
    stores = town.stores()
    town.train(stores, OPENED + DAY)
    stores.engine.dispose()
    return town


@pytest.fixture
def two_versions(retrained: Town, tmp_path: Path) -> Iterator[Stores]:
    """A copy of the small town with two trained versions, of which nobody answers, opened."""
    stores = retrained.copy(tmp_path / "two").stores()
    yield stores
    stores.engine.dispose()
