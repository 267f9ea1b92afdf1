"""A gate report as it looks with every kind of check: many parts, reasons in common, what does not apply."""

from __future__ import annotations

import msgspec
import numpy as np

from gate_evidence import AUGUST, healthy
from roadworthy.gate.catalogue import CHECKS
from roadworthy.gate.decision import decide
from roadworthy.gate.report import CheckNote, GateReport, judge
from roadworthy.verdict import Ruling, Verdict


def crowded() -> GateReport:
    """Two slices fail of forty, two checks lack the same, three do not apply, one reason is very long."""
    chance = np.random.default_rng(4)
    report = judge(healthy(), AUGUST, [check for check in CHECKS if check.name in FIRST])
    slices = [
        _slice(f"carrier={number:02d}", float(value))
        for number, value in enumerate(chance.uniform(0.62, 0.8, 38))
    ]
    slices += [_slice("carrier=HA", 0.48, "fail"), _slice("origin=(missing)", 0.55, "fail")]
    no_traffic = (
        "no logged request reached the champion in the last 14 days: wait for traffic, or replay some (n=0)"
    )
    added = [
        *slices,
        _says("sampling", "pass", "does not apply: no sampling rate is declared (n=0)"),
        _says("groups", "pass", "does not apply: no attribute is declared as protected (n=0)"),
        _says("approvals", "pass", "does not apply: no owners are declared (n=0)"),
        _says("served_like_trained", "insufficient", no_traffic),
        _says("vocabulary", "insufficient", no_traffic),
        _says(
            "leakage", "fail",
            "distance tells the outcome nearly alone: AUC 0.9711 > limit 0.9 on later rows; next are wind (0.6420) "
            "and hour (0.6104). Was it known at the time of the question, and is it there when it is served? (n=8,000)",
            measured=0.9711, limit="<= 0.9", n=8_000,
        ),
    ]  # fmt: skip
    notes = [
        _note(
            "slices", "learned", True, "Is it good enough on every slice?", "Look at the slices that fail."
        ),
        _note("sampling", "data", True, "Are its scores right on rows as they are?", "Declare the rates."),
        _note("groups", "people", False, "Does it treat protected groups alike?", "Look at the gaps."),
        _note("approvals", "people", True, "Did its owners approve it?", "Ask them."),
        _note(
            "served_like_trained",
            "served",
            True,
            "Is it served what it was trained on?",
            "Look at the first.",
        ),
        _note("vocabulary", "data", False, "Are its words clean?", "Clean them."),
        _note("leakage", "data", False, "Does a feature know too much?", "Ask when each suspect is known."),
    ]
    checks = sorted([*report.checks, *notes], key=lambda note: _ORDER.index(note.group))
    verdicts = sorted(
        [*report.verdicts, *added], key=lambda one: [note.name for note in checks].index(one.check)
    )
    required = {note.name for note in checks if note.required}
    return msgspec.structs.replace(
        report, checks=tuple(checks), verdicts=tuple(verdicts), decision=decide(verdicts, required)
    )


#: Checks whose own verdicts stand in it; the others are made up.
FIRST = {
    "later_rows", "constant_output", "better_than_baseline", "limits", "calibration", "champion", "champion_rows",
    "batch_invariance", "goldens",
}  # fmt: skip

_ORDER = ["data", "learned", "compared", "served", "infrastructure", "people"]


def _note(name: str, group: str, required: bool, question: str, remedy: str) -> CheckNote:
    return CheckNote(name=name, group=group, required=required, question=question, remedy=remedy)


def _says(check: str, ruling: Ruling, reason: str, **more: object) -> Verdict:
    return Verdict(check=check, subject="flight-delay@2", ruling=ruling, reason=reason, **more)  # type: ignore[arg-type]  # as given


def _slice(part: str, value: float, ruling: Ruling = "pass") -> Verdict:
    relation = ">=" if ruling == "pass" else "<"
    reason = (
        f"AUC of {part} {value:.4f} [{value - 0.02:.4f}, {value + 0.02:.4f}] {relation} limit 0.6 (n=210)"
    )
    return Verdict(
        check="slices", subject=f"flight-delay@2 {part}", ruling=ruling, reason=reason, measured=value, limit=">= 0.6",
        n=210, evidence={"low": value - 0.02, "high": value + 0.02},
    )  # fmt: skip
