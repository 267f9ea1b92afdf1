"""What the gate said about a version, every time it was asked.

Not here: the checks (gate). The newest answer counts; older ones stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Engine, Row, insert, select

from roadworthy.clock import instant, micros
from roadworthy.database.engine import reading, writing
from roadworthy.database.schema import gate_results
from roadworthy.registry.ledger import decide, record
from roadworthy.registry.rows import as_text, from_text
from roadworthy.registry.versions import find
from roadworthy.verdict import Ruling


class GateResult(msgspec.Struct, frozen=True, kw_only=True):
    """One answer of the gate.

    ruling      of all checks together, before overrides
    report      the whole report, JSON-compatible
    overrides   check → reason for which a person let it through; each stands in the ledger too
    """

    model: str
    version: int
    ruling: Ruling
    report: Mapping[str, Any]
    overrides: Mapping[str, str]
    at: datetime
    event_time: datetime


class Gates:
    """The gate's answers in one namespace."""

    def __init__(self, engine: Engine, namespace: str) -> None:
        self._engine = engine
        self._namespace = namespace

    def record_gate(
        self,
        model: str,
        version: int,
        ruling: Ruling,
        report: Mapping[str, Any],
        *,
        actor: str,
        at: datetime,
        event_time: datetime | None = None,
        overrides: Mapping[str, str] | None = None,
    ) -> None:
        """Keep an answer, with one ledger entry for it and one for each override.

        raises UnknownName for an unregistered version, Refused for an override without a reason; then nothing
        is kept
        """
        gated = decide("gate", actor=actor, reason=f"the gate ruled {ruling}", at=at, event_time=event_time)
        let_through = {
            check: decide(f"override of {check}", actor=actor, reason=reason, at=at, event_time=event_time)
            for check, reason in (overrides or {}).items()
        }
        with writing(self._engine) as connection:
            find(connection, self._namespace, model, version)
            connection.execute(
                insert(gate_results).values(
                    namespace=self._namespace,
                    model=model,
                    version=version,
                    ruling=ruling,
                    report=as_text(report),
                    overrides=as_text({check: decision.reason for check, decision in let_through.items()}),
                    at=micros(gated.at),
                    event_time=micros(gated.event_time),
                )
            )
            record(connection, self._namespace, "gate", gated, model=model, version=version)
            for check, decision in let_through.items():
                details = {"check": check}
                record(
                    connection,
                    self._namespace,
                    "override",
                    decision,
                    model=model,
                    version=version,
                    details=details,
                )

    def latest_gate(self, model: str, version: int) -> GateResult | None:
        """The newest answer about a version; None when the gate was never asked."""
        query = (
            select(gate_results)
            .where(
                gate_results.c.namespace == self._namespace,
                gate_results.c.model == model,
                gate_results.c.version == version,
            )
            .order_by(gate_results.c.id.desc())
            .limit(1)
        )
        with reading(self._engine) as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else _read(row)


def _read(row: Row[Any]) -> GateResult:
    return GateResult(
        model=row.model,
        version=row.version,
        ruling=row.ruling,
        report=from_text(row.report, dict[str, Any]),
        overrides=from_text(row.overrides, dict[str, str]),
        at=instant(row.at),
        event_time=instant(row.event_time),
    )
