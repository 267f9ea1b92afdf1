"""Were rows sampled before training, and do the scores mean what they say among all rows nevertheless?

A model of a tenth of the rows without the outcome says ten times too much, in odds, until it is corrected.

declared     With `Model(sampling={"negative": 0.1})`, or a column with each row's share, every output is corrected
             inside the version, and held-out rows count as many as they stand for. The odds of their mean score are
             compared with the odds of their rate: surely more than 3 times apart (`sampling_factor` among the limits),
             over resampled days, is a fail; the declared rates are not those of the rows.
undeclared   Rows per day of the more frequent outcome, held out beside the last 28 days of training. Where they grow
             more than 1.4 times (`sampling_factor`), surely by a quarter, and those of the other outcome by surely
             less, or less than half of that (as logarithms), training rows were sampled and held-out ones were not,
             and nobody said so. Seasons do not look like this: they move the rarer outcome.
             `Model(sampling={"negative": 1.0})` says that nothing was sampled, and is judged as any declaration.

What was sampled alike in training and held-out rows does not show here, only in traffic. The correction of the odds is
that of King and Zeng (2001), Logistic Regression in Rare Events Data, and Elkan (2001), Foundations of Cost-Sensitive
Learning, theorem 2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from roadworthy.clock import DAY_MICROS, micros
from roadworthy.errors import TooFewSamples
from roadworthy.gate.check import Check, holdout, number, unless_surely, upper_limit, verdict
from roadworthy.gate.data_facts import DataFacts, Floats
from roadworthy.gate.evidence import Evidence
from roadworthy.stats import metrics
from roadworthy.stats.resampling import resampling_weights
from roadworthy.verdict import Limit, Verdict

NAME = "sampling"

#: Name among the user's limits.
LIMIT_NAME = "sampling_factor"

#: How many times apart odds of a declared sampling, and rows per day of an undeclared one, may be.
DECLARED, UNDECLARED = Limit("<=", 3.0), Limit("<=", 1.4)

#: A growth must surely be as much, and the other outcome's may be at most such a part of it.
SURELY, OTHER = 1.25, 0.5

RECENT, DAYS = 28, 5


@dataclass(frozen=True, slots=True)
class Growth:
    """Rows per day of one outcome, held out beside training.

    low, high   what it surely is, and may be at most, by a normal interval of the logarithm over days
    """

    before: float
    after: float
    low: float
    high: float

    @property
    def factor(self) -> float:
        """After by before."""
        return self.after / self.before


def judge(evidence: Evidence) -> tuple[Verdict, ...]:
    """One verdict: by scores where sampling is declared, by rows per day where it is not."""
    if evidence.sampling is None:
        raise TooFewSamples("nobody looked how rows were sampled: run the gate on a registered version")
    holdout(evidence)
    return (_declared(evidence) if evidence.sampling.declared else _undeclared(evidence),)


def _declared(evidence: Evidence) -> Verdict:
    data, facts = holdout(evidence), evidence.sampling
    assert facts is not None
    scores, labels = metrics.checked(data.candidate, data.labels)
    weights = np.ones(data.n) if data.weights is None else data.weights
    _, index = np.unique(data.days, return_inverse=True)
    sums = np.stack(
        [np.bincount(index, weights=weights * part) for part in (scores, labels, np.ones(data.n))]
    )
    score, rate, total = sums.sum(axis=1)
    if not 0.0 < score < total:
        raise ValueError("every score is 0, or every one is 1: there are no odds to compare")
    if not 0.0 < rate < total:
        raise TooFewSamples("all outcomes are the same, so there is no rate to compare scores with")
    drawn = resampling_weights(sums.shape[1], 500, evidence.chance()) @ sums.T
    known = (drawn[:, 1] > 0) & (drawn[:, 1] < drawn[:, 2])
    if known.mean() < 0.95:
        raise TooFewSamples("one outcome is too rare for an interval of its rate: take a longer period")
    drawn = drawn[known]
    apart = np.log(_odds(score, total) / _odds(rate, total))
    spread = np.log(_odds(drawn[:, 0], drawn[:, 2]) / _odds(drawn[:, 1], drawn[:, 2]))
    low, high = (float(np.exp(end)) for end in np.quantile(spread, [0.025, 0.975]))
    factor = float(np.exp(abs(apart)))
    nearest = 1.0 if low <= 1.0 <= high else min(max(low, 1.0 / low), max(high, 1.0 / high))
    limit = upper_limit(evidence, LIMIT_NAME, DECLARED)
    ruling = limit.ruling(nearest)
    kept = (
        f"surely > limit {limit.value:g}" if ruling == "fail" else f"not surely beyond limit {limit.value:g}"
    )
    return verdict(
        NAME,
        evidence,
        ruling,
        f"{facts.declared}, outputs' odds times {facts.odds:g}: mean score {number(score / total)} and rate "
        f"{number(rate / total)} of all rows are a factor {number(factor)} apart in odds [{number(low)}, "
        f"{number(high)}], {kept} (n={data.n:,})",
        measured=factor,
        limit=unless_surely(limit),
        evidence={"low": low, "high": high, "score": score / total, "rate": rate / total, "odds": facts.odds},
    )


def _undeclared(evidence: Evidence) -> Verdict:
    facts = evidence.data
    if facts is None:
        raise TooFewSamples("rows per day were not counted when this version was trained: train it again")
    if not facts.finite:
        raise ValueError("counts of rows per day hold what is no number")
    before, after = _days(facts)
    if min(before.sum(), after.sum()) < DAYS:
        raise TooFewSamples(
            f"{int(before.sum())} days of training and {int(after.sum())} held out have all their labels, at least "
            f"{DAYS} each are needed"
        )
    negative = facts.labelled - facts.positive
    many, few = (negative, facts.positive) if negative[after].sum() >= facts.positive[after].sum() else (
        facts.positive, negative,
    )  # fmt: skip
    grown, other = _growth(many, before, after), _growth(few, before, after)
    limit = upper_limit(evidence, LIMIT_NAME, UNDECLARED)
    alone = other.high < grown.factor or np.log(other.factor) < OTHER * np.log(grown.factor)
    sampled = not limit.holds(grown.factor) and grown.low > SURELY and bool(alone)
    which = "without" if many is negative else "with"
    n = int(facts.labelled[before | after].sum())
    said = (
        f"rows {which} the outcome a day: {number(grown.before)} in the last {int(before.sum())} days of training, "
        f"{number(grown.after)} held out, a factor {number(grown.factor)}; of the other rows a factor "
        f"{number(other.factor)}"
    )
    reason = (
        f"training rows look sampled, and nothing is declared: {said} > limit {limit.value:g}"
        if sampled
        else f"no sampling is declared, and none shows: {said}; limit {limit.value:g}"
    )
    return verdict(
        NAME,
        evidence,
        "fail" if sampled else "pass",
        f"{reason} (n={n:,})",
        measured=grown.factor,
        limit=unless_surely(limit),
        n=n,
        evidence={"surely": grown.low, "other": other.factor, "before": grown.before, "after": grown.after},
    )


def _days(facts: DataFacts) -> tuple[np.ndarray, np.ndarray]:
    """Which days are the last ones of training, and which are held out; those with all their labels."""
    if facts.until is None:
        raise TooFewSamples("it is not known until when the training set reaches")
    numbers = facts.first_day + np.arange(facts.rows.size)
    cut, rest = divmod(micros(facts.until), DAY_MICROS)
    whole = (facts.ripe > 0) & (facts.labelled > 0)
    before, after = whole & (numbers < cut), whole & (numbers >= (cut + 1 if rest else cut))
    recent = np.flatnonzero(before)[-RECENT:]
    before = np.zeros(before.size, dtype=bool)
    before[recent] = True
    return before, after


def _growth(counts: Floats, before: np.ndarray, after: np.ndarray) -> Growth:
    """The growth of the mean; a half row a day keeps it finite where there are none."""
    first, second = counts[before], counts[after]
    means = max(float(first.mean()), 0.5), max(float(second.mean()), 0.5)
    errors = [
        float(np.var(part, ddof=1)) / (part.size * mean**2)
        for part, mean in zip((first, second), means, strict=True)
    ]
    reach = 1.96 * np.sqrt(sum(errors))
    low, high = (float(means[1] / means[0] * np.exp(way * reach)) for way in (-1, 1))
    return Growth(means[0], means[1], low, high)


def _odds(part: Floats | float, whole: Floats | float) -> Floats:
    share = np.asarray(part, dtype=np.float64) / whole
    odds: Floats = share / (1.0 - share)
    return odds


CHECK = Check(
    name=NAME,
    required=True,
    question="Were rows sampled before training, and do the scores mean what they say among all rows nevertheless?",
    remedy='Declare at what share rows were kept, such as sampling={"negative": 0.1}, and train again: outputs are '
    "then corrected. Where nothing was sampled, say 1.0.",
    measured=judge,
)
