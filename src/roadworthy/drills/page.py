"""The matrix as one HTML file that needs nothing else: fault × guard × stage × delay, light and dark, no script.

Not here: the words of a cell (`wording`) and the markup (`templates/drills.html`); this file counts and draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined

from roadworthy.drills import wording
from roadworthy.drills.clean import Clean
from roadworthy.drills.fault import STAGES, Stage
from roadworthy.drills.matrix import Curve, Matrix, curves, failed
from roadworthy.drills.result import Catch, Cell
from roadworthy.durable import write_whole

#: A picture of one detection curve, in its own units.
WIDTH, HEIGHT, MARGIN = 240.0, 120.0, 26.0

_TEMPLATES = Environment(
    loader=PackageLoader("roadworthy.drills"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


class Column(msgspec.Struct, frozen=True):
    """One guard at one stage."""

    stage: Stage
    guard: str


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """What one guard did for one fault: the shares of its cells in which it noticed, and noticed first."""

    column: Column
    seen: float
    first: float
    sentence: str


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One fault over all its moderate cells, or over all of them where none is moderate.

    outcome    the worst of them
    unguarded  what came of it with its guards off: `missed`, `caught`, or "" where that was not drilled
    harmed     the largest share of live traffic that it reached
    stage, guard, sentence   who noticed first, and what it said
    """

    fault: str
    name: str
    title: str
    due: Stage
    outcome: str
    good: bool
    cells: int
    after: str
    harmed: float
    marks: tuple[Mark | None, ...]
    unguarded: str
    stage: str
    guard: str
    sentence: str


def write_page(reports: Path, matrix: Matrix, clean: Clean | None = None) -> Path:
    """Write the page beside the other reports and return where it is."""
    reports.mkdir(parents=True, exist_ok=True)
    path = reports / f"drills-{matrix.model}.html"
    write_whole(path, render(matrix, clean).encode())
    return path


def render(matrix: Matrix, clean: Clean | None = None) -> str:
    """The whole page as text, to be written as UTF-8."""
    shown = columns(matrix.cells)
    return _TEMPLATES.get_template("drills.html").render(
        matrix=matrix,
        lines=lines(matrix, shown),
        groups=[(stage, [each for each in shown if each.stage == stage]) for stage in STAGES],
        summary=wording.summary(matrix),
        skipped=list({cell.fault: cell for cell in matrix.cells if cell.skipped}.values()),
        curves=[picture(curve) for curve in curves(matrix)],
        guards=matrix.guards(),
        clean=clean,
        control=wording.said_anyway(matrix.control),
        width=WIDTH,
        height=HEIGHT,
    )


def columns(cells: Sequence[Cell]) -> tuple[Column, ...]:
    """Every guard that noticed anything, by stage, those that noticed first most often before the others."""
    counts: dict[Column, tuple[int, int]] = {}
    for cell in cells:
        if cell.off:
            continue
        for place, guard in enumerate(cell.guards):
            column = Column(next(catch.stage for catch in cell.catches if catch.guard == guard), guard)
            first, seen = counts.get(column, (0, 0))
            counts[column] = (first + (place == 0), seen + 1)
    return tuple(
        sorted(counts, key=lambda one: (STAGES.index(one.stage), -counts[one][0], -counts[one][1], one.guard))
    )


def lines(matrix: Matrix, shown: Sequence[Column]) -> tuple[Line, ...]:
    """One line a fault, in the order of the catalogue; faults that the model cannot have are left out."""
    found = []
    for key in dict.fromkeys(cell.fault for cell in matrix.cells if not cell.skipped):
        of_fault = [cell for cell in matrix.cells if cell.fault == key]
        guarded = [cell for cell in of_fault if not cell.off]
        held = [cell for cell in guarded if cell.moderate] or guarded or of_fault
        found.append(_line(held, [cell for cell in of_fault if cell.off], shown))
    return tuple(found)


def _line(held: Sequence[Cell], unguarded: Sequence[Cell], shown: Sequence[Column]) -> Line:
    worst = max(held, key=lambda cell: (failed(cell), cell.harmed, cell.first.seconds if cell.first else 0.0))
    without = ["caught" if cell.catches else "missed" for cell in unguarded if not cell.error]
    return Line(
        fault=worst.fault, name=worst.name, title=worst.title, due=worst.due, outcome=wording.outcome(worst),
        good=not any(failed(cell) for cell in held), cells=len(held), after=wording.after(worst.first),
        harmed=max(cell.harmed for cell in held), marks=tuple(_mark(held, column) for column in shown),
        stage=worst.first.stage if worst.first else "", guard=worst.first.guard if worst.first else "not drilled",
        unguarded="" if not without else "caught" if "caught" in without else "missed",
        sentence=worst.first.sentence if worst.first else worst.error,
    )  # fmt: skip


def _mark(cells: Sequence[Cell], column: Column) -> Mark | None:
    noticed = [
        next(each for each in cell.catches if _is_of(each, column))
        for cell in cells
        if any(_is_of(each, column) for each in cell.catches)
    ]
    if not noticed:
        return None
    first = sum(bool(cell.first and _is_of(cell.first, column)) for cell in cells)
    return Mark(
        column=column, seen=len(noticed) / len(cells), first=first / len(cells), sentence=noticed[0].sentence
    )


def _is_of(catch: Catch, column: Column) -> bool:
    return (catch.stage, catch.guard) == (column.stage, column.guard)


def picture(curve: Curve) -> dict[str, Any]:
    """A detection curve in coordinates: severity to the right, the share of cells that were caught upwards."""

    def x(severity: float) -> float:
        return round(MARGIN + (WIDTH - 2 * MARGIN) * severity, 1)

    def y(share: float) -> float:
        return round(HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * share, 1)

    points = [
        {
            "x": x(severity),
            "y": y(share),
            "title": f"severity {severity:g}: {share:.0%} caught"
            + ("" if rows is None else f", after {rows:,.0f} rows" if rows else ", before traffic"),
        }
        for severity, share, rows in curve.points
    ]
    line = " ".join(f"{point['x']},{point['y']}" for point in points)
    return {
        "fault": curve.fault, "points": points, "line": line, "left": MARGIN, "right": WIDTH - MARGIN,
        "bottom": y(0.0), "top": y(1.0),
    }  # fmt: skip
