"""128 bits that stand for the content of a whole table, whatever the order of its rows, columns and chunks.

Every row becomes one canonical record of bytes, is hashed with XXH3-128, and the hashes are added modulo 2^128: unlike
with XOR, a row that is there twice does not cancel. It finds accidents, not forgeries.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from roadworthy.data.schema import STORED_AS, Kind, kind_of
from roadworthy.errors import DefinitionError

Bytes = npt.NDArray[np.uint8]

_HASH_BYTES = 16
_MODULUS = 2**128
#: Bounds the memory that records take: 65,536 rows of 40 columns are 45 MB.
_ROWS_AT_ONCE = 65_536


def fingerprint(table: pa.Table) -> str:
    """32 hex digits for the names, kinds and values of `table`.

    Equal for two tables with the same rows in any order, with columns in any order, in any chunking, width (int32 or
    int64) and encoding (dictionary or plain). A null differs from every value; NaN is one value whatever its bits.

    raises   DefinitionError for a column whose type has no kind (see `roadworthy.data.schema`) or a repeated name

    >>> fingerprint(pa.table({"a": [1, 2], "b": ["x", None]})) == fingerprint(pa.table({"b": [None, "x"], "a": [2, 1]}))
    True
    """
    names = sorted(table.column_names)
    if len(set(names)) != len(names):
        raise DefinitionError(f"a table with two columns of one name has no fingerprint: {', '.join(names)}")
    kinds = {name: _kind(table, name) for name in names}
    heading = _hash(b"".join(_lengthy(name) + _lengthy(kind) for name, kind in kinds.items()))
    total = int.from_bytes(heading, "big")
    plain = pa.table(
        {name: table.column(name).cast(STORED_AS[kind], safe=False) for name, kind in kinds.items()}
    )
    for start in range(0, plain.num_rows, _ROWS_AT_ONCE):
        part = plain.slice(start, _ROWS_AT_ONCE).combine_chunks()
        cells = [_cells(_whole(part.column(name)), kind) for name, kind in kinds.items()]
        prefix = np.broadcast_to(np.frombuffer(heading, np.uint8), (part.num_rows, _HASH_BYTES))
        total += _added(_hashes(np.hstack([prefix, *cells])))
    return f"{total % _MODULUS:032x}"


def _kind(table: pa.Table, name: str) -> Kind:
    kind = kind_of(table.schema.field(name).type)
    if kind is None:
        raise DefinitionError(
            f"column {name!r} is {table.schema.field(name).type}, which has no fingerprint: cast it to "
            f"{', '.join(STORED_AS)} (a timestamp needs a timezone)"
        )
    return kind


def _cells(column: pa.Array, kind: Kind) -> Bytes:
    """One record of fixed width a row: a byte that says whether the value is there, then the value."""
    there = column.is_valid().to_numpy(zero_copy_only=False)
    if kind == "string":
        values = _text(column)
    elif kind == "strings":
        values = _lists(column)
    else:
        values = _words(column, kind)
    return np.hstack([there.astype(np.uint8)[:, None], np.where(there[:, None], values, 0).astype(np.uint8)])


def _words(column: pa.Array, kind: Kind) -> Bytes:
    if kind == "float":
        floats = pc.fill_null(column, 0.0).to_numpy(zero_copy_only=False).astype("<f8")
        return _as_bytes(np.where(np.isnan(floats), np.nan, floats).astype("<f8"), 8)
    integers = pc.fill_null(column.cast(pa.int64()), 0).to_numpy(zero_copy_only=False)
    return _as_bytes(integers.astype("<i8"), 8)


def _as_bytes(values: npt.NDArray[np.int64 | np.float64], width: int) -> Bytes:
    return np.frombuffer(values.tobytes(), np.uint8).reshape(-1, width)


def _text(column: pa.Array) -> Bytes:
    """Hashes of the texts, each different text hashed once."""
    encoded = column.dictionary_encode()
    texts = encoded.dictionary.cast(pa.binary())
    if not len(texts):
        return np.zeros((len(column), _HASH_BYTES), dtype=np.uint8)
    hashes = _gathered(_hash(text) for text in texts.to_pylist())
    of_rows: Bytes = np.take(hashes, pc.fill_null(encoded.indices, 0).to_numpy(), axis=0)
    return of_rows


def _lists(column: pa.Array) -> Bytes:
    """Hashes of the lists: of the records of their elements, in order."""
    elements = _cells(column.flatten(), "string")
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False)
    ends = np.cumsum(lengths, dtype=np.int64) * elements.shape[1]
    view = memoryview(elements.tobytes())
    starts = [0, *ends[:-1].tolist()]
    return _gathered(_hash(view[start:end]) for start, end in zip(starts, ends.tolist(), strict=False))


def _hashes(records: Bytes) -> Bytes:
    width = records.shape[1]
    view = memoryview(records.tobytes())
    return _gathered(_hash(view[start : start + width]) for start in range(0, len(view), width))


def _gathered(hashes: Iterable[bytes]) -> Bytes:
    return np.frombuffer(b"".join(hashes), np.uint8).reshape(-1, _HASH_BYTES)


def _added(hashes: Bytes) -> int:
    """The sum of big-endian 128-bit numbers, by way of sums of 32-bit digits, which cannot overflow."""
    digits = hashes.view(">u4").astype(np.uint64).sum(axis=0)
    return sum(int(digit) << (32 * place) for place, digit in enumerate(digits[::-1]))


def _hash(data: bytes | memoryview) -> bytes:
    return xxhash.xxh3_128_digest(data)


def _lengthy(text: str) -> bytes:
    encoded = text.encode()
    return len(encoded).to_bytes(8, "big") + encoded


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return pa.concat_arrays(column.chunks) if column.num_chunks != 1 else column.chunk(0)
