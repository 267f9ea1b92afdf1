"""Loads the versions a plan names, off the event loop, and remembers why one could not be loaded.

Not here: what makes a version correct (scorer: digest and golden requests) and when a plan is adopted (worker).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from importlib import metadata
from pathlib import Path

from roadworthy.errors import CorruptArtifact
from roadworthy.node import Prepared
from roadworthy.scorer import Scorer
from roadworthy.sensitive import read_key
from roadworthy.serving.caching import Cache
from roadworthy.serving.table import Loaded, key_of
from roadworthy.traffic import Plan, Staged

#: A version that failed is tried again after so long; its files may have been restored from a copy.
RETRY_SECONDS = 10.0

logger = logging.getLogger("roadworthy.worker")


class Versions:
    """The versions this worker holds in memory.

    make_cache   gives each a cache of its own
    hash_key     file with the key for sensitive columns; read only for a version that has some. None = requests carry
                 hashes already

    `libraries` names what is installed here of what the versions that were loaded so far were trained with.
    """

    def __init__(self, make_cache: Callable[[], Cache | None], hash_key: Path | None) -> None:
        self._make_cache, self._hash_key = make_cache, hash_key
        self.loaded: dict[Prepared, Loaded] = {}
        self.libraries: dict[str, str] = {}
        self.errors: dict[Prepared, str] = {}
        self._retry_at: dict[Prepared, float] = {}

    async def load_one(self, plan: Plan) -> bool:
        """Load the first version of the plan that is not here and not waiting for its next try, those of routes first.

        returns   True when one was loaded or failed
        """
        routed = {(name, version) for name, route in plan.routes.items() for version in route.versions()}
        for staged in sorted(plan.staged, key=lambda entry: (entry.model, entry.version) not in routed):
            key = key_of(staged)
            if key not in self.loaded and time.monotonic() >= self._retry_at.get(key, 0.0):
                await self._load(key, staged)
                return True
        return False

    async def _load(self, key: Prepared, staged: Staged) -> None:
        try:
            loaded = await asyncio.to_thread(load_version, staged, self._make_cache(), self._hash_key)
            self.libraries |= await asyncio.to_thread(installed, loaded.scorer.model.libraries)
            self.loaded[key] = loaded
        except Exception as error:  # noqa: BLE001  # what an artifact runs may raise anything
            self._failed(key, error)
        else:
            self.errors.pop(key, None)
            self._retry_at.pop(key, None)
            logger.info("loaded %s@%d (%s)", staged.model, staged.version, staged.digest[:16])

    def tried(self, staged: Iterable[Staged]) -> bool:
        """Whether each of these is loaded or failed at least once."""
        return all(key in self.loaded or key in self.errors for key in map(key_of, staged))

    def _failed(self, key: Prepared, error: Exception) -> None:
        reason = f"{type(error).__name__}: {error}"
        if self.errors.get(key) != reason:
            logger.error("cannot load %s@%d: %s", key.model, key.version, reason)
        self.errors[key] = reason
        self._retry_at[key] = time.monotonic() + RETRY_SECONDS

    def keep_only(self, staged: Iterable[Staged]) -> None:
        """Let go of everything else; requests in flight still hold what they use."""
        keys = {key_of(entry) for entry in staged}
        for known in (self.loaded, self.errors, self._retry_at):
            for key in known.keys() - keys:
                del known[key]


def installed(names: Iterable[str]) -> dict[str, str]:
    """Distribution name → version that is installed here; "not installed" where there is none.

    >>> installed(["no such thing"])
    {'no such thing': 'not installed'}
    """
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def load_version(staged: Staged, cache: Cache | None, hash_key: Path | None) -> Loaded:
    """Load one version, verify its digest and replay its golden requests.

    raises CorruptArtifact, Refused when a golden request goes another way here or the key for sensitive columns is
           missing, and whatever the artifact's code raises
    """
    scorer = Scorer.load(Path(staged.directory), staged.digest)
    if scorer.model.model != staged.model:
        raise CorruptArtifact(
            f"{staged.directory} holds a version of {scorer.model.model}, the plan calls it {staged.model}: "
            "register it under its own name"
        )
    scorer.require_goldens()
    key = read_key(hash_key) if scorer.schema.sensitive and hash_key is not None else b""
    return Loaded(key_of(staged), scorer, scorer.log_schema.digest, cache, key)
