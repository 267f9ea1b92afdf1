"""What there is and what there was."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from roadworthy.cli.app import app
from roadworthy.errors import UnknownName
from roadworthy.jobs.history import chosen_model, ledger, list_versions, serving_at, when
from roadworthy.jobs.stores import Stores
from roadworthy.traffic import Route
from small_workspace import MODEL, PROMOTED


def flip(stores: Stores, route: Route, **more: object) -> None:
    """Change the route at an instant of event time."""
    number, _ = stores.plans.route(MODEL)
    stores.plans.flip(
        MODEL, number, route, actor="anna", reason="a test", action="promote", at=stores.clock.now(), **more,  # type: ignore[arg-type]  # event time
    )  # fmt: skip


def test_a_list_of_versions_says_what_each_was_trained_on_and_how_good_it_was(small_stores: Stores) -> None:
    """Period, rows, AUC with its interval and the digest are those of the run."""
    first, second = list_versions(small_stores, MODEL)
    row = small_stores.versions.get(MODEL, 1)
    assert (first.period, second.period) == ("2013-01-01 to 2013-02-15", "2013-01-01 to 2013-03-01")
    assert (first.rows, first.digest) == (row.run.rows, row.digest)
    assert first.auc == row.run.metrics["auc"].value
    assert first.auc_low is not None
    assert first.auc_low < first.auc
    assert (first.gate, first.serves, first.barred) == ("never asked", "", "")


def test_a_list_of_versions_says_what_serves_what_is_barred_and_what_was_forced(own_stores: Stores) -> None:
    """A version that serves although the gate failed it is not shown as one that passed."""
    now = own_stores.clock.now()
    own_stores.gates.record_gate(MODEL, 2, "fail", {}, actor="gate", at=now)
    own_stores.ledger.append("override", actor="anna", reason="label outage", at=now, model=MODEL, version=2)
    flip(own_stores, Route(champion=1, canary=2, canary_share=0.05))
    own_stores.versions.bar(MODEL, 1, "it was trained on a bad table", actor="anna", at=now)
    first, second = list_versions(own_stores, MODEL)
    assert (first.serves, first.barred) == ("champion", "it was trained on a bad table")
    assert (second.serves, second.gate) == ("canary 5%", "fail, forced")


def test_what_served_is_asked_by_the_time_of_events(own_stores: Stores) -> None:
    """In a replay the question is about virtual time, and an instant before the first flip had nothing."""
    flip(own_stores, Route(champion=1), event_time=PROMOTED - timedelta(days=30))
    flip(own_stores, Route(champion=2, standby=1), event_time=PROMOTED)
    before = serving_at(own_stores, MODEL, PROMOTED - timedelta(microseconds=1))
    after = serving_at(own_stores, MODEL, PROMOTED)
    assert before.route.champion == 1
    assert after.sentence == (
        "trip-delay@2 was champion at 2013-04-01 00:00:00 UTC (route number 2); trip-delay@1 as standby"
    )
    never = serving_at(own_stores, MODEL, PROMOTED - timedelta(days=90))
    assert never.sentence == "trip-delay: nothing served at 2013-01-01 00:00:00 UTC"


def test_the_ledger_of_a_model_is_in_the_order_of_decisions(own_stores: Stores) -> None:
    """Registrations, then the flip."""
    flip(own_stores, Route(champion=1))
    assert [entry.action for entry in ledger(own_stores, MODEL)] == ["register", "register", "promote"]


def test_an_unknown_model_is_named_together_with_those_there_are(small_stores: Stores) -> None:
    """A typo in a name is found by reading the error."""
    for ask in (list_versions, ledger, lambda stores, model: serving_at(stores, model, PROMOTED)):
        with pytest.raises(UnknownName, match=r"no model 'trip-delays'.*registered are: trip-delay"):
            ask(small_stores, "trip-delays")


def test_what_was_decided_about_no_single_model_stands_in_the_ledger_of_each(own_stores: Stores) -> None:
    """The reason that a person gave for forgetting a unit is shown by a command; another model's is not."""
    now = own_stores.clock.now()
    own_stores.ledger.append("forget", actor="anna", reason="she asked", at=now)
    own_stores.ledger.append("forget", actor="anna", reason="he asked", at=now, model="other")
    assert [entry.reason for entry in ledger(own_stores, MODEL)][2:] == ["she asked"]


def test_a_command_about_cases_refuses_a_model_that_does_not_exist(own_stores: Stores) -> None:
    """That nobody waits is said of models that somebody could wait for."""
    ask = ["--workspace", str(own_stores.settings.root), "cases"]
    with pytest.raises(UnknownName, match=f"no model 'frau'.*{MODEL}"):
        app([*ask, "frau"], standalone_mode=False)
    app([*ask, MODEL], standalone_mode=False)


def test_an_entry_tells_event_time_only_where_it_is_another(own_stores: Stores) -> None:
    """So that one column holds one kind of time."""
    flip(own_stores, Route(champion=1))
    flip(own_stores, Route(champion=2), event_time=PROMOTED)
    real, replayed = ledger(own_stores, MODEL)[-2:]
    assert when(real) == f"{real.at:%Y-%m-%d %H:%M:%S}"
    assert when(replayed) == f"{replayed.at:%Y-%m-%d %H:%M:%S}\nfor 2013-04-01 00:00"


def test_a_model_need_not_be_named_where_there_is_only_one(own_stores: Stores) -> None:
    """Of several, all are listed; of none, it is said."""
    assert chosen_model(own_stores, None) == MODEL
    row = own_stores.versions.get(MODEL, 1)
    own_stores.versions.register("other", row.digest, row.directory, row.run, own_stores.clock.now())
    assert chosen_model(own_stores, "other") == "other"
    with pytest.raises(UnknownName, match=r"2 models in .*; name one of them: other, trip-delay"):
        chosen_model(own_stores, None)
    nowhere = replace(own_stores, settings=replace(own_stores.settings, namespace="empty"))
    with pytest.raises(UnknownName, match=r"no model in namespace empty .*: train one first"):
        chosen_model(nowhere, None)
