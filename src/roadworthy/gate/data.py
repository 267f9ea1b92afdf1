"""Are the rows it was trained and measured on whole, once, labelled as before and new?

Looked at are counts by day of all questions of the training period and the held-out weeks. Volume: the share of rows
that are lacking because a day has none, or less than half, of what the same weekdays around it have, in the last 28
days or the whole period. Repeats: the share of rows that equal another one in everything but the key, beyond what is
usual on a day. Labels: the share of labelled rows on days and weeks whose rate of the outcome, or whose share of rows
that got a label at all, lies far beyond every earlier day or week (odds three times as far as the most extreme one).
These shares may be 6 % at most: more than one working day in four weeks. Sources: for each value of a context column,
how its odds of the outcome changed in the last 28 days beside how those of the other rows did; twice as much, beyond
doubt after a Bonferroni correction, is a fail: labels of one source went wrong. Set: the fingerprint of the training
rows must not equal that of an earlier version with another training period, and no column may have changed its
kind. Split: both sides need five rows with the outcome and five without, or nothing can be measured on them.

Comparing weekdays with themselves, and rates with all that was there before, keeps weekends, seasons and holidays of a
day from failing; the demo's year of flights passes in each of its weeks. A history of less than three weeks is too
short to say anything, and to a handful of rows a day volume and labels do not apply. Rows after the last day that has
some are not lacking yet. Source: Breck et al. (2017), The ML Test Score, Data 1 to 7; Polyzotis et al. (2019), Data
Validation for Machine Learning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from roadworthy.errors import TooFewSamples
from roadworthy.gate.check import Check, not_applying, number, verdict
from roadworthy.gate.data_facts import DataFacts, Floats, Source
from roadworthy.gate.evidence import Evidence
from roadworthy.stats.rates import MIN_ROWS, odd_rates, odds_change
from roadworthy.stats.regularity import MIN_USUAL, odd_days
from roadworthy.verdict import Limit, Verdict

NAME = "data"

#: Share of rows that may be lacking, repeated or labelled oddly.
SHARE = Limit("<=", 0.06)
#: How many times as much as those of other rows the odds of one source may change, beyond doubt.
TIMES = Limit("<=", 2.0)

MIN_DAYS = 21
RECENT = 28
WEEK = 7
#: Odds of the outcome so many times beyond the most extreme earlier ones are odd; so is a share of labelled rows that
#: is a half of the lowest.
BEYOND, HALVED = 3.0, 2.0
#: So many days, or weeks, must have been there before one is compared with them.
EARLIER = {"day": 14, "week": 6}
#: Labelled rows of a source in the last 28 days, without which nothing is said of it.
MIN_SOURCE = 100
#: Chance with which any source may look changed though none is.
DOUBT = 0.001
#: Rows with the outcome, and without, that either side of the split needs.
MIN_EITHER = 5.0


def judge(evidence: Evidence) -> tuple[Verdict, ...]:
    """A verdict on volume, repeats, labels, sources, set and split."""
    facts = evidence.data
    if facts is None:
        raise TooFewSamples("the rows of its days were not counted: train it again")
    if not facts.finite:
        raise ValueError("some counts of its days are not finite numbers")
    days = int(np.flatnonzero(facts.rows)[-1]) + 1 if facts.rows.any() else 0
    if days < MIN_DAYS:
        raise TooFewSamples(
            f"its rows are of {days} days, at least {MIN_DAYS} are needed: ingest more history"
        )
    return (
        _volume(evidence, facts, days),
        _repeats(evidence, facts, days),
        _labels(evidence, facts),
        _sources(evidence, facts),
        _set(evidence, facts),
        _split(evidence, facts),
    )


def _volume(evidence: Evidence, facts: DataFacts, days: int) -> Verdict:
    rows = facts.rows[:days]
    usual, needed = float(np.median(rows[rows > 0])), MIN_USUAL["missing"]
    if usual < needed:
        why = f"{usual:,.0f} rows a day are usual; of fewer than {needed:g}, a day may have none by chance"
        return not_applying(NAME, evidence, why, "volume")
    odd = odd_days(rows)
    lacking, expected = np.zeros(days), rows.copy()
    for each in odd:
        if each.kind != "crowded":
            lacking[each.day] = each.usual - each.rows
            expected[each.day] = each.usual
    share, where = _worst(lacking, expected)
    listed = ", ".join(
        f"{_date(facts, each.day)} {_kind(each.kind, each.rows, each.usual)}" for each in odd[-5:]
    )
    n = int(rows.sum())
    late = facts.rows.size - days
    also = f"; {listed}" if listed else ""
    also += f"; none of the last {late} days has any yet" if late > 1 else ""
    return _shared(evidence, "volume", share, f"of rows lacking {where}", also, n, {"odd_days": listed})


def _repeats(evidence: Evidence, facts: DataFacts, days: int) -> Verdict:
    rows, repeated = facts.rows[:days], facts.repeated[:days]
    there = rows > 0
    usual = float(np.median(repeated[there] / rows[there]))
    beyond = np.maximum(repeated - 2 * usual * rows - 3, 0.0)
    share, where = _worst(beyond, rows)
    n = int(rows.sum())
    worst = int(np.argmax(beyond))
    also = f"; most on {_date(facts, worst)}, {repeated[worst]:,.0f} of {rows[worst]:,.0f}" if share else ""
    more = {"usual_share": usual, "repeated": float(facts.repeated.sum())}
    what = f"of rows equal to another but for the key {where}"
    return _shared(evidence, "repeats", share, what, also, n, more)


def _labels(evidence: Evidence, facts: DataFacts) -> Verdict:
    rows, labelled, positive = (each * facts.ripe for each in (facts.rows, facts.labelled, facts.positive))
    days = np.flatnonzero(rows)
    if days.size < MIN_DAYS:
        reason = f"labels of {days.size} days are complete, at least {MIN_DAYS} are needed (n={int(labelled.sum()):,})"
        return verdict(NAME, evidence, "insufficient", reason, "labels", n=int(labelled.sum()))
    odd = np.zeros(facts.rows.size, dtype=np.bool_)
    said: list[str] = []
    judged = 0
    for length, name in ((1, "day"), (WEEK, "week")):
        starts = np.arange(days[-1] + 1 - length, days[0] - 1, -length)[
            ::-1
        ]  # weeks end with the last ripe day
        sums = [[float(each[at : at + length].sum()) for at in starts] for each in (rows, labelled, positive)]
        earlier = EARLIER[name]
        judged += max(sum(each >= MIN_ROWS for each in sums[1]) - earlier, 0)
        rates = odd_rates(sums[2], sums[1], times=BEYOND, earlier=earlier)
        shares = odd_rates(sums[1], sums[0], times=HALVED, earlier=earlier, falls_only=True)
        for each, what in [(one, "with the outcome") for one in rates] + [
            (one, "with a label") for one in shares
        ]:
            odd[starts[each.at] : starts[each.at] + length] = True
            range_of = f"{each.lowest:.1%} to {each.highest:.1%} before"
            said.append(f"{name} of {_date(facts, int(starts[each.at]))}: {each.rate:.1%} {what}, {range_of}")
    if not judged:
        why = f"no {' and no '.join(EARLIER)} has {MIN_ROWS} labelled rows and enough such ones before it"
        return not_applying(NAME, evidence, why, "labels")
    known = slice(0, int(days[-1]) + 1)  # the last 28 days are those with labels
    share, where = _worst(np.where(odd, rows, 0.0)[known], rows[known])
    also = f"; {'; '.join(said[-3:])}" if said else ""
    what = f"of rows labelled unlike all before {where}"
    return _shared(evidence, "labels", share, what, also, int(labelled.sum()), {"odd": said[-20:]})


@dataclass(frozen=True)
class _Changed:
    """By how much the log odds of a source changed more than those of the others, and the standard error of that."""

    name: str
    change: float
    deviation: float
    rows: float
    was: float
    now: float


def _sources(evidence: Evidence, facts: DataFacts) -> Verdict:
    part = "sources"
    changed = [found for source in facts.sources if (found := _change(facts, source)) is not None]
    if not changed:
        why = (
            f"no value of {', '.join(facts.declared)} has {MIN_SOURCE} labelled rows before and in {RECENT} days"
            if facts.declared
            else "no context column with few values is declared, which could say where a label is from"
        )
        return not_applying(NAME, evidence, why, part)
    # A normal number is so many deviations away with half the doubt that each source is allowed at most (Mill's bound).
    sure = float(np.sqrt(2 * np.log(len(changed) / DOUBT)))
    least = {each.name: float(np.exp(max(each.change - sure * each.deviation, 0.0))) for each in changed}
    worst = max(changed, key=lambda each: (least[each.name], each.change))
    measured = least[worst.name]
    ruling = TIMES.ruling(measured)
    relation = "<=" if ruling == "pass" else ">"
    n = int(sum(each.rows for each in changed))
    said = (
        f"odds of the outcome where {worst.name} changed at least {number(measured)} times as much as elsewhere "
        f"{relation} limit {TIMES.value:g}: {worst.now:.1%} in the last {RECENT} days, {worst.was:.1%} before"
    )
    return verdict(
        NAME,
        evidence,
        ruling,
        f"{said} (n={n:,})",
        part,
        measured=measured,
        limit=str(TIMES),
        unit="times",
        n=n,
        evidence={name: round(times, 3) for name, times in least.items()},
    )


def _change(facts: DataFacts, source: Source) -> _Changed | None:
    """How the odds of a source changed beside those of the other rows; None where it has too few."""
    last = int(np.flatnonzero(facts.ripe)[-1]) + 1 if facts.ripe.any() else 0
    now, before = slice(max(last - RECENT, 0), last), slice(0, max(last - RECENT, 0))
    rows, hits = source.labelled, source.positive
    others, other_hits = facts.labelled - rows, np.clip(facts.positive - hits, 0.0, None)
    if min(rows[now].sum(), rows[before].sum()) < MIN_SOURCE:
        return None
    change, variance = odds_change(rows, hits, now, before)
    if min(others[now].sum(), others[before].sum()) >= MIN_SOURCE:
        elsewhere, more = odds_change(others, other_hits, now, before)
        change, variance = change - elsewhere, variance + more
    was, new = (float(hits[when].sum() / rows[when].sum()) for when in (before, now))
    name = f"{source.column}={source.value}"
    return _Changed(name, abs(change), float(np.sqrt(variance)), float(rows[now].sum()), was, new)


def _set(evidence: Evidence, facts: DataFacts) -> Verdict:
    if not facts.earlier:
        return not_applying(NAME, evidence, "there is no earlier version whose rows these could be", "set")
    n = int(facts.rows.sum())
    known = [each for each in facts.earlier if each.columns is not None]
    before = dict(known[-1].columns or {}) if known else {}
    faults = [
        f"the training rows until {_until(facts.until)} are exactly those of version {each.version} until "
        f"{_until(each.until)}: nothing came in between"
        for each in facts.earlier
        if each.fingerprint == facts.fingerprint != "" and _parted(facts.until, each.until)
    ]
    faults += [
        f"{name} was {before[name]} and is {kind}"
        for name, kind in facts.columns.items()
        if before.get(name, kind) != kind
    ]
    new = sorted(set(facts.columns) - set(before)) if before else []
    gone = sorted(set(before) - set(facts.columns))
    also = (f"; new columns are {', '.join(new)}" if new else "") + (
        f"; gone are {', '.join(gone)}" if gone else ""
    )
    said = (
        "; ".join(faults)
        or f"its rows are not those of another period in {len(facts.earlier)} earlier versions"
    )
    count = f"{len(faults):,} fault{'s' * (len(faults) != 1)}"
    return verdict(
        NAME,
        evidence,
        "fail" if faults else "pass",
        f"{count} (no limit, none is allowed): {said}{also} (n={n:,})",
        "set",
        measured=float(len(faults)),
        unit="faults",
        n=n,
        evidence={"fingerprint": facts.fingerprint, "new": new, "gone": gone, "faults": faults},
    )


def _parted(one: datetime | None, other: datetime | None) -> bool:
    return one is not None and other is not None and abs(one - other) >= timedelta(days=1)


def _split(evidence: Evidence, facts: DataFacts) -> Verdict:
    sides = {"training": facts.training, "held-out": facts.held_out}
    fewest = min(min(hits, rows - hits) for rows, hits in sides.values())
    n = int(sum(rows for rows, _ in sides.values()))
    said = " and ".join(
        f"{hits:,.0f} of {rows:,.0f} {name} rows ({hits / max(rows, 1.0):.1%})"
        for name, (rows, hits) in sides.items()
    )
    enough = fewest >= MIN_EITHER
    relation = ">=" if enough else "<"
    return verdict(
        NAME,
        evidence,
        "pass" if enough else "insufficient",
        f"{said} have the outcome; the rarer side has {number(fewest)} {relation} limit {MIN_EITHER:g} (n={n:,})",
        "split",
        measured=fewest,
        limit=f">= {MIN_EITHER:g}",
        unit="rows",
        n=n,
    )


def _worst(part: Floats, whole: Floats) -> tuple[float, str]:
    """The share of `part` in `whole`, in the last 28 days or altogether, whichever is larger, and which it is."""
    recent = max(part.size - RECENT, 0)
    shares = {
        f"in the last {RECENT} days": float(part[recent:].sum() / max(whole[recent:].sum(), 1.0)),
        "in all": float(part.sum() / max(whole.sum(), 1.0)),
    }
    where = max(shares, key=lambda name: shares[name])
    return shares[where], where


def _shared(
    evidence: Evidence, part: str, share: float, what: str, also: str, n: int, more: Mapping[str, object]
) -> Verdict:
    ruling = SHARE.ruling(share)
    relation = "<=" if ruling == "pass" else ">"
    return verdict(
        NAME,
        evidence,
        ruling,
        f"share {number(share)} {what} {relation} limit {SHARE.value:g}{also} (n={n:,})",
        part,
        measured=share,
        limit=str(SHARE),
        unit="share of rows",
        n=n,
        evidence=more,
    )


def _kind(kind: str, rows: float, usual: float) -> str:
    said = {"missing": "has no rows", "short": f"has {rows:,.0f} rows", "crowded": f"has {rows:,.0f} rows"}[
        kind
    ]
    return f"{said}, usual are {usual:,.0f}"


def _date(facts: DataFacts, day: int) -> str:
    return f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=facts.first_day + day):%Y-%m-%d}"


def _until(instant: datetime | None) -> str:
    return "an unknown time" if instant is None else f"{instant:%Y-%m-%d}"


CHECK = Check(
    name=NAME,
    required=True,
    question="Are the rows it was trained and measured on whole, once, labelled as before and new?",
    remedy="Look at the days that are named in the source, ingest what is lacking, and train again; where a day is odd "
    'for a reason that you know, such as a closed week, declare checks={"data": "advisory"} until it has passed.',
    measured=judge,
)
