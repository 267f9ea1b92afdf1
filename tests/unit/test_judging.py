"""What an owner declares for the gate, and what is refused with which words."""

from __future__ import annotations

import pytest

from roadworthy.automation import rule
from roadworthy.errors import DefinitionError
from roadworthy.judging import Heuristic, Judging, Sampling, judging

NOTHING = {
    "heuristic": None, "sampling": None, "weight": None, "perfect": {}, "ranks_within": None, "cut": None,
    "carried": {"queue", "carrier"},
}  # fmt: skip


def windy(wind: object) -> object:
    """A rule of the user's."""
    return wind


def test_nothing_declared_is_nothing() -> None:
    """And is kept as nothing."""
    assert judging(**NOTHING) == Judging()


def test_what_is_declared_is_kept_in_plain_words() -> None:
    """A column, a falling column, a rule; a rate by outcome or a column of rates."""
    assert judging(**{**NOTHING, "heuristic": "-queue"}).heuristic == Heuristic(("queue",), falling=True)
    assert judging(**{**NOTHING, "heuristic": rule(windy, "queue")}).heuristic == Heuristic(
        ("queue",), "windy"
    )
    assert judging(**{**NOTHING, "sampling": {"negative": 0.1}}).sampling == Sampling(negative=0.1)
    assert judging(**{**NOTHING, "sampling": {"column": "kept"}}).sampling == Sampling(column="kept")
    assert judging(**{**NOTHING, "perfect": {"carrier": "UA"}}).perfect == {"carrier": ("UA",)}


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ({"heuristic": "wind"}, "heuristic: wind is neither input nor context"),
        ({"heuristic": 0.3}, "heuristic: 0.3 cannot rank"),
        ({"sampling": {}}, "write the rate at which rows of an outcome were kept"),
        ({"sampling": {"negatives": 0.1}}, "write the rate"),
        ({"sampling": {"negative": 0.1, "column": "kept"}}, "write the rate"),
        ({"sampling": {"negative": 0.0}}, "above 0 and at most 1"),
        ({"sampling": {"negative": 10}}, "above 0 and at most 1"),
        ({"sampling": {"column": "queue"}}, "nobody who asks knows"),
        ({"weight": "price"}, "weight: 'price' is neither input nor context"),
        ({"perfect": {"carrier": ()}}, "names no value"),
        ({"perfect": {"dest": "SFO"}}, "perfect: 'dest' is neither"),
        ({"ranks_within": "request"}, "ranks_within: 'request'"),
        ({"cut": 1.0}, "between 0 and 1"),
    ],
)
def test_what_cannot_work_is_refused_with_what_to_write(declared: dict, said: str) -> None:
    """Before anything is trained."""
    with pytest.raises(DefinitionError, match=said):
        judging(**{**NOTHING, **declared})
