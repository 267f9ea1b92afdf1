"""All drills of one model: which cells there are, what each found, and what each guard is good for.

Every cell is kept as one JSON file named by everything it depends on, so that a run that was ended goes on where it
was, and a changed guard is drilled anew. Not here: one cell (`cell`), how it looks (`page`, the command).
"""

from __future__ import annotations

import hashlib
import logging
import shutil
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

import roadworthy
from roadworthy.data.tables import batches
from roadworthy.drills.catalogue import faults
from roadworthy.drills.cell import run_cell
from roadworthy.drills.deployment import Deployment
from roadworthy.drills.fault import Fault
from roadworthy.drills.healthy import ROWS, build, control_of
from roadworthy.drills.pool import pool
from roadworthy.drills.result import Cell, Control
from roadworthy.durable import write_whole
from roadworthy.model import load_definition
from roadworthy.settings import Settings

logger = logging.getLogger("roadworthy.drills")

Progress = Callable[[str, int, int], None]

#: Cells at a time.
PROCESSES = 2

#: Digits of what a healthy deployment is made from, in the name of its directory.
KEY = 16


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """One cell to drill: a fault's key, how severe (None: moderate), by which seed, with its guards or without."""

    fault: str
    severity: float | None = None
    seed: int = 0
    unguarded: bool = False


class GuardUse(msgspec.Struct, frozen=True, kw_only=True):
    """What one guard was good for over all cells.

    first   cells in which it noticed first
    sole    cells in which no other guard noticed
    seen    cells in which it noticed
    """

    guard: str
    first: int
    sole: int
    seen: int


class Matrix(msgspec.Struct, frozen=True, kw_only=True):
    """Every cell of one run.

    control   what guards say without any fault, and so does not count
    rows      questions of the history that were kept
    """

    model: str
    control: Control
    rows: int
    live_from: datetime
    live_until: datetime
    cells: tuple[Cell, ...]

    def guards(self) -> tuple[GuardUse, ...]:
        """What each guard was good for, the most useful first; cells without their guards are left out."""
        held = [cell for cell in self.cells if cell.catches and not cell.off]
        names = dict.fromkeys(name for cell in held for name in cell.guards)
        used = [
            GuardUse(
                guard=name,
                first=sum(cell.guards[0] == name for cell in held),
                sole=sum(cell.guards == (name,) for cell in held),
                seen=sum(name in cell.guards for cell in held),
            )
            for name in names
        ]
        return tuple(sorted(used, key=lambda use: (-use.first, -use.sole, -use.seen, use.guard)))

    def failures(self) -> tuple[Cell, ...]:
        """Cells that are not as they must be: moderate and not caught in time, unguarded and caught, or not drilled."""
        return tuple(cell for cell in self.cells if failed(cell))


def failed(cell: Cell) -> bool:
    """Whether a cell is not as it must be; a severity other than the moderate one may be missed."""
    if cell.error:
        return True
    if cell.skipped:
        return False
    if cell.off:
        return bool(cell.catches)
    return cell.moderate and cell.outcome != "caught"


def wanted(
    chosen: Iterable[Fault],
    severities: Sequence[float | None],
    seeds: Sequence[int],
    *,
    ablation: bool = False,
) -> tuple[Wanted, ...]:
    """The cells of a run: faults × severities × seeds, and with `ablation` each fault once without its guards.

    A fault that is there or not has its moderate severity only; what is asked for twice is there once.
    """
    listed = list(chosen)
    cells = [
        Wanted(fault=fault.key, severity=None if severity == fault.moderate else severity, seed=seed)
        for fault in listed
        for severity in (severities if fault.graded else (None,))
        for seed in seeds
    ]
    if ablation:
        cells += [Wanted(fault=fault.key, seed=seeds[0], unguarded=True) for fault in listed]
    return tuple(dict.fromkeys(cells))


