"""Copies artifacts into the node's directory, verified, in a thread of its own.

Not here: which versions are wanted (control) and loading them (the workers). Copying a large candidate must not stand
in the way of a rollback, so nobody waits for it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from roadworthy.errors import RoadworthyError
from roadworthy.node import Prepared
from roadworthy.registry.artifact import stage
from roadworthy.supervisor.planning import Registered
from roadworthy.traffic import Staged

#: A version that could not be staged is tried again after so long; its files may have been restored from a copy.
RETRY_SECONDS = 5.0

logger = logging.getLogger("roadworthy.supervisor")


class Stager:
    """Stages what is wanted, one version after the other."""

    def __init__(self, staging: Path) -> None:
        self._staging = staging
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="stage")
        self._under_way: dict[Prepared, Future[Path]] = {}
        self._staged: dict[Prepared, Staged] = {}
        self._failed: dict[Prepared, tuple[str, float]] = {}

    def staged(self, wanted: Iterable[Registered]) -> list[Staged]:
        """Those of the wanted versions that are staged now; staging of the others begins."""
        found = []
        for version in wanted:
            key = version.key
            self._collect(key)
            if key in self._staged and not Path(self._staged[key].directory).is_dir():
                logger.error("the staged copy of %s@%d is gone; it is staged anew", key.model, key.version)
                del self._staged[key]
            if key in self._staged:
                found.append(self._staged[key])
            elif key not in self._under_way and time.monotonic() >= self._failed.get(key, ("", 0.0))[1]:
                self._under_way[key] = self._pool.submit(
                    stage, Path(version.directory), self._staging, key.digest
                )
        return found

    def _collect(self, key: Prepared) -> None:
        future = self._under_way.get(key)
        if future is None or not future.done():
            return
        del self._under_way[key]
        try:
            directory = future.result()
        except (RoadworthyError, OSError) as error:
            if self._failed.get(key, ("", 0.0))[0] != str(error):
                logger.error("cannot stage %s@%d: %s", key.model, key.version, error)
            self._failed[key] = str(error), time.monotonic() + RETRY_SECONDS
        else:
            self._failed.pop(key, None)
            self._staged[key] = Staged(
                model=key.model, version=key.version, directory=str(directory), digest=key.digest
            )
            logger.info("staged %s@%d (%s)", key.model, key.version, key.digest[:16])

    def wait(self) -> None:
        """Wait until nothing is under way."""
        for future in list(self._under_way.values()):
            future.exception()

    def close(self) -> None:
        """Start nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)
