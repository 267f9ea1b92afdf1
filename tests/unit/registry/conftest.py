"""A migrated control database for each test: a copied SQLite file, or PostgreSQL where a URL is given."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from roadworthy.database.engine import connect, migrate, writing


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database at head, to be copied: copying costs less than migrating."""
    path = tmp_path_factory.mktemp("database") / "control.db"
    engine = connect(f"sqlite:///{path}")
    migrate(engine)
    engine.dispose()
    return path


@pytest.fixture
def engine(tmp_path: Path, migrated: Path) -> Iterator[Engine]:
    """An empty database at head; ROADWORTHY_TEST_POSTGRESQL runs the same tests there (it empties that schema)."""
    server = os.environ.get("ROADWORTHY_TEST_POSTGRESQL")
    if server:
        made = connect(server)
        with writing(made) as connection:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
        migrate(made)
    else:
        made = connect(f"sqlite:///{shutil.copyfile(migrated, tmp_path / 'control.db')}")
    yield made
    made.dispose()
