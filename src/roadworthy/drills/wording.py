"""What a person reads of drills: one line a cell, and sentences that sum up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from roadworthy.drills.matrix import Matrix, failed
from roadworthy.drills.result import Catch, Cell, Control

COLUMNS = (
    "fault",
    "what is wrong",
    "severity",
    "outcome",
    "stage",
    "first guard",
    "after",
    "harmed",
    "what it says",
)

#: Where a fault is caught, as a phrase.
WHEN = {"data": "as data come in", "gate": "at the gate", "live": "in live traffic", "after": "afterwards"}

#: Longest sentence of a table.
LONGEST = 110


def lines(matrix: Matrix) -> list[tuple[str, ...]]:
    """The rows of the table, one a cell."""
    return [line(cell) for cell in matrix.cells]


def line(cell: Cell) -> tuple[str, ...]:
    """One row: COLUMNS."""
    first = cell.first
    severity = f"{cell.severity:g}" + (" (moderate)" if cell.moderate else "")
    return (
        cell.fault, cell.title, severity, outcome(cell), first.stage if first else "", guards(cell), after(first),
        harmed(cell), shortened(first.sentence if first else cell.skipped or cell.error),
    )  # fmt: skip


def outcome(cell: Cell) -> str:
    """What became of it, and whether that is as it must be."""
    said = {"skipped": "does not apply", "error": "not drilled"}.get(cell.outcome, cell.outcome)
    if cell.first and cell.first.how == "held":
        said += ", only held"
    if cell.off:
        said = f"guards off: {said}"
    return f"{said} ✗" if failed(cell) else said


def guards(cell: Cell) -> str:
    """The first guard, and how many others noticed at the same time."""
    if not cell.guards:
        return ""
    others = len(cell.guards) - 1
    return cell.guards[0] + (f" (+{others})" if others else "")


def after(first: Catch | None) -> str:
    """How much traffic and virtual time went by.

    >>> after(None), after(Catch(stage="gate", guard="limits", how="refused", sentence=""))
    ('', 'before traffic')
    """
    if first is None:
        return ""
    if first.stage in ("data", "gate"):
        return "before traffic"
    return f"{first.rows:,} rows, {duration(first.seconds)}"


def duration(seconds: float) -> str:
    """Virtual time as people say it.

    >>> duration(600.0), duration(7200.0), duration(3 * 86_400.0)
    ('10 min', '2 h', '3 d')
    """
    span = timedelta(seconds=seconds)
    if span < timedelta(hours=1):
        return f"{span // timedelta(minutes=1)} min"
    return (
        f"{span // timedelta(hours=1)} h" if span < timedelta(days=1) else f"{span / timedelta(days=1):.3g} d"
    )


def harmed(cell: Cell) -> str:
    """The share of live traffic that the fault reached."""
    return "" if cell.skipped or cell.error else f"{cell.harmed:.1%}"


def shortened(sentence: str) -> str:
    """One line that is not longer than a table can bear."""
    one = " ".join(sentence.split())
    return one if len(one) <= LONGEST else one[: LONGEST - 1].rstrip() + "…"


def summary(matrix: Matrix) -> list[str]:
    """How many were caught, and what is not as it must be."""
    guarded = [cell for cell in matrix.cells if not (cell.off or cell.skipped or cell.error)]
    said = []
    for severity, held in (
        ("moderate severity", [cell for cell in guarded if cell.moderate]),
        ("other severities", [cell for cell in guarded if not cell.moderate]),
    ):
        if held or (not guarded and severity.startswith("moderate")):
            caught = sum(cell.outcome == "caught" for cell in held)
            said.append(f"{caught} of {len(held)} drills of {severity} were caught at or before their stage")
    if held := [cell for cell in guarded if cell.first and cell.first.how == "held"]:
        names = ", ".join(dict.fromkeys(cell.fault for cell in held))
        verb = "was" if len(held) == 1 else "were"
        said.append(
            f"{len(held)} of the caught {verb} only held, for want of evidence, and refused by no guard: {names}"
        )
    unguarded = [cell for cell in matrix.cells if cell.off and not (cell.skipped or cell.error)]
    if unguarded:
        missed = sum(not cell.catches for cell in unguarded)
        said.append(f"with their guards off, {missed} of {len(unguarded)} were missed; all must be")
    said += [
        f"{fault}: {', '.join(names)} noticed too, which its list of guards lacks"
        for fault, names in _unlisted(guarded).items()
    ]
    skipped = dict.fromkeys(cell.fault for cell in matrix.cells if cell.skipped)
    if skipped:
        verb = "do" if len(skipped) > 1 else "does"
        said.append(f"{len(skipped)} {verb} not apply to this model: {', '.join(skipped)}")
    return said + [
        f"{cell.fault} at {cell.severity:g}, seed {cell.seed}: {_wrong(cell)}" for cell in matrix.failures()
    ]


def said_anyway(control: Control) -> list[str]:
    """What guards say without any fault, one phrase each.

    >>> said_anyway(Control(gate=(("slices", "carrier=UA"), ("cost", ""))))
    ['slices carrier=UA at the gate', 'cost at the gate']
    """
    return [
        f"{guard} {part}".rstrip() + f" {WHEN[stage]}"
        for stage, found in (
            ("data", [("ingest", f"{batch} {path}") for batch, path in control.data]),
            ("gate", control.gate),
            ("live", control.live),
        )
        for guard, part in found
    ]


def _unlisted(cells: Sequence[Cell]) -> dict[str, dict[str, None]]:
    """Fault → guards outside its list that noticed it in any of its cells."""
    found: dict[str, dict[str, None]] = {}
    for cell in cells:
        if cell.without:
            found.setdefault(cell.fault, {}).update(dict.fromkeys(cell.without))
    return found


def _wrong(cell: Cell) -> str:
    if cell.error:
        return f"the drill could not be done: {cell.error}"
    if cell.off:
        return f"its guards were off, and {', '.join(cell.guards)} noticed: add them to its list"
    if cell.first is None:
        return f"missed; it must be caught {WHEN[cell.due]}"
    return f"caught only {WHEN[cell.first.stage]} by {cell.first.guard}; it must be caught {WHEN[cell.due]}"
