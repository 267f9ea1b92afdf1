"""What each release action does to a route, as pure functions from route to route.

Not here: whether the action should happen (decision.py) and making it happen (jobs).
"""

from __future__ import annotations

from msgspec.structs import replace

from roadworthy.errors import Conflict, DefinitionError
from roadworthy.traffic import Route


def shadowed(route: Route, version: int, attempt: str) -> Route:
    """`version` is asked everything that the champion is asked, and answers nobody."""
    if route.champion is None:
        raise Conflict(f"version {version} cannot shadow: no champion serves yet; promote a first version")
    if version == route.champion:
        raise Conflict(f"version {version} is the champion; it cannot shadow itself")
    return replace(route, shadow=version, canary=None, canary_share=0.0, attempt=attempt)


def with_canary(route: Route, version: int, share: float, attempt: str, salt: str) -> Route:
    """`version` answers a sticky `share` of the units; the champion keeps the rest.

    A canary that only grows keeps its salt, so that no unit it already serves is moved back.
    """
    if not 0.0 < share < 1.0:
        raise DefinitionError(
            f"a canary's share is between 0 and 1, got {share:g}: write 5% or 0.05, or promote"
        )
    if route.champion is None:
        raise Conflict(
            f"version {version} cannot be a canary: no champion serves yet; promote a first version"
        )
    if version == route.champion:
        raise Conflict(f"version {version} is the champion; it cannot be its own canary")
    kept = route.salt if route.canary == version else salt
    return replace(route, canary=version, canary_share=share, attempt=attempt, salt=kept, shadow=None)


def promoted(route: Route, version: int) -> Route:
    """`version` becomes champion; the champion so far stays loaded as standby, the target of a rollback."""
    if version == route.champion:
        raise Conflict(f"version {version} is the champion already")
    return Route(champion=version, standby=route.champion)


def rolled_back(route: Route, *, to: int | None = None) -> tuple[Route, int]:
    """Undo the last step: drop the canary or shadow if there is one, else return to the standby.

    to        the version to return to; only the named standby is possible, because only it is loaded and checked
    returns   the new route and the version that was rejected
    """
    if route.canary is not None and to in (None, route.champion):
        return Route(champion=route.champion, standby=route.standby), route.canary
    if route.shadow is not None and to in (None, route.champion):
        return Route(champion=route.champion, standby=route.standby), route.shadow
    if route.champion is None or route.standby is None:
        raise Conflict(
            "there is nothing to roll back to: no canary, no shadow and no standby; promote a version instead"
        )
    if to not in (None, route.standby):
        raise Conflict(
            f"version {to} is not the standby (version {route.standby} is); promote version {to} instead"
        )
    return Route(champion=route.standby), route.champion
