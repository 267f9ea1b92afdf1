"""What the gate may look at of the candidate's vocabularies: their entries, and how often each text occurs where.

Not here: what is served now (traffic_facts), and how it was counted (jobs.gate_vocabulary).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class VocabularyTexts:
    """One feature of text.

    entries      of its vocabulary, or of the one that it shares, in the order of their numbers
    trained      how often the feature had each entry in the training rows, shape (n_entries,)
    held_out     text → how often the feature had it in the held-out rows, entries and others, as it is looked up
    cleaned_by   name of the function that cleans its texts; "" where none does
    """

    feature: str
    entries: tuple[str, ...]
    trained: Floats
    held_out: Mapping[str, int]
    cleaned_by: str = ""

    def __post_init__(self) -> None:
        if self.trained.shape != (len(self.entries),):
            raise ValueError(
                f"vocabulary of {self.feature}: {self.trained.size:,} counts for {len(self.entries):,} entries"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class VocabularyFacts:
    """All features of text; none where the model has no such feature.

    rows   number of training and held-out rows in which the texts were counted
    """

    texts: tuple[VocabularyTexts, ...]
    rows: int
