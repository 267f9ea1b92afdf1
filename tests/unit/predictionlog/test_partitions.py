"""Paths of the log and what is told from them."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from roadworthy.errors import CorruptArtifact
from roadworthy.predictionlog.partitions import (
    day_of,
    manifest_of,
    manifest_path,
    model_directory,
    owner_of,
    schema_of,
    schema_path,
    values_of,
)

from .building import DAY, SCHEMA, START


@pytest.mark.parametrize(
    ("event_time", "day"),
    [(0, "1970-01-01"), (-1, "1969-12-31"), (START, "2013-07-01"), (START + DAY - 1, "2013-07-01")],
)
def test_a_day_is_the_utc_date_of_the_event(event_time: int, day: str) -> None:
    """Half-open, also before 1970."""
    assert day_of(event_time) == day


@pytest.mark.parametrize("name", ["flight-delay", "a/b", "..", "a=b", "ü %41"])
def test_any_name_has_one_directory_and_comes_back_from_it(tmp_path: Path, name: str) -> None:
    """No name reaches outside the log, and none is lost."""
    directory = model_directory(tmp_path, "predictions", name, name)
    assert len(directory.relative_to(tmp_path).parts) == 3
    assert owner_of(directory.relative_to(tmp_path).as_posix()) == {"namespace": name, "model": name}
    directory.mkdir(parents=True)
    assert values_of(tmp_path / "predictions", "namespace") == [name]


def test_a_broken_manifest_is_not_taken_for_none(tmp_path: Path) -> None:
    """Then its journal would be rolled or read a second time."""
    assert manifest_of(tmp_path, "j") is None
    manifest_path(tmp_path, "j").parent.mkdir()
    manifest_path(tmp_path, "j").write_text("{")
    with pytest.raises(CorruptArtifact, match="not a manifest"):
        manifest_of(tmp_path, "j")


def test_a_schema_is_checked_against_its_digest(tmp_path: Path) -> None:
    """A description that was edited would give columns other names."""
    path = schema_path(tmp_path, SCHEMA.digest)
    with pytest.raises(CorruptArtifact, match="does not describe"):
        schema_of(tmp_path, SCHEMA.digest)
    path.parent.mkdir()
    path.write_bytes(msgspec.json.encode(SCHEMA))
    assert schema_of(tmp_path, SCHEMA.digest) == SCHEMA
    path.write_bytes(path.read_bytes().replace(b"wind", b"mind"))
    with pytest.raises(CorruptArtifact, match="describes schema"):
        schema_of(tmp_path, SCHEMA.digest)
