"""Training sees what was known at its cut and nothing later, and refuses early what could not be served."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from roadworthy.errors import DefinitionError, TooFewSamples, UnsupportedEstimator
from roadworthy.jobs import train as training
from roadworthy.jobs.gate_vocabulary import ENTRIES_FILE
from roadworthy.jobs.questions import load_questions
from roadworthy.jobs.stores import Stores
from roadworthy.jobs.train import holdout_path, manifest_path, train
from roadworthy.model import load_definition
from smalltown import HOLDOUT, OPENED, Town

CUT = OPENED - HOLDOUT
NOON = OPENED + timedelta(hours=12)


def _rewrite(stores: Stores, known_before: bool) -> int:
    """Turn labels around of parcels asked about before noon of the cut, known by then or not; returns how many."""
    turned, noon = 0, NOON - HOLDOUT
    for path in (stores.settings.tables / "parcels").rglob("*.parquet"):
        table = pq.read_table(path)
        rows = table.to_pylist()
        for row in rows:
            asked = row["leaves"] - timedelta(hours=1)
            if row["late"] is not None and asked < noon and (row["arrived"] <= noon) == known_before:
                row["late"] = not row["late"]
                turned += 1
        pq.write_table(table.from_pylist(rows, schema=table.schema), path)
    return turned


def test_training_twice_is_the_same_version(town: Town, town_stores: Stores) -> None:
    """The digest decides; the first record stays."""
    again = town.train(town_stores)
    assert (again.version, again.known) == (1, True)
    assert again.sentences()[0].startswith("parcel-late@1 is the version registered before")
    assert len(town_stores.versions.all()) == 1


def test_what_the_gate_will_look_at_is_written_whole_where_it_was_lacking(
    town: Town, town_stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A version that an older Roadworthy registered; the disk is full in the middle of what it did not keep."""
    kept = holdout_path(town_stores, town_stores.versions.get("parcel-late", 1).digest).parent
    lacking = kept / ENTRIES_FILE
    whole = lacking.read_bytes()
    lacking.unlink()

    def full(path: Path, *given: object) -> None:
        path.write_bytes(whole[:5])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(training, "write_entries", full)
        with pytest.raises(OSError, match="No space left"):
            town.train(town_stores)
    assert not lacking.exists()
    town.train(town_stores)
    assert lacking.read_bytes() == whole
    assert not [path for path in kept.iterdir() if path.name.startswith(".")], "no draft stays"


def _with_limits(town: Town, auc: str, slices: str = '["street"]') -> None:
    text = town.definition.read_text().replace('slices=["street"]', f"slices={slices}")
    town.definition.write_text(text.replace('"auc": ">= 0.60"', f'"auc": "{auc}"'))


def test_limits_and_slices_that_changed_alone_count_and_stand_in_the_ledger(
    town: Town, town_stores: Stores
) -> None:
    """The artifact is the same, so the version is; what is declared now is judged by, and training says so."""
    _with_limits(town, ">= 0.99", "[]")
    again = town.train(town_stores)
    assert (again.version, again.known) == (1, True)
    assert "Changed since, and counts from now on: limits, slices" in again.sentences()
    row = town_stores.versions.get("parcel-late", 1)
    assert row.run.details["limits"]["auc"] == ">= 0.99"
    assert row.run.details["slices"] == []
    (entry,) = town_stores.ledger.entries("parcel-late", action="redeclare")
    assert (entry.version, entry.actor) == (1, "train")
    assert entry.details["slices"] == {"was": ["street"], "now": []}
    assert entry.details["limits"]["was"]["auc"] == ">= 0.60"
    assert entry.details["limits"]["now"]["auc"] == ">= 0.99"


