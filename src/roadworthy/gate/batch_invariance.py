"""Does a row get the same answer alone, in a batch and in any order?

The largest absolute difference between the scores of the same rows in one batch and in other arrangements, against
the tolerance of the estimator's format (0 is bit-identical). At least `alone` and `permuted` must have been tried: a
padding that collides with a real value, or a feature that looks at its neighbours, shows here and nowhere else.
"""

from __future__ import annotations

import numpy as np

from roadworthy.errors import TooFewSamples
from roadworthy.gate.check import Check, number, verdict
from roadworthy.gate.evidence import Arrangement, Evidence
from roadworthy.verdict import Limit, Verdict

NAME = "batch_invariance"

REQUIRED = ("alone", "permuted")

MIN_ROWS = 20


def judge(evidence: Evidence) -> tuple[Verdict, ...]:
    """One verdict: no arrangement may move any score by more than the tolerance."""
    tried = [arrangement.name for arrangement in evidence.arrangements]
    absent = [name for name in REQUIRED if name not in tried]
    if absent:
        raise TooFewSamples(f"rows were not scored again {' and '.join(absent)}")
    n = min(arrangement.expected.size for arrangement in evidence.arrangements)
    if n < MIN_ROWS:
        raise TooFewSamples(f"{n} rows were arranged, at least {MIN_ROWS} are needed")
    moved = {arrangement.name: _moved(arrangement) for arrangement in evidence.arrangements}
    worst = max(moved, key=lambda name: moved[name])
    limit = Limit("<=", evidence.tolerance)
    ruling = limit.ruling(moved[worst])
    relation = "<=" if ruling == "pass" else ">"
    where = f", found {worst}" if ruling == "fail" else f" in {len(moved)} arrangements: {', '.join(moved)}"
    return (
        verdict(
            NAME,
            evidence,
            ruling,
            f"largest difference {number(moved[worst])} {relation} limit {limit.value:g}{where} (n={n:,})",
            measured=moved[worst],
            limit=str(limit),
            unit="probability",
            n=n,
            evidence={"arrangements": moved},
        ),
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
    question="Does a row get the same answer alone, in a batch and in any order?",
    remedy="Find the feature or the estimator that looks at other rows; padding and empty lists are the usual places.",
    measured=judge,
)
