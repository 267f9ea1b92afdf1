"""`make demo`: ingest, train, gate, promote, serve, six months of real traffic, drift, retrain, canary, compare,
a candidate that learned nothing, and its rollback. Every step is the real thing; the run fails if one does not happen.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from rich import box
from rich.table import Table

from bench.results import Aim, publish
from demo.processes import Controller, Server, fresh_settings
from demo.telling import Teller
from roadworthy.clock import parse_instant
from roadworthy.errors import Refused, RoadworthyError
from roadworthy.gate.terminal import render
from roadworthy.jobs.compare import COLUMNS
from roadworthy.jobs.questions import load_questions
from roadworthy.jobs.release import Released
from roadworthy.jobs.replay import Replay, Replayed
from roadworthy.jobs.sender import Sender
from roadworthy.jobs.tick import Ticked
from roadworthy.jobs.train import TrainedVersion
from roadworthy.jobs.workspace import Workspace
from roadworthy.model import load_definition
from roadworthy.monitoring.budget import share_of

ROOT = Path(__file__).resolve().parents[1]
FLIGHTS = ROOT / "examples" / "flights"
TABLES, DELAY, UNLEARNED = FLIGHTS / "tables.py", FLIGHTS / "delay.py", FLIGHTS / "unlearned.py"
MODEL = "flight-delay"
WHO = "demo"

START, END = parse_instant("2013-07-01"), parse_instant("2014-01-01")

#: If nothing calls for a retraining before, the schedule does.
SCHEDULED = parse_instant("2013-10-15")

#: When a retraining that learned nothing is forced past the gate.
FORCED = parse_instant("2013-12-18T14:00:00+00:00")

CANARY_FOR = timedelta(days=3)


@dataclass
class Told:
    """What has happened so far, for the table at the end."""

    first: TrainedVersion | None = None
    alarms: list[tuple[datetime, str]] = field(default_factory=list)
    retrained_at: datetime | None = None
    because: str = ""
    second: TrainedVersion | None = None
    canary_at: datetime | None = None
    promoted_at: datetime | None = None
    unlearned: TrainedVersion | None = None
    refused: bool = False
    forced: Released | None = None
    forced_at: datetime | None = None
    rolled_back_at: datetime | None = None
    harmed: int = 0
    rollback_reason: str = ""
    forced_seconds: float = 0.0
    rollback_seconds: float = 0.0


class Story:
    """The demo as the owner of the model: reads what the controller reports, retrains, releases."""

    def __init__(self, workspace: Workspace, controller: Controller, teller: Teller, told: Told) -> None:
        self.workspace, self.controller, self.teller, self.told = workspace, controller, teller, told
        self.looks, self.looking_seconds = 0, 0.0

    def tick(self, now: datetime) -> datetime:
        """What is due at `now`: the controller's beat, then what its findings call for. Traffic waits meanwhile."""
        before = self.teller.seconds
        ticked = self.controller.beat(now)
        self.looks, self.looking_seconds = self.looks + 1, self.looking_seconds + self.teller.seconds - before
        self._hear(ticked)
        told = self.told
        if told.retrained_at is None and (told.because or now >= SCHEDULED):
            self._retrain(now)
        elif told.canary_at is not None and told.promoted_at is None and now >= told.canary_at + CANARY_FOR:
            self._promote(now)
        elif told.promoted_at is not None and told.forced is None and now >= FORCED:
            self._force(now)
        else:
            return (
                ticked.next
                if told.forced is not None or now < FORCED - timedelta(days=1)
                else min(ticked.next, _next_hour(now))
            )
        return now + timedelta(minutes=10)

    def _hear(self, ticked: Ticked) -> None:
        for seen in ticked.monitored:
            for alarm in seen.opened:
                share = share_of(alarm.check)
                style = "red" if share.severity == "alarm" else "yellow"
                self.teller.event(ticked.at, f"{share.severity}: {alarm.check}: {alarm.reason}", style)
                self.told.alarms.append((ticked.at, alarm.check))
                if share.calls_for == "retrain" and self.told.retrained_at is None and not self.told.because:
                    self.told.because = f"{alarm.check}: {alarm.reason}"
        for guarded in ticked.guarded:
            if guarded.rolled_back:
                self.told.rolled_back_at = ticked.at
                self.told.harmed = guarded.answered
                self.told.rollback_reason = guarded.reason
                self.told.rollback_seconds = self.teller.seconds - self.told.forced_seconds
                self.teller.event(
                    ticked.at,
                    f"the controller rolls back {MODEL}@{guarded.watched}: {guarded.reason}",
                    "bold red",
                )

    def _retrain(self, now: datetime) -> None:
        self.told.retrained_at = now
        why = self.told.because or "nothing called for it; the schedule does"
        self.teller.step(
            "Retrain on everything that has matured",
            f"roadworthy train examples/flights/delay.py --until {now:%Y-%m-%d}",
        )
        self.teller.say(f"why: {why}")
        trained = self.workspace.train(DELAY, until=now)
        self.told.second = trained
        self._report(trained)
        gated = self.workspace.gate(trained.reference, actor=WHO, event_time=now)
        self.teller.show(render(gated.report))
        if gated.report.decision.ruling != "pass":
            raise RoadworthyError(f"the story ends here: the gate did not pass {trained.reference}")
        released = self.workspace.release(
            trained.reference, how="canary", share=0.1, actor=WHO, event_time=now
        )
        self.told.canary_at = now
        self.teller.event(now, released.sentence, "green")

    def _promote(self, now: datetime) -> None:
        assert self.told.second is not None
        released = self.workspace.release(
            self.told.second.reference, how="promote", actor=WHO, event_time=now
        )
        self.told.promoted_at = now
        self.teller.event(now, f"three days without a failed guard: {released.sentence}", "green")

    def _force(self, now: datetime) -> None:
        self.teller.step(
            "A retraining that learned nothing",
            f"roadworthy train examples/flights/unlearned.py --until {now:%Y-%m-%d}",
        )
        trained = self.workspace.train(UNLEARNED, until=now)
        self.told.unlearned = trained
        self._report(trained)
        gated = self.workspace.gate(trained.reference, actor=WHO, event_time=now)
        self.teller.show(render(gated.report))
        try:
            self.workspace.release(trained.reference, how="promote", actor=WHO, event_time=now)
        except Refused as refusal:
            self.told.refused = True
            self.teller.event(now, f"refused: {refusal}", "green")
        self.teller.step(
            "Somebody forces it past the gate",
            f'roadworthy release {trained.reference} --promote --force "..."',
        )
        reason = "the gate must be wrong, the training log looked fine"
        self.told.forced = self.workspace.release(
            trained.reference, how="promote", force=reason, actor="somebody", event_time=now
        )
        self.told.forced_at, self.told.forced_seconds = now, self.teller.seconds
        self.teller.event(
            now, f'{self.told.forced.sentence}; in the ledger: override, somebody, "{reason}"', "red"
        )

    def _report(self, trained: TrainedVersion) -> None:
        for sentence in trained.sentences()[:-1]:
            self.teller.say(sentence)


