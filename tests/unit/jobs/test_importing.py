"""A team that only wants monitoring imports what it has and is told what changed."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq
import pytest

from roadworthy.clock import instant
from roadworthy.errors import DefinitionError, NotReady, Refused, SchemaError, TooFewSamples, UnknownName
from roadworthy.jobs.elsewhere import declared, monitor_any
from roadworthy.jobs.history import chosen_model, known_model, list_versions
from roadworthy.jobs.importing import import_log
from roadworthy.jobs.ingest import ingest_file
from roadworthy.jobs.log import newest
from roadworthy.jobs.stores import Stores, open_stores
from roadworthy.jobs.train import train
from roadworthy.predictionlog.frames import SEALED
from roadworthy.predictionlog.gaps import gaps
from roadworthy.predictionlog.importing import Meaning
from roadworthy.predictionlog.journal import Journal, journals_in
from roadworthy.predictionlog.retain import retain
from roadworthy.predictionlog.roll import roll
from roadworthy.settings import Settings
from small_workspace import FIRST_UNTIL, HALF_MONTH, MODEL, SECOND_UNTIL, define

DAY = 86_400_000_000
START = 1_700_006_400_000_000 // DAY * DAY
START_OF_IMPORT = instant(START)
NOW = datetime(2024, 3, 1, tzinfo=UTC)
DOCUMENT = Path(__file__).parents[3] / "docs" / "monitoring-only.md"


def old(days: int = 70, a_day: int = 60, worse_from: int = 1_000) -> pa.Table:
    """Predictions of a calibrated model; from some day on events are half as frequent as it says."""
    chance = np.random.default_rng(4)
    n = days * a_day
    day = np.arange(n) // a_day
    asked = START + day * DAY + np.sort(chance.integers(0, 86_000, n)) * 1_000_000
    amount = chance.gamma(2.0, 30.0, n)
    score = 1.0 / (1.0 + np.exp(1.5 - amount / 40.0))
    fraud = chance.random(n) < np.where(day >= worse_from, score / 2, score)
    times = pa.timestamp("us", "UTC")
    return pa.table(
        {
            "customer": [f"c{number % 700}" for number in range(n)],
            "asked": pa.array(asked, times),
            "amount": amount,
            "country": chance.choice(["DE", "FR", "IT"], n),
            "tags": [["a", "b"][: number % 3] for number in range(n)],
            "shop": ["s"] * n,
            "score": score,
            "fraud": fraud,
            "known": pa.array(asked + 3 * DAY, times),
        }
    )


def meaning(**changes: object) -> Meaning:
    """What the columns of `old` mean."""
    named = Meaning(
        model="fraud", namespace="default", unit="customer", time="asked", output="score", outcome="fraud",
        outcome_time="known", context=("shop",),
    )  # fmt: skip
    return Meaning(**({name: getattr(named, name) for name in named.__struct_fields__} | changes))


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    """An empty workspace."""
    opened = open_stores(Settings(tmp_path / "workspace"))
    yield opened
    opened.engine.dispose()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A week of old predictions."""
    path = tmp_path / "old.parquet"
    pq.write_table(old(days=7), path)
    return path


def test_an_imported_table_is_in_the_log_with_its_outcomes(stores: Stores, file: Path) -> None:
    """Inputs, context, outputs and what turned out to be true, as any other prediction."""
    done = import_log(stores, file, meaning())
    assert (done.rows, done.outcomes, done.inputs) == (420, 420, ("amount", "country", "tags"))
    assert done.sentences()[0].endswith("with 420 outcomes and 3 inputs: amount, country, tags")
    found = stores.log().predictions("fraud")
    table = old(days=7)
    assert found.column("in_amount").to_pylist() == table.column("amount").to_pylist()
    assert found.column("in_tags").to_pylist() == table.column("tags").to_pylist()
    assert set(found.column("ctx_shop").to_pylist()) == {"s"}
    assert found.column("output").to_pylist() == table.column("score").to_pylist()
    assert stores.log().outcomes("fraud").num_rows == 420
    assert declared(stores, "fraud").window_days == 3
    assert gaps(stores.settings.log, stores.journals()) == []


def test_what_turned_out_is_shown_beside_imported_predictions(stores: Stores, file: Path) -> None:
    """As the import said how outcomes are read; of a model without any nothing is shown."""
    import_log(stores, file, meaning())
    import_log(stores, file, meaning(model="blind", outcome="", outcome_time=""))
    truth = old(days=7).column("fraud").to_pylist()
    assert [row["label"] for row in newest(stores, "fraud", limit=420)] == [float(value) for value in truth]
    assert {row["label"] for row in newest(stores, "blind", limit=420)} == {None}


