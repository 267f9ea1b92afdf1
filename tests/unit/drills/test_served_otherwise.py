"""P5, P6 and P11: what is served otherwise than it was trained is refused before any traffic."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from roadworthy.drills import p05_time_relative_feature as p05
from roadworthy.drills import p06_feedback_feature as p06
from roadworthy.drills import p11_model_family_migration as p11
from roadworthy.drills.cell import opened
from roadworthy.drills.deployment import Deployment
from roadworthy.drills.fault import Fault
from roadworthy.drills.resent import heaviest_number, lever, resend
from roadworthy.drills.result import Cell
from roadworthy.errors import UnknownName

Drilled = Callable[..., Cell]

#: On a machine with other work the latency of two servers differs, whatever the fault.
BESIDE = {"infrastructure"}


@pytest.mark.parametrize(
    ("fault", "guard", "said"),
    [
        (p05.FAULT, "served_like_trained", "wind has another value than the history"),
        (p05.VARIANTS[0], "served_like_trained", "ago reads the clock"),
        (p06.FAULT, "feedback", "it copies earlier answers"),
        (p11.FAULT, "served_like_trained", "wind has another value than the history"),
    ],
    ids=lambda given: given.key if isinstance(given, Fault) else "",
)
def test_it_is_refused_at_moderate_severity_by_its_guards_alone(
    drilled: Drilled, fault: Fault, guard: str, said: str
) -> None:
    """Nothing else than the listed guards notices: with them off it would be missed."""
    cell = drilled(fault)
    caught = next((catch for catch in cell.catches if catch.guard == guard), None)
    assert caught is not None, cell
    assert (caught.stage, caught.how) == ("gate", "refused")
    assert said in caught.sentence
    assert set(cell.without) <= BESIDE, cell


def test_requests_are_sent_again_as_if_they_had_been_sent_so(broken: Deployment, healthy: Deployment) -> None:
    """The log holds what was sent, what the champion made of it and says of it; other logs stay as they are."""

    def nothing(values: np.ndarray, said: np.ndarray, chance: np.random.Generator) -> np.ndarray:
        return np.zeros(len(values))

    assert heaviest_number(broken) == "wind"
    resend(broken, "wind", nothing, np.random.default_rng(1))
    with opened(broken) as stores, opened(healthy) as before:
        now, was = (each.log().predictions("trip-delay", namespace="drill") for each in (stores, before))
        assert set(now.column("in_wind").to_pylist()) == set(now.column("enc_wind").to_pylist()) == {0.0}
        assert now.column("id").to_pylist() == was.column("id").to_pylist()
        assert len(set(was.column("in_wind").to_pylist())) > 300
        assert np.mean(now.column("output").to_numpy()) < np.mean(was.column("output").to_numpy())


def test_an_input_that_is_not_in_the_log_cannot_be_sent_otherwise(broken: Deployment) -> None:
    """A drill that does not fit the model says so."""
    with pytest.raises(UnknownName, match="holds no input rain"):
        resend(broken, "rain", lambda values, said, chance: values, np.random.default_rng(1))


def test_models_without_times_or_numbers_do_not_have_these_faults(broken: Deployment) -> None:
    """The drill says why it does not apply; a network does not become one."""
    broken.redeclare(features='old.features.without(["hour", "wind", "heavy"])')
    assert p05.VARIANTS[0].applies(broken) == "none of its features reads a time"
    broken.redeclare(estimator="MLPClassifier()", imports="from sklearn.neural_network import MLPClassifier")
    assert p11.FAULT.applies(broken) == "it is a network already"


def test_a_loop_that_closes_after_the_release_is_noticed_live(drilled: Drilled) -> None:
    """The gate saw requests without it; the mean prediction leaves what is usual within days."""
    cell = drilled(p06.VARIANTS[0], severity=1.0)
    assert cell.outcome == "caught", cell
    assert cell.first is not None
    assert cell.first.stage == "live"
    assert 0 < cell.first.rows < cell.live_rows


def test_the_lever_is_what_raises_all_answers_whatever_it_correlates_with(healthy: Deployment) -> None:
    """More wind makes trips of this town late; moved by a standard deviation it raises the mean answer."""
    found = lever(healthy)
    assert found is not None
    assert found.name == "wind"
    assert found.spread > 0
    assert 0.1 < found.rise < 2.0


def test_a_market_follows_the_answers_it_hears() -> None:
    """At first the push alone; the more the higher answers are; what is missing stays so."""
    market = p06.Market("price", 2.0, 0.3, 0.1, 4.0, 0.5)
    assert market.ask({"price": 10.0}) == {"price": 11.0}
    market.hear([0.8] * 200)
    asked = market.ask({"price": 10.0, "wind": None})
    assert 40.0 < asked["price"] < 52.0
    assert market.ask({"price": None}) == {"price": None}
