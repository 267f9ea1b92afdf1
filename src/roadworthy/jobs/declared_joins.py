"""What a version's definition said of times: its joins and its outcome, kept with the run so that the gate can replay.

Not here: the join (data.pointintime). A definition may be changed or gone when the gate runs; this is what was trained.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import msgspec

from roadworthy.data.sources import ALWAYS, Join, JoinKind, Source, TimeExpression
from roadworthy.model import Model

#: Where it stands among the details of a run.
DETAIL = "times"


class DeclaredJoin(msgspec.Struct, frozen=True, kw_only=True):
    """One joined input; fields as in `data.sources`, durations in seconds."""

    column: str
    table: str
    source: str
    key: tuple[str, ...]
    known_at: str
    max_age: float | None
    kind: JoinKind
    value: str | None
    over: float | None
    n: int | None

    def join(self) -> Join:
        """What it was in the definition."""
        known_at = None if self.known_at == ALWAYS else TimeExpression.parse(self.known_at)
        source = Source(self.table, self.key, known_at, _duration(self.max_age), self.source)
        return Join(source, self.kind, self.value, _duration(self.over), self.n, column=self.column)


class DeclaredTimes(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a definition says about when something is known.

    history    table of the questions
    outcome    its column with the outcome, known from `known_at` on
    """

    history: str
    outcome: str
    known_at: str
    joins: tuple[DeclaredJoin, ...]


def declared_times(model: Model) -> dict[str, Any]:
    """What to keep with a run, as JSON can hold it."""
    kept = DeclaredTimes(
        history=model.history,
        outcome=model.outcome.name,
        known_at=str(model.outcome.known_at),
        joins=tuple(_declared(join) for join in dict.fromkeys(model.joins())),
    )
    found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(kept))
    return found


def kept_times(details: Mapping[str, Any]) -> DeclaredTimes | None:
    """What was kept with a run; None for a version from before it was kept."""
    return msgspec.convert(details[DETAIL], DeclaredTimes) if details.get(DETAIL) else None


def _declared(join: Join) -> DeclaredJoin:
    source = join.source
    return DeclaredJoin(
        column=join.column, table=source.table, source=source.name, key=source.key,
        known_at=ALWAYS if source.known_at is None else str(source.known_at), max_age=_seconds(source.max_age),
        kind=join.kind, value=join.value, over=_seconds(join.over), n=join.n,
    )  # fmt: skip


def _seconds(duration: timedelta | None) -> float | None:
    return None if duration is None else duration.total_seconds()


def _duration(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)
