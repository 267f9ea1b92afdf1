"""A version that reads texts beside one that reads their hashes: compared on equal terms or not at all, and traced."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from roadworthy.clock import HOUR_MICROS
from roadworthy.features.arrow import batch_from_arrow
from roadworthy.features.batch import Floats
from roadworthy.jobs.compare import compare, remarks
from roadworthy.jobs.gate import gate, measure
from roadworthy.jobs.gate_traffic import served_lately
from roadworthy.jobs.hiding import hide_questions, hide_table
from roadworthy.jobs.questions import Questions
from roadworthy.jobs.stores import Stores
from roadworthy.jobs.trace import RowTrace, trace
from roadworthy.jobs.train import holdout_path, train
from roadworthy.model import Model, load_definition
from roadworthy.predictionlog.journal import Journal
from roadworthy.sensitive import hashed_text, key_path, make_key, read_key
from roadworthy.stats.metrics import log_loss
from roadworthy.traffic import Route
from small_workspace import (
    FIRST_UNTIL,
    HALF_MONTH,
    MODEL,
    PROMOTED,
    TRAFFIC,
    TRAFFIC_END,
    Small,
    answer,
    questions_of,
)

#: Number of the version that reads hashes; 1 and 2 read texts.
HIDDEN = 3


@pytest.fixture(scope="module")
def keyed(small: Small, tmp_path_factory: pytest.TempPathFactory) -> Small:
    """The small workspace with a key, and the model trained once more, with sensitive trips, origins and earlier
    airports, as its `definition` says; not to be changed.
    """
    home = tmp_path_factory.mktemp("hidden")
    shutil.copytree(small.root, home / "workspace")
    definition = small.definition.read_text().replace(
        'category("origin")', 'category("origin", sensitive=True), trip=category("trip", sensitive=True)'
    )
    made = Small(home / "workspace", home / "hidden.py")
    made.definition.write_text(definition.replace("length=2)", "length=2, sensitive=True)"))
    stores = made.stores()
    make_key(key_path(stores.settings.root))
    trained = train(stores, made.definition, until=FIRST_UNTIL, holdout=HALF_MONTH)
    assert trained.version == HIDDEN
    stores.engine.dispose()
    return made


@pytest.fixture
def own(keyed: Small, small: Small, tmp_path: Path) -> Small:
    """A copy of it, to change, with the file that hides nothing."""
    shutil.copytree(keyed.root, tmp_path / "workspace")
    return Small(tmp_path / "workspace", small.definition)


@pytest.fixture
def hidden(keyed: Small) -> Model:
    """The model that hides."""
    return load_definition(keyed.definition).model(MODEL)


def _release(stores: Stores, version: int) -> None:
    now = stores.clock.now()
    number, _ = stores.plans.route(MODEL)
    stores.plans.flip(
        MODEL, number, Route(champion=version), actor="anna", reason="it was due", action="promote", at=now
    )


def _says(stores: Stores, version: int, questions: Questions) -> Floats:
    scorer = stores.scorer(stores.versions.get(MODEL, version))
    return scorer.score(batch_from_arrow(questions.table, scorer.schema)).output


def test_rows_of_text_are_hashed_for_the_version_that_reads_hashes(
    own_stores: Stores, own: Small, hidden: Model
) -> None:
    """Witness: the history itself, hashed for one version only. Else that one would know no airport at all."""
    total = compare(own_stores, MODEL, 1, HIDDEN)[-1]
    questions = questions_of(own_stores, own, TRAFFIC, TRAFFIC_END)
    questions = questions.take(~np.isnan(questions.label))
    assert (total.n, total.unscorable) == (questions.n, 0)
    assert total.log_loss_old == pytest.approx(log_loss(_says(own_stores, 1, questions), questions.label))
    as_hashes = hide_questions(own_stores, hidden, questions)
    assert total.log_loss_new == pytest.approx(
        log_loss(_says(own_stores, HIDDEN, as_hashes), questions.label)
    )


def test_rows_of_hashes_are_not_scored_by_a_version_that_reads_texts(
    own_stores: Stores, own: Small, hidden: Model
) -> None:
    """They are counted, and a unit that was asked before in clear is still the same unit."""
    before = compare(own_stores, MODEL, 1, HIDDEN)[-1]
    february = questions_of(own_stores, own, TRAFFIC - timedelta(days=5), TRAFFIC)
    asked = questions_of(own_stores, own, PROMOTED, PROMOTED + timedelta(days=1))
    again = replace(asked, asked_at=asked.asked_at + HOUR_MICROS)
    journal = Journal(own_stores.settings.nodes / "n" / "journals", 2)
    for questions in (february, again):
        answer(own_stores, journal, HIDDEN, hide_questions(own_stores, hidden, questions))
    found = compare(own_stores, MODEL, 1, HIDDEN)
    assert (found[-1].n, found[-1].log_loss_new) == (before.n, before.log_loss_new)
    assert (found[-1].unscorable, found[-1].repeated) == (np.isfinite(february.label).sum(), again.n)
    assert "or with a hash in place of its text" in remarks(found)[0]


def test_a_champion_that_reads_hashes_is_scored_on_the_hashes_of_a_candidates_rows(
    own_stores: Stores, hidden: Model
) -> None:
    """Given texts it would know none of them, and lose."""
    _release(own_stores, HIDDEN)
    row = own_stores.versions.get(MODEL, 2)
    held_out = measure(own_stores, row, own_stores.clock.now()).holdout
    assert held_out is not None
    assert held_out.champion is not None
    table = hide_table(
        own_stores, hidden.features.sensitive, pq.read_table(holdout_path(own_stores, row.digest))
    )
    scorer = own_stores.scorer(own_stores.versions.get(MODEL, HIDDEN))
    expected = scorer.score(batch_from_arrow(table, scorer.schema)).output
    assert held_out.champion.tolist() == expected.tolist()


def test_a_champion_that_reads_texts_is_not_compared_on_hashes(own_stores: Stores, hidden: Model) -> None:
    """It would lose unfairly; the gate says that it could not measure, and what a person can do."""
    _release(own_stores, 1)
    report = gate(own_stores, f"{MODEL}@{HIDDEN}").report
    (verdict,) = [one for one in report.verdicts if one.check == "champion"]
    assert verdict.ruling == "error"
    assert verdict.check in {blocking.check for blocking in report.decision.blocking}
    assert "version 1, was not scored on these rows: it reads origin, before as text" in verdict.reason
    assert "--force" in verdict.reason


def test_served_requests_are_hashed_for_a_candidate_that_reads_hashes(
    own_stores: Stores, own: Small, hidden: Model
) -> None:
    """Witness: the history, hashed. The version that answers, which reads texts, is asked again on the texts."""
    row, answers = (own_stores.versions.get(MODEL, version) for version in (HIDDEN, 2))
    traffic = served_lately(own_stores, row, own_stores.scorer(row), own_stores.scorer(answers), TRAFFIC_END)
    assert traffic is not None
    assert traffic.candidate is not None
    asked = questions_of(own_stores, own, TRAFFIC_END - timedelta(days=28), TRAFFIC_END)
    expected = _says(own_stores, HIDDEN, hide_questions(own_stores, hidden, asked))
    assert sorted(traffic.candidate.tolist()) == sorted(expected.tolist())
    assert traffic.champion is not None
    assert np.array_equal(
        traffic.champion[traffic.answered_by == 2], traffic.logged[traffic.answered_by == 2]
    )


def test_a_candidate_that_reads_texts_cannot_be_asked_on_hashes(
    own_stores: Stores, own: Small, hidden: Model
) -> None:
    """What it lacks is named with the reason; nothing is scored on what it would not know."""
    later = questions_of(own_stores, own, TRAFFIC, TRAFFIC_END)
    journal = Journal(own_stores.settings.nodes / "n" / "journals", 2)
    moved = replace(later, asked_at=later.asked_at + 60 * 24 * HOUR_MICROS)
    answer(own_stores, journal, HIDDEN, hide_questions(own_stores, hidden, moved))
    row, answers = (own_stores.versions.get(MODEL, version) for version in (2, HIDDEN))
    now = TRAFFIC_END + timedelta(days=60)
    traffic = served_lately(own_stores, row, own_stores.scorer(row), own_stores.scorer(answers), now)
    assert traffic is not None
    assert traffic.lacking == dict.fromkeys(("origin", "before"), "the log holds its hash only")
    assert traffic.candidate is None
    assert traffic.champion is not None


def test_a_row_leads_to_versions_that_were_trained_on_its_hash(own_stores: Stores, hidden: Model) -> None:
    """By its text, as the history has it; by its hash, as the log has it, to these alone."""
    hashed = hashed_text("T00005", read_key(key_path(own_stores.settings.root)))
    for key, trained in (("T00005", [1, 2, HIDDEN]), (hashed, [HIDDEN])):
        found = trace(own_stores, f"{MODEL}:{key}")
        assert isinstance(found, RowTrace)
        assert [version.version for version in found.versions] == trained
