"""Does a real server process, started on this artifact, give the golden answers?

The artifact carries requests with the answers it had when it was trained: zero denominators, empty lists and unknown
values included. A server was started on it in staging and asked them over HTTP. The largest absolute difference must
keep the tolerance of the estimator's format. Before that the server replays them itself, value by value, and refuses a
version that it computes otherwise: then the check fails with the server's words. A server that does not start or answer
for any other reason is an error, which blocks too.
"""

from __future__ import annotations

import numpy as np

from roadworthy.errors import TooFewSamples
from roadworthy.gate.check import Check, number, verdict
from roadworthy.gate.evidence import Evidence, Staging
from roadworthy.verdict import Limit, Verdict

NAME = "goldens"

MIN_GOLDENS = 5


def judge(evidence: Evidence) -> tuple[Verdict, ...]:
    """One verdict: every golden answer must be given, within the tolerance."""
    staging = evidence.staging
    if staging is None:
        raise TooFewSamples(
            "no server was started on the artifact: run the gate where a server can be started"
        )
    n = staging.expected.size
    if staging.refused:
        return (_refused(evidence, staging),)
    if staging.error is not None:
        raise ValueError(f"the staging server could not be asked its {n:,} golden requests: {staging.error}")
    if n < MIN_GOLDENS:
        raise TooFewSamples(
            f"the artifact has {n} golden requests, at least {MIN_GOLDENS} are needed: train it again"
        )
    if staging.answered.shape != staging.expected.shape:
        raise ValueError(f"the staging server answered {staging.answered.size:,} of {n:,} golden requests")
    if not (np.isfinite(staging.expected).all() and np.isfinite(staging.answered).all()):
        raise ValueError(f"some of the {n:,} golden answers are not finite numbers")
    differences = np.abs(staging.answered - staging.expected)
    limit = Limit("<=", evidence.tolerance)
    largest = float(differences.max())
    ruling = limit.ruling(largest)
    wrong = np.flatnonzero(differences > evidence.tolerance)
    relation = "<=" if ruling == "pass" else ">"
    where = f", {wrong.size:,} differ, the first is {_named(staging, int(wrong[0]))}" if wrong.size else ""
    return (
        verdict(
            NAME,
            evidence,
            ruling,
            f"largest difference from a golden answer {number(largest)} {relation} limit {limit.value:g}{where} "
            f"(n={n:,})",
            measured=largest,
            limit=str(limit),
            unit="probability",
            n=n,
            evidence={"wrong": wrong[:20].tolist(), "seconds": staging.seconds},
        ),
    )


def _refused(evidence: Evidence, staging: Staging) -> Verdict:
    """The server has shown that its answers would differ, and gives none."""
    n = staging.expected.size
    return verdict(
        NAME,
        evidence,
        "fail",
        f"the staging server refuses it: {' '.join(staging.refused.split())} (n={n:,})",
        limit=str(Limit("<=", evidence.tolerance)),
        unit="probability",
        n=n,
        evidence={"seconds": staging.seconds},
    )


def _named(staging: Staging, place: int) -> str:
    return repr(staging.names[place]) if staging.names else f"request {place}"


CHECK = Check(
    name=NAME,
    required=True,
    question="Does a real server process on this artifact give the golden answers?",
    remedy="Compare the library versions in the artifact with those of the serving environment, and read the server's "
    "output.",
    measured=judge,
)
