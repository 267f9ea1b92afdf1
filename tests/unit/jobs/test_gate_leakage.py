"""What the gate finds out about when inputs were known, on a town that was really trained and answered for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from roadworthy.features.batch import Batch
from roadworthy.features.columns import Strings
from roadworthy.gate import leakage, too_good_alone
from roadworthy.gate.check import Check
from roadworthy.gate.evidence import Evidence
from roadworthy.gate.leakage_facts import Replayed
from roadworthy.jobs import gate_leakage
from roadworthy.jobs.declared_joins import declared_times, kept_times
from roadworthy.jobs.gate_leakage import look_for_leakage
from roadworthy.jobs.gate_traffic import served_lately
from roadworthy.jobs.outcome_times import followed, timed
from roadworthy.jobs.scored_alone import scored_alone
from roadworthy.jobs.stores import Stores
from roadworthy.jobs.train import holdout_path, manifest_path
from roadworthy.model import load_definition
from roadworthy.stats.metrics import auc
from roadworthy.traffic import Route
from roadworthy.verdict import Verdict
from smalltown import MODEL, OPENED, WEEK, Town, answer, serve

HOUR = 3_600_000_000


def judged(stores: Stores, version: int, check: Check = leakage.CHECK) -> dict[str, Verdict]:
    """The verdicts of one check on a version of the town's model, by part."""
    row = stores.versions.get(MODEL, version)
    _, route = stores.plans.route(MODEL)
    champion = None if route.champion in (None, version) else stores.versions.get(MODEL, route.champion or 0)
    scorer = stores.scorer(row)
    answers = None if champion is None else stores.scorer(champion)
    traffic = served_lately(stores, row, scorer, answers, WEEK)
    table = pq.read_table(holdout_path(stores, row.digest))
    units = manifest_path(stores, row.digest)
    facts = look_for_leakage(stores, row, scorer, table, units, traffic, champion, WEEK)
    evidence = Evidence(model=MODEL, version=version, leakage=facts)
    return {found.subject.split()[1]: found for found in check.judge(evidence)}


def changed(town: Town, stores: Stores, *pairs: tuple[str, str]) -> int:
    """Train the town's model with its definition changed; the number of the version."""
    text = town.definition.read_text()
    for before, after in pairs:
        assert text.count(before) == 1
        text = text.replace(before, after)
    town.definition.write_text(text)
    return town.train(stores).version


@pytest.fixture
def lived(town_stores: Stores, town: Town) -> Stores:
    """Version 1 answered a week of questions."""
    answer(town_stores, 1, town.questions(town_stores, OPENED, WEEK))
    serve(town_stores, Route(champion=1), OPENED)
    return town_stores


def test_a_version_that_is_told_nothing_too_early_passes(lived: Stores) -> None:
    """Every join gives what was carried, and callers send all of its own inputs."""
    found = judged(lived, 1)
    assert {part: verdict.ruling for part, verdict in found.items()} == {
        "known_at": "pass", "served": "pass", "outcome_time": "pass", "units": "pass",
    }  # fmt: skip
    assert "what served requests carried was compared in 2 of them" in found["known_at"].reason


def test_a_join_without_its_lag_is_refused_by_what_was_served(town: Town, lived: Stores) -> None:
    """The gauge's reading takes an hour to arrive; the candidate joins it at once."""
    version = changed(town, lived, ('known_at="observed + 1h"', 'known_at="observed"'))
    found = judged(lived, version)["known_at"]
    assert found.ruling == "fail"
    assert "1h later the join gives what was carried" in found.reason


