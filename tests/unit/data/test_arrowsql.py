"""One question of Arrow tables, and nothing else within reach."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from roadworthy.data.arrowsql import query


def test_a_question_cannot_read_or_write_files(tmp_path: Path) -> None:
    """Even if a name of a user ever became part of its text."""
    (tmp_path / "secret.csv").write_text("a\n1\n")
    with pytest.raises(duckdb.PermissionException):
        query(f"SELECT * FROM '{tmp_path / 'secret.csv'}'")
    with pytest.raises(duckdb.PermissionException):
        query(f"COPY (SELECT 1) TO '{tmp_path / 'out.csv'}'")


def test_tables_of_one_question_are_gone_in_the_next() -> None:
    """Two jobs in one process never see each other's rows."""
    query("SELECT * FROM mine", mine=pa.table({"a": [1]}))
    with pytest.raises(duckdb.CatalogException):
        query("SELECT * FROM mine")
