"""One test of the scorecard: its words, and what it takes from the facts.

Not here: the twenty-eight of them (scorecard_data, scorecard_model, scorecard_infrastructure, scorecard_monitoring).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from roadworthy.jobs.scorecard_found import Found

Section = Literal["data", "model", "infrastructure", "monitoring"]

#: A test that runs by itself, one that a person ran or that is done in part, and one of which nothing was found.
FULL, HALF, NONE = 1.0, 0.5, 0.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was found for a test.

    points    1, 1/2 or 0
    found     sentences about what was found; empty with 0 points
    missing   what a full point would take; "" where nothing is missing
    command   what supplies it; "" where no command does
    """

    points: float
    found: tuple[str, ...] = ()
    missing: str = ""
    command: str = ""


@dataclass(frozen=True, slots=True)
class Test:
    """One of the twenty-eight.

    key     such as `data-1`
    title   in the words of the paper
    look    facts → evidence; pure
    """

    __test__ = False  # it is no test of ours, whatever pytest takes it for

    key: str
    title: str
    look: Callable[[Found], Evidence]


def full(*found: str) -> Evidence:
    """Everything is there and repeats by itself."""
    return Evidence(FULL, found)


def half(found: str, missing: str, command: str = "") -> Evidence:
    """It is done in part, or by hand."""
    return Evidence(HALF, (found,), missing, command)


def none(missing: str, command: str = "") -> Evidence:
    """Nothing was found."""
    return Evidence(NONE, (), missing, command)


def gate_again(found: Found) -> str:
    """The command that asks the gate about the version that is scored."""
    return f"roadworthy gate {found.reference}"


def reasons(found: Found, *checks: str) -> tuple[str, ...]:
    """The first reason that the gate gave by each of these checks that it passed, as evidence."""
    said = [found.verdicts(check)[0] for check in checks if found.passed(check)]
    return tuple(f"gate check {verdict.check} passed: {verdict.reason}" for verdict in said)


def judged(found: Found, *checks: str) -> str:
    """What these monitors did, as evidence."""
    told = [
        f"{check} ({found.monitors[check].windows:,} windows)" for check in checks if check in found.monitors
    ]
    until = max((found.monitors[check].until for check in checks if check in found.monitors), default=None)
    return (
        f"monitors judged with learned thresholds: {', '.join(told)}, up to {until:%Y-%m-%d}" if until else ""
    )


def watched(found: Found, missing: str, *checks: str) -> Evidence:
    """A full point while one of the monitors keeps up with the log, half when it has fallen behind, none without."""
    command = f"roadworthy monitor {found.row.model}"
    sentence = judged(found, *checks)
    if not sentence:
        return none(missing, command)
    if found.watching(*checks):
        return full(sentence)
    return half(
        sentence, "later days are in the log and were not judged", f"{command}, or keep `controller` running"
    )
