"""Exactly whose rows something was made of: a set of keys on disk, which for a version are the units.

A fingerprint says whether two tables are the same; a manifest says of which units there were training rows, so that a
bad row leads to its versions. That a unit is in it does not say which of its rows were, where it has several.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from roadworthy.data.schema import kind_of
from roadworthy.durable import publish
from roadworthy.errors import CorruptArtifact, DefinitionError

_DIGEST = b"roadworthy.digest"
_BEFORE = b"roadworthy.digest-before-forgetting"
_COLUMN = "key"


@dataclass(frozen=True, slots=True)
class Manifest:
    """A set of text keys, sorted, each once.

    digest   SHA-256 (hex) of the keys; the same set has the same digest, whatever file it is in
    """

    keys: pa.Array
    digest: str

    def __len__(self) -> int:
        return len(self.keys)

    def contains(self, keys: pa.Array | pa.ChunkedArray) -> npt.NDArray[np.bool_]:
        """For every one of `keys` whether it is in the manifest; a null is in none.

        >>> manifest(pa.array(["b", "a"])).contains(pa.array(["a", "c", None])).tolist()
        [True, False, False]
        """
        found: npt.NDArray[np.bool_] = np.asarray(pc.is_in(_text(keys), value_set=self.keys))
        return found

    def intersection(self, other: Manifest) -> pa.Array:
        """The keys that are in both, sorted.

        >>> manifest(pa.array(["b", "a"])).intersection(manifest(pa.array(["b", "c"]))).to_pylist()
        ['b']
        """
        return self.keys.filter(pa.array(other.contains(self.keys)))

    def replaced(self, key: str, by: str) -> Manifest:
        """The manifest with another text in the place of a key, such as the hash of a key that must not be kept."""
        return manifest(
            pa.array([by if each == key else each for each in self.keys.to_pylist()], pa.string())
        )

    def write(self, path: Path, *, before: str = "") -> None:
        """Write as Parquet; appears under its name in one step.

        before   the digest that is recorded elsewhere for the manifest that this one takes the place of
        """
        table = pa.table({_COLUMN: self.keys})
        marks = {_DIGEST: self.digest.encode()} | ({_BEFORE: before.encode()} if before else {})
        table = table.replace_schema_metadata(marks)
        publish(path, lambda draft: pq.write_table(table, draft, compression="zstd"))


def manifest(keys: pa.Array | pa.ChunkedArray) -> Manifest:
    """The set of `keys`; DefinitionError for keys that are not text, or a null among them."""
    text = _text(keys)
    if text.null_count:
        raise DefinitionError(
            f"{text.null_count} of {len(text)} keys are null: a row without a key cannot be traced"
        )
    distinct = pc.unique(text)
    ordered = distinct.take(pc.sort_indices(distinct))
    return Manifest(ordered, _digest(ordered))


def read_manifest(path: Path, expected: str | None = None) -> Manifest:
    """Read what `Manifest.write` wrote.

    expected   the digest that was recorded elsewhere; None trusts the file's own
    raises     CorruptArtifact when the file is missing, cut off, or its keys have another digest

    A manifest in which a key was forgotten says which digest it had before, and is taken for that one.
    """
    try:
        table = pq.read_table(path)
        keys = pa.concat_arrays(table.column(_COLUMN).chunks) if table.num_rows else pa.array([], pa.string())
        marks = table.schema.metadata
        recorded = expected or marks[_DIGEST].decode()
        if expected and marks.get(_BEFORE, b"").decode() == expected:
            recorded = marks[_DIGEST].decode()
    except (pa.ArrowException, OSError, KeyError, TypeError) as error:
        raise CorruptArtifact(
            f"{path} is not a manifest of keys ({error}): restore it from a copy"
        ) from error
    found = _digest(keys)
    if found != recorded:
        raise CorruptArtifact(
            f"{path} holds keys with digest {found}, expected {recorded}: restore it from a copy"
        )
    return Manifest(keys, found)


def _text(keys: pa.Array | pa.ChunkedArray) -> pa.Array:
    if kind_of(keys.type) != "string":
        raise DefinitionError(
            f"keys are {keys.type}, expected strings: a manifest holds the text of each key"
        )
    text = keys.cast(pa.string())
    return text.combine_chunks() if isinstance(text, pa.ChunkedArray) else text


def _digest(keys: pa.Array) -> str:
    """SHA-256 over the count, the lengths and the bytes of the keys: no two sets share one stream of bytes."""
    lengths = pc.binary_length(keys).to_numpy(zero_copy_only=False).astype("<i4").tobytes()
    text = b"".join(keys.cast(pa.binary()).to_pylist())
    return hashlib.sha256(len(keys).to_bytes(8, "big") + lengths + text).hexdigest()
