"""Did every declared owner approve this very version?

`Model(owners=["anna", "ben"])` names people whose word no number replaces. Each of them approves one version, after
reading its gate report: `roadworthy approve flight-delay@3 --as anna --reason "..."`. The ledger keeps who, when, why
and from which session, and the gate is run again. A retraining is another version and needs new approvals; so does a
version whose limits, slices, checks or owners were declared anew since. Measured is how many owners approved; the limit
is all of them. Missing approvals are missing evidence (insufficient), never a fail. A model that declares no owners has
nobody to ask: does not apply.

An approval is as safe as the machine: whoever may run commands in this workspace may type any name. The name of the
session's user stands beside it in the ledger, so that a borrowed name can be seen.
"""

from __future__ import annotations

from roadworthy.errors import TooFewSamples
from roadworthy.gate.check import Check, not_applying, verdict
from roadworthy.gate.evidence import Evidence
from roadworthy.verdict import Limit, Verdict

NAME = "approvals"


def judge(evidence: Evidence) -> tuple[Verdict, ...]:
    """One verdict: all owners, or which are missing and what they run."""
    facts = evidence.approvals
    if facts is None:
        raise TooFewSamples("nobody looked up who approved it: run the gate on a workspace with its ledger")
    if not facts.owners:
        why = "the model declares no owners whose approval is needed"
        return (not_applying(NAME, evidence, why),)
    given = [owner for owner in facts.owners if owner in facts.given]
    n, limit = len(facts.owners), Limit(">=", len(facts.owners))
    counted = f"{len(given)} of {n} owners approved version {evidence.version}"
    if len(given) == n:
        words = "; ".join(f"{owner}: {facts.given[owner]}" for owner in given)
        sentence = f"{counted}, limit {limit}: {words} (n={n})"
    else:
        sentence = f"{counted}, limit {limit}; {_missing(evidence, given)} (n={n})"
    return (
        verdict(
            NAME, evidence, "pass" if len(given) == n else "insufficient", sentence,
            measured=float(len(given)), limit=str(limit), unit="owners", n=n, evidence={"given": dict(facts.given)},
        ),
    )  # fmt: skip


def _missing(evidence: Evidence, given: list[str]) -> str:
    facts = evidence.approvals
    assert facts is not None, "looked at before"
    names = [
        f"{owner} (whose approval is older than what it declares now)" if owner in facts.outdated else owner
        for owner in facts.owners
        if owner not in given
    ]
    first = next(owner for owner in facts.owners if owner not in given)
    command = f'roadworthy approve {evidence.subject} --as {first} --reason "the reason"'
    return f"missing: {', '.join(names)}. Each reads this report and runs: {command}"


CHECK = Check(
    name=NAME,
    required=True,
    question="Did every declared owner approve this very version?",
    remedy="Let the owners read this report and approve the version, then run the gate again.",
    measured=judge,
)
