"""Only what the gate passed gets traffic; every step is in the ledger, and a refused step changes nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from roadworthy.errors import Conflict, DefinitionError, NotReady, Refused
from roadworthy.gate.decision import decide
from roadworthy.jobs import release as releasing
from roadworthy.jobs.release import parse_share, release, rollback
from roadworthy.jobs.stores import Stores
from roadworthy.traffic import Route
from roadworthy.verdict import Ruling, Verdict
from smalltown import DAY, MODEL, OPENED, Town, passed, serve


@pytest.fixture
def two(two_versions: Stores) -> Stores:
    """Version 1 answers, version 2 is trained and nobody asked the gate about it."""
    serve(two_versions, Route(champion=1))
    return two_versions


def ruled(stores: Stores, version: int, *blocking: Verdict, champion: int | None = None) -> None:
    """Have these verdicts of the gate on record."""
    decision = decide(blocking, {each.check for each in blocking})
    report = {"champion_version": champion, "decision": msgspec.to_builtins(decision)}
    at = stores.clock.now()
    stores.gates.record_gate(MODEL, version, decision.ruling, report, actor="gate", at=at, event_time=OPENED)


def _changes_nothing(stores: Stores, step: Callable[[], Any], error: type[Exception], match: str) -> None:
    before, entries = stores.plans.route(MODEL), stores.ledger.entries(MODEL)
    with pytest.raises(error, match=match):
        step()
    assert stores.plans.route(MODEL) == before
    assert stores.ledger.entries(MODEL) == entries
    assert stores.plans.preparations() == ()


@pytest.mark.parametrize("how", ["shadow", "canary", "promote"])
def test_without_a_gate_nothing_is_released(two: Stores, how: Any) -> None:
    """The message says what to run."""
    said = r"the gate was never asked about it\. Run: roadworthy gate parcel-late@2"
    _changes_nothing(two, lambda: release(two, f"{MODEL}@2", how=how, share=0.1), Refused, said)


def test_a_pass_by_limits_that_were_changed_since_is_no_pass(town: Town, town_stores: Stores) -> None:
    """Whoever raises a limit wants the version judged by it."""
    text = town.definition.read_text()
    town.definition.write_text(text.replace('"auc": ">= 0.60"', '"auc": ">= 0.99"'))
    town.train(town_stores)
    said = (
        r"what it declares \(limits\) changed after the gate ruled pass\. Run: roadworthy gate parcel-late@1"
    )
    _changes_nothing(town_stores, lambda: release(town_stores, f"{MODEL}@1", how="promote"), Refused, said)


@pytest.mark.parametrize("ruling", ["fail", "insufficient", "error"])
def test_only_a_pass_lets_a_version_advance(two: Stores, ruling: Any) -> None:
    """Too little evidence and no measurement are no pass; the message names the ruling and the way past it."""
    passed(two, 2, champion=1, ruling=ruling)
    said = rf"the gate ruled {ruling}.*--force"
    _changes_nothing(two, lambda: release(two, f"{MODEL}@2", how="promote"), Refused, said)


def test_a_version_that_lacks_only_a_champion_is_led_to_the_first_release(
    town: Town, town_stores: Stores
) -> None:
    """Asking the gate once more, without a reason, would say the same."""
    lacks = Verdict(
        check="champion", subject=f"{MODEL}@1", ruling="insufficient", reason="nothing to compare with"
    )
    ruled(town_stores, 1, lacks)
    said = (
        r"ruled insufficient \(champion\)\. To approve the first release: "
        rf'roadworthy gate {MODEL}@1 --first-release "the reason"\. To release it nev'
    )
    _changes_nothing(town_stores, lambda: release(town_stores, f"{MODEL}@1", how="promote"), Refused, said)


@pytest.mark.parametrize("ruling", ["fail", "error", "insufficient"])
def test_a_version_that_the_gate_blocked_is_led_to_its_report(two: Stores, ruling: Ruling) -> None:
    """With the names of what blocks it; to ask the same gate again would lead nowhere."""
    two.gate_page(MODEL, 2).parent.mkdir(parents=True)
    two.gate_page(MODEL, 2).write_text("the report")
    wrong = [
        Verdict(check=name, subject=f"{MODEL}@2", ruling=ruling, reason="so")
        for name in ("auc", "limits", "auc")
    ]
    ruled(two, 2, *wrong, champion=1)
    said = rf"the gate ruled {ruling} \(auc, limits\)\. Its report says more: \S+gate-parcel-late-2\.html\. To release"
    _changes_nothing(two, lambda: release(two, f"{MODEL}@2", how="promote"), Refused, said)


def test_a_gate_that_compared_with_another_champion_is_asked_again(two: Stores) -> None:
    """An approval as first release is no comparison with the version that answers since."""
    passed(two, 2, champion=None)
    said = r"compared it with no champion, but version 1 answers since\. Run: roadworthy gate parcel-late@2"
    _changes_nothing(two, lambda: release(two, f"{MODEL}@2", how="promote"), Refused, said)


def test_force_needs_no_gate_and_stands_in_the_ledger(two: Stores) -> None:
    """Who, why, and what the gate said."""
    release(
        two, f"{MODEL}@2", how="promote", force="the old one is worse", actor="anna", event_time=OPENED + DAY
    )
    override, promote = two.ledger.entries(MODEL)[-2:]
    assert (override.action, override.actor, override.reason) == ("override", "anna", "the old one is worse")
    assert override.details == {"gate": "the gate was never asked about it"}
    assert (promote.action, promote.version, promote.event_time) == ("promote", 2, OPENED + DAY)
    assert promote.route == Route(champion=2, standby=1)


def test_a_barred_version_is_refused_even_by_force(two: Stores) -> None:
    """Its bar says why."""
    two.versions.bar(MODEL, 2, "it said 25 % to everybody", actor="anna", at=two.clock.now())
    step = lambda: release(two, f"{MODEL}@2", how="promote", force="again")  # noqa: E731  # one step
    _changes_nothing(two, step, Refused, "is barred: it said 25 % to everybody")


def test_a_node_that_does_not_load_it_in_time_is_named_and_nothing_is_changed(
    two: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even an override is written down: nothing was overridden."""
    monkeypatch.setattr(releasing, "PREPARE_SECONDS", 0.1)
    two.nodes.heartbeat("north", 1, [(MODEL, 1)], two.clock.now())
    step = lambda: release(two, f"{MODEL}@2", how="promote", force="now")  # noqa: E731  # one step
    _changes_nothing(
        two, step, NotReady, r"north did not load parcel-late@2 within 0\.1 s, so nothing was changed"
    )


