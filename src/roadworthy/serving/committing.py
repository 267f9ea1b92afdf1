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

#: Told once what was written before is on disk (None), or why it may not be.
Told = Callable[[Rejected | None], None]


class Committer:
    """Group commit for one worker; on its event loop.

    needed      whether answers wait for the disk at all
    unwritten   told how many predictions may not be on disk; raises the refusal unless they are answered all the same
    """

    def __init__(
        self,
        journal: Journal,
        executor: Executor,
        needed: bool,
        unwritten: Callable[[int, JournalUnwritable], None],
    ) -> None:
        self._journal, self._executor, self.needed, self._unwritten = journal, executor, needed, unwritten
        self._next: list[tuple[Told, int]] = []
        self._syncing = False

    def after(self, told: Told, rows: int) -> None:
        """Call `told` when everything written until now is on disk, with these many predictions among it."""
        self._next.append((told, rows))
        if not self._syncing:
            self._sync()

    async def committed(self) -> None:
        """Return when everything written until now is on disk; Rejected (503) when it may not be."""
        if not self.needed:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def told(failure: Rejected | None) -> None:
            if not future.done():
                future.set_exception(failure) if failure else future.set_result(None)

        self.after(told, 0)
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

    def _synced(self, waiting: list[tuple[Told, int]], error: BaseException | None) -> None:
        self._syncing = False
        failure = None
        if isinstance(error, JournalUnwritable):
            try:
                self._unwritten(sum(rows for _, rows in waiting), error)
            except Rejected as rejected:
                failure = rejected
        elif error is not None:
            logger.error("what was written could not be brought to the disk", exc_info=error)
            failure = Rejected(500, "internal", "the server failed; its log says why")
        if self._next:
            self._sync()
        self._tell(waiting, failure)

    def _tell(self, waiting: list[tuple[Told, int]], failure: Rejected | None) -> None:
        for told, _ in waiting:
            told(failure)
