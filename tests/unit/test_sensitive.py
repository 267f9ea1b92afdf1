"""Keyed hashes: pinned for ever, and the key is nobody else's business."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from roadworthy.errors import DefinitionError, Refused
from roadworthy.sensitive import KEY_VARIABLE, hashed, hashed_text, key_path, make_key, read_key


def test_a_hash_is_the_keyed_blake2b_that_anybody_can_compute() -> None:
    """Pinned: another value would make every logged hash unreadable.."""
    assert hashed_text("4711", bytes(32)) == "#847ca528a0b63f7d14e96298cd0f9fb2"
    assert hashed(["", None, "\ud800"], bytes(32))[1] is None
    assert hashed_text("4711", bytes(32)) != hashed_text("4711", b"1" + bytes(31))


def test_a_made_key_is_read_back_and_never_replaced(tmp_path: Path) -> None:
    """A second one would orphan every hash of the first."""
    path = make_key(tmp_path / "hash.key")
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(read_key(path)) == 32
    with pytest.raises(Refused, match="already"):
        make_key(path)


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """By group or by anybody."""
    path = make_key(tmp_path / "hash.key")
    for mode in (0o640, 0o604):
        os.chmod(path, mode)
        with pytest.raises(Refused, match="others can read"):
            read_key(path)


def test_an_absent_or_broken_key_says_so_and_not_what_it_held(tmp_path: Path) -> None:
    """Nobody trains with half a key, and no message shows one."""
    with pytest.raises(Refused, match="no key to hash with"):
        read_key(tmp_path / "absent")
    path = tmp_path / "hash.key"
    path.write_text("5ecre7")
    path.chmod(0o600)
    with pytest.raises(DefinitionError) as caught:
        read_key(path)
    assert "5ecre7" not in str(caught.value)


def test_the_environment_names_the_file_of_a_key_that_is_shared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise it lies in the workspace."""
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    assert key_path(tmp_path) == tmp_path / "hash.key"
    monkeypatch.setenv(KEY_VARIABLE, "/run/secrets/hash")
    assert key_path(tmp_path) == Path("/run/secrets/hash")
