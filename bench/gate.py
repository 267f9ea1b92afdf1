"""`make bench-gate`: how long the gate takes on a flights candidate, step by step and check by check.

A champion, a candidate a month later of about 100,000 training rows, and a week of the champion's logged answers; the
workspace stays in build/bench/gate and is used again, unless what trains it has changed (`--fresh` makes it anew).
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import shutil
import time
from datetime import datetime, timedelta

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from bench.results import ROOT, Aim, publish
from roadworthy.clock import parse_instant, uuid7
from roadworthy.features.arrow import batch_from_arrow
from roadworthy.gate.catalogue import CHECKS
from roadworthy.gate.evidence import Evidence
from roadworthy.gate.report import GateReport, judge
from roadworthy.jobs.gate import measure, write_page
from roadworthy.jobs.questions import load_questions
from roadworthy.jobs.stores import Stores
from roadworthy.jobs.workspace import Workspace
from roadworthy.model import load_definition
from roadworthy.node import NodeDirectory
from roadworthy.predictionlog.journal import Journal
from roadworthy.predictionlog.record import Number, Prediction
from roadworthy.settings import Settings

HOME = ROOT / "build" / "bench" / "gate"
FLIGHTS = ROOT / "examples" / "flights"
MODEL = "flight-delay"
CHAMPION_UNTIL, UNTIL = parse_instant("2013-04-20"), parse_instant("2013-05-20")
LOGGED = timedelta(days=7)
GOAL_SECONDS = 60.0

#: What decides a trained version; where it changed, both are trained anew.
TRAINING = ("features", "estimators", "training")


def build(fresh: bool) -> tuple[Workspace, dict[str, float]]:
    """The workspace with both versions and the log, and what training took where it was made now."""
    sources = [
        *(path for part in TRAINING for path in (ROOT / "src" / "roadworthy" / part).glob("*.py")),
        *FLIGHTS.glob("*.py"),
    ]
    stamp = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(sources))).hexdigest()
    made = HOME / "made-by"
    settings = Settings(HOME / "workspace", "bench")
    if not fresh and made.exists() and made.read_text() == stamp:
        return Workspace.of(settings), {}
    shutil.rmtree(HOME, ignore_errors=True)
    HOME.mkdir(parents=True)
    took: dict[str, float] = {}
    opened = Workspace.of(settings)
    opened.ingest(FLIGHTS / "tables.py")
    for name, until in (("champion", CHAMPION_UNTIL), ("candidate", UNTIL)):
        started = time.perf_counter()
        trained = opened.train(FLIGHTS / "delay.py", until=until)
        took[name] = time.perf_counter() - started
        if name == "champion":
            opened.release(
                trained.reference, how="promote", force="a benchmark asks for no quality", actor="bench"
            )
    _answer(opened.stores)
    made.write_text(stamp)
    return opened, took


def _answer(stores: Stores) -> None:
    """Log a week of answers by the champion, as a worker does."""
    scorer = stores.scorer(stores.versions.get(MODEL, 1))
    model = load_definition(FLIGHTS / "delay.py").model()
    asked = load_questions(stores.settings.tables, model, UNTIL - LOGGED, UNTIL)
    batch = batch_from_arrow(asked.table, scorer.schema)
    scored = scorer.score(batch)
    journal = Journal(NodeDirectory(stores.settings.nodes / "bench").journals, 0)
    schema = journal.declare(scorer.log_schema)
    entropy = random.Random(0)  # noqa: S311  # names predictions
    records = [
        Prediction(
            id=uuid7(int(moment), entropy), request_id=str(place), namespace=stores.settings.namespace, model=MODEL,
            version=1, schema=schema, unit=str(row[scorer.unit]), event_time=int(moment), logged_at=int(moment),
            inputs=tuple(row.values()), encoded=scored.encoded[place].astype("<f8").tobytes(),
            output=Number(float(scored.output[place])), role="champion", plan=1, node="bench",
        )
        for place, (moment, row) in enumerate(zip(asked.asked_at, batch.rows(scorer.schema), strict=True))
    ]  # fmt: skip
    journal.append(records)
    journal.seal()


def timed_gate(stores: Stores, now: datetime) -> tuple[GateReport, dict[str, float], dict[str, float], float]:
    """The report; seconds of every step of the measuring; of every check; and of all together."""
    steps: dict[str, float] = {}
    begun: dict[str, float] = {}

    def progress(step: str, done: int, total: int) -> None:
        if done == 0:
            begun[step] = time.perf_counter()
        else:
            steps[step] = time.perf_counter() - begun[step]

    started = time.perf_counter()
    evidence: Evidence = measure(stores, stores.versions.get(MODEL, 2), now, progress)
    steps["everything else"] = time.perf_counter() - started - sum(steps.values())
    measured = time.perf_counter()
    report = judge(evidence, now)
    write_page(stores, report)
    ended = time.perf_counter()
    checks = {}
    for check in CHECKS:
        begin = time.perf_counter()
        check.judge(evidence)
        checks[check.name] = time.perf_counter() - begin
    steps["judge, and write the page"] = ended - measured
    return report, steps, checks, ended - started


def show(title: str, seconds: dict[str, float], rulings: dict[str, str]) -> None:
    """The longest first."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column(title)
    table.add_column("seconds", justify="right")
    table.add_column("")
    for name in sorted(seconds, key=lambda name: -seconds[name]):
        table.add_row(name, f"{seconds[name]:.2f}", rulings.get(name, ""))
    Console(highlight=False).print(table)


def main() -> None:
    """Build, measure and publish."""
    parser = argparse.ArgumentParser(description="How long the gate takes on flights.")
    parser.add_argument("--fresh", action="store_true", help="train anew, whatever is there")
    workspace, trained = build(parser.parse_args().fresh)
    stores = workspace.stores
    row = stores.versions.get(MODEL, 2)
    report, steps, checks, total = timed_gate(stores, UNTIL)
    rulings: dict[str, str] = {}
    for found in report.verdicts:
        if rulings.get(found.check, "pass") == "pass":
            rulings[found.check] = found.ruling
    show("step of measuring", steps, {})
    show("check", checks, rulings)
    for found in report.verdicts:
        if found.ruling != "pass":
            Console(highlight=False).print(f"{found.ruling}: {found.subject} {found.check}: {found.reason}")
    figures = {
        "training_rows": row.run.rows,
        "held_out_rows": row.run.details["holdout_rows"],
        "training_seconds": trained,
        "gate_seconds": total,
        "steps_seconds": steps,
        "checks_seconds": checks,
        "ruling": report.decision.ruling,
        "processors": os.cpu_count(),
        "load": np.round(os.getloadavg(), 2).tolist(),
    }
    aim = f"the gate on {row.run.rows:,} rows, 2 cores"
    publish("gate", figures, [Aim(aim, f"< {GOAL_SECONDS:.0f} s", f"{total:.1f} s", total < GOAL_SECONDS)])


if __name__ == "__main__":
    main()
