"""What the gate's checks may look at: values that a job measured before, on one candidate version.

Not here: how they were measured. A check never trains, starts no server and reads no store; where something is
None, nobody measured it, and no check may take that for good news.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from roadworthy.gate.approvals_facts import Approvals
from roadworthy.gate.batch_invariance_facts import Padding
from roadworthy.gate.blind_ratings_facts import BlindRatings
from roadworthy.gate.cost_facts import Cost
from roadworthy.gate.data_facts import DataFacts
from roadworthy.gate.groups_facts import Groups
from roadworthy.gate.infrastructure_facts import Infrastructure
from roadworthy.gate.leakage_facts import Leakage
from roadworthy.gate.learned_facts import Learned
from roadworthy.gate.reproducible_facts import Reproducible
from roadworthy.gate.sampling_facts import Sampling
from roadworthy.gate.served_like_trained_facts import ServedLikeTrained
from roadworthy.gate.slices_facts import Slices
from roadworthy.gate.sparse_categories_facts import SparseCategories
from roadworthy.gate.traffic_facts import Traffic
from roadworthy.gate.vocabulary_facts import VocabularyFacts
from roadworthy.gate.weights_facts import WeightFacts
from roadworthy.verdict import Limit

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Texts = npt.NDArray[np.str_]

#: With fewer labelled rows than this no check speaks about quality.
MIN_ROWS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdout:
    """Labelled rows later than everything the candidate was trained on; the same rows for everyone.

    labels      outcomes 0 or 1, shape (n_rows,)
    days        whole number of the day each row was asked on (UTC), shape (n_rows,): the blocks of the intervals
    candidate   the candidate's probabilities, shape (n_rows,)
    baseline    the trivial predictor's, fitted on the candidate's training rows; None when it was not made
    champion    the champion's on the same rows; None without a champion, and where it cannot be scored on them
    unscored    why it cannot, as the end of a sentence; "" where it was scored, or there is none
    slices      column name → its value in each row as text, shape (n_rows,), "" where missing
    weights     how much each row counts in averages, shape (n_rows,): what the owner declares, times what a sampled
                row stands for; None where all count alike
    asked_from  when the first of the rows was asked
    asked_until when the last was
    """

    labels: Floats
    days: Ints
    candidate: Floats
    asked_from: datetime
    asked_until: datetime
    baseline: Floats | None = None
    champion: Floats | None = None
    unscored: str = ""
    slices: Mapping[str, Texts] = field(default_factory=dict)
    weights: Floats | None = None

    def __post_init__(self) -> None:
        columns: dict[str, npt.NDArray[Any] | None] = {"days": self.days, "candidate": self.candidate}
        columns |= {"baseline": self.baseline, "champion": self.champion, "weights": self.weights}
        columns |= {f"slices[{name!r}]": values for name, values in self.slices.items()}
        for name, values in columns.items():
            if values is not None and values.shape != self.labels.shape:
                raise ValueError(
                    f"holdout: {name} has shape {values.shape}, labels {self.labels.shape}: give every row once"
                )

    @property
    def n(self) -> int:
        """Number of rows."""
        return int(self.labels.size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A person's word for something that no number can show."""

    actor: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrangement:
    """The same rows scored in another arrangement, brought back into the order of `expected`.

    name      such as `alone`, `permuted`, `batches of 7`
    expected  scores of the rows in one batch, shape (n_rows,)
    got       scores of the same rows in this arrangement, shape (n_rows,)
    """

    name: str
    expected: Floats
    got: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Staging:
    """What a real server process answered to the artifact's golden requests.

    expected  the golden answers stored in the artifact, shape (n_goldens,)
    answered  what the server said, shape (n_goldens,); shorter when it did not answer all
    names     what is special about each golden request; () where that is not known
    error     why it could not be asked, as a sentence; None when it could
    refused   what it said where it replayed them itself, found that they go another way, and did not serve; else ""
    seconds   from starting the first process to the last answer
    """

    expected: Floats
    answered: Floats
    names: tuple[str, ...] = ()
    error: str | None = None
    refused: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingFacts:
    """What is known of the candidate's training set.

    rows      number of rows
    until     instant at which the set was cut: nothing asked or known later is in it
    """

    rows: int
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything the gate knows of one candidate version.

    model, version    the candidate
    champion_version  number of the other version that answers now; None before the first release
    serves_since      event time since which the candidate itself is the champion; None where it is not
    first_release     a person's approval of a release without a champion to compare with; None without
    limits            metric name → limit, as the user declared them
    tolerance         how far the estimator's format lets two arrangements differ; 0.0 is bit-identical
    seed              decides every resample, so that the same evidence gives the same verdicts
    """

    model: str
    version: int
    limits: Mapping[str, Limit] = field(default_factory=dict)
    holdout: Holdout | None = None
    champion_version: int | None = None
    serves_since: datetime | None = None
    first_release: Approval | None = None
    arrangements: tuple[Arrangement, ...] = ()
    padding: Padding | None = None
    tolerance: float = 0.0
    staging: Staging | None = None
    training: TrainingFacts | None = None
    traffic: Traffic | None = None
    served_like_trained: ServedLikeTrained | None = None
    approvals: Approvals | None = None
    ratings: BlindRatings | None = None
    vocabularies: VocabularyFacts | None = None
    data: DataFacts | None = None
    leakage: Leakage | None = None
    groups: Groups | None = None
    learned: Learned | None = None
    slices: Slices | None = None
    sampling: Sampling | None = None
    sparse_categories: SparseCategories | None = None
    parameters: WeightFacts | None = None
    infrastructure: Infrastructure | None = None
    reproducible: Reproducible | None = None
    cost: Cost | None = None
    seed: int = 0

    @property
    def subject(self) -> str:
        """What is judged, such as `flight-delay@2`."""
        return f"{self.model}@{self.version}"

    def chance(self) -> np.random.Generator:
        """A generator that starts anew: every check resamples the same days, so their numbers agree."""
        return np.random.default_rng(self.seed)
