"""The HTML page: self-contained, escaped, and complete whatever was measured."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from gate_evidence import AUGUST, EMPTY, healthy
from roadworthy.gate import page
from roadworthy.gate.decision import Override
from roadworthy.gate.report import judge

VOID = {"meta", "br"}


class Balanced(HTMLParser):
    """Fails on an element that is closed without having been opened, or never closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs) -> None:
        pass

    def handle_endtag(self, tag) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


def without_champion():
    """A first release."""
    holdout = healthy().holdout
    return replace(healthy(), champion_version=None, holdout=replace(holdout, champion=None))


@pytest.mark.parametrize(
    "evidence", [EMPTY, healthy(), without_champion()], ids=["empty", "healthy", "first"]
)
def test_the_page_is_whole_whatever_was_measured(evidence) -> None:
    """Every check is on it, every element closed, nothing undefined, no NaN drawn."""
    text = page.render(judge(evidence, AUGUST))
    parser = Balanced()
    parser.feed(text)
    assert parser.open == []
    assert "goldens" in text
    assert not re.search(r"\bnan\b|Undefined|None\b", text)


def test_the_page_needs_nothing_else() -> None:
    """No address, no script, no file beside it: it can be mailed and archived."""
    text = page.render(judge(healthy(), AUGUST))
    assert not re.search(r"https?://|<script|<link|@import|url\(|src=", text)


def test_what_users_wrote_is_escaped() -> None:
    """A slice or a reason that looks like markup is text."""
    holdout = healthy().holdout
    assert holdout is not None
    slices = {"carrier": np.full(holdout.n, "<script>alert(1)</script>")}
    report = judge(replace(healthy(), holdout=replace(holdout, slices=slices)), AUGUST)
    text = page.render(report.overridden(Override(actor="<b>", reason="&")))
    assert "<script>" not in text
    assert "&lt;script&gt;" in text


def test_a_limit_that_only_a_sure_breach_breaks_says_so_on_the_page() -> None:
    """A number a little beyond it that passed is no bug, and reads like none."""
    assert "not surely &gt; 0.01" in page.render(judge(healthy(), AUGUST))


def test_the_reliability_picture_places_a_calibrated_tenth_on_the_line() -> None:
    """Equal score and rate are equally far from both axes, inside the frame."""
    drawn = page.reliability([{"score": 0.2, "rate": 0.2, "low": 0.1, "high": 0.3, "n": 10}])
    point = drawn["points"][0]
    assert point["x"] + point["y"] == page.SIZE
    assert page.MARGIN <= point["high"] < point["y"] < point["low"] <= page.SIZE - page.MARGIN


def test_a_tenth_without_an_interval_has_no_whisker() -> None:
    """Fewer than five days hold it."""
    drawn = page.reliability([{"score": 0.2, "rate": 0.1, "low": None, "high": None, "n": 10}])
    assert drawn["points"][0]["low"] is None


def test_the_highest_bar_fills_the_frame() -> None:
    """And an empty bin draws nothing."""
    drawn = page.histogram({"candidate": [0, 5, 10, 5]})
    assert len(drawn["bars"]) == 3
    assert max(bar["height"] for bar in drawn["bars"]) == page.SIZE - 2 * page.MARGIN
    assert drawn["outline"] == ""


def test_without_scores_there_is_no_picture() -> None:
    """Nothing is drawn where nothing was measured."""
    assert page.reliability([]) is None
    assert page.histogram({}) is None
