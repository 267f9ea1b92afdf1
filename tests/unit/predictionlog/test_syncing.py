"""Group commit: what was written is on the disk before anybody is told so, and a failed disk is never believed."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from roadworthy.predictionlog.journal import Journal, JournalUnwritable, journals_in, read_journal

from .building import group, journal_in, outcome, prediction


def committing(directory: Path, **options: int) -> Journal:
    """A journal with group commit."""
    return journal_in(directory, durability="disk", group_commit=True, **options)


def count_syncs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Inodes that were synced, from now on."""
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(os.fstat(fd).st_ino))
    return synced


def test_an_append_only_writes_and_the_sync_covers_all_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file and, because it is new, its directory once; then nothing until something is written."""
    synced = count_syncs(monkeypatch)
    journal = committing(tmp_path)
    assert journal.sync_later() is None
    journal.append([prediction(0)])
    journal.append_groups([group(1, 2)])
    journal.append_outcomes([outcome(0)])
    assert synced == []
    sync = journal.sync_later()
    assert sync is not None
    sync()
    (path,) = journals_in([tmp_path])
    assert synced == [path.stat().st_ino, tmp_path.stat().st_ino]
    assert journal.sync_later() is None
    journal.append([prediction(3)])
    again = journal.sync_later()
    assert again is not None
    again()
    assert synced[2:] == [path.stat().st_ino]


def test_one_fsync_serves_everybody_who_wrote_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two that wait cost one."""
    journal = committing(tmp_path)
    journal.append([prediction(0)])
    first = journal.sync_later()
    journal.append([prediction(1)])
    second = journal.sync_later()
    assert first is not None
    assert second is not None
    synced = count_syncs(monkeypatch)
    first()
    second()
    assert len(synced) == 2  # the file and its directory


def test_a_file_that_was_sealed_meanwhile_is_synced_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rotation happens inside an append, before anybody could ask."""
    journal = committing(tmp_path, rotate_rows=2)
    journal.append([prediction(0), prediction(1)])
    (path,) = journals_in([tmp_path])
    assert path.suffix == ".sealed"
    journal.append([prediction(2)])
    synced = count_syncs(monkeypatch)
    sync = journal.sync_later()
    assert sync is not None
    sync()
    assert {file.stat().st_ino for file in journals_in([tmp_path])} <= set(synced)
    assert journal.sync_later() is None


def test_a_journal_without_group_commit_has_nothing_to_sync_later(tmp_path: Path) -> None:
    """With durability disk the append has synced, with durability process nobody does."""
    for worker, durability in enumerate(("disk", "process")):
        journal = journal_in(tmp_path, worker, durability=durability)
        journal.append([prediction(0)])
        assert journal.sync_later() is None


def break_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that cannot keep anything."""

    def fail(fd: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", fail)


def test_after_a_failed_sync_nobody_is_told_that_the_file_is_safe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel may call the next fsync a success; the journal never asks it again for that file."""
    journal = committing(tmp_path)
    journal.append([prediction(0)])
    first = journal.sync_later()
    journal.append([prediction(1)])
    second = journal.sync_later()
    assert first is not None
    assert second is not None
    with monkeypatch.context() as broken:
        break_disk(broken)
        with pytest.raises(JournalUnwritable, match="Input/output error"):
            first()
    with pytest.raises(JournalUnwritable, match="may be lost"):
        second()
    late = journal.sync_later()
    assert late is not None
    with pytest.raises(JournalUnwritable):
        late()


def test_after_a_failed_sync_the_next_records_go_to_the_next_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says its schemas itself, and its records are acknowledged."""
    journal = committing(tmp_path)
    journal.append([prediction(0)])
    sync = journal.sync_later()
    assert sync is not None
    with monkeypatch.context() as broken:
        break_disk(broken)
        with pytest.raises(JournalUnwritable):
            sync()
    journal.append_groups([group(1, 2)])
    again = journal.sync_later()
    assert again is not None
    again()
    old, new = journals_in([tmp_path])
    assert (old.suffix, new.suffix) == (".sealed", ".open")
    assert [record.journal_seq for record in read_journal(new).predictions] == [1, 2]
    assert read_journal(new).schemas


def test_what_was_written_unasked_before_a_failure_still_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those who wrote while the failing sync ran ask afterwards, when another file may be in writing."""
    journal = committing(tmp_path)
    journal.append([prediction(0)])
    sync = journal.sync_later()
    assert sync is not None
    journal.append([prediction(1)])
    with monkeypatch.context() as broken:
        break_disk(broken)
        with pytest.raises(JournalUnwritable):
            sync()
    journal.append([prediction(2)])
    later = journal.sync_later()
    assert later is not None
    with pytest.raises(JournalUnwritable):
        later()
    journal.append([prediction(3)])
    fine = journal.sync_later()
    assert fine is not None
    fine()


def test_syncing_leaves_no_descriptor_open(tmp_path: Path) -> None:
    """A worker rotates for years."""
    journal = committing(tmp_path, rotate_rows=1)
    before = len(os.listdir("/proc/self/fd"))
    for number in range(5):
        journal.append([prediction(number)])
        sync = journal.sync_later()
        assert sync is not None
        sync()
        del sync
    assert journal.sync_later() is None
    assert len(os.listdir("/proc/self/fd")) == before