def _next_hour(now: datetime) -> datetime:
    return now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)


def begin(workspace: Workspace, teller: Teller, told: Told) -> None:
    """Everything before the first request: tables, the first version, its gate."""
    teller.step(
        "Ingest a year of flights, weather and aircraft", "roadworthy ingest examples/flights/tables.py"
    )
    for item in workspace.ingest(TABLES):
        teller.say(f"{item.table:<11}{item.rows:>8,} rows   fingerprint {item.fingerprint}")
    command = "roadworthy train examples/flights/delay.py --until 2013-07-01"
    teller.step("Train version 1 on January to June, as known then", command)
    told.first = workspace.train(DELAY, until=START)
    for sentence in told.first.sentences()[:-1]:
        teller.say(sentence)
    teller.step(
        "Ask the gate, on later rows than it was trained on",
        f'roadworthy gate {told.first.reference} --first-release "nothing serves yet"',
    )
    teller.say("without the reason it would block: there is no champion to compare a first version with")
    passed = workspace.gate(
        told.first.reference, approve_first="nothing serves yet", actor=WHO, event_time=START
    )
    teller.show(render(passed.report))


def serve(workspace: Workspace, teller: Teller, told: Told, server: Server) -> tuple[Replayed, float]:
    """Six months of traffic, with everything that happens meanwhile; and how many seconds that took."""
    assert told.first is not None
    released = workspace.release(told.first.reference, how="promote", actor=WHO, event_time=START)
    teller.say(f"{released.sentence}; the server answers at {server.url}")
    teller.step(
        "Replay July to December through real HTTP, outcomes as flights land",
        "roadworthy replay examples/flights/delay.py",
    )
    model = load_definition(DELAY).model()
    questions = load_questions(workspace.stores.settings.tables, model, START, END)
    with Controller(workspace.stores.settings) as controller, Sender(server.url) as sender:
        story = Story(workspace, controller, teller, told)
        before = teller.seconds
        with teller.replaying(questions.n) as bar:
            replayed = Replay(model, questions, sender).run(START, END, story.tick, bar)
    teller.say(
        f"{replayed.rows:,} predictions in {replayed.requests:,} requests, {replayed.outcomes:,} outcomes, "
        f"{replayed.rows / (teller.seconds - before):,.0f} predictions a second, retraining included"
    )
    teller.say(f"the controller looked {story.looks:,} times, {story.looking_seconds:.0f} s of it")
    return replayed, teller.seconds - before


