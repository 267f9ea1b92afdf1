"""Can a real server process start on it, take its warm-up requests, and answer as quickly as the champion?

A worker was started in staging on the candidate, one on the champion and one on a fixed old version: the first that was
released, or the one that `budgets={"reference": "3"}` names. Every golden request was checked against the version's own
input schema; a worker sends them to itself before it takes others, so one that does not fit would halt a fleet. Then
all servers were asked in turn, the same kinds of requests one by one, in blocks. A busy machine is busy for all of
them, so a block gives one ratio of the p99 and one of the median latency, and these ratios are judged by the interval
of their median, which assumes nothing of how times are distributed: between two equal versions it lies wholly above 1
in less than one run in a hundred, on any machine.

pass          every warm-up request fits; no ratio is above its limit; every declared budget is kept
fail          a warm-up request does not fit; or certainly more than twice as slow as the champion, or as the old
              version (slow creep), and by more than a millisecond; or twice its memory and 100 MB more; or above a
              budget
insufficient  a ratio above its limit that noise may explain
error         a server could not be started or asked

Budgets: `Model(budgets={"latency_p99": "<= 20ms", "memory": "<= 500MB", "start": "<= 10s", "size": "<= 50MB"})`; the
ratios are `latency_champion`, `latency_reference` and `memory_champion`. Without a budget of its latency, a model's
deadline is one. Memory is the resident set (RSS) of one worker, shared libraries counted whole. The p99 of a budget is
that of the quieter blocks (lower quartile); it fails when not even the quietest block keeps it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial

import numpy as np

from roadworthy.budgets import Budget, parse_budgets, shown
from roadworthy.errors import TooFewSamples
from roadworthy.gate.check import Check, guarded, not_applying, number, verdict
from roadworthy.gate.evidence import Evidence
from roadworthy.gate.infrastructure_facts import Floats, Infrastructure, Served
from roadworthy.stats.medians import median_interval
from roadworthy.stats.resampling import Interval
from roadworthy.verdict import Limit, Ruling, Verdict

NAME = "infrastructure"

MIN_WARMUPS = 5

#: Numbers of blocks after which the measuring may end, because the answer is clear.
LOOKS = (8, 16, 32, 48)

DEFAULT_TIMES = Limit("<=", 2.0)

#: Seconds by which a version must be slower before a ratio without a declared limit counts.
SECONDS_THAT_COUNT = 0.001

#: Bytes by which it must be larger before a ratio without a declared limit counts.
BYTES_THAT_COUNT = 100e6

#: A ratio so far below its limit needs no more blocks.
CLEARLY = 0.8

_QUANTILES = {"p99": 0.99, "median": 0.5}
_RATIOS = {"champion": "latency_champion", "reference": "latency_reference"}


def settled(budgets: Mapping[str, str], seconds: Mapping[str, Floats]) -> bool:
    """Whether more blocks would change nothing.

    budgets   as declared
    seconds   `own`, `champion`, `reference` → times of shape (n_blocks, n_requests), the same blocks for all
    """
    declared = parse_budgets(budgets)
    for role in seconds.keys() - {"own"}:
        limit = _times(declared, role)
        for quantile in _QUANTILES.values():
            found, more = _slower(seconds["own"], seconds[role], quantile)
            counts = _RATIOS[role] in declared or more > SECONDS_THAT_COUNT
            if counts and found.low <= limit.value < found.value / CLEARLY:
                return False
    budget = declared.get("latency_p99")
    if budget is not None:
        found = _quiet(seconds["own"])
        return budget.limit.ruling(found.value, found.low, found.high) != "insufficient"
    return True


def judge(evidence: Evidence) -> tuple[Verdict, ...]:
    """One verdict on the warm-up, one on each comparison, one on each budget."""
    facts = evidence.infrastructure
    if facts is None:
        raise TooFewSamples(
            "no server was started on the artifact: run the gate where a server can be started"
        )
    _require_numbers(facts)
    if facts.warmups < MIN_WARMUPS:
        raise TooFewSamples(
            f"the artifact has {facts.warmups} golden requests, at least {MIN_WARMUPS} are needed: train it again"
        )
    found = [_warmup(facts, evidence)]
    for part, judged in _parts(facts, evidence):
        found += guarded(NAME, evidence, judged, part)
    return tuple(found)


def _parts(
    facts: Infrastructure, evidence: Evidence
) -> Iterator[tuple[str, Callable[[Evidence], tuple[Verdict, ...]]]]:
    declared = parse_budgets(facts.budgets)
    if facts.own is None:
        yield "server", partial(_silent, facts.errors.get("own", "nobody asked it"))
        return
    if facts.champion is not None:
        yield "champion", partial(_latency, "champion", facts.own, facts.champion, declared)
        yield "memory", partial(_memory, facts.own, facts.champion, declared)
    elif "champion" in facts.errors:
        yield "champion", partial(_silent, facts.errors["champion"])
    elif evidence.champion_version is None:
        yield "champion", _alone
    else:
        yield "champion", _unmeasured
    if facts.reference is not None:
        yield "reference", partial(_latency, "reference", facts.own, facts.reference, declared)
    elif "reference" in facts.errors:
        yield "reference", partial(_silent, facts.errors["reference"])
    elif _RATIOS["reference"] in declared:
        yield "reference", _no_other
    for name in ("latency_p99", "start", "memory", "size"):
        if name in declared:
            yield f"budget {name}", partial(_budget, declared[name], facts, facts.own)


def _warmup(facts: Infrastructure, evidence: Evidence) -> Verdict:
    wrong = len(facts.mismatched)
    limit = Limit("<=", 0.0)
    ruling = limit.ruling(wrong)
    reason = f"{wrong} of {facts.warmups:,} warm-up requests do not match the signature"
    if wrong:
        name, fault = next(iter(facts.mismatched.items()))
        reason += f" > limit 0; the first is {name!r}: {fault}"
    else:
        reason += " <= limit 0"
    if facts.own is not None:
        reason += (
            f"; it started in {shown(facts.own.start_seconds, 'seconds')} and holds "
            f"{shown(facts.own.memory_bytes, 'bytes')} of memory (RSS)"
        )
    return verdict(
        NAME,
        evidence,
        ruling,
        f"{reason} (n={facts.warmups:,})",
        "warm-up",
        measured=float(wrong),
        limit=str(limit),
        n=facts.warmups,
        evidence={"mismatched": dict(list(facts.mismatched.items())[:20])},
    )


def _latency(
    role: str, own: Served, other: Served, declared: Mapping[str, Budget], evidence: Evidence
) -> tuple[Verdict, ...]:
    limit, name = _times(declared, role), _RATIOS[role]
    judged = []
    for what, quantile in _QUANTILES.items():
        found, more = _slower(own.seconds, other.seconds, quantile)
        ruling: Ruling = (
            "fail" if found.low > limit.value else "pass" if limit.holds(found.value) else "insufficient"
        )
        trifle = ruling != "pass" and name not in declared and more <= SECONDS_THAT_COUNT
        judged.append((what, quantile, found, "pass" if trifle else ruling, trifle))
    worst = min(judged, key=lambda one: (("fail", "insufficient", "pass").index(one[3]), not one[4]))
    what, quantile, found, ruling, trifle = worst
    both = " against ".join(
        shown(float(np.median(_quantiles(one.seconds, quantile))), "seconds") for one in (own, other)
    )
    allowed = str(limit)
    relation = {
        "pass": f"{limit.comparison} limit {limit.value:g}",
        "fail": f"> limit {limit.value:g}",
        "insufficient": f"may keep limit {limit} or not: run it again where less else is running",
    }[ruling]
    if trifle:
        allowed = f"{limit}, or {shown(SECONDS_THAT_COUNT, 'seconds')} more"
        relation = (
            f"> limit {limit.value:g}, but up to {shown(SECONDS_THAT_COUNT, 'seconds')} more does not count"
        )
    whom = "champion" if role == "champion" else "the reference,"
    n = own.seconds.size
    return (
        verdict(
            NAME,
            evidence,
            ruling,
            f"{what} latency {number(found.value)} [{number(found.low)}, {number(found.high)}] times that of {whom} "
            f"version {other.version} {relation} ({both}, n={n:,} answers each)",
            role,
            measured=found.value,
            limit=allowed,
            n=n,
            evidence={"low": found.low, "high": found.high, "version": other.version, "of": what},
        ),
    )


def _memory(
    own: Served, other: Served, declared: Mapping[str, Budget], evidence: Evidence
) -> tuple[Verdict, ...]:
    limit = declared["memory_champion"].limit if "memory_champion" in declared else DEFAULT_TIMES
    times = own.memory_bytes / other.memory_bytes
    trifle = "memory_champion" not in declared and own.memory_bytes - other.memory_bytes <= BYTES_THAT_COUNT
    ruling: Ruling = "pass" if limit.holds(times) or trifle else "fail"
    relation, allowed, more = "<=" if limit.holds(times) else ">", str(limit), ""
    if trifle and not limit.holds(times):
        allowed = f"{limit}, or {shown(BYTES_THAT_COUNT, 'bytes')} more"
        more = f", but up to {shown(BYTES_THAT_COUNT, 'bytes')} more does not count"
    return (
        verdict(
            NAME,
            evidence,
            ruling,
            f"memory {number(times)} times that of champion version {other.version} {relation} limit {limit.value:g}"
            f"{more} ({shown(own.memory_bytes, 'bytes')} against {shown(other.memory_bytes, 'bytes')} RSS, n=1 worker "
            "each)",
            "memory",
            measured=times,
            limit=allowed,
            n=1,
        ),
    )


def _budget(budget: Budget, facts: Infrastructure, own: Served, evidence: Evidence) -> tuple[Verdict, ...]:
    found = {
        "latency_p99": lambda: _quiet(own.seconds),
        "start": lambda: _exactly(own.start_seconds),
        "memory": lambda: _exactly(own.memory_bytes),
        "size": lambda: _exactly(facts.size_bytes),
    }[budget.name]()
    n = own.seconds.size if budget.name == "latency_p99" else 1
    ruling = budget.limit.ruling(found.value, found.low, found.high)
    value, unit = (found.value, " s") if budget.unit == "seconds" else (round(found.value / 1e6, 3), " MB")
    relation = {"pass": "keeps", "fail": "is above"}.get(ruling, "may keep or not, as the machine is busy,")
    return (
        verdict(
            NAME,
            evidence,
            ruling,
            f"{budget.name} {number(value)}{unit} {relation} limit {budget.text} (n={n:,})",
            f"budget {budget.name}",
            measured=value,
            limit=budget.text,
            unit={" s": "seconds", " MB": "megabytes"}[unit],
            n=n,
        ),
    )


def _silent(reason: str, evidence: Evidence) -> tuple[Verdict, ...]:
    raise ValueError(f"its server in staging could not be asked: {reason}")


def _unmeasured(evidence: Evidence) -> tuple[Verdict, ...]:
    raise TooFewSamples(f"nobody measured the champion, version {evidence.champion_version}, beside it")


def _alone(evidence: Evidence) -> tuple[Verdict, ...]:
    why = "no other version answers, so there is none to be slower than"
    return (not_applying(NAME, evidence, why, "champion"),)


def _no_other(evidence: Evidence) -> tuple[Verdict, ...]:
    why = "there is no reference but the champion or this version itself"
    return (not_applying(NAME, evidence, why, "reference"),)


def _slower(own: Floats, other: Floats, quantile: float) -> tuple[Interval, float]:
    """How many times as slow it is, block by block, and by how many seconds in the median block."""
    mine, theirs = _quantiles(own, quantile), _quantiles(other, quantile)
    return median_interval(mine / theirs), float(np.median(mine - theirs))


def _quiet(seconds: Floats) -> Interval:
    """The p99 of the quieter blocks; the bounds are those of the quietest and of the median block."""
    found = _quantiles(seconds, _QUANTILES["p99"])
    low, value, high = np.quantile(found, [0.0, 0.25, 0.5])
    return Interval(float(value), float(low), float(high), 0.5, found.size)


def _exactly(value: float) -> Interval:
    return Interval(value, value, value, 1.0, 1)


def _quantiles(seconds: Floats, quantile: float) -> Floats:
    found: Floats = np.quantile(seconds, quantile, axis=1)
    return found


def _times(declared: Mapping[str, Budget], role: str) -> Limit:
    name = _RATIOS[role]
    return declared[name].limit if name in declared else DEFAULT_TIMES


def _require_numbers(facts: Infrastructure) -> None:
    for served in (facts.own, facts.champion, facts.reference):
        if served is not None:
            numbers = np.append(served.seconds, [served.start_seconds, served.memory_bytes])
            if not (np.isfinite(numbers).all() and (numbers > 0).all()):
                raise ValueError(
                    f"times and memory of version {served.version} are not all finite numbers above 0"
                )


CHECK = Check(
    name=NAME,
    required=True,
    question="Does a real server start on it, fit its warm-up requests, and keep time and memory?",
    remedy="For a warm-up that does not fit, train again with one definition; for a slow or large version, look at "
    "what was added, or let the owner declare what it may take with Model(budgets=...).",
    measured=judge,
)