def code_digest() -> str:
    """Of all code of Roadworthy: a cell is only as old as the guard it drilled."""
    home = Path(roadworthy.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(home.rglob("*.py")):
        digest.update(str(path.relative_to(home)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def healthy_in(
    settings: Settings,
    definition: Path,
    room: Path,
    *,
    model: str | None = None,
    rows: int = ROWS,
    live_from: datetime | None = None,
    progress: Progress = lambda step, done, total: None,
) -> Deployment:
    """The healthy deployment of a model, made where it is missing or older than what it is made from.

    One that could not be made takes nothing with it: what was drilled before goes once the new one is there.

    room   directory of the drills of this workspace
    """
    loaded = load_definition(definition)
    chosen = loaded.model(model)
    read = dict.fromkeys([chosen.history, *(join.source.table for join in chosen.joins())])
    tables = [
        f"{one.table}/{one.batch}/{one.fingerprint}"
        for name in read
        for one in batches(settings.tables, name)
    ]
    parts = [loaded.source_digest, chosen.name, str(rows), str(live_from), code_digest(), *tables]
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:KEY]
    home = room / f"{chosen.name}-{key}"
    if (home / "healthy").exists():
        return Deployment.at(home / "healthy")
    home.mkdir(parents=True, exist_ok=True)
    try:
        healthy = build(
            settings.tables, definition, home / "healthy", model=model, rows=rows, live_from=live_from,
            progress=progress,
        )  # fmt: skip
    except BaseException:
        shutil.rmtree(home, ignore_errors=True)
        raise
    for before in room.glob(f"{chosen.name}-{'[0-9a-f]' * KEY}"):
        if before != home:
            shutil.rmtree(before)
    return healthy


def run(
    healthy: Deployment,
    cells: Sequence[Wanted],
    *,
    processes: int = PROCESSES,
    progress: Progress = lambda step, done, total: None,
) -> Matrix:
    """Drill every cell that was not drilled before, once, a few at a time, and give all in the order asked for."""
    cells = tuple(dict.fromkeys(cells))
    home = healthy.home.parent
    progress("live without a fault", 0, 1)
    control = control_of(healthy, home / "control")
    progress("live without a fault", 1, 1)
    found: dict[Wanted, Cell] = {}
    with pool(processes) as workers:
        waiting = {}
        for number, cell in enumerate(cells):
            kept = _kept(home, cell)
            if kept.exists():
                found[cell] = msgspec.json.decode(kept.read_bytes(), type=Cell)
            else:
                room = home / f"cell-{number}"
                waiting[workers.submit(_drill, healthy.home, control, cell, room, kept)] = cell
        progress("drill", len(found), len(cells))
        for done in as_completed(waiting):
            found[waiting[done]] = done.result()
            progress("drill", len(found), len(cells))
    when = healthy.timeline
    with_rows = sum(one.rows for one in batches(healthy.settings.tables, healthy.model.history))
    return Matrix(
        model=healthy.description.model, control=control, rows=with_rows, live_from=when.live_from,
        live_until=when.live_until, cells=tuple(found[cell] for cell in cells),
    )  # fmt: skip


def _kept(home: Path, cell: Wanted) -> Path:
    severity = "moderate" if cell.severity is None else f"{cell.severity:g}"
    name = f"{cell.fault.replace(':', '-')}-{severity}-{cell.seed}{'-unguarded' * cell.unguarded}.json"
    return home / "cells" / name


def _drill(healthy: Path, control: Control, wanted: Wanted, room: Path, kept: Path) -> Cell:
    """One cell in a process of its own; what went wrong is not kept, so that it is tried again."""
    fault = next(fault for fault in faults() if fault.key == wanted.fault)
    off = fault.guards if wanted.unguarded else ()
    try:
        cell = run_cell(
            Deployment.at(healthy), control, fault, room, severity=wanted.severity, seed=wanted.seed, off=off
        )
    except Exception as error:  # the edge of this process: one drill that breaks must not end the others
        logger.exception("the drill of %s broke", fault.key)
        cell = Cell(
            fault=fault.key, name=fault.name, title=fault.title, due=fault.stage, seed=wanted.seed,
            severity=fault.moderate if wanted.severity is None else wanted.severity, off=off,
            moderate=wanted.severity is None, error=f"{type(error).__name__}: {error}",
        )  # fmt: skip
    if not cell.error:
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_whole(kept, msgspec.json.encode(cell))
    return cell


@dataclass(frozen=True)
class Curve:
    """How soon a fault is caught as it grows: (severity, share caught in time, rows until then or None), ascending."""

    fault: str
    points: tuple[tuple[float, float, float | None], ...]


def curves(matrix: Matrix) -> tuple[Curve, ...]:
    """Detection curves of faults drilled at several severities."""
    found = []
    for key in dict.fromkeys(cell.fault for cell in matrix.cells):
        held = [
            cell
            for cell in matrix.cells
            if cell.fault == key and not (cell.off or cell.skipped or cell.error)
        ]
        levels = sorted({cell.severity for cell in held})
        if len(levels) > 1:
            found.append(Curve(key, tuple(_point(held, level) for level in levels)))
    return tuple(found)


def _point(cells: Sequence[Cell], severity: float) -> tuple[float, float, float | None]:
    held = [cell for cell in cells if cell.severity == severity]
    rows = sorted(cell.first.rows for cell in held if cell.first and cell.outcome == "caught")
    return severity, len(rows) / len(held), float(rows[len(rows) // 2]) if rows else None
