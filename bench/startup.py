"""`make bench-startup`: how long the command line takes to answer, beside an empty Python."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from bench.results import Aim, publish

RUNS = 15


def seconds(arguments: list[str]) -> float:
    """Median wall time of a whole process."""
    taken = []
    for _ in range(RUNS):
        started = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def main() -> None:
    """Measure and publish."""
    empty = seconds(["-c", "pass"])
    answered = seconds(["-m", "roadworthy.cli", "--help"])
    imported = seconds(["-c", "import roadworthy"])
    figures = {"empty_seconds": empty, "help_seconds": answered, "import_seconds": imported, "runs": RUNS}
    publish(
        "startup",
        figures,
        [
            Aim("roadworthy --help answers", "< 0.3 s", f"{answered:.3f} s", answered < 0.3),
        ],
    )


if __name__ == "__main__":
    main()
