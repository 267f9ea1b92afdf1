"""What does it take to serve and to keep, and does every feature give more than it takes?

Reported are the artifact's size, the worker's memory, the processor time of a thousand single answers (HTTP included,
as the server in staging took it), the number of features and of tables that they are joined from. On 2,000 held-out
rows each feature in turn was given the values of other rows: by how much the log loss rises is what it gives, with an
interval over resampled days (level 99 %). What it takes is the time to encode it, how often it is missing, and a table
that no other feature needs.

A feature is idle when it certainly gives less than a ten-thousandth of the log loss, and takes more than a tenth of the
processor time of an answer, or is missing in half of the rows, or keeps a table alone. Correlated features stand in for
each other: remove one at a time, with `roadworthy train --without FEATURE`.

pass          every declared budget is kept, and there is no idle feature (or it was not asked for)
fail          a budget is not kept, or there are more idle features than allowed (0)
insufficient  too few rows or days, or nobody measured what a budget is about

Budgets: `Model(budgets={"cpu": "<= 1s", "features": "<= 40", "sources": "<= 5", "idle_features": "<= 0"})`. The check
is advisory; with one of these it is required, and idle features then count only where `idle_features` is declared.
Source: Sculley et al. (2015), Hidden Technical Debt in Machine Learning Systems; Breiman (2001), Random Forests, 10.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from roadworthy.budgets import OF_COST, Budget, parse_budgets, shown
from roadworthy.errors import TooFewSamples
from roadworthy.gate.check import Check, guarded, not_applying, number, verdict
from roadworthy.gate.cost_facts import Cost, FeatureCost
from roadworthy.gate.evidence import Evidence
from roadworthy.gate.infrastructure_facts import Served
from roadworthy.stats.resampling import Interval, block_interval
from roadworthy.verdict import Limit, Verdict

NAME = "cost"

MIN_ROWS = 200

#: Probability with which an interval of what a feature gives holds the true number.
LEVEL = 0.99

#: A feature that gives a smaller part of the log loss than this gives nothing.
GIVES = 0.0001

#: A feature that takes a larger part of the processor time of an answer than this is dear.
DEAR = 0.1

#: A feature that is missing in a larger part of the rows than this is dear.
MISSING = 0.5

NO_IDLE = Limit("<=", 0.0)


def required(declared: Mapping[str, str]) -> bool:
    """Whether these budgets make the check one that must pass."""
    return any(name in declared for name in OF_COST)


def judge(evidence: Evidence) -> tuple[Verdict, ...]:
    """One verdict on the whole, one on each budget, one on features that give too little."""
    facts = evidence.cost
    if facts is None:
        raise TooFewSamples("nobody measured what the features take and give")
    if facts.days.size < MIN_ROWS:
        raise TooFewSamples(f"at least {MIN_ROWS} held-out rows are needed, there are {facts.days.size}")
    gives = {
        one.name: block_interval(one.worse, facts.days, evidence.chance(), level=LEVEL)
        for one in facts.features
    }
    declared = parse_budgets(facts.budgets)
    found = [_whole(facts, gives, evidence)]
    for name, judged in _budgets(facts, declared):
        found += guarded(NAME, evidence, judged, f"budget {name}")
    found.append(_idle(facts, gives, declared, evidence))
    return tuple(found)


def _whole(facts: Cost, gives: Mapping[str, Interval], evidence: Evidence) -> Verdict:
    served = _served(evidence)
    tables = f"{len(_sources(facts))} joined" if facts.sourced else "nobody knows how many joined"
    said = f"{len(facts.features)} features from {tables} tables"
    if evidence.infrastructure is not None:
        said += f", an artifact of {shown(evidence.infrastructure.size_bytes, 'bytes')}"
    if served is not None:
        said += f", {shown(served.memory_bytes, 'bytes')} of memory (RSS)"
        if served.cpu_seconds is not None:
            said += f", {shown(1000 * served.cpu_seconds, 'seconds')} of processor time for 1,000 answers"
    return verdict(
        NAME,
        evidence,
        "pass",
        f"{said}: no limit is declared for the whole (n={facts.days.size:,})",
        measured=float(len(facts.features)),
        n=facts.days.size,
        evidence={"features": [_row(one, gives[one.name], facts.loss) for one in facts.features]},
    )


def _row(one: FeatureCost, gives: Interval, loss: float) -> dict[str, Any]:
    return {
        "name": one.name,
        "gives": gives.value / loss,
        "low": gives.low / loss,
        "high": gives.high / loss,
        "microseconds": 1e6 * one.seconds,
        "missing": one.missing,
        "sources": list(one.sources),
    }


def _budgets(
    facts: Cost, declared: Mapping[str, Budget]
) -> Iterator[tuple[str, Callable[[Evidence], tuple[Verdict, ...]]]]:
    if "cpu" in declared:
        yield "cpu", partial(_cpu, declared["cpu"])
    if "features" in declared:
        yield "features", partial(_counted, declared["features"], len(facts.features), facts)
    if "sources" in declared:
        yield "sources", partial(_joined, declared["sources"], facts)


def _cpu(budget: Budget, evidence: Evidence) -> tuple[Verdict, ...]:
    served = _served(evidence)
    if served is None or served.cpu_seconds is None:
        raise TooFewSamples("the processor time of the server in staging was not measured")
    seconds = 1000 * served.cpu_seconds
    ruling = budget.limit.ruling(seconds)
    relation = "keeps" if ruling == "pass" else "is above"
    n = served.seconds.size
    return (
        verdict(
            NAME,
            evidence,
            ruling,
            f"processor time for 1,000 answers {number(seconds)} s {relation} limit {budget.text} (n={n:,})",
            "budget cpu",
            measured=seconds,
            limit=budget.text,
            unit="seconds",
            n=n,
        ),
    )


def _counted(budget: Budget, count: int, facts: Cost, evidence: Evidence) -> tuple[Verdict, ...]:
    ruling = budget.limit.ruling(count)
    relation = "keep" if ruling == "pass" else "are above"
    return (
        verdict(
            NAME,
            evidence,
            ruling,
            f"{count} {budget.name} {relation} limit {budget.text} (n={facts.days.size:,})",
            f"budget {budget.name}",
            measured=float(count),
            limit=budget.text,
            n=facts.days.size,
        ),
    )


def _joined(budget: Budget, facts: Cost, evidence: Evidence) -> tuple[Verdict, ...]:
    if not facts.sourced:
        raise TooFewSamples("this version does not say which sources its features come from: train it again")
    return _counted(budget, len(_sources(facts)), facts, evidence)


def _idle(
    facts: Cost, gives: Mapping[str, Interval], declared: Mapping[str, Budget], evidence: Evidence
) -> Verdict:
    part = "idle features"
    if all(one.high < GIVES * facts.loss for one in gives.values()):
        why = "none of its features gives anything, so none can be spared for another"
        return not_applying(NAME, evidence, why, part)
    found = idle_features(facts, gives, _served(evidence))
    limit = declared["idle_features"].limit if "idle_features" in declared else NO_IDLE
    judged = "idle_features" in declared or not required(facts.budgets)
    ruling = limit.ruling(len(found)) if judged else "pass"
    named = "; ".join(f"{name} {why}" for name, why in found.items())
    relation = (
        f"{limit.comparison if ruling == 'pass' else '>'} limit {limit.value:g}"
        if judged
        else ": no limit is declared"
    )
    return verdict(
        NAME,
        evidence,
        ruling,
        f"{len(found)} feature{'' if len(found) == 1 else 's'} that take{'s' if len(found) == 1 else ''} more than "
        f"{'it gives' if len(found) == 1 else 'they give'} {relation}{': ' + named if named else ''} "
        f"(n={facts.days.size:,})",
        part,
        measured=float(len(found)),
        limit=str(limit) if judged else "",
        n=facts.days.size,
        evidence={"idle": dict(found)},
    )


def idle_features(facts: Cost, gives: Mapping[str, Interval], served: Served | None) -> dict[str, str]:
    """Features that certainly give next to nothing and are dear → why they are."""
    useless = [one for one in facts.features if gives[one.name].high < GIVES * facts.loss]
    needed = {source for one in facts.features if one not in useless for source in one.sources}
    found = {}
    for one in useless:
        why = []
        if served is not None and served.cpu_seconds is not None and one.seconds > DEAR * served.cpu_seconds:
            why.append(f"takes {one.seconds / served.cpu_seconds:.0%} of the processor time of an answer")
        if one.missing > MISSING:
            why.append(f"is missing in {one.missing:.0%} of the rows")
        if alone := [source for source in one.sources if source not in needed]:
            why.append(f"is joined from {' and '.join(alone)}, which no feature that gives anything needs")
        if why:
            found[one.name] = " and ".join(why)
    return found


def _served(evidence: Evidence) -> Served | None:
    return None if evidence.infrastructure is None else evidence.infrastructure.own


def _sources(facts: Cost) -> set[str]:
    return {source for one in facts.features for source in one.sources}


CHECK = Check(
    name=NAME,
    required=False,
    question="What does it take to serve and to keep, and does every feature give more than it takes?",
    remedy="Train it without the features that give nothing, one at a time, or let the owner raise the budget.",
    measured=judge,
)
