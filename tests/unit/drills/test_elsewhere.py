"""A scorer that only logs to us is compared with the version it was written after, by what it logged over HTTP."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from roadworthy.drills import p08_string_parsing as p08
from roadworthy.drills import p09_reimplementation as p09
from roadworthy.drills.cell import opened
from roadworthy.drills.deployment import Deployment
from roadworthy.drills.elsewhere import answered_elsewhere, catches_of
from roadworthy.drills.fault import Fault
from roadworthy.drills.result import Cell
from roadworthy.errors import RoadworthyError
from roadworthy.verdict import Verdict

Drilled = Callable[..., Cell]


def test_a_scorer_elsewhere_that_says_the_same_is_no_fault_and_one_that_dies_is_no_catch(
    broken: Deployment,
) -> None:
    """A real process, the client, a real node, its log; what could not be asked is said."""
    with opened(broken) as stores:
        assert answered_elsewhere(broken, stores, "trip-delay@2") == []
        broken.patch("elsewhere", p09.score_coarsely, digits="seven")
        with pytest.raises(RoadworthyError, match="the scorer elsewhere ended with status 1: TypeError"):
            answered_elsewhere(broken, stores, "trip-delay@2")


def test_what_could_not_be_compared_is_no_catch() -> None:
    """A log that holds nothing yet says nothing of guards."""
    verdict = Verdict(
        check="reimplementation", subject="m@2 as m-elsewhere", ruling="insufficient", n=0, reason="n=0"
    )
    with pytest.raises(RoadworthyError, match="could not be compared: n=0"):
        catches_of(verdict)


def test_one_that_is_missed_harms_all_of_its_traffic(drilled: Drilled) -> None:
    """Nothing else looks at it."""
    fault = p09.VARIANTS[0]
    cell = drilled(fault, off=fault.guards)
    assert (cell.outcome, cell.catches, cell.harmed) == ("missed", (), 1.0), cell


@pytest.mark.parametrize("fault", [p08.VARIANTS[-1], p09.VARIANTS[0]], ids=lambda fault: fault.key)
def test_one_that_says_something_else_is_refused_by_its_vectors(drilled: Drilled, fault: Fault) -> None:
    """The gate's own servers are as they were, and see nothing."""
    cell = drilled(fault)
    assert cell.outcome == "caught", cell
    assert cell.guards == ("reimplementation",)
    assert "answers differ by more than limit 0; the first, " in cell.catches[0].sentence
    assert cell.without == ()
