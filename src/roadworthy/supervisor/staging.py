"""Copies artifacts into the node's directory, verified, in a thread of its own, and removes copies nobody wants.

Not here: which versions are wanted (control) and loading them (the workers). Copying a large candidate must not stand
in the way of a rollback, so nobody waits for it.
"""

from __future__ import annotations

import logging
import secrets
import shutil
import time
from collections.abc import Collection, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from roadworthy.errors import CorruptArtifact, RoadworthyError
from roadworthy.node import Prepared
from roadworthy.registry.artifact import stage, verify
from roadworthy.supervisor.planning import Registered
from roadworthy.traffic import Staged

#: A version that could not be staged is tried again after so long; its files may have been restored from a copy.
RETRY_SECONDS = 5.0

#: A copy that neither the plan nor a preparation names is removed after so long: a step may be undone before.
GRACE_SECONDS = 600.0

#: A copy that a worker could not load is looked at no more often than this; workers try that often, too.
SUSPECT_SECONDS = 10.0

#: Beginning of the names of copies that are being made, as `registry.artifact.stage` makes them, and removed.
INCOMING, REMOVED = ".incoming-", ".removed-"

logger = logging.getLogger("roadworthy.supervisor")


class Stager:
    """Stages what is wanted, one version after the other.

    grace_seconds   how long a copy is kept after it was wanted last
    """

    def __init__(self, staging: Path, grace_seconds: float = GRACE_SECONDS) -> None:
        self._staging, self._grace_seconds = staging, grace_seconds
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="stage")
        self._under_way: dict[Prepared, Future[Path]] = {}
        self._staged: dict[Prepared, Staged] = {}
        self._failed: dict[Prepared, tuple[str, float]] = {}
        self._unwanted_since: dict[str, float] = {}
        self._suspected_at: dict[Prepared, float] = {}
        self._wanted: dict[Prepared, Registered] = {}

    def staged(self, wanted: Iterable[Registered]) -> list[Staged]:
        """Those of the wanted versions that are staged now; staging of the others begins."""
        self._wanted = {version.key: version for version in wanted}
        for gone in self._failed.keys() - self._wanted.keys():
            self._failed.pop(gone, None)
        found = []
        for key, version in self._wanted.items():
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

    def suspect(self, versions: Collection[str]) -> None:
        """Look at the copies of versions, each `model@version`, that a worker could not load; replace the damaged ones.

        A damaged copy stays in the plan meanwhile: workers that have it in memory go on serving it.
        """
        now = time.monotonic()
        for key, version in self._wanted.items():
            named = f"{key.model}@{key.version}" in versions
            if not named or key not in self._staged or key in self._under_way:
                continue
            if now - self._suspected_at.get(key, -SUSPECT_SECONDS) >= SUSPECT_SECONDS:
                self._suspected_at[key] = now
                self._under_way[key] = self._pool.submit(self._mended, version)

    def _mended(self, version: Registered) -> Path:
        key = version.key
        try:
            verify(self._staging / key.digest, key.digest)
        except CorruptArtifact as error:
            logger.error(
                "the staged copy of %s@%d is damaged and is staged anew: %s", key.model, key.version, error
            )
        return stage(Path(version.directory), self._staging, key.digest)

    @property
    def errors(self) -> dict[str, str]:
        """`model@version` → why it cannot be staged."""
        failed = dict(self._failed)
        return {f"{key.model}@{key.version}": f"cannot be staged: {why}" for key, (why, _) in failed.items()}

    def keep(self, wanted: Collection[Prepared]) -> None:
        """Remove every copy that is not wanted, and was not for a while; and what earlier removals left."""
        now = time.monotonic()
        digests = {key.digest for key in (*wanted, *self._under_way)}
        present = {path.name for path in self._staging.iterdir() if path.is_dir()}
        for name in self._unwanted_since.keys() - (present - digests):
            del self._unwanted_since[name]
        for name in sorted(present - digests):
            if name.startswith(INCOMING) and self._under_way:
                continue
            if now - self._unwanted_since.setdefault(name, now) >= self._grace_seconds:
                self._remove(name)

    def _remove(self, name: str) -> None:
        """Out of sight first: half a copy must not be found under its digest."""
        doomed = self._staging / f"{REMOVED}{name[:16]}-{secrets.token_hex(4)}"
        (self._staging / name).rename(doomed)
        for key in [key for key in self._staged if key.digest == name]:
            del self._staged[key]
        self._unwanted_since.pop(name, None)
        logger.info("removed the copy %s, which nothing names any more", name[:16])
        self._pool.submit(shutil.rmtree, doomed, ignore_errors=True)

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
            if key not in self._staged:
                logger.info("staged %s@%d (%s)", key.model, key.version, key.digest[:16])
            self._staged[key] = Staged(
                model=key.model, version=key.version, directory=str(directory), digest=key.digest
            )

    def wait(self) -> None:
        """Wait until nothing is under way."""
        for future in list(self._under_way.values()):
            future.exception()

    def close(self) -> None:
        """Start nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)
