"""Does a row get the same answer alone, in a batch, in any order and beside any other rows?

The largest absolute difference between the scores of the same rows in one batch and in other arrangements, against the
tolerance of the estimator's format (0 is bit-identical): one by one, permuted, in batches of seven, one by one the way
a request is read, padded (the last row repeated, and rows of nothing put behind), between rows in which everything that
may be missing is, with their lists empty beside rows with full ones, and all golden requests in one request to the
server. A padding that collides with a real value, or a feature that looks at its neighbours, shows here.

Besides, every known text was encoded (a thousand a feature at most): none may become what a missing value, an unknown
text or an empty list becomes, because the model could not tell them apart.

pass          no score moves by more than the tolerance, and no text shares the number of missing, padding or unknown
fail          one does
insufficient  `alone`, `permuted` or `padded` was not tried, or `empty lists` where a feature reads lists
"""

from __future__ import annotations

import numpy as np

from roadworthy.errors import TooFewSamples
from roadworthy.gate.batch_invariance_facts import Padding
from roadworthy.gate.check import Check, not_applying, number, verdict
from roadworthy.gate.evidence import Arrangement, Evidence
from roadworthy.verdict import Limit, Verdict

NAME = "batch_invariance"

REQUIRED = ("alone", "permuted", "padded")

#: Required too where a feature reads lists.
EMPTY_LISTS = "empty lists"

MIN_ROWS = 20


def judge(evidence: Evidence) -> tuple[Verdict, ...]:
    """One verdict on the arrangements, one on what is reserved."""
    padding = evidence.padding
    if padding is None:
        raise TooFewSamples("nobody looked at what missing values and padding are encoded as")
    return _arranged(evidence, padding), _reserved(evidence, padding)


def _arranged(evidence: Evidence, padding: Padding) -> Verdict:
    """No arrangement may move any score by more than the tolerance."""
    tried = [arrangement.name for arrangement in evidence.arrangements]
    wanted = (*REQUIRED, *([EMPTY_LISTS] if padding.lists else []))
    absent = [name for name in wanted if name not in tried]
    if absent:
        raise TooFewSamples(f"rows were not scored again {' and '.join(absent)}")
    n = max(arrangement.expected.size for arrangement in evidence.arrangements)
    if n < MIN_ROWS:
        raise TooFewSamples(f"{n} rows were arranged, at least {MIN_ROWS} are needed")
    moved = {arrangement.name: _moved(arrangement) for arrangement in evidence.arrangements}
    worst = max(moved, key=lambda name: moved[name])
    limit = Limit("<=", evidence.tolerance)
    ruling = limit.ruling(moved[worst])
    relation = "<=" if ruling == "pass" else ">"
    where = f", found {worst}" if ruling == "fail" else f" in {len(moved)} arrangements: {', '.join(moved)}"
    return verdict(
        NAME,
        evidence,
        ruling,
        f"largest difference {number(moved[worst])} {relation} limit {limit.value:g}{where} (n={n:,})",
        measured=moved[worst],
        limit=str(limit),
        unit="probability",
        n=n,
        evidence={"arrangements": moved},
    )


def _reserved(evidence: Evidence, padding: Padding) -> Verdict:
    """No known text may be encoded as what stands for none."""
    if not padding.texts:
        why = "the model reads no text, so nothing is padded or unknown"
        return not_applying(NAME, evidence, why, "padding")
    wrong = len(padding.collisions)
    limit = Limit("<=", 0.0)
    ruling = limit.ruling(wrong)
    reason = f"{wrong} features encode a known text as missing, padding or unknown"
    if wrong:
        feature, found = next(iter(padding.collisions.items()))
        reason += f" > limit 0; {feature}: {found}"
    else:
        reason += " <= limit 0"
    return verdict(
        NAME,
        evidence,
        ruling,
        f"{reason} (n={padding.texts:,} texts)",
        "padding",
        measured=float(wrong),
        limit=str(limit),
        n=padding.texts,
        evidence={"collisions": dict(padding.collisions)},
    )


def _moved(arrangement: Arrangement) -> float:
    if arrangement.expected.shape != arrangement.got.shape:
        raise ValueError(
            f"arrangement {arrangement.name} gave {arrangement.got.size:,} scores "
            f"for {arrangement.expected.size:,} rows"
        )
    if not (np.isfinite(arrangement.expected).all() and np.isfinite(arrangement.got).all()):
        raise ValueError(f"arrangement {arrangement.name} holds scores that are not finite numbers")
    return float(np.abs(arrangement.expected - arrangement.got).max())


CHECK = Check(
    name=NAME,
    required=True,
    question="Does a row get the same answer alone, in a batch, in any order and beside any other rows?",
    remedy="Find the feature or the estimator that looks at other rows, or the encoder that gives a real value the "
    "number of none; padding and empty lists are the usual places.",
    measured=judge,
)
