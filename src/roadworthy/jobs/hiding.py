"""Hashes the sensitive inputs of tables as they are read to train or to score, as a server does with requests.

Not here: the declaration (features.declare) and the hash (roadworthy.sensitive).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa

from roadworthy.features.batch import Batch
from roadworthy.features.hiding import hide_batch
from roadworthy.jobs.questions import Questions
from roadworthy.jobs.stores import Stores
from roadworthy.model import Model
from roadworthy.sensitive import hashed, key_path, read_key


def workspace_key(stores: Stores) -> bytes:
    """The key of this workspace; Refused, with what to do, where there is none."""
    return read_key(key_path(stores.settings.root))


def hide_questions(stores: Stores, model: Model, questions: Questions) -> Questions:
    """Questions with the sensitive inputs of the model hashed; as they are where it has none."""
    names = model.features.sensitive
    return replace(questions, table=hide_table(stores, names, questions.table)) if names else questions


def hide_table(stores: Stores, names: Sequence[str], table: pa.Table) -> pa.Table:
    """A table with these columns of text, or of lists of text, hashed."""
    if not names:
        return table
    key = workspace_key(stores)
    for name in names:
        place = table.column_names.index(name)
        table = table.set_column(place, name, _hide(table.column(name), key))
    return table


def hide_rows_of(stores: Stores, names: Sequence[str], batch: Batch) -> Batch:
    """A batch that was read from a file, with these columns hashed."""
    return hide_batch(batch, names, workspace_key(stores)) if names else batch


def _hide(column: pa.ChunkedArray, key: bytes) -> pa.Array:
    array = column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):  # a column without rows
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], column.type)
    if pa.types.is_list(array.type) or pa.types.is_large_list(array.type):
        hidden = _hide(pa.chunked_array([array.flatten()]), key)
        return pa.array(
            _rows_of(array.value_lengths().to_pylist(), hidden.to_pylist()), pa.list_(pa.string())
        )
    encoded = array.dictionary_encode() if not pa.types.is_dictionary(array.type) else array
    texts = pa.array(hashed(encoded.dictionary.to_pylist(), key), pa.string())
    return pa.DictionaryArray.from_arrays(encoded.indices, texts).cast(pa.string())


def _rows_of(lengths: Sequence[int | None], values: Sequence[str | None]) -> list[list[str | None] | None]:
    found: list[list[str | None] | None] = []
    at = 0
    for length in lengths:
        found.append(None if length is None else list(values[at : at + length]))
        at += length or 0
    return found
