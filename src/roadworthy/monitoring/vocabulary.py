"""Do texts come in today that are an entry of the vocabulary written otherwise? A caller may begin to, on any day.

The gate lints the whole vocabulary before a version answers; this asks only about what is new, so it costs next to
nothing. Not here: the lint (features.lint) and the limit, which is the gate's.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt

from roadworthy.features.lint import Twins, shown, strays
from roadworthy.monitoring.budget import share_of
from roadworthy.verdict import Limit, Ruling, Verdict

NAME = "vocabulary"

#: With fewer values of a feature on a day its share says nothing.
MIN_VALUES = 100

#: So many standard errors to either side of the share: what lies within neither opens an alarm nor closes one.
ERRORS = 2.0

Counts = Mapping[str, float]


def written_otherwise(
    served: Mapping[str, Counts],
    entries: Mapping[str, tuple[str, ...]],
    limit: Limit,
    *,
    subject: str = "model",
) -> Verdict:
    """Judge the largest share of a feature's values that no vocabulary knows, though a cleaner would make them entries.

    served    feature of text → text → how often it came in
    entries   feature → its vocabulary
    limit     for that share
    returns   insufficient where no feature has enough values, or a share lies so near the limit that chance decides
    """
    judged = {feature: counts for feature, counts in served.items() if sum(counts.values()) >= MIN_VALUES}
    if not judged:
        return _said(subject, "insufficient", f"no feature of text has {MIN_VALUES} values on this day")
    new = {feature: strays(counts, entries[feature]) for feature, counts in judged.items()}
    lost = {feature: _lost(judged[feature], entries[feature], new[feature]) for feature in judged}
    feature = max(lost, key=lambda name: sum(lost[name].values()) / sum(judged[name].values()))
    n = int(sum(judged[feature].values()))
    share = sum(lost[feature].values()) / n
    error = ERRORS * sqrt(share * (1.0 - share) / n)
    ruling = limit.ruling(share, share - error, share + error)
    relation = {"pass": f"{limit.comparison} limit", "fail": "> limit"}.get(ruling, "near limit")
    example = _example(lost[feature], new[feature][0]) if new[feature] else ""
    reason = (
        f"share {share:.4f} of the values of {feature} are an entry written otherwise {relation} {limit.value:g}"
        f"{example} (n={n:,})"
    )
    return _said(subject, ruling, reason, measured=share, limit=str(limit), n=n)


def _lost(counts: Counts, entries: tuple[str, ...], new: list[Twins]) -> Counts:
    """How often each text came in that is an entry written otherwise."""
    texts = {text for each in new for text in each.others} - frozenset(entries)
    return {text: counts[text] for text in texts}


def _example(lost: Counts, pair: Twins) -> str:
    text = next(each for each in pair.others if each in lost)
    return (
        f": {shown(text)} ({lost[text]:,.0f} times) is {shown(pair.main)}, and cleaner {pair.cleaner} would make "
        "them one"
    )


def _said(
    subject: str, ruling: Ruling, reason: str, *, measured: float | None = None, limit: str = "", n: int = 0
) -> Verdict:
    share = share_of(NAME)
    return Verdict(
        check=NAME, subject=subject, ruling=ruling, reason=reason, measured=measured, limit=limit, n=n,
        unit="share of values" if limit else "", evidence={"severity": share.severity, "calls_for": share.calls_for},
    )  # fmt: skip
