"""A declared owner approves one version, or takes the approval back; the ledger keeps it, and the gate reads it.

Not here: proof of who is typing. The name is what was typed; the user of the session is kept beside it.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from roadworthy.errors import Refused
from roadworthy.gate.approvals_facts import Approvals
from roadworthy.jobs.stores import Stores
from roadworthy.registry.versions import VersionRow

#: Actions in the ledger: an owner's yes, an owner's taking it back, and a change of what a version declares.
APPROVED, WITHDRAWN, REDECLARED = "sign-off", "withdraw", "redeclare"


class Approved(msgspec.Struct, frozen=True, kw_only=True):
    """What the ledger says after an owner spoke.

    missing   owners whose approval this version still needs
    """

    reference: str
    owner: str
    withdrawn: bool
    given: tuple[str, ...]
    missing: tuple[str, ...]

    def sentences(self) -> list[str]:
        """What a person wants to read."""
        done = "took the approval back of" if self.withdrawn else "approved"
        again = f"Next: roadworthy gate {self.reference}"
        waits = f"Still missing: {', '.join(self.missing)}"
        return [
            f"{self.owner} {done} {self.reference}; it stands in the ledger",
            waits if self.missing else again,
        ]


def approve(
    stores: Stores,
    reference: str,
    *,
    owner: str,
    reason: str,
    session: str,
    withdraw: bool = False,
    event_time: datetime | None = None,
) -> Approved:
    """Keep an owner's word on a version.

    owner     one of the owners that the model declares, as the person says
    session   user of the session in which it was said
    withdraw  take an approval back instead
    raises    Refused without a reason, for a name that is no owner, and to withdraw what was not given
    """
    row = stores.versions.resolve(reference)
    before = approvals_of(stores, row)
    if not before.owners:
        raise Refused(
            f"{row.model} declares no owners, so nobody's approval is needed; to need some: Model(owners=[...]), "
            "then train again"
        )
    if owner not in before.owners:
        raise Refused(f"{owner!r} is no owner of {row.model}; its owners are {', '.join(before.owners)}")
    if withdraw and owner not in before.given:
        raise Refused(f"{owner} has not approved {row.reference}, so there is nothing to take back")
    stores.ledger.append(
        WITHDRAWN if withdraw else APPROVED, actor=owner, reason=reason, at=stores.clock.now(),
        event_time=event_time, model=row.model, version=row.version, details={"session": session},
    )  # fmt: skip
    after = approvals_of(stores, row)
    return Approved(
        reference=row.reference, owner=owner, withdrawn=withdraw, given=tuple(after.given),
        missing=tuple(name for name in after.owners if name not in after.given),
    )  # fmt: skip


def approvals_of(stores: Stores, row: VersionRow) -> Approvals:
    """Who approved this version, by the newest word of each owner; what came before a new declaration is outdated."""
    owners = tuple(row.run.details.get("owners", ()))
    given: dict[str, str] = {}
    outdated: set[str] = set()
    for entry in stores.ledger.entries(row.model, version=row.version):
        if entry.action == REDECLARED:
            outdated |= set(given)
            given.clear()
        elif entry.action == APPROVED:
            given[entry.actor] = entry.reason
            outdated.discard(entry.actor)
        elif entry.action == WITHDRAWN:
            given.pop(entry.actor, None)
    named = {name: reason for name, reason in given.items() if name in owners}
    return Approvals(owners=owners, given=named, outdated=tuple(name for name in owners if name in outdated))
