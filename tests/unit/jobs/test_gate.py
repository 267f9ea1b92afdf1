"""The gate as a job: whom it compares with, and what an approval leaves in the ledger."""

from __future__ import annotations

import pyarrow.parquet as pq
import pytest

from roadworthy.errors import Refused, TooFewSamples
from roadworthy.jobs.gate import gate
from roadworthy.jobs.history import champion_since
from roadworthy.jobs.lint import lint
from roadworthy.jobs.stores import Stores
from roadworthy.jobs.train import holdout_path
from roadworthy.traffic import Route
from smalltown import DAY, MODEL, OPENED, Town, serve

REASON = "nothing serves yet"


def _approvals(stores: Stores) -> list[tuple[str, str]]:
    return [(entry.actor, entry.reason) for entry in stores.ledger.approvals(MODEL, 1)]


def test_the_champion_is_told_that_it_is_the_champion_and_is_not_approved_again(town_stores: Stores) -> None:
    """Approved once, however often it was said, before the release and after; the report tells since when it serves."""
    for _ in range(2):
        gate(town_stores, f"{MODEL}@1", approve_first=REASON, actor="anna")
    assert _approvals(town_stores) == [("anna", REASON)]
    serve(town_stores, Route(champion=1), OPENED + DAY)
    report = gate(town_stores, f"{MODEL}@1", approve_first="again", actor="anna").report
    assert _approvals(town_stores) == [("anna", REASON)]
    assert (report.decision.ruling, report.champion_version) == ("pass", None)
    assert report.serves_since == OPENED + DAY


def test_a_version_whose_held_out_rows_were_all_forgotten_cannot_be_judged(town_stores: Stores) -> None:
    """Nor linted; the sentence says what to do."""
    path = holdout_path(town_stores, town_stores.versions.get(MODEL, 1).digest)
    pq.write_table(pq.read_table(path).slice(0, 0), path)
    for ask in (gate, lint):
        with pytest.raises(TooFewSamples, match=f"no held-out row of {MODEL}@1 is left .*: train it again"):
            ask(town_stores, f"{MODEL}@1")


def test_an_approval_by_somebody_else_stands_beside_the_first(town_stores: Stores) -> None:
    """Only the same word of the same person is the same approval."""
    gate(town_stores, f"{MODEL}@1", approve_first=REASON, actor="anna")
    gate(town_stores, f"{MODEL}@1", approve_first=REASON, actor="ben")
    assert _approvals(town_stores) == [("anna", REASON), ("ben", REASON)]


def test_where_a_version_answers_there_is_no_first_release_to_approve(
    town: Town, town_stores: Stores
) -> None:
    """It is compared with that one; nothing is kept of the approval."""
    town.train(town_stores, OPENED + DAY)
    serve(town_stores, Route(champion=2))
    with pytest.raises(Refused, match=rf"no first release: {MODEL}@2 answers"):
        gate(town_stores, f"{MODEL}@1", approve_first=REASON, actor="anna")
    assert _approvals(town_stores) == []


def test_a_champion_answers_since_it_became_one_whatever_was_released_beside_it(town_stores: Stores) -> None:
    """A canary beside it is no interruption; having been away is."""
    assert champion_since(town_stores, MODEL) is None
    serve(town_stores, Route(champion=1), OPENED)
    serve(town_stores, Route(champion=1, shadow=1), OPENED + DAY)
    assert champion_since(town_stores, MODEL) == OPENED
    serve(town_stores, Route(), OPENED + 2 * DAY)
    assert champion_since(town_stores, MODEL) is None
    serve(town_stores, Route(champion=1), OPENED + 3 * DAY)
    assert champion_since(town_stores, MODEL) == OPENED + 3 * DAY


def test_the_owner_of_a_model_says_which_checks_block(town: Town, town_stores: Stores) -> None:
    """What is advisory for them is read and blocks nothing; what they require must pass."""
    before = {note.name: note.required for note in gate(town_stores, f"{MODEL}@1").report.checks}
    text = town.definition.read_text()
    declared = '    checks={"batch_invariance": "advisory", "champion_rows": "required"}, limits='
    town.definition.write_text(text.replace("    limits=", declared))
    assert town.train(town_stores).redeclared == ("checks",)
    after = {note.name: note.required for note in gate(town_stores, f"{MODEL}@1").report.checks}
    assert {name for name in before if before[name] != after[name]} == {"batch_invariance", "champion_rows"}


def test_a_candidate_that_leaves_out_an_input_of_the_champion_is_told_what_to_do(
    town: Town, town_stores: Stores
) -> None:
    """Nobody can score the champion on rows without it; that blocks, and is no crash."""
    serve(town_stores, Route(champion=1))
    text = town.definition.read_text()
    town.definition.write_text(text.replace('        weight=number("weight"),\n', ""))
    candidate = town.train(town_stores, OPENED + DAY)
    report = gate(town_stores, candidate.reference).report
    said = {verdict.check: verdict for verdict in report.verdicts}
    assert said["champion"].ruling == "error"
    assert "it reads weight, which these rows do not hold; name them as context" in said["champion"].reason
