"""Which keys something was made of, on disk and back."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from roadworthy.data.manifest import manifest, read_manifest
from roadworthy.errors import CorruptArtifact, DefinitionError


def test_the_digest_is_of_the_set_whatever_its_order_and_encoding() -> None:
    """Two trainings on the same rows have one manifest."""
    plain = manifest(pa.array(["b", "a", "b"]))
    held = manifest(pa.chunked_array([["a"], ["b"]]).cast(pa.large_string()).dictionary_encode())
    assert plain == held
    assert plain.keys.to_pylist() == ["a", "b"]
    assert len(plain) == 2


def test_keys_that_share_their_bytes_are_different_sets() -> None:
    """Lengths are part of the digest."""
    sets = [["ab", "c"], ["a", "bc"], ["abc"], ["", "abc"], []]
    assert len({manifest(pa.array(keys, pa.string())).digest for keys in sets}) == len(sets)


@pytest.mark.parametrize("keys", [[], ["x"], ["b", "a", "é"]])
def test_a_manifest_is_read_as_it_was_written(tmp_path: Path, keys: list[str]) -> None:
    """Also the empty one."""
    made = manifest(pa.array(keys, pa.string()))
    made.write(tmp_path / "m.parquet")
    assert read_manifest(tmp_path / "m.parquet", made.digest) == made
    assert [path.name for path in tmp_path.iterdir()] == ["m.parquet"]


def test_the_intersection_with_test_rows_is_what_a_leakage_check_asks_for() -> None:
    """Sorted, and empty where nothing is shared."""
    training, testing = manifest(pa.array(["a", "b", "c"])), manifest(pa.array(["d", "c", "b"]))
    assert training.intersection(testing).to_pylist() == ["b", "c"]
    assert training.intersection(manifest(pa.array(["z"]))).to_pylist() == []


def test_a_manifest_with_other_keys_or_none_is_corrupt(tmp_path: Path) -> None:
    """Changed, exchanged, cut off or gone."""
    path = tmp_path / "m.parquet"
    made = manifest(pa.array(["a", "b"]))
    made.write(path)
    changed = pa.table({"key": ["a", "c"]}).replace_schema_metadata(pq.read_schema(path).metadata)
    pq.write_table(changed, tmp_path / "changed.parquet")
    (tmp_path / "cut.parquet").write_bytes(path.read_bytes()[:-9])
    pq.write_table(pa.table({"other": ["a"]}), tmp_path / "other.parquet")
    for name in ("changed", "cut", "other", "gone"):
        with pytest.raises(CorruptArtifact, match=f"{name}.parquet"):
            read_manifest(tmp_path / f"{name}.parquet")
    with pytest.raises(CorruptArtifact, match="expected 00"):
        read_manifest(path, "00")


def test_a_row_without_a_key_or_with_a_number_is_refused() -> None:
    """It could not be traced."""
    with pytest.raises(DefinitionError, match="1 of 2 keys are null"):
        manifest(pa.array(["a", None]))
    with pytest.raises(DefinitionError, match="keys are int64, expected strings"):
        manifest(pa.array([1]))
