"""Files of the log appear whole, and stay."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pytest

from roadworthy.predictionlog.publishing import publish, publish_json


@pytest.mark.parametrize("failure", [KeyboardInterrupt, pa.ArrowInvalid, OSError])
def test_whatever_ends_a_write_leaves_no_rows_behind(tmp_path: Path, failure: type[BaseException]) -> None:
    """Somebody pressed Ctrl-C, or no column holds a value."""

    def half(draft: Path) -> None:
        draft.write_bytes(b"rows")
        raise failure

    with pytest.raises(failure):
        publish(tmp_path / "date=2013-07-01" / "n.parquet", half)
    assert os.listdir(tmp_path / "date=2013-07-01") == []


def test_the_first_file_of_a_day_is_on_the_disk_with_its_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its journal is deleted next: a power failure must not take the day and leave the manifest."""
    synced: list[Path] = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(Path(f"/proc/self/fd/{handle}").readlink()))
    publish_json(tmp_path / "schema=0" / "date=2013-07-01" / "n.json", 1)
    assert {tmp_path, tmp_path / "schema=0", tmp_path / "schema=0" / "date=2013-07-01"} <= set(synced)
