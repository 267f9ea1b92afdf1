"""Was the model told something that nobody can know when the question is asked?

Four proofs, each a verdict of its own. What only looks suspicious is said by `too_good_alone`, which blocks nothing.

known_at      an input joined from another table must not be known later than the model takes it to be. Where an outcome
              is declared on that table, or the champion declared the same source to be known later, held-out questions
              are joined again by that declaration; where requests were served, they are joined again as well and
              compared with what they carried. At most 1 % of the rows may be told something that was not known yet.
served        nothing says since when a column of the history itself was known, so it must be there when the model is
              asked: requests carry it at least a tenth as often as the history does. What no request carries has not
              been shown to be known in time, which is too little evidence. New models have no requests; then this
              does not apply.
outcome_time  no input may lie exactly as far from the instant at which the outcome became known as in most other rows:
              `settled_at + 1h` and the length of the call whose end is the outcome are made from it. Does not apply
              where the outcome is always known the same time after the question.
units         a unit that is asked about once must not stand on both sides of the split. At most 1 % of the held-out
              rows may be about a unit of the training rows, or ten times the share of training rows that repeat one.

Kaufman, Rosset, Perlich, Stitelman (2012), Leakage in data mining, ACM TKDD 6(4): what may be known is decided by time,
not by how well it predicts.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from roadworthy.errors import TooFewSamples
from roadworthy.gate.check import Check, guarded, not_applying, number, verdict
from roadworthy.gate.evidence import Evidence
from roadworthy.gate.leakage_facts import Carried, KnownLater, Leakage, Replayed
from roadworthy.verdict import Limit, Ruling, Verdict

NAME = "leakage"

#: Share of rows that may be told something they could not know.
TOLD = Limit("<=", 0.01)

#: How often requests must carry an input, as a share of how often the history does.
CARRIED = Limit(">=", 0.1)

#: Share of rows in which an input may lie a fixed time from the outcome.
FIXED = Limit("<=", 0.5)

#: How much more often held-out rows may be about a known unit than training rows repeat one.
AGAIN = 10

MIN_ROWS = 50
MIN_SERVED = 20

#: That many differing rows may be chance.
FEW = 20


def judge(evidence: Evidence) -> tuple[Verdict, ...]:
    """One verdict for each way in which something known later can get into a model."""
    parts: dict[str, Callable[[Leakage, Evidence], Verdict]] = {
        "known_at": _known_at,
        "served": _served,
        "outcome_time": _outcome_time,
        "units": _units,
    }
    return tuple(
        found
        for part, judged in parts.items()
        for found in guarded(NAME, evidence, partial(_judged, part, judged), part)
    )


def _judged(
    part: str, judged: Callable[[Leakage, Evidence], Verdict], evidence: Evidence
) -> tuple[Verdict, ...]:
    facts = evidence.leakage
    if facts is None:
        raise TooFewSamples(
            "nobody looked since when its inputs are known: run the gate on a trained version"
        )
    if part in facts.unknown:
        raise TooFewSamples(facts.unknown[part])
    return (judged(facts, evidence),)


def _known_at(facts: Leakage, evidence: Evidence) -> Verdict:
    say = partial(_say, "known_at", evidence)
    if not facts.joined:
        return not_applying(NAME, evidence, "no input is joined from another table", "known_at")
    if facts.looked < MIN_ROWS:
        raise TooFewSamples(
            f"{facts.looked} held-out questions are too few to join again, {MIN_ROWS} are needed"
        )
    limit = {"limit": str(TOLD), "evidence": _listed(facts)}
    replayed = {found.column: found for found in facts.replayed if found.rows >= MIN_SERVED}
    for later in sorted(facts.later, key=lambda found: -found.changed):
        if later.certain and later.rows and not TOLD.holds(later.changed / later.rows):
            return say("fail", _told(later), measured=later.changed / later.rows, n=later.rows, **limit)
    for found in sorted(replayed.values(), key=lambda each: -each.differing / each.rows):
        if _comes_later(found):
            share = found.differing / found.rows
            return say("fail", _served_later(found), measured=share, n=found.rows, **limit)
    for later in facts.later:
        if later.rows == 0 or (not TOLD.holds(later.changed / later.rows) and later.column not in replayed):
            raise TooFewSamples(_undecided(later))
    if not (facts.later or replayed):
        why = f"no other declaration and no served request says since when its {facts.joined} joined inputs are known"
        return not_applying(NAME, evidence, why, "known_at")
    shares = [later.changed / later.rows for later in facts.later if later.certain]
    served = f"; what served requests carried was compared in {len(replayed)} of them" if replayed else ""
    return say(
        "pass",
        f"{number(max(shares, default=0.0))} of the rows were told something that is known later {TOLD.comparison} "
        f"limit {TOLD.value:g}, by {facts.joined} joined inputs{served} (n={facts.looked:,})",
        measured=max(shares, default=0.0),
        n=facts.looked,
        **limit,
    )


def _comes_later(found: Replayed) -> bool:
    """Whether requests carried what the join gives only when its rows become known later than declared."""
    explained = found.differing - found.remaining
    return (
        bool(found.lag)
        and not TOLD.holds(found.differing / found.rows)
        and explained >= max(FEW, found.differing / 2)
    )


def _told(later: KnownLater) -> str:
    share = number(later.changed / later.rows)
    return (
        f"{later.column} is joined as known from {later.declared}, but {later.says} says it is known from "
        f"{later.otherwise}: {share} of the rows > limit {TOLD.value:g} were told something nobody knew "
        f"(n={later.rows:,}). Declare the source with known_at={later.otherwise!r}"
    )


def _served_later(found: Replayed) -> str:
    return (
        f"{found.column} is joined as known from {found.declared}, but {number(found.differing / found.rows)} of the "
        f"served requests > limit {TOLD.value:g} carried another value (n={found.rows:,}); {found.lag} later the join "
        f"gives what was carried in all but {number(found.remaining / found.rows)}. Declare that lag in known_at"
    )


def _undecided(later: KnownLater) -> str:
    how = (
        f"{number(later.changed / later.rows)} of {later.rows:,} rows differ"
        if later.rows
        else "its key is not among the inputs, so it could not be joined again"
    )
    return (
        f"{later.column} is joined as known from {later.declared}, and {later.says} says from {later.otherwise}: "
        f"{how}, and no served requests show which is true. If the source became faster, let callers send it first"
    )


def _served(facts: Leakage, evidence: Evidence) -> Verdict:
    say = partial(_say, "served", evidence)
    if not facts.own:
        return not_applying(
            NAME, evidence, "every input is joined, and says since when it is known", "served"
        )
    if not facts.served and not any(found.unsent for found in facts.own):
        return not_applying(NAME, evidence, "no version of it has answered yet", "served")
    if facts.served < MIN_SERVED:
        raise TooFewSamples(f"{facts.served} served requests are too few, {MIN_SERVED} are needed")
    shares = {found.column: _carried(found) for found in facts.own if not found.unsent}
    limit = {"limit": str(CARRIED), "n": facts.served}
    worst = min(shares, key=lambda name: shares[name], default="")
    if worst and not CARRIED.holds(shares[worst]):
        own = next(found for found in facts.own if found.column == worst)
        return say("fail", _missing(own), measured=shares[worst], **limit)
    unsent = [found for found in facts.own if found.unsent]
    if unsent:
        names = ", ".join(found.column for found in unsent)
        raise TooFewSamples(
            f"of {names} nothing shows that it is known when the model is asked: {unsent[0].unsent}, and a column of "
            "the history does not say since when it is known. Declare it as context of the version that serves, so "
            "that callers send it, or join it from a source with known_at"
        )
    measured = shares.get(worst, 1.0)
    return say(
        "pass",
        f"requests carry each of {len(facts.own)} inputs of the history itself; {worst or 'none'} least often, "
        f"{number(measured)} times as often as the history {CARRIED.comparison} limit {CARRIED.value:g} "
        f"(n={facts.served:,})",
        measured=measured,
        **limit,
    )


def _carried(found: Carried) -> float:
    """How often requests carry an input, as a share of how often the history does; 1 where that is too rare to tell."""
    if found.constant and found.usual < found.there / 2:
        return 0.0
    expected = found.served * found.there / max(found.trained, 1)
    return found.sent / expected if expected >= FEW else 1.0


def _missing(found: Carried) -> str:
    trained = f"{found.there / max(found.trained, 1):.1%}"
    if found.constant and found.sent:
        how = f"every served request carries one and the same value of {found.column}, which is rare in the history"
    else:
        how = (
            f"{found.column} is there in {trained} of the history and in {found.sent / found.served:.1%} of the "
            "served requests"
        )
    return (
        f"{how}: {number(_carried(found))} times as often < limit {CARRIED.value:g} (n={found.served:,}). It is not "
        "known when the model is asked; leave it out"
    )


def _outcome_time(facts: Leakage, evidence: Evidence) -> Verdict:
    say = partial(_say, "outcome_time", evidence)
    if not facts.timed:
        why = "the outcome is always known the same time after the question"
        return not_applying(NAME, evidence, why, "outcome_time")
    if facts.timed < MIN_ROWS:
        raise TooFewSamples(
            f"{facts.timed} rows whose outcome became known at some time, {MIN_ROWS} are needed"
        )
    shares = {found: found.fixed / found.rows for found in facts.followed if found.rows >= MIN_ROWS}
    worst = max(shares, key=lambda found: shares[found], default=None)
    share = 0.0 if worst is None else shares[worst]
    ruling = FIXED.ruling(share)
    relation = FIXED.comparison if ruling == "pass" else ">"
    how = f" (counted in {worst.unit})" if worst is not None and worst.unit else ""
    if worst is None or ruling == "pass":
        nearest = "" if worst is None else f", {worst.column}{how} most often:"
        found = f"no input lies a fixed time from the instant the outcome became known{nearest} in"
    else:
        after = "after" if worst.offset >= 0 else "before"
        found = (
            f"{worst.column}{how} lies exactly {abs(worst.offset):g} s {after} the outcome became known in"
        )
    more = "" if ruling == "pass" else ". It is made from that instant; leave it out"
    return say(
        ruling,
        f"{found} {number(share)} of the rows {relation} limit {FIXED.value:g} (n={facts.timed:,}){more}",
        measured=share,
        limit=str(FIXED),
        n=facts.timed,
    )


def _units(facts: Leakage, evidence: Evidence) -> Verdict:
    units = facts.units
    if units is None or min(units.held_out, units.questions) < MIN_ROWS:
        raise TooFewSamples(
            f"at least {MIN_ROWS} held-out rows and the units of the training rows are needed"
        )
    repeated = 1.0 - units.trained / max(units.questions, 1)
    limit = Limit("<=", float(f"{min(max(TOLD.value, AGAIN * repeated), 1.0):.3g}"))
    share = units.shared / units.held_out
    ruling = limit.ruling(share)
    relation = limit.comparison if ruling == "pass" else ">"
    asked = f"{units.questions:,} training rows are about {units.trained:,} units"
    more = (
        ""
        if ruling == "pass"
        else ". Rows stand twice in the history, or a key is not one; look at those units"
    )
    return _say(
        "units",
        evidence,
        ruling,
        f"{number(share)} of the held-out rows are about a unit of the training rows {relation} limit {limit.value:g}; "
        f"{asked} (n={units.held_out:,}){more}",
        measured=share,
        limit=str(limit),
        n=units.held_out,
    )


def _say(part: str, given: Evidence, ruling: Ruling, reason: str, /, **more: Any) -> Verdict:
    return verdict(NAME, given, ruling, reason, part, **more)


def _listed(facts: Leakage) -> dict[str, Any]:
    """What a report may show of every joined input."""
    return {
        "said_later": {found.column: [found.changed, found.rows] for found in facts.later},
        "served": {found.column: [found.differing, found.rows] for found in facts.replayed},
    }


CHECK = Check(
    name=NAME,
    required=True,
    question="Was it told something that nobody can know when the question is asked?",
    remedy="Leave the named input out, or declare since when it is known; then train again.",
    measured=judge,
)
