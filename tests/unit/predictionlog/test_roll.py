"""Journals become Parquet that any engine reads, once."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from roadworthy.durable import DRAFT
from roadworthy.errors import NotReady
from roadworthy.predictionlog import roll as rolling
from roadworthy.predictionlog.contents import JournalContents
from roadworthy.predictionlog.frames import Header
from roadworthy.predictionlog.journal import journals_in
from roadworthy.predictionlog.partitions import manifest_of, rolled_journals
from roadworthy.predictionlog.roll import missing_numbers, roll

from .building import DAY, SCHEMA, START, journal_in, outcome, prediction, sealed


def files(log: Path) -> list[str]:
    """Every file of the log, relative to it."""
    return sorted(path.relative_to(log).as_posix() for path in log.rglob("*") if path.is_file())


def test_rows_go_to_the_partition_of_their_namespace_model_schema_and_day(tmp_path: Path) -> None:
    """The journal is gone then, and its manifest says what became of it."""
    path = sealed(
        tmp_path / "journals",
        [prediction(0), prediction(1, event_time=START + DAY), prediction(2, namespace="replay")],
        [outcome(0)],
    )
    name = path.stem
    rolled = roll([path], tmp_path / "log")
    schema = f"schema={SCHEMA.digest}"
    assert files(tmp_path / "log") == [
        f"outcomes/namespace=default/model=delay/date=2013-07-01/{name}.parquet",
        f"predictions/namespace=default/model=delay/{schema}/date=2013-07-01/{name}.parquet",
        f"predictions/namespace=default/model=delay/{schema}/date=2013-07-02/{name}.parquet",
        f"predictions/namespace=replay/model=delay/{schema}/date=2013-07-01/{name}.parquet",
        f"rolled/{name}.json",
        f"schemas/{SCHEMA.digest}.json",
    ]
    assert journals_in([tmp_path / "journals"]) == []
    (manifest,) = rolled.manifests
    assert (manifest.predictions, manifest.outcomes, manifest.first_seq, manifest.next_seq) == (3, 1, 0, 4)
    assert sum(file.rows for file in manifest.files) == 4
    assert manifest == manifest_of(tmp_path / "log", name)


def test_duckdb_reads_the_log_without_us(tmp_path: Path) -> None:
    """Plain Parquet with Hive partitions and UTC microseconds."""
    roll([sealed(tmp_path / "journals", [prediction(0), prediction(1)])], tmp_path / "log")
    pattern = (tmp_path / "log/predictions/**/*.parquet").as_posix()
    rows = duckdb.sql(
        "select count(*), min(model), min(date)::varchar, max(in_wind), max(epoch_us(event_time)), min(in_last[1]) "
        f"from read_parquet('{pattern}', hive_partitioning=true, union_by_name=true)"
    ).fetchall()
    assert rows == [(2, "delay", "2013-07-01", 1.0, START + 1_000_000, "ORD")]


def test_files_are_zstd_compressed(tmp_path: Path) -> None:
    """The log is the largest thing on the disk."""
    roll([sealed(tmp_path / "journals", [prediction(0)])], tmp_path / "log")
    path = next((tmp_path / "log/predictions").rglob("*.parquet"))
    assert pq.read_metadata(path).row_group(0).column(0).compression == "ZSTD"


def test_rolling_the_same_journal_twice_changes_nothing(tmp_path: Path) -> None:
    """Whether its file is gone, or came back because the machine died before the deletion reached the disk."""
    path = sealed(tmp_path / "journals", [prediction(0)])
    content = path.read_bytes()
    roll([path], tmp_path / "log")
    before = files(tmp_path / "log")
    assert roll([path], tmp_path / "log").manifests == ()
    path.write_bytes(content)
    roll([path], tmp_path / "log")
    assert not path.exists()
    assert files(tmp_path / "log") == before


def test_another_journal_of_a_rolled_name_is_never_deleted(tmp_path: Path) -> None:
    """Its records are in no Parquet file."""
    path = sealed(tmp_path / "journals", [prediction(0)])
    roll([path], tmp_path / "log")
    path.write_bytes(sealed(tmp_path / "others", [prediction(1), prediction(2)]).read_bytes())
    ((refused, reason),) = roll([path], tmp_path / "log").refused
    assert refused == path
    assert "two workers used one name" in reason
    assert path.exists()


def test_a_journal_in_use_is_left_alone(tmp_path: Path) -> None:
    """Its worker would go on writing into a deleted file."""
    journal = journal_in(tmp_path / "journals")
    journal.append([prediction(0)])
    ((_, reason),) = roll(journals_in([tmp_path / "journals"]), tmp_path / "log").refused
    assert "still written" in reason
    assert rolled_journals(tmp_path / "log") == []


def test_a_damaged_journal_is_kept_and_does_not_stop_the_others(tmp_path: Path) -> None:
    """It is named with the offset of the damage, for a person."""
    bad = sealed(tmp_path / "journals", [prediction(0), prediction(1), prediction(2)], worker=0)
    good = sealed(tmp_path / "journals", [prediction(3)], worker=1)
    content = bytearray(bad.read_bytes())
    content[len(content) // 2] ^= 1
    bad.write_bytes(content)
    rolled = roll([bad, good], tmp_path / "log")
    assert [manifest.journal for manifest in rolled.manifests] == [good.stem]
    assert "damaged at byte" in rolled.refused[0][1]
    assert bad.exists()


def test_a_value_that_no_column_holds_does_not_stop_the_other_journals(tmp_path: Path) -> None:
    """Whatever wrote it: the journal is kept for a person and named."""
    bad = sealed(tmp_path / "journals", [], [outcome(0, revision=2**31)], worker=0)
    good = sealed(tmp_path / "journals", [prediction(3)], worker=1)
    rolled = roll([bad, good], tmp_path / "log")
    assert [manifest.journal for manifest in rolled.manifests] == [good.stem]
    ((path, reason),) = rolled.refused
    assert path == bad
    assert "no column of the log" in reason
    assert bad.exists()


def test_a_journal_that_ends_within_its_header_is_rolled_into_nothing(tmp_path: Path) -> None:
    """A worker was killed in its very first write; nobody was answered."""
    path = sealed(tmp_path / "journals", [prediction(0)])
    path.write_bytes(path.read_bytes()[:20])
    (manifest,) = roll([path], tmp_path / "log").manifests
    assert (manifest.predictions, manifest.torn, manifest.sealed) == (0, 20, False)
    assert not path.exists()


def test_a_journal_that_vanished_without_a_manifest_is_reported(tmp_path: Path) -> None:
    """Somebody deleted records."""
    ((_, reason),) = roll([tmp_path / "node-0-1-000000000.sealed"], tmp_path / "log").refused
    assert "is gone and was not rolled" in reason


def test_a_full_disk_keeps_the_journal_and_leaves_no_half_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Readers still find the rows in the journal."""
    path = sealed(tmp_path / "journals", [prediction(0)])

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(rolling.pq, "write_table", full)
    with pytest.raises(NotReady, match="No space left"):
        roll([path], tmp_path / "log")
    assert path.exists()
    assert files(tmp_path / "log") == [f"schemas/{SCHEMA.digest}.json"]


