"""What the gate looks at of the requests that are served now."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np

from roadworthy.clock import DAY_MICROS, micros
from roadworthy.gate.traffic_facts import Traffic
from roadworthy.jobs import gate_traffic
from roadworthy.jobs.gate_traffic import served_lately
from roadworthy.jobs.ingest import ingest_file
from roadworthy.jobs.stores import Stores
from roadworthy.jobs.train import train
from small_workspace import (
    FIRST_UNTIL,
    HALF_MONTH,
    MODEL,
    PROMOTED,
    TRAFFIC,
    TRAFFIC_END,
    Small,
)

DAY = timedelta(days=1)


def _served(
    stores: Stores, version: int = 2, now: datetime = TRAFFIC_END, champion: int | None = 2
) -> Traffic:
    row = stores.versions.get(MODEL, version)
    answers = None if champion is None else stores.scorer(stores.versions.get(MODEL, champion))
    found = served_lately(stores, row, stores.scorer(row), answers, now, ["origin", "gate"])
    assert found is not None
    return found


def test_four_weeks_of_requests_are_read_whoever_answered_them(small_stores: Stores) -> None:
    """Rolled and in the journal, by version 1 and by version 2: all of them once, in the order of time."""
    found = _served(small_stores)
    assert (found.n, found.looked_at) == (28 * 30, 28 * 30)
    assert (np.diff(found.asked_at) >= 0).all()
    assert np.unique(found.days).tolist() == list(
        range(micros(TRAFFIC_END) // DAY_MICROS - 28, micros(TRAFFIC_END) // DAY_MICROS)
    )
    assert np.array_equal(found.answered_by == 1, found.asked_at < micros(PROMOTED))
    assert len(set(found.units.tolist())) == found.n
    assert set(found.slices["gate"].tolist()) == {"A", "B"}


def test_the_version_that_answered_says_the_same_again(small_stores: Stores) -> None:
    """What was logged is what it says now of the same requests; the other version says something else."""
    found = _served(small_stores)
    own = found.answered_by == 2
    assert found.champion is not None
    assert np.array_equal(found.champion[own], found.logged[own])
    assert not np.array_equal(found.champion[~own], found.logged[~own])
    assert np.array_equal(found.champion, np.asarray(found.candidate))


def test_what_is_asked_from_the_gates_time_on_is_not_seen(small_stores: Stores) -> None:
    """A gate in virtual time knows no later request; of the day that is not over nothing is taken."""
    found = _served(small_stores, now=PROMOTED + DAY / 2)
    assert found.asked_at.max() < micros(PROMOTED)
    first_day = _served(small_stores, now=TRAFFIC + DAY / 2)
    assert 0 < first_day.n < 30
    assert first_day.asked_at.max() < micros(TRAFFIC + DAY / 2)


def test_a_model_that_never_answered_has_positively_no_traffic(small_stores: Stores) -> None:
    """That is not the same as a log that could not be read."""
    found = _served(small_stores, now=TRAFFIC - DAY, champion=None)
    assert (found.n, found.none) == (0, "no version of it has answered yet")


def test_a_damaged_log_is_no_traffic_that_is_known_to_be_none(own_stores: Stores) -> None:
    """None: the checks that need it cannot pass."""
    for schema in (own_stores.settings.log / "schemas").iterdir():
        schema.write_text("{}")
    row = own_stores.versions.get(MODEL, 2)
    assert served_lately(own_stores, row, own_stores.scorer(row), None, TRAFFIC_END) is None


def _retrained(own: Small, stores: Stores, *changes: tuple[str, str]) -> int:
    """A version of the same model from a changed file, trained on a history of its own."""
    text = own.definition.read_text()
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    changed = own.root.parent / "changed.py"
    changed.write_text(text.replace('"trips"', '"parcels"'))
    ingest_file(stores.settings, changed)
    return train(stores, changed, until=FIRST_UNTIL, holdout=HALF_MONTH).version


def test_an_input_that_requests_carry_in_another_role_is_read(own: Small, own_stores: Stores) -> None:
    """What was logged as context or as unit is what a candidate that sees it would have been sent."""
    version = _retrained(
        own, own_stores, ('    context=["gate"],\n', ""),
        ('heavy=number("heavy"),', 'heavy=number("heavy"), gate=category("gate"), trip=category("trip"),'),
    )  # fmt: skip
    found = _served(own_stores, version)
    assert not found.lacking
    assert found.cleaned is not None
    assert set(found.cleaned.columns["gate"].uniques) == {"A", "B"}  # type: ignore[union-attr]  # text
    assert found.states["trip"].tolist() == [2] * found.n


def test_an_input_that_no_request_carries_is_named(own: Small, own_stores: Stores) -> None:
    """Such a candidate cannot be asked; what requests carry of its other inputs is there, and so is the champion."""
    version = _retrained(
        own, own_stores, ('"gate": rng.choice', '"size": rng.random(n), "gate": rng.choice'),
        ('"gate": "string"', '"size": "float", "gate": "string"'),
        ('heavy=number("heavy"),', 'heavy=number("heavy"), size=number("size"),'),
    )  # fmt: skip
    found = _served(own_stores, version)
    assert found.lacking == {"size": "requests do not carry it"}
    assert (found.encoded, found.candidate, found.cleaned) == (None, None, None)
    assert set(found.inputs.columns) == {"origin", "wind", "heavy", "leaves", "before"}
    assert found.champion is not None


def test_rows_with_null_where_the_candidate_takes_none_are_counted(own: Small, own_stores: Stores) -> None:
    """They would be refused; the others are scored."""
    whole = ('"wind": pa.array(wind, mask=rng.random(n) < 0.02)', '"wind": pa.array(wind)')
    version = _retrained(own, own_stores, whole, ('number("wind", missing=-1.0)', 'number("wind")'))
    found = _served(own_stores, version)
    assert set(found.refused) == {"wind"}
    assert found.incomplete == found.refused["wind"]
    assert found.n == 28 * 30 - found.refused["wind"] < 28 * 30


def test_many_requests_are_thinned_evenly(small_stores: Stores, monkeypatch) -> None:
    """Every day keeps its share."""
    monkeypatch.setattr(gate_traffic, "ROWS", 280)
    found = _served(small_stores)
    assert (found.n, found.looked_at) == (280, 28 * 30)
    assert set(np.unique(found.days, return_counts=True)[1].tolist()) <= {9, 10, 11}
