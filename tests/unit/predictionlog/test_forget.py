"""A unit leaves the log: its rows in files at once, those in journals when they are rolled."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest

from roadworthy.errors import NotReady
from roadworthy.predictionlog import forget as forgetting_module
from roadworthy.predictionlog.compact import alone, compact
from roadworthy.predictionlog.forget import Forgetting, begin, finish, forget_rolled, pending, unrolled
from roadworthy.predictionlog.gaps import gaps
from roadworthy.predictionlog.pending import forgetting_path
from roadworthy.predictionlog.read import PredictionLog
from roadworthy.predictionlog.roll import roll

from .building import START, group, journal_in, outcome, prediction, sealed

NOW = 20 * START


def of(unit: str, **changes: object) -> Forgetting:
    """That unit, of every model."""
    start = Forgetting(token="t", units=(unit,), namespace="default", at=NOW)
    return msgspec.structs.replace(start, **changes)


def log_in(home: Path) -> PredictionLog:
    """Five units in Parquet, with an outcome each and one that names a prediction only."""
    journal = journal_in(home / "journals")
    journal.append_groups([group(0, 5)])
    journal.append_outcomes([outcome(number) for number in range(5)])
    journal.append_outcomes([outcome(9, unit="", prediction_id="id-2")])
    path = journal.seal()
    assert path is not None
    assert not roll([path], home / "log").refused
    return PredictionLog(home / "log", [home / "journals"])


def units(log: PredictionLog) -> list[str]:
    """Units of all predictions."""
    found: list[str] = log.predictions("delay", columns=["unit"]).column("unit").to_pylist()
    return found


def test_every_row_of_a_unit_goes_and_no_other(tmp_path: Path) -> None:
    """Predictions, its outcomes, and outcomes that name a prediction of it; and nothing counts as lost."""
    log = log_in(tmp_path)
    found = begin(log.log, log.journals, of("UA2"))
    assert found.prediction_ids == ("id-2",)
    assert forget_rolled(log.log, found) == {"predictions": 1, "outcomes": 2}
    finish(log.log, found)
    assert units(log) == ["UA0", "UA1", "UA3", "UA4"]
    assert log.outcomes("delay").column("unit").to_pylist() == ["UA0", "UA1", "UA3", "UA4"]
    assert gaps(log.log) == []
    assert pending(log.log) == []


def test_forgetting_twice_is_forgetting_once(tmp_path: Path) -> None:
    """The second time finds nothing."""
    log = log_in(tmp_path)
    for _ in range(2):
        found = begin(log.log, log.journals, of("UA2"))
        counted = forget_rolled(log.log, found)
        finish(log.log, found)
    assert counted.total() == 0
    assert gaps(log.log) == []


def test_a_merged_file_forgets_too(tmp_path: Path) -> None:
    """And the files that it replaced, which are there for a minute."""
    log = log_in(tmp_path)
    more = journal_in(tmp_path / "journals", 1)
    more.append([prediction(2, id="again", request_id="again"), prediction(7)])
    path = more.seal()
    assert path is not None
    roll([path], log.log)
    compact(log.log, datetime.now(UTC))
    found = begin(log.log, log.journals, of("UA2"))
    assert forget_rolled(log.log, found)["predictions"] == 2
    for file in log.log.rglob("*.parquet"):
        assert b"UA2" not in file.read_bytes()
    compact(log.log, datetime.now(UTC) + timedelta(hours=1))
    assert units(log) == ["UA0", "UA1", "UA3", "UA4", "UA7"]
    assert gaps(log.log) == []


def test_an_open_journal_leaves_it_out_when_it_is_rolled(tmp_path: Path) -> None:
    """Also rows appended after the command began, if they were logged before; later ones are of one that came back."""
    log = log_in(tmp_path)
    worker = journal_in(tmp_path / "journals", 1)
    worker.append([prediction(2, id="before", request_id="b")])
    found = begin(log.log, log.journals, of("UA2"))
    forget_rolled(log.log, found)
    assert found.prediction_ids == ("before", "id-2")
    assert len(unrolled(log.log, found)) == 1
    worker.append([prediction(2, id="back", request_id="c", logged_at=NOW + 1)])
    path = worker.seal()
    assert path is not None
    assert not roll([path], log.log).refused
    assert unrolled(log.log, found) == []
    ids = log.predictions("delay", columns=["id"]).column("id").to_pylist()
    assert "back" in ids
    assert "before" not in ids
    assert gaps(log.log) == []


def test_an_interrupted_call_is_ended_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the outcomes are gone, the predictions that they named are still known."""
    log = log_in(tmp_path)
    publish, done = forgetting_module.publish, []

    def once(*arguments: object) -> None:
        if done:
            raise KeyboardInterrupt
        done.append(publish(*arguments))  # type: ignore[arg-type,func-returns-value]

    found = begin(log.log, log.journals, of("UA2"))
    with monkeypatch.context() as crash:
        crash.setattr(forgetting_module, "publish", once)
        with pytest.raises(KeyboardInterrupt):
            forget_rolled(log.log, found)
    assert pending(log.log) == [found]
    again = begin(log.log, log.journals, of("UA2", at=NOW + 5))
    forget_rolled(log.log, again)
    finish(log.log, again)
    assert units(log) == ["UA0", "UA1", "UA3", "UA4"]
    assert log.outcomes("delay").num_rows == 4
    assert gaps(log.log) == []


