"""Scores held-out rows of rare categories again, with a typical entry in the place of theirs."""

from __future__ import annotations

import numpy as np

from roadworthy.features.batch import Floats
from roadworthy.features.vocabulary import RESERVED
from roadworthy.gate.sparse_categories import RARE
from roadworthy.gate.sparse_categories_facts import SparseCategories, SparseColumn
from roadworthy.gate.vocabulary_facts import VocabularyFacts
from roadworthy.scorer import Scorer

#: Frequent entries that are tried, and rows that are scored again at most.
TYPICAL, ROWS = 8, 3_000


def sparse_categories_of(
    scorer: Scorer, encoded: Floats, vocabularies: VocabularyFacts | None, seed: int
) -> SparseCategories | None:
    """What there is to know of the rare entries of every column of text; None where their counts were not kept.

    encoded   the held-out rows as the model sees them, shape (n, width)
    """
    if vocabularies is None:
        return None
    trained = {texts.feature: texts.trained for texts in vocabularies.texts}
    columns = [
        _column(scorer, encoded, place, column.name, trained[column.feature], np.random.default_rng(seed))
        for place, column in enumerate(scorer.features.columns)
        if column.kind == "category"
    ]
    return SparseCategories(columns=tuple(columns))


def _column(
    scorer: Scorer, encoded: Floats, place: int, name: str, trained: Floats, rng: np.random.Generator
) -> SparseColumn:
    entry = encoded[:, place].astype(np.int64) - RESERVED
    entry = np.where(entry >= 0, entry, -1)
    rare = (
        np.flatnonzero((entry >= 0) & (trained[entry] < RARE))
        if trained.size
        else np.empty(0, dtype=np.int64)
    )
    if rare.size > ROWS:
        rare = np.sort(rng.choice(rare, ROWS, replace=False))
    frequent = np.argsort(-trained, kind="stable")[:TYPICAL]
    frequent = frequent[trained[frequent] >= RARE]
    if not frequent.size:  # nothing of the column is typical
        rare = rare[:0]
    return SparseColumn(
        column=name,
        entry=entry,
        trained=trained,
        rows=rare,
        typical=_said_with(scorer, encoded[rare], place, frequent) if rare.size else np.empty(0),
    )


def _said_with(scorer: Scorer, rows: Floats, place: int, entries: np.ndarray) -> Floats:
    """The mean of what is said with each of these entries, in logits."""
    logits = []
    for entry in entries:
        changed = rows.copy()
        changed[:, place] = entry + RESERVED
        p = np.clip(scorer.predictor.predict(changed), 1e-12, 1.0 - 1e-12)
        logits.append(np.log(p / (1.0 - p)))
    mean: Floats = 1.0 / (1.0 + np.exp(-np.mean(logits, axis=0)))
    return mean