def test_a_lag_that_explains_little_of_one_input_is_not_taken_for_that_of_the_next(
    town: Town, lived: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three rows that differ by chance, one of them less a minute later, would hide an hour that explains all."""
    version = changed(town, lived, ('known_at="observed + 1h"', 'known_at="observed"'))
    compare = gate_leakage.compared_with_carried

    def first_by_chance(questions: Any, join: Any, *more: Any) -> Replayed | None:
        found = compare(questions, join, *more)
        if found is None or join.column != "weather_latest_rain":
            return found
        return replace(found, differing=3, lag="1m", remaining=2)

    monkeypatch.setattr(gate_leakage, "compared_with_carried", first_by_chance)
    found = judged(lived, version)["known_at"]
    assert found.ruling == "fail"
    assert found.reason.startswith("weather_mean_rain_6h is joined as known from observed")
    assert "1h later the join gives what was carried" in found.reason


def test_without_another_word_or_a_request_nothing_was_joined_again(town: Town, town_stores: Stores) -> None:
    """A pass says what it looked at; here nobody contradicts the declaration, and nobody was asked yet."""
    found = judged(town_stores, 1)["known_at"]
    assert (found.ruling, found.n) == ("pass", 0)
    assert "does not apply: no other declaration and no served request says since when" in found.reason


def test_a_lag_that_was_dropped_is_not_believed_without_requests(town: Town, town_stores: Stores) -> None:
    """The champion says an hour, the candidate says none: nobody can know which is true."""
    serve(town_stores, Route(champion=1), OPENED)
    version = changed(town, town_stores, ('known_at="observed + 1h"', 'known_at="observed"'))
    found = judged(town_stores, version)["known_at"]
    assert found.ruling == "insufficient"
    assert "version 1 says from observed + 1h" in found.reason


def test_a_mean_of_the_outcome_before_it_is_known_is_refused(town: Town, town_stores: Stores) -> None:
    """Late or not is known on arrival; the candidate reads it from the hour of leaving."""
    before = 'before = source("parcels", name="before", key="street", known_at="leaves")\n'
    mean = '        usual=number(before.mean("late", over="2h"), missing=0.0),\n'
    version = changed(
        town, town_stores,
        ("streets = source(", before + "streets = source("),
        ("        weight=number(", mean + "        weight=number("),
    )  # fmt: skip
    found = judged(town_stores, version)["known_at"]
    assert found.ruling == "fail"
    assert "the outcome 'late' says it is known from arrived" in found.reason


def test_a_new_input_that_callers_send_already_passes(town: Town, lived: Stores) -> None:
    """Version 1 has the district as context: it stands in every request, so it is known when the question is asked."""
    version = changed(
        town, lived, ("        weight=number(", '        told=category("district"),\n        weight=number('),
        ('    context=["district"],\n', ""),
    )  # fmt: skip
    assert judged(lived, version)["served"].ruling == "pass"


def test_the_best_single_input_of_the_town_is_ranked_first(lived: Stores) -> None:
    """The street says how steep the way is; weight says nothing."""
    found = judged(lived, 1, too_good_alone.CHECK)["alone"]
    assert found.ruling == "pass"
    order = [name for name, _ in found.evidence["suspects"]]
    assert set(order[:2]) == {"street", "streets_latest_steep"}


def test_what_was_declared_of_times_is_read_back_as_it_was(town: Town) -> None:
    """The gate joins again by what training kept, whatever became of the file."""
    model = load_definition(town.definition).model()
    kept = kept_times({"times": declared_times(model)})
    assert kept is not None
    assert tuple(each.join() for each in kept.joins) == model.joins()
    assert kept_times({}) is None


def test_a_time_and_a_length_made_from_the_outcome_are_found_and_a_planned_time_is_not() -> None:
    """An hour after the outcome, the minutes until it; the planned arrival lies fixed from the question."""
    chance = np.random.default_rng(2)
    asked = np.arange(500) * 7 * HOUR
    known = asked + chance.integers(1, 9, 500) * HOUR // 2
    waited = Batch(
        {
            "filed": known + HOUR,
            "minutes": (known - asked) / 60e6,
            "planned": asked + 2 * HOUR,
            "other": asked + chance.integers(1, 10**10, 500),
            "price": chance.uniform(0.0, 100.0, 500),
            "name": Strings.of(["a"] * 500),
        },
        500,
    )
    found = {each.column: each for each in followed(waited, known, asked)}
    assert set(found) == {"filed", "minutes"}
    assert (found["filed"].offset, found["filed"].fixed) == (3600.0, 500)
    assert (found["minutes"].unit, found["minutes"].offset) == ("minutes", 0.0)


def test_outcomes_known_a_fixed_time_after_the_question_say_nothing() -> None:
    """Everything lies a fixed time from them then; where only negatives close with their window, the others count."""
    asked = np.arange(500) * 7 * HOUR
    assert timed(asked + HOUR, asked) == 0
    mixed = np.where(np.arange(500) % 10 == 0, asked + 1 + np.arange(500), asked + 24 * HOUR)
    assert timed(mixed, asked) == 50


def test_no_input_profits_from_its_own_row() -> None:
    """Twenty names of fifteen rows each know nothing, however well they tell their own rows apart."""
    chance = np.random.default_rng(3)
    labels = (chance.uniform(size=300) < 0.3).astype(np.float64)
    noise = Strings.of([f"name {number}" for number in chance.integers(0, 20, 300)])
    known = Strings.of(["yes" if label else "no" for label in labels])
    scores = scored_alone(Batch({"noise": noise, "known": known}, 300), labels, np.arange(300) // 10)
    assert auc(scores["noise"], labels) < 0.6
    assert scores["known"][labels == 1.0].min() > scores["known"][labels == 0.0].max()
