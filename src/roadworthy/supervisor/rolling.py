"""Brings the journals of this node into the prediction log, those of dead workers included, and keeps it in shape.

Not here: how journals become Parquet (predictionlog.roll), how files are merged (predictionlog.compact), and the
journals of other nodes.
"""

from __future__ import annotations

import logging
from pathlib import Path

import pyarrow as pa

from roadworthy.clock import Clock
from roadworthy.errors import NotReady
from roadworthy.predictionlog.compact import compact
from roadworthy.predictionlog.frames import SEALED
from roadworthy.predictionlog.journal import journals_in, orphans
from roadworthy.predictionlog.retain import kept_days, retain
from roadworthy.predictionlog.roll import roll

logger = logging.getLogger("roadworthy.supervisor")


class Roller:
    """Rolls the journals of one node; says once of each why it was left alone."""

    def __init__(self, journals: Path, log: Path) -> None:
        self._journals, self._log = journals, log
        self._refused: dict[str, str] = {}

    def roll(self) -> None:
        """Roll what is sealed or orphaned now; NotReady when the log cannot be written, and then nothing is lost."""
        orphaned = orphans(self._journals)
        for path in orphaned:
            logger.info("adopting journal %s, its worker is gone", path.stem)
        sealed = [path for path in journals_in([self._journals]) if path.suffix == SEALED]
        if not sealed and not orphaned:
            return
        refused = {path.name: reason for path, reason in roll([*sealed, *orphaned], self._log).refused}
        for name, reason in refused.items():
            if self._refused.get(name) != reason:
                logger.error("journal %s is left alone: %s", name, reason)
        self._refused = refused


class Keeper:
    """Merges small files of the log in the background, and drops days that are older than the workspace keeps.

    Off the serving path: in the supervisor's process, with readers and workers going on. Where several nodes share a
    log, whoever comes first does it.

    keep_file   says how long, see `predictionlog.retain`; nothing is dropped while there is none; None = never anything
    """

    #: Merging begins when so many files of similar size lie in one partition: a few minutes of rolling each second.
    LEAST = 128

    def __init__(self, log: Path, keep_file: Path | None, clock: Clock) -> None:
        self._log, self._keep_file, self._clock = log, keep_file, clock

    def keep(self) -> None:
        """One round; does nothing while another process replaces files."""
        now = self._clock.now()
        try:
            done = compact(self._log, now, least=self.LEAST)
            keep = None if self._keep_file is None else kept_days(self._keep_file)
            dropped = retain(self._log, now - keep) if keep is not None else None
        except NotReady as busy:
            logger.debug("%s", busy)
            return
        finally:
            # Arrow keeps what a merge took, several times what a node needs otherwise, until it is told.
            pa.default_memory_pool().release_unused()
        if done.merged:
            logger.info("merged %d small files of the prediction log into %d", done.files, done.merged)
        if dropped is not None and dropped.days:
            logger.info("dropped %d rows of the log, older than %s", dropped.rows, dropped.before)
