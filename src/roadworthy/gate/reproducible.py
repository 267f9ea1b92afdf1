"""Would the same training give the same version again, and does the server run with what it was trained with?

When it was trained, the recipe was run twice more on a sample of its training rows (a tenth, 2,000 to 5,000, of every
outcome), with one thread and with two. The digests of fitted features and estimator must be equal, byte for byte: what
differs can be neither audited nor trained again after an incident. And the worker in staging said which versions of the
libraries it has installed that the artifact was trained with: a library that was upgraded since may encode or score
otherwise, in requests that no golden request happens to visit (those are asked by the check `goldens`).

pass          one digest from two trainings, and the same version of every library
fail          two digests, or a library of another version
insufficient  the sample could not be trained, training kept nothing, or the server did not say what it runs with

Source: Breck et al. (2017), The ML Test Score, Infra 1.
"""

from __future__ import annotations

from functools import partial

from roadworthy.errors import TooFewSamples
from roadworthy.gate.check import Check, guarded, verdict
from roadworthy.gate.evidence import Evidence
from roadworthy.gate.reproducible_facts import Reproducible
from roadworthy.verdict import Limit, Verdict

NAME = "reproducible"

TRAININGS = 2

#: With fewer rows nothing much was learned that could differ.
MIN_ROWS = 100


def judge(evidence: Evidence) -> tuple[Verdict, ...]:
    """One verdict on the two trainings, one on the libraries."""
    facts = evidence.reproducible
    if facts is None:
        raise TooFewSamples("training kept nothing by which to tell: train it again with this Roadworthy")
    if not facts.skipped and facts.rows < MIN_ROWS:
        raise TooFewSamples(
            f"a sample of {facts.rows} rows was trained twice, at least {MIN_ROWS} are needed"
        )
    return (
        *guarded(NAME, evidence, partial(_sample, facts), "sample"),
        *guarded(NAME, evidence, partial(_libraries, facts), "libraries"),
    )


def _sample(facts: Reproducible, evidence: Evidence) -> tuple[Verdict, ...]:
    if len(facts.digests) < TRAININGS:
        raise TooFewSamples(
            f"a sample was not trained twice: {facts.skipped or 'only some digests were kept'}"
        )
    different = len(set(facts.digests))
    limit = Limit("<=", 1.0)
    ruling = limit.ruling(different)
    shown = " and ".join(dict.fromkeys(digest[:12] for digest in facts.digests))
    return (
        verdict(
            NAME,
            evidence,
            ruling,
            f"{different} digest{'s' * (different > 1)} of {len(facts.digests)} trainings on the same rows "
            f"{'<=' if ruling == 'pass' else '>'} limit 1: {shown} (n={facts.rows:,})",
            "sample",
            measured=float(different),
            limit=str(limit),
            n=facts.rows,
        ),
    )


def _libraries(facts: Reproducible, evidence: Evidence) -> tuple[Verdict, ...]:
    if not facts.trained_with:
        raise TooFewSamples("the artifact does not say with which libraries it was trained")
    if not facts.served_with:
        raise TooFewSamples("the server in staging did not say with which libraries it runs")
    changed = {
        name: (version, facts.served_with.get(name, "not installed"))
        for name, version in facts.trained_with.items()
        if facts.served_with.get(name) != version
    }
    limit = Limit("<=", 0.0)
    ruling = limit.ruling(len(changed))
    listed = ", ".join(
        f"{name} {was} when trained, {now} when served" for name, (was, now) in changed.items()
    )
    same = ", ".join(f"{name} {version}" for name, version in sorted(facts.trained_with.items()))
    relation = f"> limit 0: {listed}" if changed else f"<= limit 0: {same}"
    n = len(facts.trained_with)
    return (
        verdict(
            NAME,
            evidence,
            ruling,
            f"{len(changed)} of {n} libraries have another version {relation} (n={n})",
            "libraries",
            measured=float(len(changed)),
            limit=str(limit),
            n=n,
            evidence={"changed": {name: list(pair) for name, pair in changed.items()}},
        ),
    )


CHECK = Check(
    name=NAME,
    required=True,
    question="Would the same training give the same version, and are the server's libraries those of training?",
    remedy="Give every source of chance in estimator and functions a seed; train again where the libraries are those "
    "that serve, or install those of the artifact.",
    measured=judge,
)
