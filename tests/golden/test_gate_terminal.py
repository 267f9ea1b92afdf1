"""What a person reads in the terminal after `roadworthy gate`, word for word, 100 columns wide."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from crowded_report import crowded
from gate_evidence import AUGUST, healthy
from roadworthy.gate.evidence import Evidence
from roadworthy.gate.report import GateReport, judge
from roadworthy.gate.terminal import render

TEXTS = Path(__file__).parent / "gate"


def constant() -> Evidence:
    """The candidate of a broken training: it always says 25 %."""
    holdout = healthy().holdout
    assert holdout is not None
    return replace(healthy(), holdout=replace(holdout, candidate=np.full(holdout.n, 0.25)))


def first() -> Evidence:
    """The first version of a model, and nobody approved its release."""
    holdout = healthy().holdout
    assert holdout is not None
    return replace(healthy(), version=1, champion_version=None, holdout=replace(holdout, champion=None))


def unjudged() -> Evidence:
    """A gate for which no job measured anything."""
    return Evidence(model="flight-delay", version=2)


@pytest.mark.parametrize(
    ("name", "evidence"),
    [
        ("passes", healthy),
        ("refuses_a_constant", constant),
        ("first_release_without_approval", first),
        ("nothing_measured", unjudged),
    ],
)
def test_the_report_reads_as_written(name, evidence) -> None:
    """Reviewed as prose: tests/golden/gate/<name>.txt."""
    assert printed(judge(evidence(), AUGUST)) == (TEXTS / f"{name}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "width"), [("many_checks", 100), ("many_checks_on_80_columns", 80)])
def test_a_report_of_many_checks_stays_readable(name: str, width: int) -> None:
    """What blocks stands first, parts that pass are one line, what does not apply is one line, no number is cut."""
    assert printed(crowded(), width) == (TEXTS / f"{name}.txt").read_text(encoding="utf-8")


def test_no_name_of_a_check_is_broken_on_80_columns() -> None:
    """A limit of several words makes room for it."""
    shown = printed(judge(healthy(), AUGUST), 80)
    assert "better_than_baseline " in shown
    assert [line for line in shown.splitlines() if len(line) > 80] == []


def printed(report: GateReport, width: int = 100) -> str:
    """The report as a terminal of that width shows it, without colours."""
    written = StringIO()
    Console(file=written, width=width, color_system=None).print(render(report))
    return "\n".join(line.rstrip() for line in written.getvalue().splitlines()) + "\n"
