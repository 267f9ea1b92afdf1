"""What a workspace shows about one model: what its gate, monitors, ledger and log say. The scorecard reads only this.

Not here: what it is worth (scorecard and its four sections).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from roadworthy.clock import DAY_MICROS, micros
from roadworthy.data.tables import table_names
from roadworthy.gate.arranging import applies
from roadworthy.gate.report import GateReport
from roadworthy.jobs.stores import Stores
from roadworthy.registry.artifact import read_model
from roadworthy.registry.ledger import Entry
from roadworthy.registry.versions import VersionRow
from roadworthy.sensitive import key_path
from roadworthy.verdict import Verdict, combined

#: Action in the ledger by which a person says that something was tested by hand.
ATTESTED = "attest"


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """What one monitor did: on how many windows it decided, and the day up to which."""

    windows: int
    until: datetime


class Rehearsal(msgspec.Struct, frozen=True, kw_only=True):
    """What was found when faults were injected into a copy on purpose."""

    done: int
    caught: int


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """Facts about one model, and the version of it that answers (or the newest, where none does).

    gate         the newest report of the gate on that version; None where it was never asked
    monitors     check → what it did; only windows on which it passed or failed, with thresholds it had learned
    ledger       every entry about the model, and those about all models
    logged       days with predictions in the log, since 1970
    attested     key of a test → the newest entry by which a person vouches for it
    rehearsal    None where nobody gave the results of drills
    """

    row: VersionRow
    versions: int
    answers: bool
    tables: tuple[str, ...]
    sensitive: tuple[str, ...]
    hash_key: bool
    functions: bool
    gate: GateReport | None
    monitors: Mapping[str, Watched]
    ledger: tuple[Entry, ...]
    logged: tuple[int, ...]
    standby: int | None
    attested: Mapping[str, Entry]
    rehearsal: Rehearsal | None = None

    @property
    def reference(self) -> str:
        """The version, as people write it."""
        return self.row.reference

    def declared(self, name: str) -> Any:
        """What the model declares under a name; falsy where nothing."""
        return self.row.run.details.get(name)

    def verdicts(self, check: str) -> tuple[Verdict, ...]:
        """What the gate said by this check, where it applies."""
        found = () if self.gate is None else self.gate.verdicts
        return tuple(verdict for verdict in found if verdict.check == check and applies(verdict))

    def part(self, check: str, *parts: str) -> str:
        """Why one of these parts of a check passed, as evidence; "" where none was judged and passed."""
        for verdict in self.verdicts(check):
            _, _, part = verdict.subject.partition(" ")
            if part in parts and verdict.ruling == "pass":
                return f"gate check {check} passed: {verdict.reason}"
        return ""

    def failing(self, check: str, *parts: str) -> str:
        """Why a check did not pass, or one of these parts of it; "" where it did, and where nothing was judged."""
        for verdict in self.verdicts(check):
            _, _, part = verdict.subject.partition(" ")
            if verdict.ruling != "pass" and (part in parts or not parts):
                return f"gate check {check} did not pass: {verdict.reason}"
        return ""

    def passed(self, *checks: str) -> bool:
        """Whether each of these checks had something to judge and passed."""
        return all(combined(self.verdicts(check)) == "pass" for check in checks)

    def did(self, *actions: str, version: int | None = None) -> tuple[Entry, ...]:
        """Entries of the ledger with one of these actions, about one version or any."""
        return tuple(
            entry for entry in self.ledger if entry.action in actions and version in (None, entry.version)
        )

    def watching(self, *checks: str) -> bool:
        """Whether one of these monitors judged a window that ended within two days of the newest logged one."""
        ends = [self.monitors[check].until for check in checks if check in self.monitors]
        return bool(ends and self.logged) and micros(max(ends)) // DAY_MICROS >= self.logged[-1] - 1


def find(stores: Stores, model: str, rehearsal: Rehearsal | None = None) -> Found:
    """Gather what the workspace shows about a model; reads and changes nothing."""
    rows = stores.versions.all(model)
    _, route = stores.plans.route(model)
    answering = [row for row in rows if row.version == route.champion]
    row = (answering or list(rows))[-1]
    artifact = read_model(stores.settings.artifacts / row.digest)
    ledger = tuple(entry for entry in stores.ledger.entries() if entry.model in ("", model))
    latest = stores.gates.latest_gate(model, row.version)
    days = stores.log().days(model, namespace=stores.settings.namespace)
    return Found(
        row=row,
        versions=len(rows),
        answers=bool(answering),
        tables=tuple(table_names(stores.settings.tables)),
        sensitive=tuple(artifact.input_schema.get("sensitive", ())),
        hash_key=key_path(stores.settings.root).exists(),
        functions=bool(artifact.functions_digest),
        gate=None if latest is None or not latest.report else msgspec.convert(latest.report, GateReport),
        monitors=_monitors(stores, model),
        ledger=ledger,
        logged=tuple(sorted(days)),
        standby=route.standby,
        attested={
            str(entry.details.get("test")): entry
            for entry in ledger
            if entry.action == ATTESTED and entry.model == model
        },
        rehearsal=rehearsal,
    )  # fmt: skip


def _monitors(stores: Stores, model: str) -> dict[str, Watched]:
    found: dict[str, Watched] = {}
    for judged in stores.alarms.verdicts(model):
        if judged.verdict.ruling in ("pass", "fail"):
            name, before = judged.verdict.check, found.get(judged.verdict.check)
            found[name] = Watched(
                windows=1 + (before.windows if before else 0),
                until=max(judged.window_end, before.until) if before else judged.window_end,
            )
    return found
