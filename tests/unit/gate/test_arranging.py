"""What of a report stands where."""

from __future__ import annotations

import msgspec

from crowded_report import crowded
from gate_evidence import AUGUST, EMPTY, healthy
from roadworthy.gate import arranging, wording
from roadworthy.gate.catalogue import GROUPS
from roadworthy.gate.report import judge
from roadworthy.verdict import Ruling, Verdict


def says(check: str, ruling: Ruling, reason: str, n: int = 5) -> Verdict:
    """A verdict in a few words."""
    return Verdict(check=check, subject="m@1", ruling=ruling, reason=reason, n=n)


def test_every_verdict_stands_in_exactly_one_place() -> None:
    """In its group, shown or folded, or among those that do not apply."""
    report = crowded()
    placed = [
        one
        for section in arranging.sections(report)
        for asked in section.checks
        for one in (*asked.shown, *asked.folded)
    ]
    assert sorted(map(repr, [*placed, *arranging.not_applying(report)])) == sorted(map(repr, report.verdicts))


def test_groups_stand_in_the_order_of_the_catalogue() -> None:
    """A reader finds the same question in the same place in every report."""
    groups = [section.group for section in arranging.sections(judge(healthy(), AUGUST))]
    assert groups == [group for group in GROUPS if group in groups]


def test_of_many_parts_only_those_that_did_not_pass_are_shown() -> None:
    """Forty slices that pass are one line, two that fail are two."""
    (asked,) = (
        one
        for section in arranging.sections(crowded())
        for one in section.checks
        if one.note.name == "slices"
    )
    assert [verdict.ruling for verdict in asked.shown] == ["fail", "fail"]
    assert (asked.rest, asked.worst) == ("38 pass", "pass")


def test_when_more_fail_than_are_shown_the_rest_is_counted_as_failing() -> None:
    """A folded line never looks better than what is in it."""
    report = crowded()
    failing = tuple(
        msgspec.structs.replace(one, ruling="fail") if one.check == "slices" else one
        for one in report.verdicts
    )
    (asked,) = (
        one
        for section in arranging.sections(msgspec.structs.replace(report, verdicts=failing))
        for one in section.checks
        if one.note.name == "slices"
    )
    assert (len(asked.shown), asked.rest, asked.worst) == (arranging.SHOWN, "34 more fail", "fail")


def test_checks_that_lack_the_same_are_named_together() -> None:
    """A gate without any measurement says once that there are no rows, not ten times."""
    found = arranging.reasons(judge(EMPTY, AUGUST).decision.blocking)
    assert len({one.text for one in found}) == len(found)
    assert max(len(one.checks) for one in found) > 1


def test_a_check_with_many_reasons_gives_some_and_counts_the_others() -> None:
    """What blocks stays a list that is read."""
    found = arranging.reasons([says("slices", "fail", f"slice {number}") for number in range(30)], most=3)
    assert [one.text for one in found] == ["slice 0", "slice 1", "slice 2; and 27 more like it"]


def test_the_worst_reason_stands_first() -> None:
    """A failure before what is missing, each in the order of the checks."""
    found = arranging.reasons(
        [says("a", "insufficient", "lacks"), says("b", "fail", "bad"), says("c", "error", "odd")]
    )
    assert [one.ruling for one in found] == ["fail", "error", "insufficient"]


def test_only_a_pass_without_rows_that_says_so_does_not_apply() -> None:
    """What nobody measured is not hidden in that line."""
    assert not arranging.applies(says("a", "pass", "does not apply: no owners are declared (n=0)", n=0))
    assert arranging.applies(says("a", "insufficient", "does not apply: nobody looked (n=0)", n=0))
    assert arranging.applies(says("a", "pass", "no limit (n=0)", n=0))
    assert arranging.applies(says("a", "pass", "does not apply to most (n=5)"))


def test_what_does_not_apply_names_parts_only_where_the_rest_of_the_check_was_judged() -> None:
    """A reader is not told that a check does not apply which passed above."""
    report = crowded()
    parts = [
        msgspec.structs.replace(
            says(check, "pass", "does not apply: no (n=0)", n=0), subject=f"flight-delay@2 {part}"
        )
        for check, part in (("limits", "served"), ("limits", "known_at"), ("groups", "age"))
    ]
    assert arranging.absent_names(msgspec.structs.replace(report, verdicts=(*report.verdicts, *parts))) == (
        "sampling, groups, approvals, limits (served, known_at)"
    )


def test_a_heading_counts_what_blocks_and_what_is_only_to_read() -> None:
    """Two numbers that a person acts on differently."""
    told = {section.group: wording.counts(section) for section in arranging.sections(crowded())}
    assert told == {
        "data": "2 to read", "learned": "1 of 5 blocks", "compared": "", "served": "blocks", "infrastructure": ""
    }  # fmt: skip


def test_a_report_of_before_there_were_groups_is_one_section() -> None:
    """Stored reports stay readable."""
    report = judge(healthy(), AUGUST)
    old = msgspec.structs.replace(
        report, checks=tuple(msgspec.structs.replace(note, group="") for note in report.checks)
    )
    (section,) = arranging.sections(old)
    assert wording.group(section.group) == "Checks"