def test_the_journal_goes_last_and_only_after_everything_else_is_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each file is synced, renamed and synced in its directory, the manifest after the rows; then the journal goes."""
    path = sealed(tmp_path / "journals", [prediction(0)])
    steps: list[str] = []
    replace, unlink = Path.replace, Path.unlink

    def sync(handle: int) -> None:
        step = "sync directory" if stat.S_ISDIR(os.fstat(handle).st_mode) else "sync file"
        if steps[-1:] != [step]:
            steps.append(step)

    def delete(path: Path, **how: bool) -> None:
        if not path.name.startswith(DRAFT):
            steps.append(f"delete {path.suffix}")
        unlink(path, **how)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(
        Path, "replace", lambda path, to: steps.append(f"publish {to.suffix}") or replace(path, to)
    )
    monkeypatch.setattr(Path, "unlink", delete)
    roll([path], tmp_path / "log")
    files = [
        ("sync file", f"publish {suffix}", "sync directory") for suffix in (".json", ".parquet", ".json")
    ]
    assert steps == ["sync directory", *(step for steps in files for step in steps), "delete .sealed"]


def test_missing_numbers_are_those_between_the_first_and_the_seal() -> None:
    """A record in the middle and the last one were lost; the seal says there were six."""
    header = Header(journal="j", node="n", worker="0", pid=1, started_at=0, sequence=0, first_seq=10)
    held = [prediction(0, journal_seq=10), prediction(1, journal_seq=13)]
    contents = JournalContents(header, predictions=held, outcomes=[outcome(0, journal_seq=14)], next_seq=16)
    assert missing_numbers(contents) == ((11, 12), (15, 15))
