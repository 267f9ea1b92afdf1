"""Small files become large ones, and nobody who reads the log can tell."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from roadworthy.errors import NotReady
from roadworthy.predictionlog import compact as compacting
from roadworthy.predictionlog import read as reading
from roadworthy.predictionlog import retain as retaining
from roadworthy.predictionlog import roll as rolling
from roadworthy.predictionlog.compact import alone, compact
from roadworthy.predictionlog.gaps import gaps
from roadworthy.predictionlog.partitions import folded_of, rolled_journals
from roadworthy.predictionlog.read import PredictionLog
from roadworthy.predictionlog.retain import retain
from roadworthy.predictionlog.roll import roll
from roadworthy.predictionlog.tail import tail

from .building import DAY, START, journal_in, outcome, prediction, sealed

AT_ONCE = timedelta(0)


def later() -> datetime:
    """After everything that was written until now, by the clock of files."""
    return datetime.now(UTC) + timedelta(hours=1)


def rolled(home: Path, seconds: int, rows: int = 3) -> PredictionLog:
    """A log of so many one-second journals, each with predictions of two days and an outcome."""
    journal = journal_in(home / "journals")
    for second in range(seconds):
        first = second * rows
        journal.append(
            [
                prediction(number, event_time=START + number * DAY // 8)
                for number in range(first, first + rows)
            ]
        )
        journal.append_outcomes([outcome(first)])
        path = journal.seal()
        assert path is not None
        assert not roll([path], home / "log").refused
    return PredictionLog(home / "log", [home / "journals"])


def parquet(log: PredictionLog) -> list[str]:
    """All Parquet files of the log."""
    return sorted(path.name for path in log.log.rglob("*.parquet"))


def test_a_merged_log_reads_as_before(tmp_path: Path) -> None:
    """All columns of all rows, predictions and outcomes, and no row is missing."""
    log = rolled(tmp_path, 8)
    before, facts = log.predictions("delay"), log.outcomes("delay")
    done = compact(log.log, later(), grace=AT_ONCE)
    assert (done.merged, done.rows) == (4, 32)
    assert all(name.startswith("merged-") for name in parquet(log))
    assert log.predictions("delay").equals(before)
    assert log.outcomes("delay").equals(facts)
    assert gaps(log.log) == []


def test_merging_again_changes_nothing(tmp_path: Path) -> None:
    """One file a partition cannot become fewer."""
    log = rolled(tmp_path, 4)
    compact(log.log, later(), grace=AT_ONCE)
    files = parquet(log)
    done = compact(log.log, later(), grace=AT_ONCE)
    assert (done.files, done.merged, parquet(log)) == (0, 0, files)


def test_replaced_files_stay_for_readers_that_listed_them(tmp_path: Path) -> None:
    """They are counted once meanwhile, and deleted by a later call."""
    log = rolled(tmp_path, 4)
    before = log.predictions("delay")
    compact(log.log, datetime.now(UTC))
    assert any(not name.startswith("merged-") for name in parquet(log))
    assert log.predictions("delay").equals(before)
    assert gaps(log.log) == []
    done = compact(log.log, later() + timedelta(minutes=1))
    assert done.deleted > 0
    assert all(name.startswith("merged-") for name in parquet(log))
    assert log.predictions("delay").equals(before)


def test_a_reader_whose_files_are_deleted_under_it_looks_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between its listing and its opening all files are merged and the old ones are gone."""
    log = rolled(tmp_path, 4)
    before = log.predictions("delay")
    read, merged = reading._read, []

    def late(*arguments: object) -> object:
        if not merged:
            merged.append(compact(log.log, later(), grace=AT_ONCE))
        return read(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(reading, "_read", late)
    assert log.predictions("delay").equals(before)
    assert merged[0].deleted > 0


def test_manifests_of_merged_journals_become_one(tmp_path: Path) -> None:
    """A second's manifest does not stay for ever; what it said about numbers does."""
    log = rolled(tmp_path, 5)
    names = rolled_journals(log.log)
    compact(log.log, later(), grace=AT_ONCE)
    assert rolled_journals(log.log) == []
    folded = folded_of(log.log, names[0].rpartition("-")[0])
    assert folded is not None
    assert [(run.first, run.last, run.first_seq, run.next_seq) for run in folded.runs] == [(0, 4, 0, 20)]
    assert gaps(log.log) == []


def test_a_merged_file_that_is_gone_is_a_gap(tmp_path: Path) -> None:
    """Numbers and counts outlive the files."""
    log = rolled(tmp_path, 5)
    compact(log.log, later(), grace=AT_ONCE)
    victim = next(log.log.rglob("merged-*.parquet"))
    rows = pq.read_metadata(victim).num_rows
    victim.unlink()
    assert [(gap.where, gap.rows) for gap in gaps(log.log)] == [("merged files", rows)]


def test_an_old_cursor_finds_what_was_merged_since(tmp_path: Path) -> None:
    """A guard that slept for a night misses nothing and sees nothing twice."""
    log = rolled(tmp_path, 2)
    cursor = tail([], log.log).cursor
    journal = journal_in(tmp_path / "journals", 1)
    for number in range(100, 103):
        journal.append([prediction(number)])
        path = journal.seal()
        assert path is not None
        roll([path], log.log)
    compact(log.log, later(), grace=AT_ONCE)
    found = tail([], log.log, cursor)
    assert [record.id for record in found.predictions] == ["id-100", "id-101", "id-102"]
    assert tail([], log.log, found.cursor).predictions == []


def test_only_similar_files_are_merged_in_the_background(tmp_path: Path) -> None:
    """With `least` the large file of this morning is not written again for every few small ones."""
    log = rolled(tmp_path, 4)
    assert compact(log.log, later(), least=100, grace=AT_ONCE).merged == 0
    assert compact(log.log, later(), least=4, grace=AT_ONCE).merged > 0


def test_two_processes_never_replace_files_at_once(tmp_path: Path) -> None:
    """The second one says so and changes nothing."""
    log = rolled(tmp_path, 2)
    with alone(log.log), pytest.raises(NotReady, match="another process"):
        compact(log.log, later())


def test_columns_that_only_some_files_have_are_kept(tmp_path: Path) -> None:
    """Cleaned values are sampled: null where they were not."""
    journal = journal_in(tmp_path / "journals")
    for number, cleaned in enumerate([None, (1.0, True, "UA", START, ["ORD"], "ORD", "UA1")]):
        journal.append([prediction(number, cleaned=cleaned)])
        path = journal.seal()
        assert path is not None
        roll([path], tmp_path / "log")
    log = PredictionLog(tmp_path / "log")
    before = log.predictions("delay")
    compact(log.log, later(), grace=AT_ONCE)
    assert log.predictions("delay").equals(before)
    assert log.predictions("delay", columns=["clean_wind"]).column("clean_wind").to_pylist() == [None, 1.0]


def test_retention_drops_whole_days_and_is_no_gap(tmp_path: Path) -> None:
    """By event time; what is kept is as before, merged or not."""
    for merge in (False, True):
        log = rolled(tmp_path / str(merge), 6)
        if merge:
            compact(log.log, later(), grace=AT_ONCE)
        day = datetime(2013, 7, 2, tzinfo=UTC)
        kept = log.predictions("delay", start=day)
        done = retain(log.log, day + timedelta(hours=5))
        assert (done.before, done.rows) == ("2013-07-02", 8 + 6)
        assert log.predictions("delay").equals(kept)
        assert log.outcomes("delay").num_rows == 0
        assert gaps(log.log) == []
        assert retain(log.log, day).rows == 0
        compact(log.log, later(), grace=AT_ONCE)
        assert gaps(log.log) == []


def test_a_dropped_day_is_no_gap_wherever_retention_was_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before what was in it is said, or when half of it is deleted: the next call ends it."""
    day = datetime(2013, 7, 3, tzinfo=UTC)
    for step in ("note_removed", "rmtree"):
        log = rolled(tmp_path / step, 6)
        interrupted: list[Any] = []

        def interrupt(*arguments: Any, interrupted: list[Any] = interrupted) -> None:
            interrupted.append(arguments)
            if isinstance(arguments[0], Path) and arguments[0].name.startswith(".dropping-"):
                next(arguments[0].glob("*.parquet")).unlink()
            raise KeyboardInterrupt

        with monkeypatch.context() as crash:
            crash.setattr(retaining if step == "note_removed" else shutil, step, interrupt)
            with pytest.raises(KeyboardInterrupt):
                retain(log.log, day)
        assert interrupted
        retain(log.log, day)
        assert gaps(log.log) == []
        assert not list(log.log.rglob(".dropping-*"))
        lost = next(log.log.rglob("*.parquet"))
        rows = pq.read_metadata(lost).num_rows
        lost.unlink()
        assert sum(gap.rows for gap in gaps(log.log)) == rows, "nothing that is lost is excused"


def test_a_row_that_was_being_rolled_into_a_dropped_day_is_no_gap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its file was there, and the manifest of its journal not yet."""
    log = PredictionLog(tmp_path / "log")
    path = sealed(tmp_path / "journals", [prediction(0), prediction(1, event_time=START + 9 * DAY)])
    publish_json = rolling.publish_json

    def late(to: Path, value: object) -> None:
        if to.parent.name == "rolled":
            retain(log.log, datetime(2013, 7, 2, tzinfo=UTC))
        publish_json(to, value)

    monkeypatch.setattr(rolling, "publish_json", late)
    assert not roll([path], log.log).refused
    assert log.predictions("delay", columns=["id"]).column("id").to_pylist() == ["id-1"]
    assert gaps(log.log) == []


def test_what_a_crash_left_half_written_is_deleted_within_hours(tmp_path: Path) -> None:
    """Rows in clear, of a roll or a forgetting that was killed; what somebody writes now stays."""
    log = rolled(tmp_path, 2)
    homes = [next(log.log.rglob("*.parquet")).parent, log.log / "forgetting"]
    homes[1].mkdir()
    for home in homes:
        for name, hours in (
            (".draft-a.parquet.9.0a1b2c3d", 2),
            (".a.parquet.0a1b2c3d", 2),
            (".draft-new", 0),
        ):
            (home / name).write_bytes(b"UA2")
            written = time.time() - hours * 3600
            os.utime(home / name, (written, written))
    compact(log.log, datetime.now(UTC))
    for home in homes:
        assert [path.name for path in home.glob(".[!m]*")] == [".draft-new"]


def test_the_last_files_of_a_day_are_merged_when_no_more_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However few requests there are, a day is one file in the end, with no manifests; and is not looked at again."""
    log = rolled(tmp_path, 4)
    before = log.predictions("delay")
    soon, late = datetime.now(UTC) + timedelta(hours=47), datetime.now(UTC) + timedelta(hours=49)
    assert compact(log.log, soon, least=128).merged == 0
    assert compact(log.log, late, least=128).merged == 3
    assert compact(log.log, late, least=128).folded == 4
    assert all(name.startswith("merged-") for name in parquet(log))
    assert log.predictions("delay").equals(before)
    looked: list[Path] = []
    monkeypatch.setattr(compacting, "counting", lambda log, directory: looked.append(directory) or [])
    compact(log.log, late, least=128)
    assert looked == []


CHILD = """
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from roadworthy.predictionlog.compact import compact

while True:
    compact(Path(sys.argv[1]), datetime.now(UTC) + timedelta(minutes=1), grace=timedelta(0))
    sys.stdout.write("x"); sys.stdout.flush()
"""


def test_a_merge_that_is_killed_keeps_every_row_once(tmp_path: Path) -> None:
    """kill -9 at odd moments, while more is rolled: same rows, exactly once, and the next call ends it."""
    log = rolled(tmp_path, 8)
    for attempt in range(4):
        process = subprocess.Popen([sys.executable, "-c", CHILD, str(log.log)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.read(1)
        journal = journal_in(tmp_path / "more", 10 + attempt)
        for number in range(4):
            journal.append([prediction(1000 + attempt * 10 + number)])
            path = journal.seal()
            assert path is not None
            roll([path], log.log)
            time.sleep(0.011 * attempt)
        process.kill()
        process.wait()
        process.stdout.close()
        ids = log.predictions("delay", columns=["id"]).column("id").to_pylist()
        assert len(ids) == len(set(ids)) == 24 + 4 * (attempt + 1)
        assert gaps(log.log) == []
    compact(log.log, later(), grace=AT_ONCE)
    assert log.predictions("delay", columns=["id"]).num_rows == 40
    assert not [path for path in log.log.rglob(".*") if path.name != ".replacing"]
