"""Copies of artifacts on a node."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import pytest

from roadworthy.node import Prepared
from roadworthy.registry.artifact import REQUIRED, publish
from roadworthy.supervisor import staging
from roadworthy.supervisor.planning import Registered
from roadworthy.supervisor.staging import Stager


def version(root: Path, number: int = 1) -> Registered:
    """A registered version."""
    draft = root / f"draft-{number}"
    (draft / "estimator").mkdir(parents=True)
    for name in (*REQUIRED, "estimator/model.txt"):
        (draft / name).write_text(f"{{}}{' ' * number}")
    digest, directory = publish(draft, root / "artifacts")
    return Registered(Prepared("delay", number, digest), str(directory))


def staged(stager: Stager, *versions: Registered) -> list[str]:
    """Directories of what is wanted, once it is there."""
    stager.staged(versions)
    stager.wait()
    return [entry.directory for entry in stager.staged(versions)]


def test_a_copy_that_somebody_removed_is_staged_anew(tmp_path: Path) -> None:
    """Else a worker that starts later could never load the version, until the whole node starts again."""
    one, stager = version(tmp_path), Stager(tmp_path / "staged")
    (copy,) = staged(stager, one)
    shutil.rmtree(copy)
    assert staged(stager, one) == [copy]
    assert Path(copy).is_dir()
    stager.close()


def test_a_copy_that_rots_is_mended_when_a_worker_complains(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It stays in the plan meanwhile, is named, and is looked at no more often than workers try."""
    caplog.set_level(logging.INFO)
    one, stager = version(tmp_path), Stager(tmp_path / "staged")
    (copy,) = staged(stager, one)
    broken = Path(copy) / "estimator" / "model.txt"
    broken.write_text("rotten")
    stager.suspect({"other@1"})
    assert staged(stager, one) == [copy]
    assert broken.read_text() == "rotten"
    stager.suspect({"delay@1"})
    assert [entry.directory for entry in stager.staged([one])] == [copy]
    assert staged(stager, one) == [copy]
    assert broken.read_text() == "{} "
    assert sum("is damaged and is staged anew" in message for message in caplog.messages) == 1
    broken.write_text("rotten again")
    stager.suspect({"delay@1"})
    assert staged(stager, one) == [copy]
    assert broken.read_text() == "rotten again"
    stager.close()


def test_a_whole_copy_that_a_worker_cannot_load_is_left_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its golden requests may fail for another reason."""
    caplog.set_level(logging.INFO)
    one, stager = version(tmp_path), Stager(tmp_path / "staged")
    (copy,) = staged(stager, one)
    inode = (Path(copy) / "model.json").stat().st_ino
    caplog.clear()
    stager.suspect({"delay@1"})
    assert staged(stager, one) == [copy]
    assert (Path(copy) / "model.json").stat().st_ino == inode
    assert caplog.messages == []
    stager.close()


def test_copies_that_nothing_names_are_removed_after_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A version that comes back meanwhile begins anew; what is wanted is never touched; leftovers go too."""
    clock = [1_000.0]
    monkeypatch.setattr(staging.time, "monotonic", lambda: clock[0])
    one, two = version(tmp_path, 1), version(tmp_path, 2)
    stager = Stager(tmp_path / "staged", grace_seconds=60)
    first, second = staged(stager, one, two)
    leftover = tmp_path / "staged" / ".incoming-of-a-crash"
    leftover.mkdir()
    staged(stager, one)
    stager.keep({one.key})
    clock[0] += 50
    stager.keep({one.key, two.key})
    clock[0] += 50
    stager.keep({one.key})
    assert Path(second).is_dir()
    assert not leftover.exists()
    clock[0] += 61
    stager.keep({one.key})
    assert Path(first).is_dir()
    assert not Path(second).exists()
    assert staged(stager, one, two) == [first, second]
    assert Path(second).is_dir()
    stager.close()


def test_why_a_version_cannot_be_staged_is_told_until_nobody_wants_it(tmp_path: Path) -> None:
    """So that the next try does not begin with an old complaint."""
    one, stager = version(tmp_path), Stager(tmp_path / "staged")
    (Path(one.directory) / "model.json").write_text("changed")
    assert staged(stager, one) == []
    assert "model.json" in stager.errors["delay@1"]
    staged(stager)
    assert stager.errors == {}
    stager.close()
