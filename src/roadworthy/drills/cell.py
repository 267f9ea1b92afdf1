"""One drill: a copy of the healthy deployment, one fault in it, and the way of every release until a guard notices.

ingest → train → gate → release and live replay in virtual time, each with the same code as production. Not here: the
fault (its own file), which cells there are (`matrix`), the replay itself (`living`).
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np

from roadworthy.drills.deployment import Deployment
from roadworthy.drills.elsewhere import answered_elsewhere
from roadworthy.drills.fault import Fault
from roadworthy.drills.launcher import failures_of, launched, relaying
from roadworthy.drills.living import Lived, live
from roadworthy.drills.result import Catch, Cell, Control, How
from roadworthy.drills.server import patches_file, write_patches
from roadworthy.errors import RoadworthyError, SchemaError
from roadworthy.gate.report import GateReport
from roadworthy.jobs.gate import gate
from roadworthy.jobs.ingest import ingest_file
from roadworthy.jobs.stores import Stores
from roadworthy.jobs.train import train
from roadworthy.jobs.training_advice import about, advice_on

#: What a user's file of tables says, for one batch that a drill delivers.
_TABLES = """from dataclasses import replace
from pathlib import Path
import pyarrow.parquet as pq
from roadworthy.data.tables import table_schema
delivered = replace(table_schema(Path({tables!r}), {table!r}), load=lambda: pq.read_table({file!r}))
"""


def run_cell(
    healthy: Deployment,
    control: Control,
    fault: Fault,
    home: Path,
    *,
    severity: float | None = None,
    seed: int = 0,
    off: Collection[str] = (),
) -> Cell:
    """Drill one fault once, in `home`, which is removed afterwards.

    severity   in [0, 1]; the fault's moderate one by default
    off        names of guards whose verdicts do not count
    """
    started = time.monotonic()
    level = fault.moderate if severity is None else severity
    cell = Cell(
        fault=fault.key, name=fault.name, title=fault.title, due=fault.stage, severity=level, seed=seed,
        moderate=level == fault.moderate, off=tuple(sorted(off)),
    )  # fmt: skip
    shutil.rmtree(home, ignore_errors=True)
    try:
        deployment = healthy.copy(home)
        if why := fault.applies(deployment):
            return msgspec.structs.replace(cell, skipped=why)
        chance = np.random.default_rng([seed, zlib.crc32(fault.key.encode())])
        fault.inject(deployment, level, chance)
        cell = _Drill(deployment, control, fault, frozenset(off), cell).run()
        failures = failures_of(patches_file(home))
        if failures.exists():
            cell = msgspec.structs.replace(cell, catches=(), error=failures.read_text(encoding="utf-8"))
    except (RoadworthyError, RuntimeError) as error:  # a training that broke is a RuntimeError
        cell = msgspec.structs.replace(cell, error=f"{type(error).__name__}: {error}")
    finally:
        shutil.rmtree(home, ignore_errors=True)
    return msgspec.structs.replace(cell, took=time.monotonic() - started)


class _Drill:
    """The way of one release."""

    def __init__(
        self, deployment: Deployment, control: Control, fault: Fault, off: frozenset[str], cell: Cell
    ) -> None:
        self.deployment, self.control, self.fault, self.off, self.cell = deployment, control, fault, off, cell

    def run(self) -> Cell:
        with opened(self.deployment) as stores:
            candidate = self._stage(self._bring_in())
            if candidate.catches:
                return candidate
            described = self.deployment.description
            reference = f"{described.model}@{described.candidate}"
            if self.deployment.needs_training:
                try:
                    reference = train_candidate(self.deployment, stores)
                except RoadworthyError as refusal:
                    catch = Catch(stage="data", guard="train", how="refused", sentence=str(refusal))
                    return self._stage([catch])
                advised = self._stage(self._advised(stores, reference))
                if advised.catches:
                    return advised
            if self.deployment.patched("elsewhere"):
                found = self._stage(answered_elsewhere(self.deployment, stores, reference))
                return found if found.catches else msgspec.structs.replace(found, harmed=1.0)
            if self.fault.stage in ("data", "gate"):
                gated = self._stage(gate_catches(ask_gate(self.deployment, stores, reference), self.control))
                if gated.catches:
                    return gated
                if not self.fault.live:
                    return msgspec.structs.replace(gated, harmed=1.0)
            lived = live(self.deployment, stores, reference, self.control, self.off)
            found = self._stage(lived.catches or self._afterwards(stores, reference, lived))
            rows = found.catches[0].rows if found.catches else lived.rows
            return msgspec.structs.replace(
                found, live_rows=lived.rows, harmed=rows / lived.rows if lived.rows else 0.0
            )

    def _afterwards(self, stores: Stores, reference: str, lived: Lived) -> list[Catch]:
        """What a person is told who asks what a fault touched, where nothing noticed it before."""
        if self.fault.after is None:
            return []
        answered = lived.rows - lived.refused
        told = self.fault.after(self.deployment, stores, reference, answered)
        seconds = (self.deployment.timeline.live_until - self.deployment.timeline.live_from).total_seconds()
        if not told:
            return []
        guard = self.fault.guards[0]
        return [Catch(stage="after", guard=guard, how="told", sentence=told, rows=answered, seconds=seconds)]

    def _advised(self, stores: Stores, reference: str) -> list[Catch]:
        """What training said of its rows that it did not say without the fault."""
        said = advice_on(stores, stores.versions.resolve(reference))
        new = [sentence for sentence in said if about(sentence) not in self.control.train]
        return [Catch(stage="data", guard="train", how="warning", sentence=sentence) for sentence in new]

    def _stage(self, catches: list[Catch]) -> Cell:
        """The cell with what a stage caught, guards that are off left out."""
        counted = tuple(catch for catch in catches if catch.guard not in self.off)
        without = tuple(
            dict.fromkeys(catch.guard for catch in counted if catch.guard not in self.fault.guards)
        )
        return msgspec.structs.replace(self.cell, catches=counted, without=without)

    def _bring_in(self) -> list[Catch]:
        """Ingest what was rewritten; a refusal is a catch, and the batch stays outside."""
        # A guard that is off refuses nothing: what a person could take with a reason is taken.
        unguarded = "the drill is without it" if "ingest" in self.off else ""
        refusals = brought_in(self.deployment, self.control.data, accept=unguarded)
        return [
            Catch(stage="data", guard="ingest", how="refused", sentence=str(refusal))
            for _, refusal in refusals
        ]


@contextmanager
def opened(deployment: Deployment) -> Iterator[Stores]:
    """The workspace of a deployment, for as long as it is needed."""
    stores = deployment.stores()
    try:
        yield stores
    finally:
        stores.engine.dispose()


def brought_in(
    deployment: Deployment, known: Collection[tuple[str, str]] = (), *, accept: str = ""
) -> list[tuple[str, SchemaError]]:
    """Ingest the batches that wait, and return those that are refused, by name, with the refusal.

    known   (batch, path) of what is odd in healthy batches: one with no other fault is taken, as it was before
    raises  RoadworthyError for what is no refusal of rows
    """
    found = []
    for table, batch, file in deployment.incoming:
        declared = file.with_name(f"tables_{batch[2:]}.py")
        tables = str(deployment.settings.tables)
        declared.write_text(_TABLES.format(tables=tables, table=table, file=str(file)), encoding="utf-8")
        try:
            ingest_file(deployment.settings, declared, batch=batch, accept=accept)
        except SchemaError as refusal:
            if all((batch, fault.path) in known for fault in refusal.faults):
                ingest_file(deployment.settings, declared, batch=batch, accept="it was so without the fault")
            else:
                found.append((batch, refusal))
    return found


class _Trained(msgspec.Struct):
    reference: str


class _Said(msgspec.Struct):
    message: str


class _Refused(msgspec.Struct):
    error: _Said


def train_candidate(deployment: Deployment, stores: Stores) -> str:
    """Train on what is known when the fault happens, and return the version: here, or in a process that is patched.

    raises   what training raises; RoadworthyError with its reason when the process refuses; RuntimeError with its
             last words when it breaks, which is no refusal and catches nothing
    """
    when, model = deployment.timeline, deployment.description.model
    if not deployment.patched("training"):
        return train(
            stores, deployment.definition, model=model, until=when.live_from, holdout=when.holdout
        ).reference
    settings = deployment.settings
    command = [
        sys.executable, "-m", "roadworthy.cli", "--workspace", str(settings.root),
        "--namespace", settings.namespace, "train", str(deployment.definition), "--model", model,
        "--until", when.live_from.isoformat(), "--holdout", f"{when.holdout.days}d", "--json",
    ]  # fmt: skip
    patched = launched(command, write_patches(deployment.home, deployment.patches), "training")
    done = subprocess.run(patched, capture_output=True, check=False)  # noqa: S603  # our own module, no shell
    if done.returncode:
        raise _ended(done.returncode, done.stderr)
    return msgspec.json.decode(done.stdout, type=_Trained).reference


def _ended(status: int, said: bytes) -> Exception:
    """Why a training process ended: what it refused, as it says in JSON on its last line, or how it broke."""
    last = (said.strip().splitlines() or [b""])[-1]
    try:
        return RoadworthyError(msgspec.json.decode(last, type=_Refused).error.message)
    except msgspec.MsgspecError:
        return RuntimeError(f"training ended with status {status}: {last.decode(errors='replace')}")


def ask_gate(deployment: Deployment, stores: Stores, reference: str) -> GateReport:
    """The gate's report on a candidate; its own server is started with the deployment's patches."""
    with relaying(write_patches(deployment.home, deployment.patches), "gate"):
        at = deployment.timeline.live_from
        return gate(stores, reference, actor="drill", event_time=at).report


def gate_catches(report: GateReport, control: Control) -> list[Catch]:
    """Verdicts that keep the candidate from advancing, and advisory ones that fail, but for those of the control.

    Those that refuse it come first, because they fail or because what they measure broke, such as a server that does
    not start; then those that only hold it for want of evidence.
    """
    order: tuple[How, ...] = ("refused", "held", "warning")
    blocking = {(each.check, each.subject) for each in report.decision.blocking}
    found = []
    for verdict in report.verdicts:
        part = verdict.subject.removeprefix(report.subject).strip()
        blocks = (verdict.check, verdict.subject) in blocking
        if (blocks or verdict.ruling == "fail") and (verdict.check, part) not in control.gate:
            how: How = "warning" if not blocks else "held" if verdict.ruling == "insufficient" else "refused"
            found.append(
                Catch(stage="gate", guard=verdict.check, how=how, sentence=verdict.reason, part=part)
            )
    return sorted(found, key=lambda catch: order.index(catch.how))


def not_passed(report: GateReport) -> tuple[tuple[str, str], ...]:
    """Check and part of every verdict that is not `pass`."""
    return tuple(
        (verdict.check, verdict.subject.removeprefix(report.subject).strip())
        for verdict in report.verdicts
        if verdict.ruling != "pass"
    )
