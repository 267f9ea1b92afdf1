"""A second implementation of a version is asked the golden requests, and its logged answers are compared."""

from __future__ import annotations

import random
from collections.abc import Callable

import msgspec
import numpy as np
import pytest
from typer.testing import CliRunner

from roadworthy.cli.app import app
from roadworthy.clock import parse_instant, uuid7
from roadworthy.errors import REFUSED
from roadworthy.features.batch import Batch
from roadworthy.jobs.stores import Stores
from roadworthy.jobs.vectors import compare_logged, vectors
from roadworthy.node import NodeDirectory
from roadworthy.predictionlog.journal import Journal
from roadworthy.predictionlog.record import LogSchema, Number, Prediction
from roadworthy.scorer import Scorer
from small_workspace import MODEL, Small

SECOND = "trip-delay-in-go"


def _log(
    stores: Stores, says: Callable[[float], float] = lambda output: output, *, leave: int = 0, broke: int = 0
) -> Scorer:
    """Let the second implementation answer the golden requests, as it does, and log that; it broke on the first."""
    scorer = stores.scorer(stores.versions.get(MODEL, 1))
    fields = tuple(field for field in scorer.log_schema.fields if field.role == "input")
    journal = Journal(NodeDirectory(stores.settings.nodes / "elsewhere").journals, 0)
    schema = journal.declare(LogSchema(SECOND, fields, ()))
    entropy = random.Random(1)
    goldens = scorer.goldens[leave:]
    batch = Batch.from_rows([golden.request for golden in goldens], scorer.schema)
    at = 1_370_000_000_000_000
    journal.append(
        [
            Prediction(
                id=uuid7(at + place, entropy), request_id=golden.name, namespace=stores.settings.namespace,
                model=SECOND, version=1, schema=schema, unit="", event_time=at + place, logged_at=at + place,
                inputs=tuple(row[field.name] for field in fields), encoded=b"",
                output=Number(says(float(golden.prediction))), role="champion", plan=0, node="elsewhere",
                status="error" if place < broke else "ok", error="down" if place < broke else "",
            )
            for place, (golden, row) in enumerate(zip(goldens, batch.rows(scorer.schema), strict=True))
        ]
    )  # fmt: skip
    journal.seal()
    return scorer


def test_vectors_carry_the_inputs_and_the_answer_and_nothing_of_ours(small_stores: Stores) -> None:
    """Times as text, no unit, no context; every golden request."""
    found = vectors(small_stores, f"{MODEL}@1")
    assert len(found) == len(small_stores.scorer(small_stores.versions.get(MODEL, 1)).goldens)
    assert set(found[0].inputs) == {"origin", "wind", "heavy", "leaves", "before"}
    assert parse_instant(str(found[0].inputs["leaves"])).tzinfo is not None
    assert 0.0 < float(found[0].output) < 1.0
    assert msgspec.json.decode(msgspec.json.encode(found[0]))["name"] == "ordinary 0"


def test_a_second_implementation_that_says_the_same_passes(own_stores: Stores) -> None:
    """Every golden request was answered, to the last bit."""
    scorer = _log(own_stores)
    verdict = compare_logged(own_stores, f"{MODEL}@1", SECOND)
    assert (verdict.ruling, verdict.measured) == ("pass", 0.0)
    assert f"all {len(scorer.goldens)} golden requests among them" in verdict.reason


def test_one_that_keeps_fewer_digits_fails_unless_that_is_tolerated(own_stores: Stores) -> None:
    """The first answer that differs is named with both numbers."""
    _log(own_stores, lambda output: float(np.float32(output)))
    verdict = compare_logged(own_stores, f"{MODEL}@1", SECOND)
    assert verdict.ruling == "fail"
    assert "answers differ by more than limit 0; the first, " in verdict.reason
    assert "this version says 0." in verdict.reason
    assert compare_logged(own_stores, f"{MODEL}@1", SECOND, tolerance=1e-6).ruling == "pass"


def test_one_that_was_not_asked_everything_is_not_passed(own_stores: Stores) -> None:
    """What nobody asked may be wrong."""
    _log(own_stores, leave=3)
    verdict = compare_logged(own_stores, f"{MODEL}@1", SECOND)
    assert verdict.ruling == "insufficient"
    assert "of 34 golden requests have no logged answer, the first is 'ordinary" in verdict.reason


def test_failed_answers_take_no_place_among_the_newest(
    own_stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 34 of which 4 failed the newest 30 that there are, not those left when 4 more are cut away."""
    monkeypatch.setattr("roadworthy.jobs.vectors.ROWS", 30)
    _log(own_stores, broke=4)
    assert compare_logged(own_stores, f"{MODEL}@1", SECOND).n == 30


def test_one_that_logged_nothing_is_not_passed(small_stores: Stores) -> None:
    """Nor one whose name is misspelt."""
    assert compare_logged(small_stores, f"{MODEL}@1", "nobody").ruling == "insufficient"


def test_an_answer_that_is_no_number_fails(own_stores: Stores) -> None:
    """It differs from every number."""
    _log(own_stores, lambda output: float("nan"))
    assert compare_logged(own_stores, f"{MODEL}@1", SECOND).ruling == "fail"


def test_the_command_refuses_what_is_not_the_same(own: Small) -> None:
    """Exit 3, as of every guard, where one golden request was not asked; 0 where all were."""
    asked = ["--workspace", str(own.root), "vectors", f"{MODEL}@1"]
    assert CliRunner().invoke(app, asked).exit_code == 0
    assert CliRunner().invoke(app, [*asked, "--logged", SECOND]).exit_code == REFUSED
    stores = own.stores()
    _log(stores)
    stores.engine.dispose()
    assert CliRunner().invoke(app, [*asked, "--logged", SECOND]).exit_code == 0
