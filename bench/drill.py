"""`make drill`: every fault of the catalogue, injected into a copy of the flights deployment; which guard noticed?

With `--full`, five seeds at moderate severity, every fault once with its guards off, severities from mild to severe,
and then other models: one of bank marketing, and a network. It goes on where it was ended.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console

from bench.results import ROOT, Aim, publish
from roadworthy.cli.output import table
from roadworthy.cli.progress import progress
from roadworthy.drills.catalogue import faults
from roadworthy.drills.clean import WINDOWS, Clean, clean_windows
from roadworthy.drills.healthy import ROWS
from roadworthy.drills.matrix import Matrix, healthy_in, run, wanted
from roadworthy.drills.page import write_page
from roadworthy.drills.wording import COLUMNS, lines, summary
from roadworthy.errors import TooFewSamples
from roadworthy.jobs.ingest import ingest_file
from roadworthy.settings import Settings

EXAMPLES = ROOT / "examples"

#: Of a full run: seeds of each fault's moderate severity, and severities from mild to severe beside it.
SEEDS = 5
SEVERITIES = (0.02, 0.1, 0.3, 1.0)

#: How often a healthy candidate may be refused, and a healthy fortnight alarmed about, at most.
FALSE_ALARMS = 0.05


@dataclass(frozen=True)
class Drilled:
    """A model that is drilled.

    file       its definition below `examples`; the tables are declared beside it
    model      its name, where the file defines several
    only       faults to drill; none: all
    live_from  when the fault happens; None: in the middle of the history
    lacking    why it cannot be drilled here; "" where it can
    """

    file: str
    model: str | None = None
    only: tuple[str, ...] = ()
    rows: int = ROWS
    live_from: datetime | None = None
    lacking: str = ""


def models() -> dict[str, Drilled]:
    """What there is to drill, by name; the first is drilled by default."""
    calls = Path(
        os.environ.setdefault(
            "BANK_MARKETING", str(ROOT.parent / "shared/data/bank_marketing/bank-full.csv.gz")
        )
    )
    torch = "" if find_spec("torch") else "PyTorch is not there: make torch"
    return {
        "flights": Drilled("flights/delay.py"),
        "bank": Drilled(
            "bank_marketing/bought.py", rows=40_100, live_from=datetime(2009, 5, 30, tzinfo=UTC),
            lacking="" if calls.exists() else "no BANK_MARKETING names bank-full.csv.gz",
        ),
        "network": Drilled(
            "flights/neural.py", model="flight-delay", only=("P1", "P2", "P3", "P6", "P7", "P10"), lacking=torch
        ),
    }  # fmt: skip


def main() -> int:
    """Drill; 0 when every fault was caught in time."""
    known = models()
    parser = argparse.ArgumentParser(prog="make drill", description=__doc__)
    parser.add_argument("--full", action="store_true", help="seeds, severities, guards off, and every model")
    parser.add_argument("--only", default="", help="faults, such as P3,S1")
    parser.add_argument(
        "--model", choices=known, help="by default flights; with --full all, one after the other"
    )
    parser.add_argument("--no-curves", action="store_true", help="with --full: moderate severity only")
    given = parser.parse_args()
    only = tuple(name.strip() for name in given.only.split(",") if name.strip())
    names = [given.model] if given.model else list(known) if given.full else ["flights"]
    failed = 0
    for name in names:
        if known[name].lacking:
            Console(highlight=False, markup=False).print(f"{name}: not drilled, {known[name].lacking}")
        else:
            failed += _drill(name, known[name], only, full=given.full, curves=not given.no_curves)
    return 1 if failed else 0


def _drill(name: str, drilled: Drilled, only: tuple[str, ...], *, full: bool, curves: bool) -> int:
    """Drill one model, show what came of it, and return how many cells are not as they must be.

    full     five seeds of flights, one of others, and every fault with its guards off
    curves   with `full`: severities from mild to severe too, of flights
    """
    started = time.monotonic()
    settings = Settings(ROOT / "build" / "drill" / name)
    definition = EXAMPLES / drilled.file
    with progress() as report:
        ingest_file(settings, definition.with_name("tables.py"))
        healthy = healthy_in(
            settings, definition, settings.root / "drills", model=drilled.model, rows=drilled.rows,
            live_from=drilled.live_from, progress=report,
        )  # fmt: skip
        resumed = (healthy.home / "control.json").exists()
        flights = full and name == "flights"
        chosen = faults(only or drilled.only)
        cells = list(wanted(chosen, (None,), range(SEEDS if flights else 1), ablation=full))
        if flights and curves:  # last, so that a run that was ended has drilled what tells most
            cells += wanted([fault for fault in chosen if fault.graded], SEVERITIES, [0])
        matrix = run(healthy, cells, progress=report)
        try:
            clean = clean_windows(healthy, windows=WINDOWS, progress=report)
            told = clean.sentence()
        except TooFewSamples as shortage:  # what was drilled is shown all the same
            clean, told = None, f"no windows without a fault: {shortage}"
    _show(matrix, [told, f"page: {write_page(settings.reports, matrix, clean)}"])
    bench = "drill" if name == "flights" else f"drill-{name}"
    _publish(
        f"{bench}-full" if full else bench,
        matrix,
        clean,
        time.monotonic() - started,
        timed=not (full or resumed or only),
    )
    return len(matrix.failures())


def _show(matrix: Matrix, more: Iterable[str]) -> None:
    console = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else 220)
    console.print(table(COLUMNS, lines(matrix)))
    guards = [(use.guard, use.first, use.sole, use.seen) for use in matrix.guards()]
    console.print(table(("guard", "first", "alone", "noticed"), guards, title="What each guard was good for"))
    for sentence in [*summary(matrix), *more]:
        console.print(sentence)


def _publish(name: str, matrix: Matrix, clean: Clean | None, seconds: float, *, timed: bool) -> None:
    """Keep the figures; `timed`: whether all of it was done now, so that the time is that of the whole matrix."""
    guarded = [cell for cell in matrix.cells if not (cell.off or cell.skipped) and cell.moderate]
    caught = sum(cell.outcome == "caught" for cell in guarded)
    before = sum(cell.first is not None and cell.first.stage in ("data", "gate") for cell in guarded)
    unguarded = [cell for cell in matrix.cells if cell.off and not (cell.skipped or cell.error)]
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    figures = {
        "seconds": seconds,
        "cpu_seconds": sum(each.ru_utime + each.ru_stime for each in used),
        "cells": len(matrix.cells),
        "caught": caught,
        "moderate": len(guarded),
        "caught_before_traffic": before,
        "harmed_share": sum(cell.harmed for cell in guarded) / max(len(guarded), 1),
        "guards": matrix.guards(),
        "clean": clean,
        "drills": matrix.cells,
    }
    aims = [
        Aim(
            "moderate faults caught at or before their stage",
            "all",
            f"{caught} of {len(guarded)}",
            caught == len(guarded),
        ),
    ]
    for what, rate in (
        ()
        if clean is None
        else (
            ("healthy candidates refused by the gate", clean.refused),
            ("healthy fortnights with an alarm", clean.alarmed),
        )
    ):
        aims.append(Aim(what, f"<= {FALSE_ALARMS:.0%}", str(rate), rate.of <= FALSE_ALARMS * rate.n))
    if unguarded:
        missed = sum(not cell.catches for cell in unguarded)
        aims.append(
            Aim(
                "missed with their guards off",
                "all",
                f"{missed} of {len(unguarded)}",
                missed == len(unguarded),
            )
        )
    if timed:
        aims.append(Aim("the whole matrix", "< 15 min", f"{seconds / 60:.1f} min", seconds < 900))
    publish(name, figures, aims)


if __name__ == "__main__":
    sys.exit(main())
