"""Publishes a file of the log by atomic rename, and has it on the disk before anything relies on it.

Not here: what is in the files.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from roadworthy import durable


def publish(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` make the file under another name; it appears whole under `path`, or not at all."""
    durable.make_directory(path.parent)
    durable.publish(path, write)


def publish_json(path: Path, value: object) -> None:
    """Publish a value as indented JSON."""
    text = msgspec.json.format(msgspec.json.encode(value), indent=1)
    publish(path, lambda draft: draft.write_bytes(text))


def clear_drafts(directory: Path, before: float = math.inf) -> None:
    """Delete the files that a crash left half written: all that are hidden, but records, which end in `.json`.

    before   only those that nobody wrote to since then, in seconds since 1970: others may be in writing
    """
    with suppress(FileNotFoundError), os.scandir(directory) as entries:
        for entry in entries:
            if entry.name.startswith(".") and not entry.name.endswith(".json"):
                with suppress(FileNotFoundError):
                    if entry.stat().st_mtime <= before:
                        os.unlink(entry.path)
