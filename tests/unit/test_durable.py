"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from roadworthy.durable import DRAFT, alone, make_directory, publish, synced, write_whole
from roadworthy.errors import NotReady


def test_a_file_is_replaced_whole_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    """Old content or new, and one name."""
    write_whole(tmp_path / "plan.json", b"old")
    write_whole(tmp_path / "plan.json", b"new", sync=True)
    assert (tmp_path / "plan.json").read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["plan.json"]


def test_a_write_that_fails_leaves_the_old_file_and_no_draft(tmp_path: Path) -> None:
    """Whatever the library that writes raises."""
    write_whole(tmp_path / "rows", b"old")

    def half(draft: Path) -> None:
        assert draft.name.startswith(DRAFT)
        draft.write_bytes(b"ne")
        raise ValueError("cannot go on")

    with pytest.raises(ValueError, match="cannot go on"):
        publish(tmp_path / "rows", half)
    assert (tmp_path / "rows").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["rows"]


def test_what_is_published_is_on_the_disk_before_its_name_and_its_name_before_the_return(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Content, then rename, then directory: in any other order a power failure shows an empty file, or none."""
    done: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def sync(handle: int) -> None:
        done.append("directory" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        fsync(handle)

    def rename(draft: Path, target: Path) -> Path:
        done.append("rename")
        return replace(draft, target)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(Path, "replace", rename)
    publish(tmp_path / "rows", lambda draft: draft.write_bytes(b"rows"))
    assert done == ["file", "rename", "directory"]
    write_whole(tmp_path / "state", b"1")
    assert done[3:] == ["rename"], "what may be lost costs no fsync"


def test_new_directories_are_on_the_disk_in_those_that_hold_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file in a directory that is not survives no power failure; what is there already costs no fsync."""
    done: list[Path] = []
    monkeypatch.setattr(os, "fsync", lambda handle: done.append(Path(f"/proc/self/fd/{handle}").readlink()))
    make_directory(tmp_path / "model" / "date")
    assert (tmp_path / "model" / "date").is_dir()
    assert done == [tmp_path, tmp_path / "model"]
    make_directory(tmp_path / "model" / "date")
    assert len(done) == 2


def test_one_is_alone_and_another_is_told(tmp_path: Path) -> None:
    """Until the first has ended; what blocks it meanwhile is its own affair."""
    lock = tmp_path / "lock"
    with alone(lock, "busy: try again"), pytest.raises(NotReady, match="busy: try again"):
        alone(lock, "busy: try again").__enter__()
    with pytest.raises(BlockingIOError), alone(lock, "busy: try again"):
        raise BlockingIOError


def test_a_secret_is_written_with_its_permissions_from_the_start(tmp_path: Path) -> None:
    """Nobody reads it while it is a draft either."""
    write_whole(tmp_path / "tokens", b"secret", mode=0o600)
    assert stat.S_IMODE((tmp_path / "tokens").stat().st_mode) == 0o600
    synced(tmp_path / "tokens")
