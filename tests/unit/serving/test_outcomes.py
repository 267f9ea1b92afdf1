"""Outcomes as clients send them."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from roadworthy.predictionlog.record import Outcome
from roadworthy.serving.exchange import Rejected
from roadworthy.serving.outcomes import declared, read_outcomes

SENT = {
    "id": "o1",
    "model": "delay",
    "name": "late",
    "value": True,
    "event_time": "2013-07-01T10:00:00Z",
    "unit": "UA1545",
}


def read(*sent: Any, limit: int = 10) -> list[Outcome]:
    """The outcomes of a request with these."""
    return read_outcomes(
        msgspec.json.encode({"outcomes": sent}),
        models={"delay": {"late"}, "fare": set()},
        namespace="default",
        arrival_time=7,
        logged_at=8,
        limit=limit,
    )


def test_an_outcome_keeps_both_clocks_and_reads_yes_as_one() -> None:
    """When it happened, when it became known and when it was written are three times."""
    (outcome,) = read(SENT)
    assert (outcome.value, outcome.unit, outcome.prediction_id) == (1.0, "UA1545", "")
    assert (outcome.event_time, outcome.arrival_time, outcome.logged_at) == (1_372_672_800_000_000, 7, 8)


def test_all_faults_of_all_outcomes_are_listed_and_none_is_taken() -> None:
    """Half a batch is never accepted."""
    with pytest.raises(Rejected) as caught:
        read(SENT, {**SENT, "value": "yes", "extra": 1, "event_time": "noon"}, 3, {"id": ""})
    found = [fault.path for fault in caught.value.faults]
    assert found == [
        "$.outcomes[1].extra",
        "$.outcomes[1].value",
        "$.outcomes[1].event_time",
        "$.outcomes[2]",
        "$.outcomes[3].id",
        "$.outcomes[3].model",
        "$.outcomes[3].name",
        "$.outcomes[3].value",
        "$.outcomes[3].event_time",
    ]


def test_an_outcome_names_either_its_prediction_or_its_unit_and_a_served_model() -> None:
    """What types cannot say is checked too, and the known models are named."""
    with pytest.raises(Rejected) as caught:
        read({**SENT, "prediction_id": "p1"}, {**SENT, "unit": None}, {**SENT, "model": "dealy"})
    assert [(fault.path, fault.got) for fault in caught.value.faults] == [
        ("$.outcomes[0]", "both"),
        ("$.outcomes[1]", "neither"),
        ("$.outcomes[2].model", '"dealy"'),
    ]
    assert "delay" in caught.value.faults[2].expected


@pytest.mark.parametrize(
    "change",
    [
        {"revision": 2**31},
        {"event_time": "0001-01-01T00:00:00+14:00"},
        {"event_time": "9999-12-31T23:59:59-14:00"},
        {"event_time": 2**62},
    ],
)
def test_a_number_that_the_log_cannot_hold_is_refused_before_it_is_written(change: dict[str, Any]) -> None:
    """In the journal it would stand in the way of every record beside it."""
    with pytest.raises(Rejected) as caught:
        read({**SENT, **change})
    assert [fault.path for fault in caught.value.faults] == [f"$.outcomes[0].{name}" for name in change]


def test_an_outcome_that_the_model_does_not_foresee_is_refused_naming_the_declared_one() -> None:
    """A misspelt name would wait for its join for ever; a model that declares nothing takes any name."""
    with pytest.raises(Rejected) as caught:
        read(SENT, {**SENT, "name": "lat"})
    assert [(fault.path, fault.expected, fault.got) for fault in caught.value.faults] == [
        ("$.outcomes[1].name", '"late", the declared outcome of delay', '"lat"')
    ]
    assert caught.value.status == 422
    assert read({**SENT, "model": "fare", "name": "sold"})[0].name == "sold"


def test_a_value_that_a_yes_or_no_outcome_cannot_have_is_refused_where_the_model_is_served() -> None:
    """Taken, it would turn every rate of the day into nonsense; of a model served elsewhere nothing is known."""
    with pytest.raises(Rejected) as caught:
        read(SENT, *({**SENT, "value": value} for value in (7, 0.5, -1)), {**SENT, "value": 0})
    assert [(fault.path, fault.expected, fault.got) for fault in caught.value.faults] == [
        ("$.outcomes[1].value", "0, 1 or null (withdrawn)", "7.0"),
        ("$.outcomes[2].value", "0, 1 or null (withdrawn)", "0.5"),
        ("$.outcomes[3].value", "0, 1 or null (withdrawn)", "-1.0"),
    ]
    assert caught.value.status == 422
    assert read({**SENT, "model": "fare", "name": "sold", "value": 7})[0].value == 7.0


def test_null_withdraws_an_outcome_by_a_later_revision() -> None:
    """JSON has no NaN; without a later revision the withdrawal would lose against what it withdraws."""
    (withdrawn,) = read({**SENT, "value": None, "revision": 1})
    assert math.isnan(withdrawn.value)
    assert (withdrawn.id, withdrawn.revision) == ("o1", 1)
    with pytest.raises(Rejected) as caught:
        read({**SENT, "value": None})
    assert [fault.path for fault in caught.value.faults] == ["$.outcomes[0].revision"]


def test_the_declared_outcomes_are_those_of_all_served_versions() -> None:
    """While a version that foresees something else is tried, facts for both are taken."""

    def version(**outcome: str) -> Any:
        return SimpleNamespace(scorer=SimpleNamespace(model=SimpleNamespace(outcome=outcome)))

    models: Any = {
        "delay": SimpleNamespace(versions={1: version(name="late"), 2: version(name="late_30")}),
        "fare": SimpleNamespace(versions={1: version()}),
    }
    assert declared(models) == {"delay": {"late", "late_30"}, "fare": set()}


def test_more_outcomes_than_the_limit_are_refused() -> None:
    """One request is bounded."""
    with pytest.raises(Rejected, match="11 outcomes"):
        read(*[SENT] * 11)
