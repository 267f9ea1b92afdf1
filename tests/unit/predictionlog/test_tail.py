"""A guard sees each record once, whatever happens to the files meanwhile."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from roadworthy.errors import CorruptArtifact
from roadworthy.predictionlog.journal import journals_in
from roadworthy.predictionlog.roll import roll
from roadworthy.predictionlog.tail import Cursor, Tail, tail

from .building import DAY, START, journal_in, outcome, prediction, sealed


def ids(found: Tail) -> list[str]:
    """Ids of the predictions."""
    return [record.id for record in found.predictions]


def test_each_look_gives_what_came_since_the_last(tmp_path: Path) -> None:
    """Also of two workers, and of outcomes."""
    first, second = journal_in(tmp_path, 0), journal_in(tmp_path, 1)
    first.append([prediction(0)])
    look = tail([tmp_path], tmp_path / "log")
    assert ids(look) == ["id-0"]
    first.append([prediction(1)])
    second.append([prediction(2)])
    second.append_outcomes([outcome(2)])
    look = tail([tmp_path], tmp_path / "log", look.cursor)
    assert ids(look) == ["id-1", "id-2"]
    assert [record.id for record in look.outcomes] == ["late:UA2"]
    assert ids(tail([tmp_path], tmp_path / "log", look.cursor)) == []


def test_rotation_between_two_looks_loses_nothing(tmp_path: Path) -> None:
    """The rest of the sealed file, then the next."""
    journal = journal_in(tmp_path)
    journal.append([prediction(0)])
    look = tail([tmp_path], tmp_path / "log")
    journal.append([prediction(1)])
    journal.seal()
    journal.append([prediction(2)])
    assert ids(tail([tmp_path], tmp_path / "log", look.cursor)) == ["id-1", "id-2"]


def test_rolling_between_two_looks_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """What was not seen in the journal comes from Parquet, as the same records; journals never seen as well."""
    directory, log = tmp_path / "journals", tmp_path / "log"
    journal = journal_in(directory)
    journal.append([prediction(0)])
    look = tail([directory], log)
    journal.append([prediction(1, event_time=START + 5 * DAY), prediction(2)])
    journal.append_outcomes([outcome(2)])
    journal.seal()
    journal.append([prediction(3)])
    journal.seal()
    expected = tail([directory], log, look.cursor)
    roll(journals_in([directory]), log)
    journal.append([prediction(4)])
    found = tail([directory], log, look.cursor)
    assert sorted(found.predictions[:2], key=lambda record: record.id) == expected.predictions[:2]
    assert ids(found)[2:] == ["id-3", "id-4"]
    assert found.outcomes == expected.outcomes
    assert ids(tail([directory], log, found.cursor)) == []


def test_without_a_cursor_it_starts_with_what_is_not_rolled(tmp_path: Path) -> None:
    """A guard that starts does not read a year."""
    directory, log = tmp_path / "journals", tmp_path / "log"
    roll([sealed(directory, [prediction(0)])], log)
    sealed(directory, [prediction(1)])
    look = tail([directory], log)
    assert ids(look) == ["id-1"]
    assert ids(tail([directory], log, look.cursor)) == []


def test_a_worker_that_starts_and_is_rolled_between_two_looks_is_seen(tmp_path: Path) -> None:
    """It was not there at the first look and is gone at the second."""
    directory, log = tmp_path / "journals", tmp_path / "log"
    look = tail([directory], log)
    roll([sealed(directory, [prediction(0)])], log)
    assert ids(tail([directory], log, look.cursor)) == ["id-0"]


def test_a_cursor_is_data(tmp_path: Path) -> None:
    """It can be kept over a restart of the guard."""
    sealed(tmp_path, [prediction(0)])
    cursor = tail([tmp_path], tmp_path / "log").cursor
    assert msgspec.json.decode(msgspec.json.encode(cursor), type=Cursor) == cursor


def test_a_torn_tail_is_read_once_it_is_whole(tmp_path: Path) -> None:
    """The reader may look in the middle of a write."""
    path = sealed(tmp_path, [prediction(0)])
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    look = tail([tmp_path], tmp_path / "log")
    assert ids(look) == []
    path.write_bytes(whole)
    assert ids(tail([tmp_path], tmp_path / "log", look.cursor)) == ["id-0"]


def test_a_parquet_file_that_is_gone_is_an_error(tmp_path: Path) -> None:
    """Not an empty look."""
    directory, log = tmp_path / "journals", tmp_path / "log"
    look = tail([directory], log)
    roll([sealed(directory, [prediction(0)])], log)
    next(log.rglob("*.parquet")).unlink()
    with pytest.raises(CorruptArtifact, match="is gone"):
        tail([directory], log, look.cursor)
