"""Encodes the texts that a candidate knows, and looks whether any becomes what missing, unknown or padding becomes.

Not here: what follows from it (gate.batch_invariance).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from roadworthy.features.batch import Batch
from roadworthy.features.declarations import Categories, Category, Cross
from roadworthy.features.fitted import FeatureRecord
from roadworthy.features.lint import counted, shown
from roadworthy.features.textual import SEPARATOR
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
        if not isinstance(record.options, Category | Cross | Categories):
            continue
        known = _known(scorer, record, row, batch)
        found = _collision(scorer, record, row, known)
        tried += len(known)
        lists += [record.name] if isinstance(record.options, Categories) else []
        if found:
            collisions[record.name] = found
    return Padding(texts=tried, lists=tuple(lists), collisions=collisions)


def _known(scorer: Scorer, record: FeatureRecord, row: Mapping[str, Any], batch: Batch) -> list[str]:
    """Texts that a request can carry and that are looked up as an entry: as they are, or after cleaning."""
    entries = list(scorer.features.entries(record.name))
    known = frozenset(entries)
    if len(entries) > TEXTS:
        entries = [*entries[: TEXTS // 2], *entries[-TEXTS // 2 :]]
    if isinstance(record.options, Cross):
        # an entry of a text that holds the separator itself cannot be taken apart again
        return [text for text in entries if text.count(SEPARATOR) == len(record.columns) - 1]
    if not getattr(record.options, "clean", None):
        return entries
    carried = [*entries, *list(counted(batch.columns[record.columns[0]]))[:TEXTS]]
    first = dict(zip(reversed(_cleaned(scorer, record, row, carried)), reversed(carried), strict=True))
    return [text for cleaned, text in first.items() if cleaned in known]


def _collision(scorer: Scorer, record: FeatureRecord, row: Mapping[str, Any], known: Sequence[str]) -> str:
    """The first known text that is encoded as something that is no text; "" without one."""
    if not known:
        return ""
    own = [place for place, each in enumerate(scorer.features.columns) if each.feature == record.name]
    texts = scorer.features.encode(_rows(scorer, record, row, known))[:, own]
    for what, changes in _reserved(scorer, record, row).items():
        changed = Batch.from_rows([{**row, **changes}], scorer.schema)
        same = (texts == scorer.features.encode(changed)[0, own]).all(axis=1)
        if same.any():
            return f"{shown(known[int(np.flatnonzero(same)[0])])} is encoded as {what} is"
    return ""


def _reserved(scorer: Scorer, record: FeatureRecord, row: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What is no entry of the feature → the values that a request carries then."""
    found: dict[str, dict[str, Any]] = {}
    unknown = SEPARATOR.join([_UNKNOWN] * len(record.columns))
    # a cleaner may give an entry of its own to all that is unknown
    if _cleaned(scorer, record, row, [unknown])[0] not in scorer.features.entries(record.name):
        found["an unknown text"] = _values(record, unknown)
    if isinstance(record.options, Categories):
        return {**found, "an empty list": {record.columns[0]: []}}
    nullable = {field.name for field in scorer.schema.fields if field.nullable}
    for column in record.columns:
        if column in nullable:
            found[f"a missing {column}" if len(record.columns) > 1 else "a missing value"] = {column: None}
    return found


def _cleaned(
    scorer: Scorer, record: FeatureRecord, row: Mapping[str, Any], texts: Sequence[str]
) -> list[str | None]:
    """What is looked up for each text."""
    found = [each[record.name] for each in scorer.features.clean(_rows(scorer, record, row, texts)).rows()]
    return [next(iter(each), None) if isinstance(each, list) else each for each in found]


def _rows(scorer: Scorer, record: FeatureRecord, row: Mapping[str, Any], texts: Sequence[str]) -> Batch:
    """The row once for each text; lists hold nothing else."""
    return Batch.from_rows([{**row, **_values(record, text)} for text in texts], scorer.schema)


def _values(record: FeatureRecord, text: str) -> dict[str, Any]:
    """The inputs that carry a text of the feature."""
    if isinstance(record.options, Categories):
        return {record.columns[0]: [text]}
    parts = text.split(SEPARATOR) if isinstance(record.options, Cross) else [text]
    return dict(zip(record.columns, parts, strict=True))
