"""`make bench-serve`: Roadworthy, its ceiling, its floor and its peers, in one run on one machine.

Not here: the model (serve_model), the servers (serve_servers), the load (serve_load), the tables (serve_report).
"""

from __future__ import annotations

import argparse
import os
import platform
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

ROUNDS, SECONDS = 3, 2
#: Of the minute before the start; from here on others take part in the measurement.
BUSY = 0.7

QUICK_ROUNDS, QUICK_SECONDS = 2, 2


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="make bench-serve", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="two minutes: no peers, fewer and shorter rounds"
    )
    parser.add_argument(
        "--only",
        default="",
        help="of echo, roadworthy, soak, peers, or peers by name, such as roadworthy,fastapi",
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


def machine() -> dict[str, str | float]:
    """What the figures were taken on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": next(named, platform.machine()),
        "load_before": round(os.getloadavg()[0], 1),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gigabytes": round(memory / 2**30),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
    }


def main() -> int:
    """Measure, tell, write."""
    chosen = arguments()
    have_wrk()
    busy = os.getloadavg()[0]
    directory = Path(tempfile.mkdtemp(prefix="roadworthy-bench-"))
    report = Report()
    report.setting = {
        **machine(),
        "rounds": chosen.rounds,
        "seconds": chosen.seconds,
        "command": " ".join(["python -m bench.serve", *sys.argv[1:]]),
    }
    if busy > BUSY:
        report.strange(f"the machine was busy before the start (load {busy:.1f}): every rate is too low")
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
