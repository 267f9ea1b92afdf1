"""Files that appear whole or not at all, and stay after a power failure; and locks that go with their process.

Not here: what is in them. A draft lies beside its file under a name that begins with a dot and `DRAFT`, so whoever
holds the directory can clear what a crash left.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from roadworthy.errors import NotReady

#: How the names of drafts begin.
DRAFT = ".draft-"


def publish(path: Path, write: Callable[[Path], object], *, sync: bool = True) -> None:
    """Let `write` make the file beside `path`; it appears there in one step, in the place of an older one.

    sync   whether it, and that it is there, are on the disk before this returns
    """
    draft = path.with_name(f"{DRAFT}{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        write(draft)
        if sync:
            synced(draft)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    if sync:
        synced(path.parent)


def write_whole(path: Path, content: bytes, *, sync: bool = False, mode: int = 0o666) -> None:
    """Replace a file so that readers see the old content or the new; `sync` makes it survive a power failure.

    mode   permissions of the file, less those that the process's umask takes away
    """

    def write(draft: Path) -> None:
        with open(draft, "wb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            file.write(content)

    publish(path, write, sync=sync)


def make_directory(path: Path) -> None:
    """Make a directory and those above it that are missing; each is on the disk in the one that holds it."""
    missing = []
    while not path.exists():
        missing.append(path)
        path = path.parent
    for directory in reversed(missing):
        directory.mkdir(exist_ok=True)
        synced(directory.parent)


@contextmanager
def alone(lock: Path, busy: str) -> Iterator[None]:
    """Hold the file `lock` until the end, or the death of the process; NotReady, saying `busy`, while another does."""
    handle = os.open(lock, os.O_CREAT | os.O_RDWR, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise NotReady(busy) from None
        yield
    finally:
        os.close(handle)


def synced(path: Path) -> None:
    """Bring a file, or the names in a directory, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
