"""Encodes the texts that a candidate knows, and looks whether any becomes what missing, unknown or padding becomes.

Not here: what follows from it (gate.batch_invariance).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from roadworthy.features.batch import Batch
from roadworthy.features.declarations import Categories, Category
from roadworthy.features.fitted import FeatureRecord
from roadworthy.gate.batch_invariance_facts import Padding
from roadworthy.scorer import Scorer

#: Known texts of a feature that are encoded at most: half of them the most frequent, half the rarest.
TEXTS = 1_000

_UNKNOWN = "~ no such text ~"


def padding(scorer: Scorer, batch: Batch) -> Padding:
    """Look at every feature that reads texts or lists of texts.

    batch   held-out rows; the first lends its other values
    """
    (row,) = batch.take(np.arange(1)).rows(scorer.schema)
    tried, lists, collisions = 0, [], {}
    for record in scorer.features.records:
        if not isinstance(record.options, Category | Categories):
            continue
        listed = isinstance(record.options, Categories)
        known = _known(scorer, record, row)
        found = _collision(scorer, record, row, known)
        tried += len(known)
        lists += [record.name] if listed else []
        if found:
            collisions[record.name] = found
    return Padding(texts=tried, lists=tuple(lists), collisions=collisions)


def _known(scorer: Scorer, record: FeatureRecord, row: Mapping[str, Any]) -> list[str]:
    """Texts of its vocabulary that a request can carry as they are: cleaning does not change them."""
    options = record.options
    entries = list(scorer.features.entries(record.name))
    if len(entries) > TEXTS:
        entries = [*entries[: TEXTS // 2], *entries[-TEXTS // 2 :]]
    if not entries or not getattr(options, "clean", None):
        return entries
    cleaned = scorer.features.clean(_rows(scorer, record, row, entries)).rows()
    return [
        text for text, found in zip(entries, cleaned, strict=True) if found[record.name] in (text, [text])
    ]


def _collision(scorer: Scorer, record: FeatureRecord, row: Mapping[str, Any], known: Sequence[str]) -> str:
    """The first known text that is encoded as something that is no text; "" without one."""
    if not known:
        return ""
    (column,) = record.columns
    listed = isinstance(record.options, Categories)
    nullable = {field.name for field in scorer.schema.fields if field.nullable}
    reserved: dict[str, Any] = {"an unknown text": [_UNKNOWN] if listed else _UNKNOWN}
    if listed:
        reserved["an empty list"] = []
    elif column in nullable:
        reserved["a missing value"] = None
    own = [place for place, each in enumerate(scorer.features.columns) if each.feature == record.name]
    texts = scorer.features.encode(_rows(scorer, record, row, known))[:, own]
    for what, value in reserved.items():
        changed = Batch.from_rows([{**row, column: value}], scorer.schema)
        same = (texts == scorer.features.encode(changed)[0, own]).all(axis=1)
        if same.any():
            return f"{known[int(np.flatnonzero(same)[0])]!r} is encoded as {what} is"
    return ""


def _rows(scorer: Scorer, record: FeatureRecord, row: Mapping[str, Any], texts: Sequence[str]) -> Batch:
    """The row once for each text; lists hold nothing else."""
    (column,) = record.columns
    listed = isinstance(record.options, Categories)
    rows = [{**row, column: [text] if listed else text} for text in texts]
    return Batch.from_rows(rows, scorer.schema)
