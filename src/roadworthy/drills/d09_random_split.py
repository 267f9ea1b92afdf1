"""D9, of the kind `random`: held-out rows are drawn at random, so that they are not later than what was trained on.

In the field rows were split at random as textbooks do it; a model was measured on rows of days that it knew from both
sides, and looked better than it was on the days to come. Here the code that splits differs in the training process
alone: some held-out rows change places with rows that were to be trained on.

Severity is the share of the held-out rows that are older than the cut; moderate touches one in twenty.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from roadworthy.drills import d09_unbalanced_split
from roadworthy.drills.deployment import Deployment
from roadworthy.drills.fault import always
from roadworthy.drills.launcher import wrap
from roadworthy.jobs import train as training
from roadworthy.jobs.questions import Questions

Hide = Callable[..., Questions]


class SplitAtRandom:
    """Questions that are not split where time says, for the one who splits them: some change sides.

    share   of the held-out rows that change places with as many of the others
    """

    def __init__(self, questions: Questions, share: float, seed: int) -> None:
        self._questions, self._share, self._seed = questions, share, seed
        self._moved = np.zeros(questions.n, dtype=np.bool_)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._questions, name)

    def before(self, cut: int) -> Questions:
        """What is trained on: as by time, but for the rows that change sides, whose outcome is known."""
        known, early = self._questions.labels_as_of(cut), self._questions.asked_at < cut
        chance = np.random.default_rng(self._seed)
        late = np.flatnonzero(~early & ~np.isnan(self._questions.label))
        there = np.flatnonzero(early & ~np.isnan(known))
        size = min(max(round(self._share * len(late)), 1), len(there))
        self._moved[chance.choice(late, size, replace=False)] = True
        self._moved[chance.choice(there, size, replace=False)] = True
        label = np.where(early, known, self._questions.label)
        return replace(self._questions, label=label).take(early ^ self._moved)

    def take(self, mask: np.ndarray) -> Questions:
        """What is held out, told by time: the rows that change sides are exchanged."""
        return self._questions.take(mask ^ self._moved)


def split_at_random(*, share: float, seed: int) -> None:
    """Let training hold out some rows that are not later; the patch of a training process."""

    def exchanging(honest: Hide) -> Hide:
        return lambda *given: SplitAtRandom(honest(*given), share, seed)  # type: ignore[return-value]  # as it is used

    wrap(training, "hide_questions", exchanging)


def _inject(deployment: Deployment, severity: float, chance: np.random.Generator) -> None:
    deployment.patch("training", split_at_random, share=severity, seed=int(chance.integers(2**31)))


FAULT = replace(
    d09_unbalanced_split.FAULT,
    variant="random",
    title="held-out rows are drawn at random, and some are older than what was trained on",
    happened="Rows were split at random, and what was measured held no longer on the days that came.",
    stage="gate",
    guards=("later_rows", "champion", "slices"),
    inject=_inject,
    moderate=0.05,
    applies=always,
)
