"""`make drill`: every fault of the catalogue, injected into a copy of the flights deployment; which guard noticed?

With `--full`, five seeds, severities from mild to severe and every fault once with its guards off; it goes on where it
was ended.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from pathlib import Path

from rich.console import Console

from bench.results import ROOT, Aim, publish
from roadworthy.cli.output import table
from roadworthy.cli.progress import progress
from roadworthy.drills.catalogue import faults
from roadworthy.drills.clean import WINDOWS, Clean, clean_windows
from roadworthy.drills.matrix import Matrix, healthy_in, run, wanted
from roadworthy.drills.page import write_page
from roadworthy.drills.wording import COLUMNS, lines, summary
from roadworthy.jobs.ingest import ingest_file
from roadworthy.settings import Settings

FLIGHTS = ROOT / "examples" / "flights"

#: Of a full run: severities from mild to severe, beside each fault's moderate one.
SEVERITIES = (None, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0)
SEEDS = 5

#: How often a healthy candidate may be refused, and a healthy fortnight alarmed about, at most.
FALSE_ALARMS = 0.05


def main() -> int:
    """Drill; 0 when every fault was caught in time."""
    parser = argparse.ArgumentParser(prog="make drill", description=__doc__)
    parser.add_argument("--full", action="store_true", help="seeds, severities, and guards off")
    parser.add_argument("--only", default="", help="faults, such as P3,S1")
    parser.add_argument("--definition", type=Path, default=FLIGHTS / "delay.py")
    parser.add_argument("--tables", type=Path, default=FLIGHTS / "tables.py")
    given = parser.parse_args()
    started = time.monotonic()
    settings = Settings(ROOT / "build" / "drill" / given.definition.stem)
    chosen = faults([name for name in given.only.split(",") if name])
    severities = SEVERITIES if given.full else (None,)
    with progress() as report:
        ingest_file(settings, given.tables)
        healthy = healthy_in(settings, given.definition, settings.root / "drills", progress=report)
        cells = wanted(chosen, severities, range(SEEDS if given.full else 1), ablation=given.full)
        matrix = run(healthy, cells, progress=report)
        clean = clean_windows(healthy, windows=WINDOWS, progress=report)
    page = write_page(settings.reports, matrix, clean)
    _show(matrix, clean, page)
    name = "drill" if given.definition.stem == "delay" else f"drill-{given.definition.stem}"
    _publish(name, matrix, clean, time.monotonic() - started, full=given.full)
    return 1 if matrix.failures() else 0


def _show(matrix: Matrix, clean: Clean, page: Path) -> None:
    console = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else 220)
    console.print(table(COLUMNS, lines(matrix)))
    guards = [(use.guard, use.first, use.sole, use.seen) for use in matrix.guards()]
    console.print(table(("guard", "first", "alone", "noticed"), guards, title="What each guard was good for"))
    for sentence in [*summary(matrix), clean.sentence(), f"page: {page}"]:
        console.print(sentence)


def _publish(name: str, matrix: Matrix, clean: Clean, seconds: float, *, full: bool) -> None:
    guarded = [cell for cell in matrix.cells if not (cell.off or cell.skipped) and cell.moderate]
    caught = sum(cell.outcome == "caught" for cell in guarded)
    before = sum(cell.first is not None and cell.first.stage != "live" for cell in guarded)
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
        Aim(
            "healthy candidates refused by the gate",
            f"<= {FALSE_ALARMS:.0%}",
            str(clean.refused),
            clean.refused.of <= FALSE_ALARMS * clean.refused.n,
        ),
        Aim(
            "healthy fortnights with an alarm",
            f"<= {FALSE_ALARMS:.0%}",
            str(clean.alarmed),
            clean.alarmed.of <= FALSE_ALARMS * clean.alarmed.n,
        ),
    ]
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
    if not full:
        aims.append(Aim("the whole matrix", "< 15 min", f"{seconds / 60:.1f} min", seconds < 900))
    publish(f"{name}-full" if full else name, figures, aims)


if __name__ == "__main__":
    sys.exit(main())
