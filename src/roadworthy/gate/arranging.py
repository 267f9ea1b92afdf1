"""What of a gate report stands where: verdicts by what they ask about, many of one check folded, equal reasons once.

Not here: sentences (`wording`) and how they look (`terminal`, `page`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from roadworthy.gate.check import NOT_APPLYING
from roadworthy.gate.report import CheckNote, GateReport
from roadworthy.verdict import PRECEDENCE, Ruling, Verdict, combined

#: A check with more verdicts than this shows those that did not pass, and of the others only how many there are.
TOGETHER = 4

#: So many verdicts of one check, or reasons, are shown one by one.
SHOWN = 6


@dataclass(frozen=True, slots=True)
class Asked:
    """One check: the verdicts that are shown one by one, and those that are folded into a line."""

    note: CheckNote
    shown: tuple[Verdict, ...]
    folded: tuple[Verdict, ...] = ()

    @property
    def rest(self) -> str:
        """What is folded, such as `38 pass` or `4 more fail, 38 pass`; "" where nothing is."""
        verbs = {
            "pass": "pass",
            "fail": "fail",
            "insufficient": "lack evidence",
            "error": "could not be measured",
        }
        counts = {ruling: sum(one.ruling == ruling for one in self.folded) for ruling in PRECEDENCE}
        told = {one.ruling for one in self.shown}
        return ", ".join(
            f"{n:,} {'more ' if ruling in told else ''}{verbs.get(ruling, ruling)}"
            for ruling, n in counts.items()
            if n
        )

    @property
    def worst(self) -> Ruling:
        """The ruling of what is folded."""
        return combined(self.folded)


@dataclass(frozen=True, slots=True)
class Section:
    """The checks of one group that had something to judge."""

    group: str
    checks: tuple[Asked, ...]

    @property
    def blocking(self) -> int:
        """How many checks block."""
        return sum(asked.note.required and not _passes(asked) for asked in self.checks)

    @property
    def to_read(self) -> int:
        """How many did not pass and block nothing."""
        return sum(not asked.note.required and not _passes(asked) for asked in self.checks)


@dataclass(frozen=True, slots=True)
class Reason:
    """Something that did not pass, and every check that says so in the same words."""

    ruling: Ruling
    checks: tuple[str, ...]
    text: str


def applies(verdict: Verdict) -> bool:
    """Whether there was something to judge.

    >>> applies(Verdict(check="approvals", subject="m@1", ruling="pass", reason="does not apply: no owners (n=0)"))
    False
    """
    return not (verdict.ruling == "pass" and verdict.n == 0 and verdict.reason.startswith(NOT_APPLYING))


def sections(report: GateReport) -> tuple[Section, ...]:
    """Every verdict that applies, by group, in the order of the checks."""
    groups: dict[str, list[Asked]] = {}
    for note in report.checks:
        found = [verdict for verdict in report.verdicts if verdict.check == note.name and applies(verdict)]
        if found:
            groups.setdefault(note.group, []).append(_asked(note, found))
    return tuple(Section(group, tuple(checks)) for group, checks in groups.items())


def not_applying(report: GateReport) -> tuple[Verdict, ...]:
    """What each check says that had nothing to judge."""
    return tuple(verdict for verdict in report.verdicts if not applies(verdict))


def absent_names(report: GateReport) -> str:
    """What does not apply, as a list: whole checks by name, otherwise with the parts of them in brackets."""
    parts: dict[str, list[str]] = {}
    for verdict in not_applying(report):
        part = verdict.subject.removeprefix(f"{report.model}@{report.version}").strip()
        parts.setdefault(verdict.check, []).append(part)
    judged = {asked.note.name for section in sections(report) for asked in section.checks}
    return ", ".join(
        f"{check} ({', '.join(held)})" if check in judged and all(held) else check
        for check, held in parts.items()
    )


def reasons(verdicts: Iterable[Verdict], most: int = SHOWN) -> tuple[Reason, ...]:
    """What did not pass, worst first: equal reasons once, with every check that says so.

    most   so many reasons of one check with one ruling are given in full; the last of them says how many more there are
    """
    checks: dict[tuple[Ruling, str], list[str]] = {}
    given: dict[tuple[str, Ruling], list[tuple[Ruling, str]]] = {}
    left: Counter[tuple[Ruling, str]] = Counter()  # by the last that is given
    for verdict in verdicts:
        key = verdict.ruling, verdict.reason
        shown = given.setdefault((verdict.check, verdict.ruling), [])
        if key in checks:
            checks[key] += [] if verdict.check in checks[key] else [verdict.check]
        elif len(shown) < most:
            shown.append(key)
            checks[key] = [verdict.check]
        else:
            left[shown[-1]] += 1
    found = [
        Reason(key[0], tuple(names), f"{key[1]}; and {left[key]:,} more like it" if left[key] else key[1])
        for key, names in checks.items()
    ]
    return tuple(sorted(found, key=lambda one: PRECEDENCE.index(one.ruling)))


def _asked(note: CheckNote, found: list[Verdict]) -> Asked:
    if len(found) <= TOGETHER:
        return Asked(note, tuple(found))
    wrong = sorted(
        (one for one in found if one.ruling != "pass"), key=lambda one: PRECEDENCE.index(one.ruling)
    )
    sound = [one for one in found if one.ruling == "pass"]
    return Asked(note, tuple(wrong[:SHOWN]), (*wrong[SHOWN:], *sound))


def _passes(asked: Asked) -> bool:
    return all(verdict.ruling == "pass" for verdict in (*asked.shown, *asked.folded))
