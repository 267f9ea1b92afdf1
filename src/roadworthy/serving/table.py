"""What a worker answers by at one moment: the plan and, for each model of it, every version loaded and checked.

Not here: how versions are loaded (loading) and when one table replaces another (worker). A table never changes; a
request keeps the one it started with, so requests in flight end on the version they began on.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from roadworthy.errors import NotReady
from roadworthy.node import Prepared
from roadworthy.scorer import Scorer
from roadworthy.serving.caching import Cache
from roadworthy.serving.requests import RequestReader
from roadworthy.traffic import Plan, Route, Staged

_FINITE = (-sys.float_info.max, sys.float_info.max)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A version in memory, verified.

    schema    digest of the schema under which its rows are logged
    unit_at   where the unit stands in a row
    cache     of its frequent predictions; None = every row is scored
    hash_key  hashes its sensitive columns; b"" where it has none, or requests carry hashes already
    clamp     range in which an answer lies; every finite number where the version declares none
    """

    prepared: Prepared
    scorer: Scorer
    schema: str
    cache: Cache | None = None
    hash_key: bytes = field(default=b"", repr=False)
    unit_at: int = field(init=False)
    clamp: tuple[float, float] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "unit_at", self.scorer.schema.names().index(self.scorer.unit))
        object.__setattr__(self, "clamp", self.scorer.model.clamp or _FINITE)


@dataclass(frozen=True, slots=True)
class Served:
    """A model of the plan: its route, the versions the route names, and how its requests are read."""

    name: str
    route: Route
    versions: Mapping[int, Loaded]
    reader: RequestReader

    @property
    def deadline_ms(self) -> float:
        """Milliseconds after which an answer of the champion is too late; 0 = whenever it comes."""
        champion = self.route.champion
        return 0.0 if champion is None else self.versions[champion].scorer.model.serving.deadline_ms

    @property
    def sensitive(self) -> Mapping[str, bytes]:
        """Columns whose texts a version hashes, and the key; none where requests carry hashes already."""
        return {
            name: one.hash_key
            for one in self.versions.values()
            if one.hash_key
            for name in one.scorer.schema.sensitive
        }

    @property
    def unit_keys(self) -> frozenset[bytes]:
        """What units are hashed with before they are logged; b"" where a version logs them as they come."""
        return frozenset(
            one.hash_key if one.scorer.unit in one.scorer.schema.sensitive else b""
            for one in self.versions.values()
        )


@dataclass(frozen=True, slots=True)
class Table:
    """All models that this worker answers for, by name."""

    plan: Plan
    models: Mapping[str, Served]


def build_table(plan: Plan, loaded: Mapping[Prepared, Loaded], max_rows: int) -> Table:
    """The table of a plan; NotReady naming every version of its routes that is not loaded."""
    staged = {(entry.model, entry.version): entry for entry in plan.staged}
    missing: list[str] = []
    models: dict[str, Served] = {}
    for name, route in plan.routes.items():
        versions: dict[int, Loaded] = {}
        for version in route.versions():
            entry = staged.get((name, version))
            found = loaded.get(key_of(entry)) if entry else None
            if found is None:
                missing.append(f"{name}@{version}")
            else:
                versions[version] = found
        if versions and len(versions) == len(route.versions()):
            schemas = {version: one.scorer.schema for version, one in versions.items()}
            key = next((one.hash_key for one in versions.values() if one.hash_key), b"")
            models[name] = Served(name, route, versions, RequestReader(schemas, max_rows, key))
    if missing:
        raise NotReady(
            f"plan {plan.number} is not adopted: {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not loaded"
        )
    return Table(plan, models)


def key_of(staged: Staged) -> Prepared:
    """What identifies a staged version in memory: the same number with other content is another one."""
    return Prepared(staged.model, staged.version, staged.digest)
