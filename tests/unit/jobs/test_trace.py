"""From a prediction to its training rows, and back."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from roadworthy.clock import micros, uuid7
from roadworthy.errors import CorruptArtifact, UnknownName
from roadworthy.jobs.log import newest
from roadworthy.jobs.stores import Stores
from roadworthy.jobs.trace import PredictionTrace, RowTrace, trace
from roadworthy.jobs.train import manifest_path
from roadworthy.predictionlog.journal import Journal
from small_workspace import FIRST_UNTIL, MODEL, PROMOTED, TRAFFIC_END, Small, answer, questions_of


def traced(stores: Stores, identifier: str) -> PredictionTrace:
    """The trace of a prediction."""
    found = trace(stores, identifier)
    assert isinstance(found, PredictionTrace)
    return found


@pytest.mark.parametrize(("version", "end"), [(1, PROMOTED), (2, None)])
def test_a_prediction_leads_to_its_version_run_and_digest(
    small_stores: Stores, version: int, end: None
) -> None:
    """Rolled or not, the identifier is all that is needed."""
    (row,) = newest(small_stores, MODEL, end=end, limit=1)
    found = traced(small_stores, row["id"])
    registered = small_stores.versions.get(MODEL, version)
    assert (found.unit, found.output, found.event_time) == (row["unit"], row["output"], row["event_time"])
    assert found.version is not None
    assert (found.version.digest, found.version.fingerprint) == (
        registered.digest,
        registered.run.data_fingerprint,
    )
    assert found.trained_on_unit is False
    text = "\n".join(found.sentences())
    for fact in (
        row["unit"],
        f"{MODEL}@{version}",
        registered.digest[:16],
        "gate: never asked",
        "no row of unit",
    ):
        assert fact in text


def test_a_prediction_about_a_training_row_says_so(own_stores: Stores, own: Small, tmp_path: Path) -> None:
    """Somebody who asks about what a model was trained on gets an answer that looks too good."""
    journal = Journal(own_stores.settings.nodes / "n" / "journals", 2)
    day = FIRST_UNTIL - timedelta(days=20)
    (first, *_) = answer(own_stores, journal, 1, questions_of(own_stores, own, day, day + timedelta(days=1)))
    found = traced(own_stores, first)
    assert found.trained_on_unit is True
    assert found.sentences()[-1].endswith(f"rows of unit {found.unit!r} were among its training rows")


def test_a_row_leads_to_the_versions_trained_on_it_and_to_all_they_answered(small_stores: Stores) -> None:
    """A row of January is in both versions, one of late February in the second only."""
    early, late = trace(small_stores, f"{MODEL}:T00005"), trace(small_stores, f"{MODEL}:T01700")
    assert isinstance(early, RowTrace)
    assert isinstance(late, RowTrace)
    assert [version.version for version in early.versions] == [1, 2]
    assert (early.answers, early.affected) == ({1: 930, 2: 570}, 1_500)
    assert ([version.version for version in late.versions], late.without) == ([2], (1,))
    assert late.affected == 570
    assert late.sentences()[0] == f"rows of unit {late.key!r} are among the training rows of {MODEL}@2"
    assert late.sentences()[-1] == "Affected in all: 570 answers"


def test_where_there_is_one_model_a_key_alone_is_understood(small_stores: Stores) -> None:
    """Nobody has to repeat its name."""
    assert trace(small_stores, "T00005") == trace(small_stores, f"{MODEL}:T00005")


def test_where_there_are_several_models_a_row_needs_the_name_of_one(own_stores: Stores) -> None:
    """The same key may be a row of both histories."""
    row = own_stores.versions.get(MODEL, 1)
    own_stores.versions.register("other", row.digest, row.directory, row.run, own_stores.clock.now())
    with pytest.raises(UnknownName, match="neither the identifier of a prediction"):
        trace(own_stores, "T00005")
    with pytest.raises(UnknownName, match=r"no model 'third'.*other, trip-delay"):
        trace(own_stores, "third:T00005")


def test_a_prediction_says_which_inputs_were_missing_or_unknown(own_stores: Stores, own: Small) -> None:
    """As the version that answered reads them: an origin it never met, a wind that nobody measured."""
    questions = questions_of(own_stores, own, TRAFFIC_END, TRAFFIC_END + timedelta(days=1)).take(
        np.arange(30) < 3
    )
    whole = questions.table.set_column(
        questions.table.column_names.index("wind"), "wind", pa.array([1.0, 2.0, None])
    )
    odd = whole.set_column(whole.column_names.index("origin"), "origin", pa.array(["EWR", "XXX", "EWR"]))
    journal = Journal(own_stores.settings.nodes / "n" / "journals", 2)
    plain, strange, calm = answer(own_stores, journal, 1, replace(questions, table=odd))
    assert traced(own_stores, plain).unseen == ()
    (unknown,) = traced(own_stores, strange).unseen or ()
    assert (unknown.feature, unknown.state, unknown.inputs) == ("origin", "unknown", {"origin": "XXX"})
    assert "  unknown to its vocabulary: origin (origin='XXX')" in traced(own_stores, strange).sentences()
    assert "  missing: wind" in traced(own_stores, calm).sentences()


def test_what_a_shadow_said_affected_nobody(own_stores: Stores, own: Small) -> None:
    """A shadow's predictions are logged and reach no caller."""
    journal = Journal(own_stores.settings.nodes / "n" / "journals", 2)
    questions = questions_of(own_stores, own, PROMOTED - timedelta(days=1), PROMOTED)
    answer(own_stores, journal, 2, questions, role="shadow")
    found = trace(own_stores, f"{MODEL}:T01700")
    assert isinstance(found, RowTrace)
    assert found.affected == 570


def test_nothing_of_that_name_is_said_with_what_was_looked_at(small_stores: Stores) -> None:
    """An identifier, a key, a model, and text that is none of them."""
    unknown = uuid7(micros(PROMOTED), random.Random(99))
    for what, said in (
        (unknown, f"no prediction {unknown} of {MODEL} .* within a day of 2013-04-01 00:00"),
        (f"{MODEL}:T99999", "rows of unit 'T99999' are among the training rows of no version of trip-delay"),
        ("other:T00005", "rows of unit 'other:T00005' are among the training rows of no version"),
        ("T99999", "and not the identifier of a prediction"),
    ):
        with pytest.raises(UnknownName, match=said):
            trace(small_stores, what)


def test_training_keys_that_were_changed_are_not_believed(own_stores: Stores) -> None:
    """The digest of the keys stands in the control database."""
    first, second = (row.digest for row in own_stores.versions.all(MODEL))
    manifest_path(own_stores, first).write_bytes(manifest_path(own_stores, second).read_bytes())
    with pytest.raises(CorruptArtifact, match="restore it from a copy"):
        trace(own_stores, f"{MODEL}:T00005")


def test_a_damaged_version_is_said_to_be_unknown_and_hides_no_other(own_stores: Stores) -> None:
    """Whether its unit is hashed is written in the artifact: without it nobody can say what it was trained on."""
    first, second = own_stores.versions.all(MODEL)
    (own_stores.settings.artifacts / first.digest / "model.json").write_text("{")
    found = trace(own_stores, f"{MODEL}:T00005")
    assert isinstance(found, RowTrace)
    assert (found.unrecorded, [one.version for one in found.versions]) == ((first.version,), [second.version])
