"""Gives a version traffic and takes it away: prepares every node, then moves the pointer.

Not here: what each step does to a route (release.routes) and whether guards want it undone (release.decision).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Literal

import msgspec

from roadworthy.errors import DefinitionError, NotReady, Refused
from roadworthy.jobs.approve import REDECLARED, WITHDRAWN
from roadworthy.jobs.stores import Stores
from roadworthy.registry.ledger import Entry
from roadworthy.registry.versions import VersionRow
from roadworthy.release.routes import promoted, rolled_back, shadowed, with_canary
from roadworthy.traffic import Route

How = Literal["shadow", "canary", "promote"]

#: How long a node may take to load a version, and then to adopt the new plan.
PREPARE_SECONDS, ADOPT_SECONDS = 120.0, 15.0

#: A node whose worker just died reports nothing as prepared until another one has loaded: so long a flip is retried.
FLIP_SECONDS = 15.0


class Released(msgspec.Struct, frozen=True, kw_only=True):
    """What a release or rollback did.

    number    number of the route since then
    seconds   from the decision to its adoption by every live node (real time)
    """

    model: str
    version: int
    action: str
    number: int
    route: Route
    seconds: float
    sentence: str


def parse_share(text: str) -> float:
    """A share of traffic as people write it.

    >>> parse_share("5%"), parse_share("0.05")
    (0.05, 0.05)
    """
    try:
        share = float(text.strip().removesuffix("%")) / (100.0 if text.strip().endswith("%") else 1.0)
    except ValueError:
        raise DefinitionError(f"share {text!r} is not understood: write 5% or 0.05") from None
    if not 0.0 < share < 1.0:
        raise DefinitionError(
            f"share {text!r} is not between 0 and 1: write 5% or 0.05; to give it all, promote"
        )
    return share


def release(
    stores: Stores,
    reference: str,
    *,
    how: How,
    share: float = 0.0,
    force: str = "",
    reason: str = "",
    actor: str = "unknown",
    event_time: datetime | None = None,
) -> Released:
    """Release a version that passed the gate, as shadow, canary or champion.

    share    of units that a canary answers, between 0 and 1
    force    reason for releasing a version that the gate did not pass; kept in the ledger as an override
    raises   Refused when the gate did not pass it and nobody takes the responsibility, or when it is barred;
             NotReady when a node does not get it loaded; Conflict when somebody else moved the route meanwhile.
             Nothing is changed then, except where a NotReady says so.
    """
    started = time.monotonic()
    row = stores.versions.resolve(reference)
    number, route = stores.plans.route(row.model)
    objection, instead = _objection(stores, row, route)
    if objection and not force:
        raise Refused(
            f"{row.reference} may not be released: {objection}. {instead}. "
            'To release it nevertheless, give --force "a reason"; it stands in the ledger'
        )
    attempt = f"{row.reference}-{number + 1}"
    if how == "shadow":
        changed = shadowed(route, row.version, attempt)
    elif how == "canary":
        changed = with_canary(route, row.version, share, attempt, salt=attempt)
    else:
        changed = promoted(route, row.version)
    try:
        prepare(stores, row.model, row.version)
        if objection:
            stores.ledger.append(
                "override", actor=actor, reason=force, at=stores.clock.now(), event_time=event_time,
                model=row.model, version=row.version, details={"gate": objection},
            )  # fmt: skip
        why = force or reason or f"{how} after the gate passed it"
        flipped = _when_ready(
            lambda: stores.plans.flip(
                row.model, number, changed, actor=actor, reason=why, action=how,
                at=stores.clock.now(), event_time=event_time, version=row.version,
            )
        )  # fmt: skip
    finally:
        stores.plans.unprepare(row.model, row.version)
    what = {
        "shadow": "shadows",
        "canary": f"answers {100 * share:g} % of units as canary",
        "promote": "is champion",
    }[how]
    sentence = f"{row.reference} {what} (route number {flipped})"
    wait_adopted(stores, sentence)
    return Released(
        model=row.model, version=row.version, action=how, number=flipped, route=changed,
        seconds=time.monotonic() - started, sentence=sentence,
    )  # fmt: skip


def rollback(
    stores: Stores,
    model: str,
    *,
    to: int | None = None,
    reason: str = "",
    actor: str = "unknown",
    event_time: datetime | None = None,
) -> Released:
    """Undo the last step in one transaction, and bar what is rejected; starts no analysis and loads nothing.

    to       the version to return to; only the standby is possible
    raises   Conflict when there is nothing to roll back to, Refused without a reason, NotReady when a node does not
             hold what it is to return to, or (and then it says that the route is changed) does not follow
    """
    started = time.monotonic()
    number, route = stores.plans.route(model)
    changed, rejected = rolled_back(route, to=to)
    flipped = _when_ready(
        lambda: stores.plans.flip(
            model, number, changed, actor=actor, reason=reason, action="rollback",
            at=stores.clock.now(), event_time=event_time, version=rejected, bar=rejected,
        )
    )  # fmt: skip
    answers = f"version {changed.champion} answers (route number {flipped})"
    sentence = f"{model}@{rejected} is rolled back and barred; {answers}"
    wait_adopted(stores, sentence)
    return Released(
        model=model, version=rejected, action="rollback", number=flipped, route=changed,
        seconds=time.monotonic() - started, sentence=sentence,
    )  # fmt: skip


def prepare(stores: Stores, model: str, version: int) -> None:
    """Have every live node load and check a version, and wait until all report it; they keep it until `unprepare`.

    raises   NotReady naming the nodes that did not get there, at once when one says why it cannot; Refused for a
             barred version
    """
    stores.plans.prepare(model, version)
    reference = f"{model}@{version}"
    deadline = time.monotonic() + PREPARE_SECONDS
    before = {node.node: node.at for node in stores.nodes.live(stores.clock.now())}
    while True:
        live = stores.nodes.live(stores.clock.now())
        lacking = [node for node in live if (model, version) not in node.prepared]
        if not lacking:
            return
        # What a node said before it was asked may be about an earlier try.
        failed = [node for node in lacking if reference in node.errors and node.at != before.get(node.node)]
        if failed:
            reasons = "; ".join(f"{node.node}: {node.errors[reference]}" for node in failed)
            raise NotReady(f"{reference} cannot be loaded, so nothing was changed. {reasons}")
        if time.monotonic() > deadline:
            names = ", ".join(node.node for node in lacking)
            said = "; ".join(
                f"{node.node}, {key}: {why}" for node in lacking for key, why in node.errors.items()
            )
            raise NotReady(
                f"{names} did not load {reference} within {PREPARE_SECONDS:g} s, so nothing was changed; "
                f"{said or 'the log of the node and /v2/health/ready say why'}"
            )
        time.sleep(0.05)


def wait_adopted(stores: Stores, done: str) -> None:
    """Wait until every live node answers by the newest routes.

    done     sentence that says what was changed, for the error
    raises   NotReady naming the nodes that lag; the route is changed nevertheless
    """
    wanted = sum(number for number, _ in stores.plans.routes().values())
    deadline = time.monotonic() + ADOPT_SECONDS
    while True:
        lagging = [node.node for node in stores.nodes.live(stores.clock.now()) if node.plan_number < wanted]
        if not lagging:
            return
        if time.monotonic() > deadline:
            raise NotReady(
                f"{done}: the route is changed, but {', '.join(lagging)} does not answer by it after "
                f"{ADOPT_SECONDS:g} s; do not repeat it, look at the node's log"
            )
        time.sleep(0.02)


def _when_ready(flip: Callable[[], int]) -> int:
    """Flip as soon as every live node holds all versions of the route; its NotReady when that takes too long."""
    deadline = time.monotonic() + FLIP_SECONDS
    while True:
        try:
            return flip()
        except NotReady:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.05)


def _objection(stores: Stores, row: VersionRow, route: Route) -> tuple[str, str]:
    """Why the gate does not let a version advance on this route, and what to do; both "" when it does.

    raises   Refused for a barred version, which nobody can force
    """
    if row.barred_reason:
        raise Refused(
            f"{row.reference} is barred: {row.barred_reason}. A forced release does not help: release another version, "
            f'or lift the bar: roadworthy unbar {row.reference} --reason "the reason"'
        )
    ask = f"Run: roadworthy gate {row.reference}"
    found = stores.gates.latest_gate(row.model, row.version)
    if found is None:
        return "the gate was never asked about it", ask
    told = stores.ledger.entries(row.model, version=row.version)
    if [entry.action for entry in told if entry.action in ("gate", WITHDRAWN)][-1:] == [WITHDRAWN]:
        return f"an owner took the approval back after the gate ruled {found.ruling}", ask
    if changed := _declared_since(told):
        return f"what it declares ({', '.join(changed)}) changed after the gate ruled {found.ruling}", ask
    compared = found.report.get("champion_version")
    if found.ruling != "pass":
        blocking = {each["check"]: None for each in found.report.get("decision", {}).get("blocking", ())}
        why = f"the gate ruled {found.ruling}" + (f" ({', '.join(blocking)})" if blocking else "")
        if list(blocking) == ["champion"] and found.ruling == "insufficient" and route.champion is None:
            return (
                why,
                f'To approve the first release: roadworthy gate {row.reference} --first-release "the reason"',
            )
        page = stores.gate_page(row.model, row.version)
        return why, f"Its report says more: {page}" if page.exists() else ask
    if route.champion not in (None, row.version, compared):
        with_what = "no champion" if compared is None else f"version {compared}"
        return f"the gate compared it with {with_what}, but version {route.champion} answers since", ask
    return "", ""


def _declared_since(told: Sequence[Entry]) -> list[str]:
    """What was declared otherwise after the newest ruling of the gate, by name."""
    changed: dict[str, None] = {}
    for entry in told:
        if entry.action == "gate":
            changed.clear()
        elif entry.action == REDECLARED:
            changed |= dict.fromkeys(entry.details)
    return list(changed)
