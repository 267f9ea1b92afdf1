"""S3: a heavier model, or a slow dependency of it, makes answers late.

Here the candidate waits for something before it scores a row, in some answers or in all; the champion does not. The
kind `heavier` takes its time in every answer. The kind `creep` is slow in steps, each of which stays below twice the
time of the version before it: the champion was one of them, and only the first version that was ever released is left
to compare with.

Severity is the share of answers that wait 30 ms (moderate: 5 % of them), or how long all of them take: up to 30 ms.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from roadworthy.drills.deployment import Deployment
from roadworthy.drills.fault import Fault
from roadworthy.drills.launcher import wrap
from roadworthy.scorer import Scored, Scorer

WAITS_SECONDS = 0.03

#: How much of it the champion of a slow creep takes already.
CREPT = 0.7


def wait(*, seconds: Mapping[str, float], otherwise: float, share: float, seed: int) -> None:
    """Let versions take their time; the patch of a process that serves.

    seconds     digest of a version → how long; `otherwise` for every other one
    share       of its answers
    """
    chance = np.random.default_rng(seed)
    slow: dict[int, float] = {}

    def loading(honest: Any) -> Any:
        def load(directory: Path, digest: str) -> Scorer:
            scorer: Scorer = honest(directory, digest)
            slow[id(scorer)] = seconds.get(digest, otherwise)
            return scorer

        return load

    def waiting(honest: Any) -> Any:
        def score(scorer: Scorer, rows: Any) -> Scored:
            if chance.random() < share:
                time.sleep(slow.get(id(scorer), 0.0))
            found: Scored = honest(scorer, rows)
            return found

        return score

    wrap(Scorer, "load", loading)
    wrap(Scorer, "score_rows", waiting)


def _digests(deployment: Deployment) -> dict[int, str]:
    stores = deployment.stores()
    found = {row.version: row.digest for row in stores.versions.all(deployment.description.model)}
    stores.engine.dispose()
    return found


def _slow(deployment: Deployment, seconds: float, share: float, chance: np.random.Generator) -> None:
    digests, described = _digests(deployment), deployment.description
    quick = {digest: 0.0 for version, digest in digests.items() if version != described.candidate}
    deployment.patch(
        ("staging", "serving"), wait, seconds=quick, otherwise=seconds, share=share,
        seed=int(chance.integers(2**31)),
    )  # fmt: skip


def _sometimes(deployment: Deployment, severity: float, chance: np.random.Generator) -> None:
    _slow(deployment, WAITS_SECONDS, severity, chance)


def _heavier(deployment: Deployment, severity: float, chance: np.random.Generator) -> None:
    _slow(deployment, severity * WAITS_SECONDS, 1.0, chance)


def _creep(deployment: Deployment, severity: float, chance: np.random.Generator) -> None:
    """The healthy candidate is champion already, slower than the first; the next is slower again."""
    described, when = deployment.description, deployment.timeline
    stores = deployment.stores()
    number, route = stores.plans.route(described.model)
    crept = msgspec.structs.replace(route, champion=described.candidate, standby=described.champion)
    stores.plans.flip(
        described.model, number, crept, actor="drill", reason="a little slower, and better", action="promote",
        at=stores.clock.now(), event_time=when.live_from,
    )  # fmt: skip
    stores.engine.dispose()
    digests = _digests(deployment)
    seconds = {
        digests[described.champion]: 0.0,
        digests[described.candidate]: CREPT * severity * WAITS_SECONDS,
    }
    more = "'n_estimators': old.estimator.n_estimators + 1"
    deployment.redeclare(estimator=f"type(old.estimator)(**{{**old.estimator.get_params(), {more}}})")
    deployment.patch(
        ("staging", "serving"), wait, seconds=seconds, otherwise=severity * WAITS_SECONDS, share=1.0,
        seed=int(chance.integers(2**31)),
    )  # fmt: skip


def _grows(deployment: Deployment) -> str:
    known = "n_estimators" in deployment.model.estimator.get_params()
    return "" if known else "its estimator has no number of trees by which the next version would be larger"


FAULT = Fault(
    id="S3",
    name="latency-regression",
    title="some answers of a version are late",
    happened="A heavier model, or a slow dependency, made answers late.",
    stage="gate",
    guards=("infrastructure",),
    inject=_sometimes,
    moderate=0.05,
)

VARIANTS: tuple[Fault, ...] = (
    replace(FAULT, variant="heavier", title="every answer takes longer", inject=_heavier, moderate=0.5),
    replace(
        FAULT,
        variant="creep",
        title="every version is a little slower than the one before",
        inject=_creep,
        moderate=0.5,
        applies=_grows,
    ),
)
