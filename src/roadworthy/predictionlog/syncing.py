"""What of a journal's file is on the disk: one fsync, on any thread, for all that was written before it.

Not here: what is written (journal), who waits for it (serving). A file is appended to by one thread while others sync
it, so nothing here is ever waited for by the one that writes.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock

from roadworthy.durable import synced


class Unsynced:
    """One file, through a descriptor of its own: it may be sealed, even deleted, before it is synced.

    written   bytes that were written, set by the writer
    told      how many of them somebody was told to wait for
    failed    whether a sync failed: the kernel may then drop what it could not write and call the next one a success
    """

    def __init__(self, fd: int, directory: Path) -> None:
        self.written = self.told = 0
        self.failed = False
        self._synced = 0
        self._directory: Path | None = directory
        self._lock = Lock()
        self._fd = os.dup(fd)

    def __del__(self) -> None:
        with suppress(OSError, AttributeError):
            os.close(self._fd)

    @property
    def waits(self) -> bool:
        """Whether something written is not known to be on the disk and not everybody was told to wait for it."""
        return self._synced < self.written and (not self.failed or self.told < self.written)

    def sync(self, written: int) -> None:
        """Bring at least the first `written` bytes to the disk; what another thread's sync covered costs nothing."""
        with self._lock:
            if self.failed:
                raise OSError("an earlier sync of the file failed")
            if self._synced >= written:
                return
            covered = self.written
            try:
                os.fsync(self._fd)
                if self._directory is not None:
                    synced(self._directory)
                    self._directory = None
            except OSError:
                self.failed = True
                raise
            self._synced = covered


def sync_all(files: Sequence[tuple[Unsynced, int]]) -> None:
    """Bring that many bytes of each file to the disk; the first failure is raised when all were tried."""
    failure: OSError | None = None
    for file, written in files:
        try:
            file.sync(written)
        except OSError as error:
            failure = failure or error
    if failure is not None:
        raise failure
