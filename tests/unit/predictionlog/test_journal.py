"""A worker's journal: what `append` promises, and how its files live."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from roadworthy.clock import ReplayClock
from roadworthy.errors import Conflict, CorruptArtifact, DefinitionError, NotReady, Refused
from roadworthy.predictionlog import frames
from roadworthy.predictionlog.frames import Header
from roadworthy.predictionlog.journal import JournalUnwritable, adopt, journals_in, orphans, read_journal
from roadworthy.predictionlog.record import LogField, LogSchema

from .building import SCHEMA, group, journal_in, outcome, prediction, sealed


def test_what_was_appended_is_read_back_in_order(tmp_path: Path) -> None:
    """Predictions and outcomes of one worker share one numbering without gaps."""
    journal = journal_in(tmp_path, node="eu-1")
    journal.append([prediction(0), prediction(1)])
    journal.append_outcomes([outcome(0)])
    journal.append([prediction(2)])
    contents = read_journal(journals_in([tmp_path])[0])
    assert [record.id for record in contents.predictions] == ["id-0", "id-1", "id-2"]
    assert [record.journal_seq for record in contents.predictions] == [0, 1, 3]
    assert contents.outcomes[0].journal_seq == 2
    assert contents.schemas == {SCHEMA.digest: SCHEMA}
    assert (contents.next_seq, contents.torn, contents.sealed) == (4, 0, False)
    assert contents.header is not None
    assert (contents.header.node, contents.header.pid) == ("eu-1", os.getpid())


def test_an_append_is_one_system_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Header and schema travel with the first records, so a file is never half introduced."""
    calls, write = [], os.write
    monkeypatch.setattr(os, "write", lambda fd, data: calls.append(len(data)) or write(fd, data))
    journal = journal_in(tmp_path)
    journal.append([prediction(0), prediction(1)])
    journal.append([prediction(2)])
    journal.append([])
    assert len(calls) == 2