def test_a_node_that_says_why_it_cannot_load_ends_the_wait_at_once(two: Stores) -> None:
    """Two minutes tell nothing more; what it said before it was asked does not count."""
    two.nodes.heartbeat("north", 1, [(MODEL, 1)], two.clock.now(), errors={f"{MODEL}@2": "an older story"})
    says = {f"{MODEL}@2": "CorruptArtifact: model.json differs"}
    damaged = threading.Timer(
        0.3, lambda: two.nodes.heartbeat("north", 1, [(MODEL, 1)], two.clock.now(), errors=says)
    )
    damaged.start()
    step = lambda: release(two, f"{MODEL}@2", how="promote", force="now")  # noqa: E731  # one step
    said = r"parcel-late@2 cannot be loaded, so nothing was changed\. north: CorruptArtifact: model\.json differs"
    _changes_nothing(two, step, NotReady, said)
    damaged.join()


def test_a_flip_waits_for_a_node_whose_worker_just_died(two: Stores) -> None:
    """The node reports nothing prepared for a moment; a rollback made then still happens."""
    serve(two, Route(champion=2, standby=1))
    two.nodes.heartbeat("north", 0, [], two.clock.now())
    ready = threading.Timer(0.3, lambda: two.nodes.heartbeat("north", 99, [(MODEL, 1)], two.clock.now()))
    ready.start()
    done = rollback(two, MODEL, reason="it is late", actor="anna")
    ready.join()
    assert done.route == Route(champion=1)
    assert done.seconds >= 0.2


def test_a_node_that_does_not_follow_is_named_and_the_change_is_said(
    two: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller must not repeat what was done."""
    monkeypatch.setattr(releasing, "ADOPT_SECONDS", 0.1)
    passed(two, 2, champion=1)
    two.nodes.heartbeat("north", 1, [(MODEL, 1), (MODEL, 2)], two.clock.now())
    with pytest.raises(NotReady, match=r"@2 is champion \(route number 2\): the route is changed, but north"):
        release(two, f"{MODEL}@2", how="promote")
    assert two.plans.route(MODEL)[1].champion == 2


def test_a_rollback_bars_what_it_leaves_and_needs_a_reason(two: Stores) -> None:
    """Without a reason nothing happens."""
    serve(two, Route(champion=2, standby=1))
    _changes_nothing(two, lambda: rollback(two, MODEL, actor="anna"), Refused, "needs a reason")
    done = rollback(two, MODEL, reason="too many are late", actor="anna")
    assert done.sentence == "parcel-late@2 is rolled back and barred; version 1 answers (route number 3)"
    assert two.versions.get(MODEL, 2).barred_reason == "too many are late"


def test_with_nothing_to_return_to_a_rollback_is_a_conflict(two: Stores) -> None:
    """A first champion has no standby."""
    _changes_nothing(
        two, lambda: rollback(two, MODEL, reason="away with it"), Conflict, "nothing to roll back to"
    )


def test_only_the_standby_can_be_returned_to(two: Stores) -> None:
    """Nothing else is loaded and checked."""
    serve(two, Route(champion=2, standby=1))
    step = lambda: rollback(two, MODEL, to=7, reason="back")  # noqa: E731  # one step
    _changes_nothing(two, step, Conflict, r"version 7 is not the standby \(version 1 is\)")


def test_a_canary_without_a_share_is_refused_before_anything_is_written(two: Stores) -> None:
    """Not even the override."""
    step = lambda: release(two, f"{MODEL}@2", how="canary", force="now")  # noqa: E731  # one step
    _changes_nothing(two, step, DefinitionError, "share is between 0 and 1, got 0")


@pytest.mark.parametrize(("text", "share"), [("5%", 0.05), (" 12.5 % ", 0.125), ("0.3", 0.3), ("99%", 0.99)])
def test_a_share_is_read_as_people_write_it(text: str, share: float) -> None:
    """Per cent or a number below 1."""
    assert parse_share(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["", "five", "0", "0%", "100%", "1", "5", "-1%", "nan", "inf%"])
def test_a_share_that_is_none_is_refused(text: str) -> None:
    """The message says how to write one."""
    with pytest.raises(DefinitionError, match=r"write 5% or 0\.05"):
        parse_share(text)
