"""Who answers rows that their version did not: the standby, the user's rule or a constant, as the model declares.

Not here: when a version has failed (scoring, batching). What a fallback says is checked like any other answer.
"""

from __future__ import annotations

from collections.abc import Sequence

from roadworthy.serving.exchange import Rejected
from roadworthy.serving.questions import Question
from roadworthy.serving.scoring import Said, Share, said


def rescue(questions: Sequence[Question], lost: Share) -> list[Share]:
    """Shares of role `fallback` for the lost rows that something declared can answer, in the declared order."""
    rescued: list[Share] = []
    left = lost
    for source in questions[0].served.versions[lost.version].scorer.model.serving.fallback:
        if not left.rows:
            break
        given = _standby(questions, left) if source == "standby" else _declared(questions, left, source)
        if given is None or given.said.error:
            continue
        wrong = given.said.wrong
        answered = [at for at in range(len(left.rows)) if at not in wrong]
        if answered:
            rescued.append(given.keep(answered) if wrong else given)
        left = left.at(sorted(wrong))
    return rescued


def _standby(questions: Sequence[Question], lost: Share) -> Share | None:
    """What the standby says, if there is one and it can read the rows."""
    served = questions[0].served
    version = served.route.standby
    if version is None or version == lost.version:
        return None
    share = lost.at(range(len(lost.rows)))
    share.role, share.version, share.propensity = "fallback", version, 1.0
    if served.versions[version].schema != served.versions[lost.version].schema:
        try:
            share.rows = [
                row
                for owner, place in zip(lost.owners, lost.places, strict=True)
                for row in served.reader.rows(questions[owner].request, version, [place])
            ]
        except Rejected:
            return None
    share.said = said(served.versions[version], share.rows)
    return share


def _declared(questions: Sequence[Question], lost: Share, source: str | float) -> Share:
    """What a constant or the user's rule says; logged under the version that declared it."""
    loaded = questions[0].served.versions[lost.version]
    share = lost.at(range(len(lost.rows)))
    share.role, share.propensity = "fallback", 1.0
    if isinstance(source, float):
        share.said = Said(b"", [source] * len(share.rows))
    else:
        share.said = said(loaded, share.rows, rule=True)
    return share