def test_a_record_is_with_the_operating_system_when_append_returns(tmp_path: Path) -> None:
    """Another process sees it, without any flush or close."""
    journal_in(tmp_path).append([prediction(0)])
    script = (
        "import sys; from pathlib import Path; from roadworthy.predictionlog.journal import *; "
        "sys.stdout.write(read_journal(journals_in([Path(sys.argv[1])])[0]).predictions[0].id)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert answer.stdout == "id-0"


def test_durability_disk_syncs_before_it_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And durability process does not."""
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    journal_in(tmp_path, worker=0).append([prediction(0)])
    assert synced == []
    journal_in(tmp_path, worker=1, durability="disk").append([prediction(0)])
    assert synced


def test_sealing_renames_the_file_and_the_next_record_opens_another(tmp_path: Path) -> None:
    """The numbering goes on, so that a lost journal leaves a gap."""
    journal = journal_in(tmp_path)
    journal.append([prediction(0), prediction(1)])
    first = journal.seal()
    assert first is not None
    assert journal.name == ""
    assert journal.seal() is None
    journal.append([prediction(2)])
    second = journal.seal()
    assert second is not None
    assert [path.suffix for path in journals_in([tmp_path])] == [".sealed", ".sealed"]
    assert read_journal(first).sealed
    contents = read_journal(second)
    assert contents.header is not None
    assert (contents.header.sequence, contents.header.first_seq) == (1, 2)
    assert contents.schemas == {SCHEMA.digest: SCHEMA}


def test_a_journal_seals_itself_after_so_many_rows(tmp_path: Path) -> None:
    """An append is never split between two files."""
    journal = journal_in(tmp_path, rotate_rows=3)
    for number in range(0, 8, 2):
        journal.append([prediction(number), prediction(number + 1)])
    assert [len(read_journal(path).predictions) for path in journals_in([tmp_path])] == [4, 4]
    assert journal.name == ""


def test_a_journal_that_its_first_records_fill_leaves_the_next_one_readable(tmp_path: Path) -> None:
    """Every file says its schemas itself, also where the one before was sealed by the append that declared them."""
    journal = journal_in(tmp_path, rotate_rows=2)
    journal.append([prediction(0), prediction(1)])
    journal.append([prediction(2)])
    assert [read_journal(path).schemas for path in journals_in([tmp_path])] == [{SCHEMA.digest: SCHEMA}] * 2


def test_an_idle_worker_leaves_no_file(tmp_path: Path) -> None:
    """A file appears with the first record."""
    assert journal_in(tmp_path).seal() is None
    assert list(tmp_path.iterdir()) == []


def test_a_schema_must_be_declared_first(tmp_path: Path) -> None:
    """Otherwise nobody could ever read the values."""
    with pytest.raises(DefinitionError, match="was not declared"):
        journal_in(tmp_path).append([prediction(0, schema="other")])


@pytest.mark.parametrize("change", [{"inputs": (1.0,)}, {"encoded": b"12345678"}])
def test_values_that_do_not_fit_the_schema_in_number_are_refused(
    tmp_path: Path, change: dict[str, object]
) -> None:
    """Nothing of the call is written."""
    journal = journal_in(tmp_path)
    with pytest.raises(DefinitionError, match="its schema has 7 and 16"):
        journal.append([prediction(0), prediction(1, **change)])
    assert journals_in([tmp_path]) == []


@pytest.mark.parametrize(
    "change",
    [
        {"inputs": [(1.0,), (1.0,)]},
        {"encoded": b"12345678"},
        {"units": ["UA1"]},
        {"outputs": [0.1]},
        {"latencies": []},
        {"ids": []},
    ],
)
def test_a_group_whose_lists_do_not_match_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    """Nothing of the call is written: half a row could never be read."""
    journal = journal_in(tmp_path)
    with pytest.raises(DefinitionError, match="does not fit"):
        journal.append_groups([group(0, 2), group(2, 2, **change)])
    assert journals_in([tmp_path]) == []


def test_groups_and_records_share_one_numbering(tmp_path: Path) -> None:
    """Whatever was written how, a gap proves a loss."""
    journal = journal_in(tmp_path, rotate_rows=4)
    journal.append([prediction(0)])
    journal.append_groups([group(1, 2), group(3, 1)])
    journal.append_groups([group(4, 2)])
    first, second = [read_journal(path) for path in journals_in([tmp_path])]
    assert [record.journal_seq for record in first.predictions] == [0, 1, 2, 3]
    assert [record.id for record in second.predictions] == ["id-4", "id-5"]
    assert (first.sealed, second.next_seq) == (True, 6)


def test_rows_of_a_group_may_have_been_unreadable(tmp_path: Path) -> None:
    """A row without values stands beside rows with them."""
    journal = journal_in(tmp_path)
    journal.append_groups([group(0, 2, inputs=[(), prediction(1).inputs], encoded=b"", outputs=None)])
    found = read_journal(journals_in([tmp_path])[0]).predictions
    assert [len(record.inputs) for record in found] == [0, 7]
    assert [(record.encoded, record.output) for record in found] == [(b"", None)] * 2


def test_an_unreadable_request_is_logged_without_values(tmp_path: Path) -> None:
    """Errors are records too."""
    path = sealed(tmp_path, [prediction(0, inputs=(), encoded=b"", output=None, status="error", error="no")])
    assert read_journal(path).predictions[0].error == "no"


def test_only_schemas_in_use_are_written(tmp_path: Path) -> None:
    """A worker that has loaded ten versions does not repeat ten schemas a second."""
    journal = journal_in(tmp_path)
    journal.declare(LogSchema("other", (LogField("a", "number"),)))
    journal.append([prediction(0)])
    assert set(read_journal(journals_in([tmp_path])[0]).schemas) == {SCHEMA.digest}


def fail_writes(monkeypatch: pytest.MonkeyPatch, taken: int) -> None:
    """A disk that takes `taken` bytes more, then is full."""
    write = os.write
    left = [taken]

    def nearly_full(fd: int, data: bytes) -> int:
        if not left[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        part = bytes(data)[: left[0]]
        left[0] -= len(part)
        return write(fd, part)

    monkeypatch.setattr(os, "write", nearly_full)


@pytest.mark.parametrize("taken", [0, 1, 100])
def test_a_full_disk_keeps_earlier_records_and_nothing_of_the_refused_ones(
    tmp_path: Path, taken: int
) -> None:
    """The file ends after its last whole record, and once there is room the numbering has no gap."""
    journal = journal_in(tmp_path)
    journal.append([prediction(0)])
    path = journals_in([tmp_path])[0]
    size = path.stat().st_size
    with pytest.MonkeyPatch.context() as full:
        fail_writes(full, taken)
        with pytest.raises(JournalUnwritable, match="cannot take 2 records: No space left on device"):
            journal.append([prediction(1), prediction(2)])
    assert path.stat().st_size == size
    journal.append([prediction(1)])
    assert [record.journal_seq for record in read_journal(path).predictions] == [0, 1]


def test_a_disk_that_is_full_from_the_start_leaves_no_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The header goes with the first records that fit."""
    journal = journal_in(tmp_path)
    with monkeypatch.context() as full:
        fail_writes(full, 10)
        with pytest.raises(JournalUnwritable):
            journal.append([prediction(0)])
    journal.append([prediction(0)])
    contents = read_journal(journals_in([tmp_path])[0])
    assert contents.header is not None
    assert len(contents.predictions) == 1


def test_a_full_disk_does_not_keep_a_journal_from_being_sealed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rolling a sealed journal is what makes room."""
    journal = journal_in(tmp_path)
    journal.append([prediction(0)])
    with monkeypatch.context() as full:
        fail_writes(full, 3)
        path = journal.seal()
    assert path is not None
    contents = read_journal(path)
    assert (len(contents.predictions), contents.torn, contents.sealed) == (1, 0, False)


def test_after_a_failed_sync_the_file_is_never_used_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel may have dropped what it could not write, and would call the next sync a success."""
    journal = journal_in(tmp_path, durability="disk")
    journal.append([prediction(0)])
    before = journal.name

    def broken(fd: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", broken)
        with pytest.raises(JournalUnwritable, match="Input/output error"):
            journal.append([prediction(1)])
    journal.append([prediction(1)])
    assert journal.name != before
    contents = [read_journal(path) for path in journals_in([tmp_path])]
    assert [[record.journal_seq for record in found.predictions] for found in contents] == [[0], [1]]


def test_a_second_worker_of_the_same_name_is_refused(tmp_path: Path) -> None:
    """Two writers of one file would destroy both logs."""
    clock = ReplayClock(datetime(2026, 1, 1, tzinfo=UTC))
    first = journal_in(tmp_path, clock=clock)
    first.append([prediction(0)])
    with pytest.raises(Conflict, match="same name"):
        journal_in(tmp_path, clock=clock).append([prediction(0)])
    assert len(read_journal(journals_in([tmp_path])[0]).predictions) == 1


@pytest.mark.parametrize(
    ("worker", "node"), [("a-b", "node"), ("../x", "node"), (0, "a/b"), (0, ""), (0, ".hidden")]
)
def test_names_that_are_no_file_names_are_refused(tmp_path: Path, worker: int | str, node: str) -> None:
    """They become part of a path."""
    with pytest.raises(DefinitionError, match="name a worker"):
        journal_in(tmp_path, worker, node=node)  # type: ignore[arg-type]  # a worker may have a name


def test_an_open_journal_of_a_living_worker_is_no_orphan(tmp_path: Path) -> None:
    """Its lock says so."""
    journal = journal_in(tmp_path)
    journal.append([prediction(0)])
    assert orphans(tmp_path) == []
    with pytest.raises(NotReady, match="still written"):
        adopt(journals_in([tmp_path])[0])


def test_the_journal_of_a_dead_worker_is_an_orphan_and_can_be_adopted(tmp_path: Path) -> None:
    """A kill leaves an open file without a lock."""
    script = (
        "import os, sys; from pathlib import Path; sys.path.insert(0, sys.argv[2])\n"
        "from predictionlog.building import *\n"
        "journal = journal_in(Path(sys.argv[1])); journal.append([prediction(0)]); os._exit(1)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path), str(Path(__file__).parents[1])], check=False)
    (path,) = orphans(tmp_path)
    adopted = adopt(path)
    assert adopted.suffix == ".sealed"
    assert adopt(adopted) == adopt(path) == adopted
    assert len(read_journal(path).predictions) == 1, "asked by its old name it is still found"


def test_a_later_look_starts_where_the_last_one_ended(tmp_path: Path) -> None:
    """Reading a growing journal costs what was appended, not what it holds."""
    journal = journal_in(tmp_path)
    journal.append([prediction(0)])
    path = journals_in([tmp_path])[0]
    first = read_journal(path)
    journal.append([prediction(1)])
    second = read_journal(path, first.end)
    assert [record.id for record in second.predictions] == ["id-1"]
    assert read_journal(path, second.end).predictions == []


def test_a_file_that_is_no_journal_is_refused(tmp_path: Path) -> None:
    """The first frame must introduce itself."""
    path = tmp_path / "x.sealed"
    path.write_bytes(frames.frame(frames.PREDICTION, prediction(0)))
    with pytest.raises(CorruptArtifact, match="not a journal"):
        read_journal(path)


def test_a_journal_of_a_newer_format_is_refused(tmp_path: Path) -> None:
    """Better no rows than misread rows."""
    path = tmp_path / "x.sealed"
    header = Header(
        format=99, journal="x", node="n", worker="0", pid=1, started_at=0, sequence=0, first_seq=0
    )
    path.write_bytes(frames.frame(frames.HEADER, header))
    with pytest.raises(Refused, match="format 99"):
        read_journal(path)


def test_a_whole_frame_that_is_no_record_is_an_error(tmp_path: Path) -> None:
    """A checksum that is right does not make a record."""
    path = sealed(tmp_path, [prediction(0)])
    with path.open("ab") as file:
        file.write(frames.frame(frames.PREDICTION, "nothing"))
    with pytest.raises(CorruptArtifact, match="holds no record"):
        read_journal(path)
