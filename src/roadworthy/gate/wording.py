"""The sentences that every form of a gate report shares: headline, what it was judged on, what to do next.

Not here: colours, tables and pictures (`terminal`, `page`), and the checks' own reasons.
"""

from __future__ import annotations

from collections.abc import Mapping

from roadworthy.gate.arranging import Section
from roadworthy.gate.check import number
from roadworthy.gate.report import GateReport
from roadworthy.verdict import Ruling, Verdict

MARKS: dict[Ruling, str] = {"pass": "✓", "fail": "✗", "error": "!", "insufficient": "?", "cancelled": "-"}

_BLOCKED: dict[Ruling, str] = {
    "fail": "is refused",
    "error": "is blocked: something could not be measured",
    "insufficient": "is blocked: there is too little evidence",
    "cancelled": "is blocked: the gate was cancelled",
}

#: What the checks of a group ask about, in the order of the catalogue.
GROUPS: Mapping[str, str] = {
    "data": "Is the data what it should be?",
    "learned": "Did it learn, and does it keep its limits?",
    "compared": "How does it compare with the version that answers now?",
    "served": "Will it be served what it was trained on?",
    "infrastructure": "Does it run as it should?",
    "people": "Did people look at it?",
}

#: Units that are written behind a number in another way; a probability and a loss need none.
_UNITS = {"hours": " h", "seconds": " s", "probability": "", "nats": "", "": ""}


def group(name: str) -> str:
    """What the checks of a group ask; the name itself where an older report has a group that is gone.

    >>> group("people")
    'Did people look at it?'
    """
    return GROUPS.get(name, name or "Checks")


def headline(report: GateReport) -> str:
    """One sentence with the outcome."""
    decision = report.decision
    if decision.ruling == "pass":
        return f"{report.subject} passes the gate"
    if decision.override is not None:
        override = decision.override
        return f"{report.subject} did not pass, and {override.actor} lets it advance: {override.reason}"
    return f"{report.subject} {_BLOCKED[decision.ruling]}"


def judged_on(report: GateReport) -> str:
    """One sentence on the rows."""
    data = report.data
    if data is None:
        return "No labelled rows were scored."
    champion = "nothing yet" if report.champion_version is None else f"version {report.champion_version}"
    if report.serves_since is not None:
        champion = f"this version, since {report.serves_since:%Y-%m-%d %H:%M} UTC"
    trained = "" if data.trained_rows is None else f" Trained on {data.trained_rows:,} rows"
    if data.trained_until is not None:
        trained += f" until {data.trained_until:%Y-%m-%d %H:%M}."
    return (
        f"Judged on {data.rows:,} labelled rows of {data.days} days, {data.asked_from:%Y-%m-%d} to "
        f"{data.asked_until:%Y-%m-%d}, rate {data.rate:.3f}.{trained} Champion: {champion}."
    )


def part(report: GateReport, verdict: Verdict) -> str:
    """What of the version was judged: `auc`, or nothing where it is the version itself."""
    return verdict.subject.removeprefix(report.subject).strip()


def measured(verdict: Verdict) -> str:
    """The number with its interval, such as `0.7012 [0.6935, 0.7080]`; a dash where there is none."""
    if verdict.measured is None:
        return "-"
    low, high = verdict.evidence.get("low"), verdict.evidence.get("high")
    interval = "" if low is None or high is None else f" [{number(low)}, {number(high)}]"
    return f"{number(verdict.measured)}{interval}{_UNITS.get(verdict.unit, f' {verdict.unit}')}"


def counts(section: Section) -> str:
    """How many checks of a group did not pass, such as `2 of 5 block, 1 to read`; "" where all pass."""
    blocking, read, n = section.blocking, section.to_read, len(section.checks)
    verb = "block" if blocking > 1 else "blocks"
    parts = [f"{blocking} of {n} {verb}" if n > 1 else verb] if blocking else []
    return ", ".join([*parts, *([f"{read} to read"] if read else [])])


def remedies(report: GateReport) -> tuple[str, ...]:
    """What to do about required checks that failed or could not be measured, each once, in their order."""
    wrong = {found.check for found in report.decision.blocking if found.ruling != "insufficient"}
    return tuple(f"{note.name}: {note.remedy}" for note in report.checks if note.name in wrong)


def what_next(report: GateReport) -> tuple[str, ...]:
    """The commands or acts that follow."""
    release = f"roadworthy release {report.subject}"
    if report.serves_since is not None:
        back = f'roadworthy rollback {report.model} --reason "the reason"'
        again = (
            () if report.decision.ruling == "pass" else (f"It answers now; to return to its standby: {back}",)
        )
        return (*remedies(report), *again) or ("Nothing: it is the champion already",)
    if report.decision.ruling == "pass":
        beside = "--shadow, --canary 5% or " if report.champion_version is not None else ""
        return (f"{release} {beside}--promote",)
    if report.decision.override is not None:
        return (f"{release}; the override and its reason stand in the ledger",)
    blocking = report.decision.blocking
    if [(found.check, found.ruling) for found in blocking] == [("champion", "insufficient")] and (
        report.champion_version is None
    ):
        return (
            f'To approve the first release: roadworthy gate {report.subject} --first-release "the reason"',
        )
    lacking = report.decision.ruling == "insufficient"
    again = (
        (f"Supply what is missing, as said above, then: roadworthy gate {report.subject}",) if lacking else ()
    )
    return (
        *remedies(report),
        *again,
        f'To go past the gate, name a reason that is kept in the ledger: {release} --promote --force "the reason"',
    )
