"""Lifts the bar from a version: a rollback sets it by itself, and only a person with a reason takes it away.

Not here: releasing the version. The gate's answer stands as it was, and a release asks for it again.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from roadworthy.jobs.stores import Stores
from roadworthy.registry.versions import parse_reference


class Unbarred(msgspec.Struct, frozen=True, kw_only=True):
    """What was lifted.

    was   why the version had been barred
    """

    model: str
    version: int
    was: str
    sentence: str


def unbar(
    stores: Stores, reference: str, *, reason: str, actor: str = "unknown", event_time: datetime | None = None
) -> Unbarred:
    """Allow a barred version again; the reason stands in the ledger.

    reference   with its number: nobody lifts a bar from "the newest"
    raises      Refused without a reason, Conflict for a version that is not barred, UnknownName for none
    """
    model, version = parse_reference(reference)
    was = stores.versions.unbar(
        model, version, reason, actor=actor, at=stores.clock.now(), event_time=event_time
    )
    sentence = f"{model}@{version} may be released again; it was barred because of: {was}"
    return Unbarred(model=model, version=version, was=was, sentence=sentence)
