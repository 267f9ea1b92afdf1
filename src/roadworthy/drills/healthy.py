"""The healthy deployment that every drill copies: the user's own model on a sample of the user's own history.

Not here: any fault. It lives through what a real one does: a version trained, gated, approved and promoted, a stretch
of real traffic through a real server, and a healthy candidate trained on what is known by then.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from roadworthy.clock import DAY_MICROS, instant, micros
from roadworthy.data.sources import TimeExpression
from roadworthy.data.split import day_number
from roadworthy.data.tables import ingest, read, table_schema, unit_texts
from roadworthy.drills.cell import brought_in, not_passed, opened
from roadworthy.drills.deployment import (
    DESCRIPTION,
    HISTORY,
    LATER,
    LATEST,
    Deployment,
    Description,
    Timeline,
)
from roadworthy.drills.living import live
from roadworthy.drills.result import Control
from roadworthy.drills.server import Server
from roadworthy.durable import write_whole
from roadworthy.errors import NotReady, TooFewSamples
from roadworthy.gate.report import GateReport
from roadworthy.jobs.gate import gate
from roadworthy.jobs.hiding import workspace_key
from roadworthy.jobs.questions import load_questions
from roadworthy.jobs.release import release
from roadworthy.jobs.replay import Replay
from roadworthy.jobs.seen import SeenAnswers
from roadworthy.jobs.sender import Sender
from roadworthy.jobs.stores import Stores
from roadworthy.jobs.tick import tick
from roadworthy.jobs.train import train
from roadworthy.jobs.training_advice import about, advice_on
from roadworthy.model import Model, load_definition
from roadworthy.traffic import fraction

Progress = Callable[[str, int, int], None]

#: Questions of the history that are kept, about.
ROWS = 20_000

#: Where in the history the fault happens, and how long the stretches around it are at most.
LIVE_AT = 0.5
SERVED, LIVE, LATEST_FOR, HOLDOUT = (timedelta(days=days) for days in (14, 28, 7, 42))

#: No stretch is longer than this share of the history.
AT_MOST = 0.13

SALT = "drill"

#: Why batches that do not go on as the rows before them are taken.
ACCEPTED = "rows of the user's own table, cut into batches"


def timeline(asked: np.ndarray, live_from: datetime | None = None) -> Timeline:
    """When what happens, from the times of the questions (microseconds); whole days, UTC.

    live_from   when the fault happens; by default when half of the time has passed
    raises      TooFewSamples where the history is shorter than three weeks, or too little of it lies before or after
    """
    days = np.unique(day_number(asked))
    span = int(days[-1] - days[0]) + 1
    if span < 21:
        raise TooFewSamples(f"the history spans {span} days; a drill needs three weeks: ingest more")
    most = timedelta(days=max(int(AT_MOST * span), 3))
    first, last = (instant(int(day) * DAY_MICROS) for day in (days[0], days[-1]))
    at = live_from or first + timedelta(days=round(LIVE_AT * span))
    found = Timeline(
        served_from=at - min(SERVED, most),
        latest_from=at - min(LATEST_FOR, most),
        live_from=at,
        live_until=min(at + min(LIVE, most), last + timedelta(days=1)),
        holdout=min(HOLDOUT, most),
    )
    earliest = first + (at - found.served_from) + found.holdout + timedelta(days=1)
    if not earliest <= at <= last:
        raise TooFewSamples(
            f"the fault cannot happen on {at:%Y-%m-%d}: the history goes from {first:%Y-%m-%d} to {last:%Y-%m-%d}, and "
            f"a drill needs rows to train on before it and traffic after it. Choose a day from {earliest:%Y-%m-%d} on"
        )
    return found


def build(
    tables: Path,
    definition: Path,
    home: Path,
    *,
    model: str | None = None,
    rows: int = ROWS,
    live_from: datetime | None = None,
    progress: Progress = lambda step, done, total: None,
) -> Deployment:
    """Make the healthy deployment in `home`, which appears whole or not at all.

    tables   ingested tables of the user
    raises   NotReady where the user's own model does not pass its gate: nothing can be learned from drilling it
    """
    chosen = load_definition(definition).model(model)
    draft = home.with_name(f".{home.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    (draft / "definition").mkdir(parents=True)
    for source in definition.resolve().parent.glob("*.py"):
        shutil.copyfile(source, draft / "definition" / source.name)
    progress("sample the history", 0, 1)
    history = sampled(read(tables, chosen.history), chosen, rows)
    asked = TimeExpression.parse(chosen.asked_at)
    when = timeline(_times(history.filter(pc.is_valid(history.column(asked.column))), asked), live_from)
    described = Description(file=definition.name, model=chosen.name, timeline=when)
    (draft / DESCRIPTION).write_bytes(msgspec.json.encode(described))
    deployment = Deployment.at(draft)
    _ingest(tables, deployment, chosen, history)
    progress("sample the history", 1, 1)
    stores = deployment.stores()
    try:
        _live(stores, deployment, chosen, progress)
    finally:
        stores.engine.dispose()
    draft.rename(home)
    return Deployment.at(home)


def sampled(history: pa.Table, model: Model, rows: int) -> pa.Table:
    """About `rows` rows: whole units, chosen by their hash, and at least one row of every day.

    A history that is joined to itself is kept whole, because the rows left out would be missed.
    """
    if history.num_rows <= rows or model.history in {join.source.table for join in model.joins()}:
        return history
    units = unit_texts(history.column(model.unit)).to_pylist()
    place = np.array([fraction(unit or "", SALT) for unit in units])
    kept = place < rows / history.num_rows
    days = day_number(_times(history, TimeExpression.parse(model.asked_at)))
    order = np.lexsort((place, days))
    first = order[np.r_[True, days[order][1:] != days[order][:-1]]]
    kept[first] = True
    return history.filter(pa.array(kept))


def _times(table: pa.Table, when: TimeExpression) -> np.ndarray:
    moments = table.column(when.column).cast(pa.timestamp("us", "UTC")).cast(pa.int64())
    times: np.ndarray = pc.fill_null(moments, 0).to_numpy() + when.offset // timedelta(microseconds=1)
    return times


def _ingest(tables: Path, deployment: Deployment, model: Model, history: pa.Table) -> None:
    """Every table the model reads, in the batches in which its rows became known."""
    known = {join.source.table: join.source.known_at for join in model.joins()}
    settings = deployment.settings
    for name in dict.fromkeys([model.history, *known]):
        rows = history if name == model.history else read(tables, name)
        when = TimeExpression.parse(model.asked_at) if name == model.history else known[name]
        for batch, part in _parts(rows, when, deployment.timeline):
            # Its holidays are in the user's table already: only the cuts between batches are new.
            ingest(
                settings.tables, settings.quarantine, table_schema(tables, name), part, batch, accept=ACCEPTED
            )


def _parts(rows: pa.Table, when: TimeExpression | None, timeline: Timeline) -> list[tuple[str, pa.Table]]:
    if when is None:
        return [(HISTORY, rows)]
    times = _times(rows, when)
    cut = np.searchsorted([micros(timeline.latest_from), micros(timeline.live_from)], times, side="right")
    parts = [(name, rows.filter(pa.array(cut == at))) for at, name in enumerate((HISTORY, LATEST, LATER))]
    return [(name, part) for name, part in parts if part.num_rows]


def _live(stores: Stores, deployment: Deployment, model: Model, progress: Progress) -> None:
    """A champion, its traffic, and a healthy candidate."""
    when = deployment.timeline
    progress("train and gate a champion", 0, 1)
    first = train(
        stores, deployment.definition, model=model.name, until=when.served_from, holdout=when.holdout
    )
    _pass(stores, first.reference, when.served_from, approve_first="nothing serves yet")
    release(stores, first.reference, how="promote", actor="drill", event_time=when.served_from)
    progress("train and gate a champion", 1, 1)
    questions = load_questions(stores.settings.tables, model, when.served_from, when.live_from)
    key = workspace_key(stores) if model.unit in model.features.sensitive else None
    seen = SeenAnswers(stores)
    with Server(stores.settings, deployment.home) as server, Sender(server.url) as sender:
        Replay(model, questions, sender, key).run(
            when.served_from,
            when.live_from,
            lambda now: tick(stores, now, seen=seen).next,
            lambda now, rows: progress("serve real traffic", rows, questions.n),
        )
    progress("train and gate a candidate", 0, 1)
    second = train(
        stores, deployment.definition, model=model.name, until=when.live_from, holdout=when.holdout
    )
    _pass(stores, second.reference, when.live_from)
    progress("train and gate a candidate", 1, 1)


def _pass(stores: Stores, reference: str, event_time: datetime, approve_first: str = "") -> None:
    report = gate(stores, reference, approve_first=approve_first, actor="drill", event_time=event_time).report
    if report.decision.ruling != "pass":
        reasons = "; ".join(f"{each.check}: {each.reason}" for each in report.decision.blocking)
        raise NotReady(
            f"the healthy {reference} does not pass its gate, so drills would show nothing: {reasons}. Choose another "
            "time with --at, more rows with --rows, or limits that the model keeps"
        )


def control_of(healthy: Deployment, room: Path) -> Control:
    """What guards say of healthy batches, and of the healthy candidate at its gate and as it answers; measured once.

    room   a directory that does not exist, for the copy that lives on; removed afterwards
    """
    kept = healthy.home / "control.json"
    if kept.exists():
        return msgspec.json.decode(kept.read_bytes(), type=Control)
    described = healthy.description
    with opened(healthy) as stores:
        gated = stores.gates.latest_gate(described.model, described.candidate)
        assert gated is not None, "a healthy deployment has gated its candidate"
        report = msgspec.convert(gated.report, GateReport)
        said = advice_on(stores, stores.versions.get(described.model, described.candidate))
    copied = healthy.copy(room)
    try:
        with opened(copied) as stores:
            lived = live(copied, stores, report.subject, Control(), to_the_end=True)
        copied.deliver_again(copied.model.history)
        odd = tuple((batch, fault.path) for batch, refusal in brought_in(copied) for fault in refusal.faults)
    finally:
        shutil.rmtree(room, ignore_errors=True)
    found = tuple(dict.fromkeys((catch.guard, catch.part) for catch in lived.catches))
    advised = tuple(about(sentence) for sentence in said)
    control = Control(data=odd, train=advised, gate=not_passed(report), live=found)
    write_whole(kept, msgspec.json.encode(control))
    return control