def test_a_call_that_was_killed_before_it_replaced_a_file_is_noted_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where more is to go by the time of the next call; a row that is really lost is not excused."""
    log = log_in(tmp_path)
    back = prediction(2, id="x", request_id="x", logged_at=NOW + 3)
    roll([sealed(tmp_path / "journals", [back, prediction(7)], worker=1)], log.log)
    compact(log.log, datetime.now(UTC) + timedelta(hours=1), grace=timedelta(0))
    publish = forgetting_module.publish
    interrupted: list[Path] = []

    def interrupt(path: Path, write: Callable[[Path], object]) -> None:
        if "predictions" in path.parts:
            interrupted.append(path)
            raise KeyboardInterrupt
        publish(path, write)

    with monkeypatch.context() as crash:
        crash.setattr(forgetting_module, "publish", interrupt)
        with pytest.raises(KeyboardInterrupt):
            forget_rolled(log.log, begin(log.log, log.journals, of("UA2")))
    again = begin(log.log, log.journals, of("UA2", at=NOW + 5))
    assert forget_rolled(log.log, again)["predictions"] == 2
    finish(log.log, again)
    assert gaps(log.log) == []
    (path,) = interrupted
    pq.write_table(pq.ParquetFile(path).read().slice(1), path)
    assert sum(gap.rows for gap in gaps(log.log)) == 1


def test_what_a_crash_left_half_written_is_forgotten_too(tmp_path: Path) -> None:
    """Rows beside the files of the log, and the unit in what says that it is to go."""
    log = log_in(tmp_path)
    for path in list(log.log.rglob("*.parquet")):
        path.with_name(f".draft-{path.name}.9.0a1b2c3d").write_bytes(b"UA2")
        path.with_name(f".{path.name}.0a1b2c3d").write_bytes(b"UA2")
    found = begin(log.log, log.journals, of("UA2"))
    said = forgetting_path(log.log, found.token)
    said.with_name(f".draft-{said.name}.9.0a1b2c3d").write_bytes(b"UA2")
    said.with_name(".draft-other.json.9.0a1b2c3d").write_bytes(b"UA3")
    forget_rolled(log.log, found)
    finish(log.log, found)
    left = [path for path in log.log.rglob("*") if path.is_file()]
    assert not [path for path in left if b"UA2" in path.read_bytes()]
    hidden = {path.name for path in left if path.name.startswith(".")}
    assert hidden == {".replacing", ".draft-other.json.9.0a1b2c3d"}, "another unit's is being written"


def test_a_roll_whose_draft_was_deleted_is_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says why, and its rows come a second later, without the unit."""
    log = log_in(tmp_path)
    path = sealed(tmp_path / "journals", [prediction(2, id="x"), prediction(7)], worker=1)
    found: list[Forgetting] = []
    write_table = pq.write_table

    def late(table: Any, where: Path, **how: Any) -> None:
        write_table(table, where, **how)
        if not found:
            found.append(begin(log.log, log.journals, of("UA2")))
            forget_rolled(log.log, found[0])

    monkeypatch.setattr(pq, "write_table", late)
    ((refused, reason),) = roll([path], log.log).refused
    assert (refused, "Roll it again" in reason) == (path, True)
    assert not roll([path], log.log).refused
    assert units(log) == ["UA0", "UA1", "UA3", "UA4", "UA7"]
    assert gaps(log.log) == []


def test_only_its_owner_reads_what_is_being_forgotten(tmp_path: Path) -> None:
    """It is in clear as long as it lasts."""
    log = log_in(tmp_path)
    found = begin(log.log, log.journals, of("UA2"))
    assert forgetting_path(log.log, found.token).stat().st_mode & 0o077 == 0


def test_another_model_keeps_its_rows(tmp_path: Path) -> None:
    """The same text may be another thing there."""
    log = log_in(tmp_path)
    found = begin(log.log, log.journals, of("UA2", model="other"))
    assert forget_rolled(log.log, found).total() == 0
    assert len(units(log)) == 5


def test_forgetting_waits_for_nobody_who_replaces_files(tmp_path: Path) -> None:
    """It says so; what was begun is still written down."""
    log = log_in(tmp_path)
    found = begin(log.log, log.journals, of("UA2"))
    with alone(log.log), pytest.raises(NotReady, match="another process"):
        forget_rolled(log.log, found)
    assert pending(log.log) == [found]
