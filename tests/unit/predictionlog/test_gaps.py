"""Loss is proved by numbers that are absent."""

from __future__ import annotations

from pathlib import Path

import pytest

from roadworthy.predictionlog.frames import Frames
from roadworthy.predictionlog.gaps import Gap, gaps
from roadworthy.predictionlog.journal import journals_in
from roadworthy.predictionlog.roll import roll

from .building import journal_in, outcome, prediction


def three_journals(directory: Path) -> list[Path]:
    """Numbers 0-1, 2-5 and 6."""
    journal = journal_in(directory)
    journal.append([prediction(0), prediction(1)])
    journal.seal()
    journal.append([prediction(2), prediction(3), prediction(4)])
    journal.append_outcomes([outcome(2)])
    journal.seal()
    journal.append([prediction(6)])
    journal.seal()
    return journals_in([directory])


def without(path: Path, number: int) -> None:
    """Take one frame out of a journal."""
    source = path.read_bytes()
    found = Frames(source, "j")
    ends = [0, *(found.end for _ in found)]
    path.write_bytes(source[: ends[number]] + source[ends[number + 1] :])


@pytest.mark.parametrize("rolled", [True, False])
def test_a_whole_log_has_no_gap(tmp_path: Path, rolled: bool) -> None:
    """Rolled in part, rolled in whole, or not at all."""
    paths = three_journals(tmp_path / "journals")
    if rolled:
        roll(paths[:2], tmp_path / "log")
    assert gaps(tmp_path / "log", [tmp_path / "journals"]) == []


@pytest.mark.parametrize("rolled", [True, False])
def test_a_record_that_was_cut_out_is_a_gap(tmp_path: Path, rolled: bool) -> None:
    """With its number."""
    paths = three_journals(tmp_path / "journals")
    without(paths[1], 3)
    if rolled:
        roll(paths, tmp_path / "log")
    assert gaps(tmp_path / "log", [tmp_path / "journals"]) == [Gap(paths[1].stem, 3, 3, "journal", 1)]


@pytest.mark.parametrize("rolled", [True, False])
def test_a_journal_that_was_deleted_is_a_gap_before_the_next(tmp_path: Path, rolled: bool) -> None:
    """The numbering of one worker goes on from journal to journal, and begins at 0."""
    paths = three_journals(tmp_path / "journals")
    paths[1].unlink()
    if rolled:
        roll([paths[0], paths[2]], tmp_path / "log")
    assert gaps(tmp_path / "log", [tmp_path / "journals"]) == [Gap(paths[2].stem, 2, 5, "before journal", 4)]


def test_a_journal_that_lost_its_end_is_a_gap_before_the_next(tmp_path: Path) -> None:
    """A sealed file was cut by a broken disk; the one after it knows where it ended."""
    paths = three_journals(tmp_path / "journals")
    content = paths[1].read_bytes()
    cut = len(content) - 60
    paths[1].write_bytes(content[:cut])
    (gap,) = gaps(tmp_path / "log", [tmp_path / "journals"])
    assert (gap.last, gap.where) == (5, "before journal")


def test_a_parquet_file_that_is_gone_or_short_is_a_gap(tmp_path: Path) -> None:
    """The manifest knows its rows."""
    paths = three_journals(tmp_path / "journals")
    roll(paths, tmp_path / "log")
    path = next((tmp_path / "log/outcomes").rglob("*.parquet"))
    path.unlink()
    (gap,) = gaps(tmp_path / "log")
    assert (gap.journal, gap.rows) == (paths[1].stem, 1)
    assert gap.where == path.relative_to(tmp_path / "log").as_posix()
