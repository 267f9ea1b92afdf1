"""The supervisor keeps the log in few files, and drops what the workspace does not keep, without anybody asking."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from roadworthy.clock import Clock, ReplayClock
from roadworthy.predictionlog.compact import alone
from roadworthy.predictionlog.journal import Journal, journals_in
from roadworthy.predictionlog.read import PredictionLog
from roadworthy.predictionlog.record import LogField, LogSchema, Prediction
from roadworthy.predictionlog.retain import keep_days
from roadworthy.settings import Settings
from roadworthy.supervisor.options import ServeOptions
from roadworthy.supervisor.rolling import Keeper, Roller
from roadworthy.supervisor.run import run

SCHEMA = LogSchema("delay", (LogField("wind", "number"),))
DAY = 86_400_000_000


def filled(home: Path, seconds: int) -> PredictionLog:
    """A log of so many seconds on 2013-07-01, rolled."""
    journal = Journal(home / "journals", 0)
    journal.declare(SCHEMA)
    for number in range(seconds):
        journal.append(
            [
                Prediction(
                    id=str(number), model="delay", version=1, schema=SCHEMA.digest, unit="u", logged_at=0,
                    event_time=1_372_636_800_000_000 + number, inputs=(1.0,),
                )
            ]
        )  # fmt: skip
        journal.seal()
    Roller(home / "journals", home / "log").roll()
    return PredictionLog(home / "log")


def test_a_damaged_journal_does_not_keep_the_others_from_being_rolled(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The beginning of an open one came back as zeros after a power failure; it stays where it is, and is named."""
    rows = [
        Prediction(
            id=str(number), model="delay", version=1, schema=SCHEMA.digest, unit="u", logged_at=0,
            event_time=number, inputs=(1.0,),
        )
        for number in range(2)
    ]  # fmt: skip
    for worker in range(2):
        journal = Journal(tmp_path / "journals", worker)
        journal.declare(SCHEMA)
        journal.append(rows)
        path = journal.seal()
        assert path is not None
        path.rename(path.with_suffix(".open"))
    first, _ = journals_in([tmp_path / "journals"])
    first.write_bytes(bytes(64) + first.read_bytes()[64:])
    Roller(tmp_path / "journals", tmp_path / "log").roll()
    assert PredictionLog(tmp_path / "log").predictions("delay").num_rows == 2
    assert "is damaged at byte 0" in caplog.text
    assert [path.stem for path in journals_in([tmp_path / "journals"])] == [first.stem]


def test_many_small_files_are_merged_in_the_background(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once there are enough of them; the rows stay."""
    monkeypatch.setattr(Keeper, "LEAST", 5)
    log = filled(tmp_path, 6)
    Keeper(log.log, tmp_path / "keep.json", ReplayClock(datetime.now(UTC))).keep()
    assert len(list(log.log.rglob("merged-*.parquet"))) == 1
    assert log.predictions("delay").num_rows == 6


def test_nothing_is_dropped_unless_the_workspace_says_how_long(tmp_path: Path) -> None:
    """Then it goes when its day is over."""
    log = filled(tmp_path, 3)
    keep = tmp_path / "keep.json"
    long_after = ReplayClock(datetime(2013, 12, 1, tzinfo=UTC))
    Keeper(log.log, keep, long_after).keep()
    assert log.predictions("delay").num_rows == 3
    keep_days(keep, 365)
    Keeper(log.log, keep, long_after).keep()
    assert log.predictions("delay").num_rows == 3
    keep_days(keep, 90)
    Keeper(log.log, keep, long_after).keep()
    assert log.predictions("delay").num_rows == 0


def test_a_replay_drops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its days are not this year's, and would all be too old; whatever the workspace keeps."""
    (tmp_path / "workspace").mkdir()
    keep_days(tmp_path / "workspace" / "keep.json", 90)
    log = filled(tmp_path, 3)

    def round_of(_: object, keep_file: Path | None, clock: Clock) -> Keeper:
        Keeper(log.log, keep_file, ReplayClock(datetime(2013, 12, 1, tzinfo=UTC))).keep()
        raise KeyboardInterrupt

    monkeypatch.setattr("roadworthy.supervisor.run.Keeper", round_of)
    for replay_clock, left in ((True, 3), (False, 0)):
        with pytest.raises(KeyboardInterrupt):
            run(Settings(tmp_path / "workspace"), ServeOptions(port=0, node="n", replay_clock=replay_clock))
        assert log.predictions("delay").num_rows == left


def test_a_round_waits_for_nobody(tmp_path: Path) -> None:
    """Another node that shares the log, or a person, is at it already."""
    log = filled(tmp_path, 3)
    with alone(log.log):
        Keeper(log.log, tmp_path / "keep.json", ReplayClock(datetime.now(UTC))).keep()
    assert not list(log.log.rglob("merged-*"))