def test_importing_twice_is_importing_once(stores: Stores, file: Path, tmp_path: Path) -> None:
    """The same file is known by its rows; another one with some of them adds only what is new."""
    import_log(stores, file, meaning())
    assert import_log(stores, file, meaning()).known
    longer = tmp_path / "longer.parquet"
    pq.write_table(old(days=8).slice(300), longer)
    pq.write_table(pa.concat_tables([old(days=7).slice(300), old(days=7).slice(0, 10)]), longer)
    assert not import_log(stores, longer, meaning()).known
    assert stores.log().predictions("fraud").num_rows == 420
    assert stores.log().outcomes("fraud").num_rows == 420


def test_a_csv_file_does_as_well(stores: Stores, tmp_path: Path) -> None:
    """Times without a timezone are UTC."""
    path = tmp_path / "old.csv"
    csv.write_csv(old(days=2).drop_columns(["tags"]), path)
    assert import_log(stores, path, meaning(id="")).rows == 120


def test_an_import_that_was_interrupted_is_done_again(
    stores: Stores, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever was written before is replaced or already counted."""
    with monkeypatch.context() as crash:
        crash.setattr(
            "roadworthy.jobs.importing.roll", lambda journals, log: (_ for _ in ()).throw(KeyboardInterrupt)
        )
        with pytest.raises(KeyboardInterrupt):
            import_log(stores, file, meaning())
    with monkeypatch.context() as crash:
        crash.setattr(
            "roadworthy.jobs.importing.declare", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)
        )
        with pytest.raises(KeyboardInterrupt):
            import_log(stores, file, meaning())
    assert not import_log(stores, file, meaning()).known
    assert stores.log().predictions("fraud").num_rows == 420
    assert gaps(stores.settings.log, stores.journals()) == []


def test_an_import_that_was_killed_before_its_journal_went_can_be_ended(
    stores: Stores, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its rows are in the log by then; the journal that was left is theirs, and not another worker's."""
    unlink = Path.unlink

    def killed(path: Path, missing_ok: bool = False) -> None:
        if path.suffix == SEALED:
            raise KeyboardInterrupt
        unlink(path, missing_ok)

    with monkeypatch.context() as crash:
        crash.setattr(Path, "unlink", killed)
        with pytest.raises(KeyboardInterrupt):
            import_log(stores, file, meaning())
    assert len(journals_in(stores.journals())) == 1
    assert import_log(stores, file, meaning()).rows == 420
    assert journals_in(stores.journals()) == []
    assert stores.log().predictions("fraud").num_rows == 420
    assert gaps(stores.settings.log, stores.journals()) == []


def test_an_import_of_which_a_part_was_rolled_is_ended_by_any_process(
    stores: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk was full after the first of two journals; the process that goes on has another number."""
    path = tmp_path / "old.parquet"
    pq.write_table(old(days=30), path)
    monkeypatch.setattr("roadworthy.jobs.importing.Journal", partial(Journal, rotate_rows=1_000))
    with monkeypatch.context() as first:
        first.setattr(os, "getpid", lambda: 7)
        first.setattr("roadworthy.jobs.importing.roll", lambda journals, log: fail(roll(journals[:1], log)))
        with pytest.raises(NotReady):
            import_log(stores, path, meaning())
    monkeypatch.setattr(os, "getpid", lambda: 70_000)
    assert import_log(stores, path, meaning()).rows == 1_800
    assert stores.log().predictions("fraud").num_rows == 1_800
    assert gaps(stores.settings.log, stores.journals()) == []


def fail(done: object) -> None:
    """A disk that is full after that."""
    raise NotReady(f"no space left after {done}")


def test_what_retention_dropped_can_be_imported_again(stores: Stores, file: Path) -> None:
    """What is kept is read once; and what retention took is not in the log just because it was."""
    import_log(stores, file, meaning())
    whole = stores.log().predictions("fraud", columns=["id", "event_time", "in_amount"])
    retain(stores.settings.log, START_OF_IMPORT + timedelta(days=3))
    assert stores.log().predictions("fraud").num_rows == 240
    again = import_log(stores, file, meaning())
    assert (again.known, again.rows) == (False, 420)
    assert stores.log().predictions("fraud", columns=["id", "event_time", "in_amount"]).equals(whole)
    assert stores.log().outcomes("fraud").num_rows == 420
    assert import_log(stores, file, meaning()).known
    retain(stores.settings.log, START_OF_IMPORT + timedelta(days=30))
    assert not import_log(stores, file, meaning()).known
    assert stores.log().predictions("fraud").num_rows == 420
    assert gaps(stores.settings.log, stores.journals()) == []


def test_every_column_that_does_not_fit_is_named_and_nothing_is_imported(
    stores: Stores, tmp_path: Path
) -> None:
    """All faults at once."""
    path = tmp_path / "odd.parquet"
    table = old(days=1).append_column("blob", pa.array([b"x"] * 60))
    pq.write_table(table.set_column(0, "customer", pa.array([None] * 60, pa.string())), path)
    with pytest.raises(SchemaError) as caught:
        import_log(stores, path, meaning(output="country"))
    said = str(caught.value)
    assert all(name in said for name in ("blob", "customer", "country"))
    with pytest.raises(SchemaError, match="no such column"):
        import_log(stores, path, meaning(unit="client"))
    assert stores.log().predictions("fraud").num_rows == 0


def test_what_cannot_be_imported_says_why(
    stores: Stores, small_stores: Stores, file: Path, tmp_path: Path
) -> None:
    """A registered model, a bad name, an empty table, another kind of file, no file."""
    with pytest.raises(Refused, match=f"{MODEL}-before"):
        import_log(small_stores, file, meaning(model=MODEL))
    with pytest.raises(DefinitionError, match="is not a name"):
        import_log(stores, file, meaning(model="../x"))
    pq.write_table(old(days=1).slice(0, 0), tmp_path / "empty.parquet")
    with pytest.raises(TooFewSamples):
        import_log(stores, tmp_path / "empty.parquet", meaning())
    for name in ("old.xlsx", "absent.parquet"):
        with pytest.raises(DefinitionError):
            import_log(stores, tmp_path / name, meaning())


def test_a_model_that_is_only_logged_is_monitored(stores: Stores, tmp_path: Path) -> None:
    """Against its own first days; a loss of calibration is an alarm, and no day is judged twice."""
    path = tmp_path / "old.parquet"
    pq.write_table(old(worse_from=45), path)
    import_log(stores, path, meaning())
    seen = monitor_any(stores, "fraud", as_of=NOW)
    assert seen.days[0] == "2023-12-20"
    assert "calibration" in {alarm.check for alarm in seen.opened}
    assert {alarm.subject.split()[0] for alarm in seen.opened} == {"fraud@1"}
    assert monitor_any(stores, "fraud", as_of=NOW).days == ()
    assert monitor_any(stores, "fraud", as_of=START_OF_IMPORT).days == (), (
        "nothing was logged before its first day"
    )


def test_a_model_that_comes_here_begins_after_the_versions_that_were_imported(tmp_path: Path) -> None:
    """What it answered elsewhere is not taken for what its first version here answers."""
    named = define(tmp_path)
    moved = named.stores()
    path = tmp_path / "old.parquet"
    pq.write_table(old(days=7), path)
    import_log(moved, path, meaning(model=MODEL, version=2))
    ingest_file(moved.settings, named.definition)
    first, second = (
        train(moved, named.definition, until=until, holdout=HALF_MONTH)
        for until in (FIRST_UNTIL, SECOND_UNTIL)
    )
    moved.engine.dispose()
    assert (first.version, second.version) == (3, 4)


def test_namespaces_do_not_share_what_was_counted_or_reported(tmp_path: Path) -> None:
    """A model of the same name and version in another namespace is another model."""
    one, other = Settings(tmp_path, "prod"), Settings(tmp_path, "staging")
    assert one.statistics != other.statistics
    assert one.reports != other.reports
    assert one.elsewhere != other.elsewhere


def test_a_file_that_ends_is_not_a_model_that_fell_silent(stores: Stores, tmp_path: Path) -> None:
    """No volume alarm about the days after the last imported one."""
    path = tmp_path / "old.parquet"
    pq.write_table(old(days=34), path)
    import_log(stores, path, meaning())
    seen = monitor_any(stores, "fraud", as_of=NOW)
    assert not [alarm for alarm in seen.opened if alarm.check == "volume"]


def test_too_few_days_and_unknown_models_are_told_apart(stores: Stores, file: Path) -> None:
    """A week is no reference; a name that nobody logged is a mistake."""
    import_log(stores, file, meaning())
    with pytest.raises(TooFewSamples, match="predictions of 7 whole days"):
        monitor_any(stores, "fraud", as_of=NOW)
    with pytest.raises(UnknownName, match=r"no model 'fruad'.*; only logged are: fraud$"):
        monitor_any(stores, "fruad", as_of=NOW)


def test_a_model_that_is_only_logged_is_not_said_to_be_missing(stores: Stores, file: Path) -> None:
    """It has no versions; the commands that know it are named."""
    import_log(stores, file, meaning())
    with pytest.raises(UnknownName, match=r"^fraud is only logged here .*`roadworthy monitor` know it"):
        list_versions(stores, "fraud")
    with pytest.raises(UnknownName, match=r"train one first; fraud is only logged here: "):
        chosen_model(stores, None)
    assert known_model(stores, "fraud") == "fraud"


def test_the_documented_example_runs_as_printed(tmp_path: Path) -> None:
    """On a fresh workspace, with a file that has the columns it names."""
    pq.write_table(old(days=40, a_day=20), tmp_path / "old.parquet")
    (block,) = re.findall(r"^```sh\n(.*?)^```", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
    assert len(block.splitlines()) <= 10
    for line in block.splitlines():
        program, *arguments = shlex.split(line)
        assert program == "roadworthy"
        done = subprocess.run(
            [sys.executable, "-m", "roadworthy.cli", *arguments], cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
