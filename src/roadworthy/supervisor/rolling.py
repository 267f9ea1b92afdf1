"""Brings the journals of this node into the prediction log, those of dead workers included.

Not here: how journals become Parquet (predictionlog.roll) and the journals of other nodes.
"""

from __future__ import annotations

import logging
from pathlib import Path

from roadworthy.predictionlog.frames import SEALED
from roadworthy.predictionlog.journal import journals_in, orphans
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