def finish(
    workspace: Workspace,
    teller: Teller,
    told: Told,
    replayed: Replayed,
    replay_seconds: float,
    server: Server,
) -> list[str]:
    """Compare, report, sum up; returns what did not happen although it should have."""
    assert told.second is not None
    teller.step("Both versions on the same later rows", f"roadworthy compare {MODEL} 1 2")
    rows = workspace.compare(MODEL, 1, 2, start=told.promoted_at, end=END, as_of=END)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in COLUMNS:
        table.add_column(name, justify="right")
    for row in rows:
        for line in row.lines():
            table.add_row(*(_cell(cell) for cell in line))
    teller.show(table)
    teller.step("The life of the model on one page", f"roadworthy report {MODEL}")
    page = workspace.report(MODEL)
    teller.say(f"report: {page}")
    teller.step("What happened")
    teller.show(_summary(told, replayed))
    teller.say(f"whole story: {teller.seconds:.0f} s")
    _publish(teller, told, replayed, replay_seconds)
    return [
        what
        for what, happened in {
            "version 2 was promoted": told.promoted_at is not None,
            "the gate refused the version that learned nothing": told.refused,
            "the forced version was rolled back": told.rolled_back_at is not None,
            "every question was answered": replayed.rows > 0
            and replayed.rows == sum(replayed.answered.values()),
        }.items()
        if not happened
    ]


def _cell(cell: str | int | float | None) -> str:
    if cell is None:
        return "–"
    return f"{cell:.4f}" if isinstance(cell, float) else f"{cell:,}" if isinstance(cell, int) else cell


def _summary(told: Told, replayed: Replayed) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")

    def when(moment: datetime | None) -> str:
        return "never" if moment is None else f"{moment:%d %b %H:%M}"

    raised: dict[str, dict[str, int]] = {"alarm": {}, "warning": {}}
    for _, check in told.alarms:
        counts = raised[share_of(check).severity]
        counts[check] = counts.get(check, 0) + 1
    answered = ", ".join(
        f"version {version}: {count:,}" for version, count in sorted(replayed.answered.items())
    )
    table.add_row(
        "answered", f"{replayed.rows:,} predictions ({answered}), {replayed.outcomes:,} outcomes joined"
    )
    for severity, counts in raised.items():
        listed = ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "none"
        table.add_row(f"{severity}s raised", listed)
    table.add_row("", "the budget is one false one a year; the data has real gaps and real drift")
    table.add_row("retrained", f"{when(told.retrained_at)}, because {told.because or 'it was scheduled'}")
    table.add_row("canary, champion", f"{when(told.canary_at)}, {when(told.promoted_at)}")
    table.add_row("learned nothing", "refused by the gate" if told.refused else "NOT refused by the gate")
    table.add_row(
        "forced past it", f"{when(told.forced_at)}, rolled back {when(told.rolled_back_at)} by the controller"
    )
    table.add_row("harm done", f"{told.harmed:,} answers; {told.rollback_reason}")
    return table


def _publish(teller: Teller, told: Told, replayed: Replayed, replay_seconds: float) -> None:
    figures = {
        "seconds": teller.seconds,
        "replay_seconds": replay_seconds,
        "predictions": replayed.rows,
        "predictions_per_second": replayed.rows / replay_seconds,
        "harmed": told.harmed,
        "rollback_seconds": told.rollback_seconds,
    }
    aims = [
        Aim("the whole story after set-up", "< 240 s", f"{teller.seconds:.1f} s", teller.seconds < 240),
        Aim(
            "from the forced release to its rollback",
            "seconds",
            f"{told.rollback_seconds:.1f} s",
            told.rollback_seconds < 30,
        ),
    ]
    publish("demo", figures, aims)


def main() -> int:
    """Tell the story; 0 when everything in it happened."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave the server running at the end")
    parser.add_argument("--workspace", type=Path, default=ROOT / "build" / "demo", help="made anew")
    given = parser.parse_args()
    shutil.rmtree(given.workspace, ignore_errors=True)
    given.workspace.mkdir(parents=True)
    teller, told = Teller(), Told()
    workspace = Workspace.of(fresh_settings(given.workspace))
    begin(workspace, teller, told)
    teller.step("Serve it", "roadworthy serve --replay-clock")
    server = Server(workspace.stores.settings)
    try:
        missing = finish(workspace, teller, told, *serve(workspace, teller, told, server), server)
        if given.keep:
            teller.say(
                f"live: {server.url}/metrics and {server.url}/openapi.json; stop the server with Ctrl-C"
            )
            server.wait()
    finally:
        server.stop()
    for what in missing:
        teller.say(f"did not happen: {what}", "bold red")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
