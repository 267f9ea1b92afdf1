"""Keyed hashes of texts that must not be kept: cards, names, units that were forgotten. And the file with the key.

Not here: which inputs are sensitive (features.declare). The key is read where texts enter, is never logged, and is not
part of any artifact: without it nobody learns a text from its hash, by trying texts out either.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from roadworthy.errors import DefinitionError, Refused

KEY_VARIABLE: Final = "ROADWORTHY_HASH_KEY_FILE"
KEY_FILE: Final = "hash.key"

_HEX_DIGITS = 64


def hashed(values: Iterable[str | None], key: bytes) -> list[str | None]:
    """The keyed hash of each text, 32 hexadecimal digits after "#"; missing stays missing.

    BLAKE2b with a key (RFC 7693). The same text has the same hash in training and in serving, so that a category of
    hashes is as good as one of texts, and parity can be checked without the text.

    >>> hashed(["4711", None, "4711"], bytes(32))
    ['#847ca528a0b63f7d14e96298cd0f9fb2', None, '#847ca528a0b63f7d14e96298cd0f9fb2']
    """
    blake2b = hashlib.blake2b
    return [
        None
        if value is None
        else "#" + blake2b(value.encode("utf-8", "surrogatepass"), digest_size=16, key=key).hexdigest()
        for value in values
    ]


def hashed_text(text: str, key: bytes) -> str:
    """The keyed hash of one text."""
    found = hashed([text], key)[0]
    assert found is not None
    return found


def key_path(workspace: Path) -> Path:
    """Where the key is: ROADWORTHY_HASH_KEY_FILE, else `hash.key` in the workspace."""
    named = os.environ.get(KEY_VARIABLE, "")
    return Path(named) if named else workspace / KEY_FILE


def read_key(path: Path) -> bytes:
    """The key in that file.

    raises  Refused when there is no such file, or others than its owner may read it; DefinitionError when it holds
            anything but 64 hexadecimal digits. No message ever shows what is in it
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(4096)
    except FileNotFoundError:
        raise Refused(
            f"there is no key to hash with at {path}: make one with `roadworthy hash-key`, or name the file of the one "
            f"that training used in {KEY_VARIABLE}; another key gives other hashes"
        ) from None
    if mode & 0o077:
        raise Refused(
            f"others can read the key in {path} (mode {mode & 0o777:03o}): chmod 600 it, and make a new one if it was "
            "read"
        )
    try:
        key = bytes.fromhex(text.decode("ascii").strip())
    except ValueError:
        key = b""
    if len(key) * 2 != _HEX_DIGITS:
        raise DefinitionError(
            f"{path} does not hold a key: expected {_HEX_DIGITS} hexadecimal digits on one line"
        )
    return key


def make_key(path: Path) -> Path:
    """Write a new random key that only its owner can read; Refused where there is one: its hashes would be lost."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        raise Refused(
            f"there is a key at {path} already: a new one would make every hash of the old one unreadable. Move it "
            "away if you mean that"
        ) from None
    with os.fdopen(handle, "w") as file:
        file.write(secrets.token_hex(_HEX_DIGITS // 2) + "\n")
        file.flush()
        os.fsync(file.fileno())
    return path
