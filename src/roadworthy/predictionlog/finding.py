"""Journals as files: which lie in a directory, which of them nobody writes any more, and how those are taken over.

Not here: what is in them (contents) and writing them (journal).
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from roadworthy.errors import NotReady
from roadworthy.predictionlog.frames import OPEN, SEALED


def journals_in(directories: Iterable[Path]) -> list[Path]:
    """Every journal, open or sealed, in these directories, in the order of their names."""
    found: dict[str, Path] = {}
    for directory in directories:
        with suppress(FileNotFoundError):
            for entry in os.scandir(directory):
                if entry.name.endswith((OPEN, SEALED)) and not entry.name.startswith("."):
                    found[entry.name.rpartition(".")[0]] = Path(entry.path)
    return [found[name] for name in sorted(found)]


def orphans(directory: Path) -> list[Path]:
    """Open journals whose worker is dead: the kernel has released its lock, whatever is in the file.

    That is proof on a local disk: a lock outlives neither the process nor a reused pid.
    """
    dead = []
    for path in journals_in([directory]):
        if path.suffix != OPEN:
            continue
        try:
            with path.open("rb") as file:
                fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (FileNotFoundError, BlockingIOError):
            continue
        dead.append(path)
    return dead


def adopt(path: Path) -> Path:
    """Seal the journal of a dead worker, and return where it is now; NotReady while its worker holds the lock."""
    if path.suffix == SEALED:
        return path
    try:
        with path.open("rb") as file:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            return path.rename(path.with_suffix(SEALED))
    except BlockingIOError:
        raise NotReady(
            f"journal {path} is still written by its worker: seal it there, or stop the worker"
        ) from None
    except FileNotFoundError:
        return path.with_suffix(SEALED)
