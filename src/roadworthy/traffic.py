"""Which version answers which request: the plan, and the arithmetic that assigns a unit to a role.

Not here: how a plan is changed (registry), how workers learn of it (supervisor), who decides (release).
The assignment is frozen: its vectors are pinned in tests/golden, because changing it would move users between arms.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

Role = Literal["champion", "canary", "shadow", "standby", "arm", "fallback", "person"]

PLAN_FORMAT = 1


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """How the traffic of one model is split between its versions.

    champion       number of the version that answers; None before the first promotion
    canary         version that answers `canary_share` of the units; None without a canary
    canary_share   share of units in [0, 1] that the canary answers
    shadow         version that is asked too and never answers; None without a shadow
    standby        version kept loaded, target of a rollback; None where there is none
    attempt        identifier of the release attempt in progress; "" without one
    salt           decides which units fall to the canary; a new attempt draws a new salt
    """

    champion: int | None = None
    canary: int | None = None
    canary_share: float = 0.0
    shadow: int | None = None
    standby: int | None = None
    attempt: str = ""
    salt: str = ""

    def versions(self) -> tuple[int, ...]:
        """Every version that must be loaded for this route, without repetition, in ascending order."""
        named = (self.champion, self.canary, self.shadow, self.standby)
        return tuple(sorted({version for version in named if version is not None}))


class Staged(msgspec.Struct, frozen=True, kw_only=True):
    """A version on this node's disk: the directory and the digest the control database expects of it."""

    model: str
    version: int
    directory: str
    digest: str


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What every worker of a node serves; a local file, replaced by atomic rename.

    number   sum of the numbers of all routes in it: grows with every flip
    routes   model name → route
    staged   every version to have loaded: those of the routes and those being prepared
    """

    format: int = PLAN_FORMAT
    number: int = 0
    namespace: str = "default"
    routes: Mapping[str, Route] = {}
    staged: tuple[Staged, ...] = ()
    written_at: int = 0


def unit_text(value: Any) -> str:
    """A unit as text, as it is hashed and logged: whole numbers without a point, missing as "".

    >>> unit_text("UA1545"), unit_text(7.0), unit_text(None)
    ('UA1545', '7', '')
    """
    if type(value) is str:
        return value
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def fraction(unit: str, salt: str) -> float:
    """Where `unit` falls in [0, 1): the first 53 bits of SHA-256 over salt, NUL, unit. Sticky for one salt.

    >>> fraction("2013-07-01 UA1545 EWR", "a") == fraction("2013-07-01 UA1545 EWR", "a")
    True
    """
    digest = hashlib.sha256(f"{salt}\0{unit}".encode()).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) / 2**53


def assign(route: Route, unit: str) -> tuple[Role, int, float] | None:
    """Say which role and version answer `unit`, and with what probability that role was chosen.

    returns None when nothing answers (no champion yet and the unit is not the canary's)
    """
    if route.canary is not None and fraction(unit, route.salt) < route.canary_share:
        return "canary", route.canary, route.canary_share
    if route.champion is None:
        return None
    return "champion", route.champion, 1.0 - (route.canary_share if route.canary is not None else 0.0)
