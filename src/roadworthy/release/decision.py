"""What a release does next, decided from verdicts alone; reads no clock, no store, no network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from roadworthy.traffic import Route
from roadworthy.verdict import Verdict

Action = Literal["roll back", "hold"]


class Step(msgspec.Struct, frozen=True):
    """What to do, with which version, and the sentence that says why."""

    action: Action
    version: int | None
    reason: str


def respond(route: Route, guards: Sequence[Verdict], watched: int) -> Step:
    """Say whether version `watched` must go, from the verdicts of the hard guards on its answers.

    A failed guard beats everything. A guard that could not be measured, or has too few rows, holds: it is neither
    a reason to go on nor a reason to go back. With nobody to go back to, a failed guard can only be reported.
    """
    failed = [verdict for verdict in guards if verdict.ruling == "fail"]
    if not failed:
        waiting = [verdict for verdict in guards if verdict.ruling != "pass"]
        return Step("hold", watched, waiting[0].reason if waiting else "all hard guards pass")
    reason = "; ".join(verdict.reason for verdict in failed)
    if watched == route.champion and route.standby is None:
        return Step("hold", watched, f"{reason}; but there is no standby to roll back to: a person must act")
    return Step("roll back", watched, reason)
