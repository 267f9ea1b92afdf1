"""Publishes a file of the log by atomic rename, and has it on the disk before anything relies on it.

Not here: what is in the files.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path

import msgspec

from roadworthy.predictionlog.syncing import sync_directory


def publish(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` make the file under another name; it appears whole under `path`, or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        write(temporary)
        fd = os.open(temporary, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
        temporary.replace(path)
        sync_directory(path.parent)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def publish_json(path: Path, value: object) -> None:
    """Publish a value as indented JSON."""
    text = msgspec.json.format(msgspec.json.encode(value), indent=1)
    publish(path, lambda temporary: temporary.write_bytes(text))