def test_a_check_that_the_gate_does_not_have_is_refused_before_anything_is_read(
    town: Town, town_stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever writes `champoin` would believe that it was off, or on."""
    text = town.definition.read_text()
    town.definition.write_text(text.replace("    limits=", '    checks={"champoin": "advisory"}, limits='))
    monkeypatch.setattr(training, "load_questions", lambda *_: pytest.fail("the history was read"))
    with pytest.raises(DefinitionError, match=r"no check 'champoin'; it has later_rows, .*champion"):
        train(town_stores, town.definition, until=OPENED)


def test_training_again_with_the_same_limits_is_no_change(town: Town, town_stores: Stores) -> None:
    """Nothing is said and nothing is written."""
    again = town.train(town_stores)
    assert again.redeclared == ()
    assert town_stores.ledger.entries("parcel-late", action="redeclare") == ()


def test_a_label_that_became_known_after_the_cut_is_not_learned_from(town: Town, town_stores: Stores) -> None:
    """Parcels under way at the cut: turning their labels around changes nothing."""
    first = town.train(town_stores, NOON)
    assert _rewrite(town_stores, known_before=False) > 0
    again = town.train(town_stores, NOON)
    assert (again.digest, again.known) == (first.digest, True)


def test_a_label_that_was_known_at_the_cut_is_learned_from(town: Town, town_stores: Stores) -> None:
    """The same change before the cut is another version."""
    first = town.train(town_stores, NOON)
    assert _rewrite(town_stores, known_before=True) > 0
    again = town.train(town_stores, NOON)
    assert again.digest != first.digest


def test_the_held_out_rows_are_later_than_every_training_row(town: Town, town_stores: Stores) -> None:
    """Both are kept as evidence, and no key is in both."""
    row = town_stores.versions.get("parcel-late", 1)
    held = pq.read_table(holdout_path(town_stores, row.digest))
    keys = pq.read_table(manifest_path(town_stores, row.digest)).column(0).to_pylist()
    assert min(held.column("asked_at").to_pylist()) >= CUT == row.run.trained_until
    assert not set(held.column("parcel").to_pylist()) & set(keys)
    assert held.column("label").null_count == 0


def test_an_estimator_without_a_safe_format_is_refused_before_anything_is_read(
    town: Town, town_stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tables are not touched."""
    imports = "from lightgbm import LGBMClassifier"
    forest = f"{imports}\nfrom sklearn.ensemble import RandomForestClassifier"
    chosen = "    estimator=RandomForestClassifier() if True else LGBMClassifier("
    text = town.definition.read_text().replace(imports, forest)
    town.definition.write_text(text.replace("    estimator=LGBMClassifier(", chosen))
    monkeypatch.setattr(training, "load_questions", lambda *_: pytest.fail("the history was read"))
    with pytest.raises(UnsupportedEstimator, match="RandomForestClassifier"):
        train(town_stores, town.definition, until=OPENED)


def test_without_rows_before_the_cut_the_message_counts_both_sides(town: Town, town_stores: Stores) -> None:
    """And says which options there are."""
    with pytest.raises(TooFewSamples, match=r"0 rows before 2023-11-\d\d to train on.*--until or --holdout"):
        train(town_stores, town.definition, until=OPENED - timedelta(days=30), holdout=timedelta(days=30))


def test_where_absent_means_negative_a_question_without_an_event_is_a_no_when_its_window_closes(
    town: Town, town_stores: Stores
) -> None:
    """As the log reads it; before that its label is not known."""
    path: Path = town.definition
    plain = load_questions(town_stores.settings.tables, load_definition(path).model())
    path.write_text(path.read_text().replace('window="1d"', 'window="1d", absent="negative"'))
    asked = load_questions(town_stores.settings.tables, load_definition(path).model())
    absent = plain.label != plain.label
    assert absent.any()
    assert set(asked.label[absent]) == {0.0}
    assert set(asked.label_known_at[absent] - asked.asked_at[absent]) == {86_400_000_000}
    assert (asked.label[~absent] == plain.label[~absent]).all()


def test_times_may_be_written_as_on_the_command_line(town: Town, town_stores: Stores) -> None:
    """A notebook and the shell understand the same texts."""
    again = train(town_stores, town.definition, until="2024-01-22", since="2000-01-01", holdout="7d")
    assert (again.version, again.known) == (1, True)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"until": 20240122}, "time 20240122 is not understood"),
        ({"holdout": 7}, "duration 7 is not understood"),
    ],
)
def test_what_is_no_time_is_refused_with_a_sentence(
    town: Town, town_stores: Stores, given: dict[str, Any], says: str
) -> None:
    """Not with a TypeError from inside."""
    with pytest.raises(DefinitionError, match=says):
        train(town_stores, town.definition, **given)


def test_a_range_that_begins_too_late_is_told_to_begin_earlier(town: Town, town_stores: Stores) -> None:
    """Where it was given, it is one of the options to change."""
    with pytest.raises(TooFewSamples, match=r"choose another --since, --until or --holdout"):
        train(town_stores, town.definition, until=OPENED, since=OPENED, holdout=HOLDOUT)
