"""Answers that wait for the disk: one fsync for all that was written before it, on a thread.

Not here: writing (predictionlog.journal). With durability `process` nothing ever waits here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor

from roadworthy.predictionlog.journal import Journal, JournalUnwritable
from roadworthy.serving.exchange import Rejected

logger = logging.getLogger("roadworthy.worker")

Failure = JournalUnwritable | Rejected
#: Told once what was written before is on disk (None), or why it may not be.
Told = Callable[[Failure | None], None]


class Committer:
    """Group commit for one worker; on its event loop.

    needed   whether answers wait for the disk at all
    """

    def __init__(self, journal: Journal, executor: Executor, needed: bool) -> None:
        self._journal, self._executor, self.needed = journal, executor, needed
        self._next: list[Told] = []
        self._syncing = False

    def after(self, told: Told) -> None:
        """Call `told` when everything written until now is on disk, or may not be."""
        self._next.append(told)
        if not self._syncing:
            self._sync()

    async def committed(self) -> None:
        """Return when everything written until now is on disk; JournalUnwritable when it may not be."""
        if not self.needed:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def told(failure: Failure | None) -> None:
            if not future.done():
                future.set_exception(failure) if failure else future.set_result(None)

        self.after(told)
        await future

    def _sync(self) -> None:
        waiting, self._next = self._next, []
        sync = self._journal.sync_later()
        if sync is None:
            self._tell(waiting, None)
            return
        self._syncing = True
        asyncio.get_running_loop().run_in_executor(self._executor, sync).add_done_callback(
            lambda done: self._synced(waiting, done.exception())
        )

    def _synced(self, waiting: list[Told], error: BaseException | None) -> None:
        self._syncing = False
        failure: Failure | None = None
        if isinstance(error, JournalUnwritable):
            failure = error
        elif error is not None:
            logger.error("what was written could not be brought to the disk", exc_info=error)
            failure = Rejected(500, "internal", "the server failed; its log says why")
        if self._next:
            self._sync()
        self._tell(waiting, failure)

    def _tell(self, waiting: list[Told], failure: Failure | None) -> None:
        for told in waiting:
            try:
                told(failure)
            except Exception:
                logger.exception("one who waited for the disk could not be told")
