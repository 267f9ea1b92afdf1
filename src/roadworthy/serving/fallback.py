"""Who answers rows that their version did not: the standby, the user's rule or a constant, as the model declares.

Not here: when a version has failed (scoring, batching). What a fallback says is checked like any other answer, and the
bands of whoever answers decide about it like about any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from roadworthy.serving.exchange import Rejected
from roadworthy.serving.questions import Question
from roadworthy.serving.scoring import Said, Share, ask, decide


def rescue(questions: Sequence[Question], lost: Share) -> list[Share]:
    """Shares of role `fallback` for the lost rows that something declared can answer, in the declared order.

    Each share holds answers only. Where a fallback breaks on the rows of one request, the others are answered.
    """
    rescued: list[Share] = []
    left = lost
    for source in questions[0].served.versions[lost.version].scorer.model.serving.fallback:
        if not left.rows:
            break
        answered: set[tuple[int, int]] = set()
        for given in _standby(questions, left) if source == "standby" else _declared(questions, left, source):
            right = [at for at in range(len(given.rows)) if at not in given.said.wrong]
            if given.said.error or not right:
                continue
            rescued.append(given.keep(right) if given.said.wrong else given)
            answered.update((given.owners[at], given.places[at]) for at in right)
        if answered:
            keys = zip(left.owners, left.places, strict=True)
            left = left.at([at for at, key in enumerate(keys) if key not in answered])
    return rescued


def _standby(questions: Sequence[Question], lost: Share) -> list[Share]:
    """What the standby says, if there is one, to the rows that it can read."""
    served = questions[0].served
    version = served.route.standby
    if version is None or version == lost.version:
        return []
    share = _fallback(lost)
    share.version = version
    if served.versions[version].scorer.schema != served.versions[lost.version].scorer.schema:
        share = _read_again(questions, share)
    return ask(served.versions[version], share) if share.rows else []


def _read_again(questions: Sequence[Question], share: Share) -> Share:
    """The rows as another version reads them; requests that do not fit it are left out."""
    rows: dict[int, list[tuple[Any, ...]]] = {}
    for owner in dict.fromkeys(share.owners):
        places = [place for one, place in zip(share.owners, share.places, strict=True) if one == owner]
        question = questions[owner]
        try:
            rows[owner] = list(question.served.reader.rows(question.request, share.version, places))
        except Rejected:
            continue
    found = share.at([at for at, owner in enumerate(share.owners) if owner in rows])
    found.rows = [rows[owner].pop(0) for owner in found.owners]
    return found


def _declared(questions: Sequence[Question], lost: Share, source: str | float) -> list[Share]:
    """What a constant or the user's rule says; logged under the version that declared it."""
    loaded = questions[0].served.versions[lost.version]
    share = _fallback(lost)
    if not isinstance(source, float):
        return ask(loaded, share, rule=True)
    share.said = Said(b"", [source] * len(share.rows))
    decide(loaded, share)
    return [share]


def _fallback(lost: Share) -> Share:
    share = lost.at(range(len(lost.rows)))
    share.role, share.propensity = "fallback", 1.0
    return share
