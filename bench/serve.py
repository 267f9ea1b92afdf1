"""`make bench-serve`: Roadworthy, its ceiling, its floor and its peers, in one run on one machine.

Not here: the model (serve_model), the servers (serve_servers), the load (serve_load), the tables (serve_report).
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.results import ROOT
from bench.serve_contest import Contest
from bench.serve_load import have_wrk
from bench.serve_model import call_costs, make_reference
from bench.serve_report import Report

GROUPS = ("echo", "roadworthy", "peers")
ROUNDS, SECONDS = 3, 2
QUICK_ROUNDS, QUICK_SECONDS = 2, 2


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="make bench-serve", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="two minutes: no peers, fewer and shorter rounds"
    )
    parser.add_argument(
        "--only", default="", help="of echo, roadworthy, peers or a peer's name, separated by commas"
    )
    parser.add_argument("--rounds", type=int, help=f"paired rounds of each closed loop ({ROUNDS})")
    parser.add_argument("--seconds", type=int, help=f"of each round ({SECONDS})")
    parser.add_argument("--soak", type=int, default=200_000, help="predictions over which memory is watched")
    parser.add_argument("--docs", action="store_true", help="write docs/benchmarks.md and its picture")
    chosen = parser.parse_args(given)
    chosen.rounds = chosen.rounds or (QUICK_ROUNDS if chosen.quick else ROUNDS)
    chosen.seconds = chosen.seconds or (QUICK_SECONDS if chosen.quick else SECONDS)
    chosen.only = {name.strip().lower() for name in chosen.only.split(",") if name.strip()}
    return chosen


def main() -> int:
    """Measure, tell, write."""
    chosen = arguments()
    have_wrk()
    directory = Path(tempfile.mkdtemp(prefix="roadworthy-bench-"))
    report = Report()
    try:
        report.say("training the model that everybody serves ...")
        reference = make_reference(directory)
        report.floor(call_costs(reference))
        Contest(reference, report, chosen, ROOT / "build" / "bench" / "serve-logs").run()
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    report.publish(docs=chosen.docs)
    return 1 if report.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
