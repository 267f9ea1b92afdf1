"""Counts the texts of a version's vocabularies: those of its training rows when it is trained, the others for the gate.

What is kept of the training rows is a number for each entry, in the order of the entries, and no text.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from roadworthy.features.batch import Batch
from roadworthy.features.fitted import FeatureRecord, FittedFeatures
from roadworthy.features.lint import counted
from roadworthy.gate.vocabulary_facts import VocabularyFacts, VocabularyTexts

#: Name of the file among the evidence of a version.
ENTRIES_FILE = "entries.parquet"

_ROWS = b"roadworthy.rows"


def write_entries(path: Path, features: FittedFeatures, learn: Batch) -> None:
    """Keep how often each feature of text had each entry of its vocabulary in the rows that it was trained on."""
    names: list[str] = []
    counts: list[int] = []
    for name, texts in features.clean(learn).columns.items():
        rows = counted(texts)
        entries = features.entries(name)
        names += [name] * len(entries)
        counts += [rows.get(entry, 0) for entry in entries]
    table = pa.table({"feature": pa.array(names, pa.string()), "rows": pa.array(counts, pa.int64())})
    pq.write_table(table.replace_schema_metadata({_ROWS: str(learn.n).encode()}), path, compression="zstd")


def vocabulary_facts(home: Path, features: FittedFeatures, held_out: Batch) -> VocabularyFacts | None:
    """The texts of a version, with what was kept in `home` when it was trained; None where that is not there."""
    path = home / ENTRIES_FILE
    if not path.is_file():
        return None
    kept = pq.read_table(path)
    of_feature = kept.column("feature").to_numpy(zero_copy_only=False)
    rows = kept.column("rows").to_numpy().astype(np.float64)
    records = {record.name: record for record in features.records}
    texts = tuple(
        VocabularyTexts(
            feature=name,
            entries=features.entries(name),
            trained=rows[of_feature == name],
            held_out=counted(column),
            cleaned_by=_cleaner(records[name]),
        )
        for name, column in features.clean(held_out).columns.items()
    )
    return VocabularyFacts(texts=texts, rows=int(kept.schema.metadata[_ROWS]) + held_out.n)


def _cleaner(record: FeatureRecord) -> str:
    return getattr(record.options, "clean", None) or ""
