"""One life of the small town through the real loop: processes, a controller that acts, an owner who retrains and errs.

Not here: claims; tests live it once or twice and look at what is left behind.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest

from processes import Server, Starter
from roadworthy.errors import Refused
from roadworthy.jobs.gate import Gated, gate
from roadworthy.jobs.processes import controller_command
from roadworthy.jobs.questions import Questions
from roadworthy.jobs.release import Released, release
from roadworthy.jobs.replay import Replay, Replayed
from roadworthy.jobs.sender import Post, Sender
from roadworthy.jobs.stores import Stores
from roadworthy.jobs.tick import Ticked
from roadworthy.jobs.train import TrainedVersion, train
from roadworthy.model import load_definition
from roadworthy.registry.alarms import Alarm, Judged
from roadworthy.registry.ledger import Entry
from roadworthy.settings import Settings
from smalltown import DAY, MODEL, OPENED, Town

RETRAINED, PROMOTED = OPENED + 7 * DAY, OPENED + 8 * DAY
REVISED, REVISED_DAY = OPENED + 9 * DAY + DAY / 2, OPENED + 6 * DAY
FORCED, CLOSED = OPENED + 11 * DAY + DAY / 2, OPENED + 13 * DAY
SHARE = 0.3


@dataclass(frozen=True)
class Place:
    """What a starter of processes needs to know of a workspace."""

    settings: Settings


@dataclass
class Life:
    """One life of the town, and what it left behind at its end."""

    town: Town
    stores: Stores
    server: Server
    released: dict[str, Released] = field(default_factory=dict)
    trained: list[TrainedVersion] = field(default_factory=list)
    gated: list[Gated] = field(default_factory=list)
    ticks: list[Ticked] = field(default_factory=list)
    refusal: str = ""
    revised_unit: str = ""
    replayed: Replayed = field(default_factory=Replayed)
    ledger: tuple[Entry, ...] = ()
    verdicts: tuple[Judged, ...] = ()
    episodes: tuple[Alarm, ...] = ()
    log: pa.Table = None
    questions: Questions | None = None


class Controller:
    """The real controller, beating when it is told the time."""

    def __init__(self, settings: Settings) -> None:
        self._process = subprocess.Popen(
            controller_command(settings, replay=True), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to, self._from = self._process.stdin, self._process.stdout

    def beat(self, now: datetime) -> Ticked:
        """One look as of `now`."""
        self._to.write(now.isoformat().encode() + b"\n")
        self._to.flush()
        return msgspec.json.decode(self._from.readline(), type=Ticked)

    def end(self) -> int:
        """Close its input and wait for its end."""
        self._to.close()
        status = self._process.wait(20)
        self._from.close()
        return status


class Owner:
    """Whoever owns the model: retrains, releases and errs at fixed moments of virtual time."""

    def __init__(self, life: Life, controller: Controller, sender: Sender) -> None:
        self.life, self.controller, self.sender = life, controller, sender
        self.plan = [
            (RETRAINED, self.retrain),
            (PROMOTED, self.promote),
            (REVISED, self.revise),
            (FORCED, self.force),
        ]

    def tick(self, now: datetime) -> datetime:
        """The controller's beat, then what is planned for now; says when to come again."""
        ticked = self.controller.beat(now)
        self.life.ticks.append(ticked)
        if self.plan and now >= self.plan[0][0]:
            self.plan.pop(0)[1](now)
            return now + timedelta(minutes=10)
        return min(ticked.next, *(moment for moment, _ in self.plan)) if self.plan else ticked.next

    def revise(self, now: datetime) -> None:
        """The outcome of one parcel was wrong."""
        stores = self.life.stores
        outcomes = (
            stores.log()
            .outcomes(MODEL, namespace="town", start=REVISED_DAY, end=REVISED_DAY + DAY)
            .to_pylist()
        )
        first = outcomes[len(outcomes) // 2]
        self.life.revised_unit = first["unit"]
        corrected = {name: first[name] for name in ("id", "model", "name", "unit")}
        corrected |= {"value": 1.0 - first["value"], "event_time": first["event_time"], "revision": 1}
        self.sender.send_all(
            [Post("/v1/outcomes", msgspec.json.encode({"outcomes": [corrected]}), now.isoformat())]
        )

    def retrain(self, now: datetime) -> None:
        """Version 2 on everything that has matured, as a canary."""
        self._train_and_gate(self.life.town.definition, now)
        self.release("canary", 2, now, how="canary", share=SHARE)

    def promote(self, now: datetime) -> None:
        """Version 2 becomes champion."""
        self.release("promote", 2, now, how="promote")

    def force(self, now: datetime) -> None:
        """A version that learned nothing is refused, and then forced."""
        self._train_and_gate(self.life.town.unlearned, now)
        with pytest.raises(Refused) as refused:
            self.release("refused", 3, now, how="promote")
        self.life.refusal = str(refused.value)
        self.release("forced", 3, now, how="promote", force="the gate must be wrong")

    def release(self, name: str, version: int, now: datetime, **how: Any) -> None:
        """Release and remember."""
        self.life.released[name] = release(
            self.life.stores, f"{MODEL}@{version}", actor="owner", event_time=now, **how
        )

    def _train_and_gate(self, path: Path, now: datetime) -> None:
        trained = train(self.life.stores, path, until=now, holdout=7 * DAY)
        self.life.trained.append(trained)
        self.life.gated.append(gate(self.life.stores, trained.reference, actor="owner", event_time=now))


def live(town: Town, start: Starter, workers: int) -> Life:
    """Release version 1, serve, replay twelve days, and write down what is there at the end."""
    stores = town.stores()
    settings = stores.settings
    options = ["--namespace", "town", "--workers", str(workers), "--replay-clock", "--seed", "1"]
    server = start.supervisor(Place(settings), *options)  # type: ignore[arg-type]  # it needs settings alone
    life = Life(town, stores, server)
    life.trained.append(town.train(stores))
    for reason in ("", "nothing serves yet"):
        life.gated.append(gate(stores, f"{MODEL}@1", approve_first=reason, actor="owner", event_time=OPENED))
    life.questions = town.questions(stores, OPENED, CLOSED)
    model = load_definition(town.definition).model()
    controller = Controller(settings)
    with Sender(f"http://127.0.0.1:{server.port}") as sender:
        owner = Owner(life, controller, sender)
        owner.release("first", 1, OPENED, how="promote")
        life.replayed = Replay(model, life.questions, sender).run(OPENED, CLOSED, owner.tick)
    assert controller.end() == 0
    life.ledger = stores.ledger.entries(MODEL)
    life.verdicts = stores.alarms.verdicts(MODEL, revisions=True)
    life.episodes = stores.alarms.episodes(MODEL)
    life.log = stores.log().predictions(MODEL, namespace="town")
    return life
