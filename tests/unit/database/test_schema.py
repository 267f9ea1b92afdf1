"""The tables as code sees them are the tables that the migrations make."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import insert, inspect, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import IntegrityError
from sqlalchemy.schema import CreateTable

import roadworthy.database
from roadworthy.database.engine import connect, migrate, reading, writing
from roadworthy.database.schema import REVISION, ledger, metadata

MIGRATIONS = Path(roadworthy.database.__file__).parent / "migrations"


def test_the_migrations_make_exactly_the_tables_of_the_schema(tmp_path: Path) -> None:
    """Alembic, comparing a migrated database with the metadata, finds nothing to do."""
    engine = connect(f"sqlite:///{tmp_path / 'control.db'}")
    migrate(engine)
    with reading(engine) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        names = set(inspect(connection).get_table_names())
    assert names == {*metadata.tables, "alembic_version"}


def test_the_newest_migration_is_the_revision_the_code_expects() -> None:
    """A step without a new REVISION would never run; steps are one line, in the order of their numbers."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    steps = [step.revision for step in ScriptDirectory.from_config(config).walk_revisions()]
    assert steps[0] == REVISION
    assert steps == sorted(steps, reverse=True)


@pytest.mark.parametrize("table", metadata.sorted_tables, ids=lambda table: table.name)
def test_every_table_belongs_to_a_namespace_and_exists_on_postgresql(table: object) -> None:
    """Staging and production may share a database without seeing each other; nothing needs SQLite."""
    assert "namespace" in table.c  # type: ignore[attr-defined]
    assert not table.c.namespace.nullable  # type: ignore[attr-defined]
    assert "BIGSERIAL" in str(CreateTable(table).compile(dialect=postgresql.dialect())) or not any(  # type: ignore[arg-type]
        column.autoincrement is True
        for column in table.c  # type: ignore[attr-defined]
    )


@pytest.mark.parametrize("change", ["UPDATE ledger SET reason = 'other'", "DELETE FROM ledger"])
def test_the_ledger_cannot_be_rewritten_even_by_hand(tmp_path: Path, change: str) -> None:
    """The database itself refuses, so a script of a person in a hurry is refused too."""
    engine = connect(f"sqlite:///{tmp_path / 'control.db'}")
    migrate(engine)
    entry = {
        "namespace": "default",
        "at": 1,
        "event_time": 1,
        "actor": "anna",
        "action": "promote",
        "model": "delay",
    }
    with writing(engine) as connection:
        connection.execute(insert(ledger).values(**entry, reason="better", details="{}"))
    with pytest.raises(IntegrityError, match="append-only"), writing(engine) as connection:
        connection.execute(text(change))
