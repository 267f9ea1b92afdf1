"""Tables come in from a user's file."""

from __future__ import annotations

from pathlib import Path

import pytest

from roadworthy.errors import DefinitionError
from roadworthy.jobs.ingest import ingest_file
from roadworthy.model import load_definition
from roadworthy.settings import Settings


def test_a_directory_is_said_to_be_one(tmp_path: Path) -> None:
    """It is there; it is only no file."""
    with pytest.raises(
        DefinitionError, match="is a directory: give the Python file that declares the tables"
    ):
        ingest_file(Settings(tmp_path), tmp_path)
    with pytest.raises(DefinitionError, match="is a directory: give the Python file that defines the model"):
        load_definition(tmp_path)


def test_a_file_that_does_not_exist_is_said_not_to(tmp_path: Path) -> None:
    """With the path as it was given."""
    with pytest.raises(DefinitionError, match=r"there is no file nowhere\.py: give the Python file"):
        ingest_file(Settings(tmp_path), "nowhere.py")
