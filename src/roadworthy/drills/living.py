"""The live half of a drill: a real server, real traffic in virtual time, hard guards and monitors as in production.

The replay ends as soon as a guard that counts has noticed. Not here: what came before any traffic (`cell`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from roadworthy.drills.deployment import Deployment, Running
from roadworthy.drills.launcher import patch_of, wrap
from roadworthy.drills.proxy import Proxy
from roadworthy.drills.result import Catch, Control
from roadworthy.drills.server import Server, take_any
from roadworthy.errors import NotReady, Refused
from roadworthy.jobs import guard as guarding
from roadworthy.jobs.hiding import workspace_key
from roadworthy.jobs.questions import load_questions
from roadworthy.jobs.release import release
from roadworthy.jobs.replay import Replay
from roadworthy.jobs.seen import SeenAnswers
from roadworthy.jobs.sender import Sender
from roadworthy.jobs.stores import Stores
from roadworthy.jobs.tick import Ticked, tick
from roadworthy.monitoring.budget import share_of


@dataclass
class Lived:
    """What the live half gave.

    rows      rows that the replay holds
    catches   guards that noticed, in the order of time
    refused   rows that the server did not answer
    """

    rows: int
    catches: list[Catch] = field(default_factory=list)
    refused: int = 0


class _Noticed(Exception):
    """The replay may end."""


def live(
    deployment: Deployment,
    stores: Stores,
    reference: str,
    control: Control,
    off: frozenset[str] = frozenset(),
    *,
    to_the_end: bool = False,
) -> Lived:
    """Release a version and replay traffic until somebody notices, or to the end.

    control      what guards say without a fault; it does not count
    off          guards that say nothing; without `release` nodes take what they would have refused
    to_the_end   whether the replay goes on after somebody noticed
    raises       NotReady or Refused where nothing can be released though `release` is off
    """
    when, model = deployment.timeline, deployment.model
    questions = load_questions(stores.settings.tables, model, when.live_from, when.live_until)
    lived = Lived(questions.n)
    with ExitStack() as open_until_end:
        patches = [*deployment.patches, *([patch_of(take_any, ("serving",), {})] if "release" in off else [])]
        server = open_until_end.enter_context(Server(stores.settings, deployment.home, patches))
        try:
            release(
                stores, reference, how="promote", force="drilled: its guards are off", actor="drill",
                event_time=when.live_from,
            )  # fmt: skip
        except (NotReady, Refused) as refusal:
            # Nodes take any version then: what would have been lived is unknown, and that is not "missed".
            if "release" in off:
                raise
            lived.catches.append(Catch(stage="gate", guard="release", how="refused", sentence=str(refusal)))
            return lived
        proxy = open_until_end.enter_context(Proxy(server.url, deployment.request_changes, deployment.heard))
        sender = open_until_end.enter_context(Sender(proxy.url))
        open_until_end.enter_context(_silent(off))
        key = workspace_key(stores) if model.unit in model.features.sensitive else None
        looking = _Looking(stores, when.live_from, control, off, _schedule(deployment, server), proxy)
        with suppress(_Noticed):
            Replay(model, questions, sender, key).run(
                when.live_from, when.live_until, looking.look_on if to_the_end else looking.look
            )
        lived.catches += looking.catches
        lived.refused = proxy.refused
    return lived


def _schedule(deployment: Deployment, server: Running) -> list[tuple[datetime, Callable[[], None]]]:
    """What is done to the server, and when, soonest first."""
    start = deployment.timeline.live_from
    planned = sorted(deployment.actions, key=lambda planned: planned[0])
    return [(start + after, lambda action=action: action(server)) for after, action in planned]  # type: ignore[misc]


class _Looking:
    """Runs what is due at a virtual instant, and hears what guards and monitors say of it."""

    def __init__(
        self,
        stores: Stores,
        start: datetime,
        control: Control,
        off: frozenset[str],
        actions: Sequence[tuple[datetime, Callable[[], None]]],
        proxy: Proxy,
    ) -> None:
        self.stores, self.start, self.control, self.off = stores, start, control, off
        self.actions, self.proxy = list(actions), proxy
        self.seen = SeenAnswers(stores)
        self.catches: list[Catch] = []
        self.now = start

    def look(self, now: datetime) -> datetime:
        """The beat of production, until somebody noticed; says when the next one is wanted."""
        following = self.look_on(now)
        if self.catches:
            raise _Noticed
        return following

    def look_on(self, now: datetime) -> datetime:
        """The beat of production, whoever noticed."""
        self.now = now
        while self.actions and self.actions[0][0] <= now:
            self.actions.pop(0)[1]()
        ticked = tick(self.stores, now, seen=self.seen)
        self._hear(ticked)
        return min([ticked.next, *(at for at, _ in self.actions[:1])])

    def note(self, guard: str, how: Any, sentence: str, part: str = "") -> None:
        """One guard noticed, if it counts."""
        if guard in self.off or (guard, part) in self.control.live:
            return
        seconds = (self.now - self.start).total_seconds()
        self.catches.append(
            Catch(
                stage="live", guard=guard, how=how, sentence=sentence, part=part, rows=self.proxy.asked,
                seconds=seconds,
            )
        )  # fmt: skip

    def _hear(self, ticked: Ticked) -> None:
        for guarded in ticked.guarded:
            for verdict in guarded.verdicts:
                if verdict.ruling == "fail":
                    self.note(
                        verdict.check, "rolled back" if guarded.rolled_back else "alarm", verdict.reason
                    )
        for monitored in ticked.monitored:
            for alarm in monitored.opened:
                part = alarm.subject.partition(" ")[2]
                self.note(alarm.check, share_of(alarm.check).severity, alarm.reason, part)


@contextmanager
def _silent(off: frozenset[str]) -> Iterator[None]:
    """Hard guards of these names say nothing in this process, so that they take nothing back."""
    before = guarding.judge

    def silenced(honest: Any) -> Any:
        return lambda *given: [verdict for verdict in honest(*given) if verdict.check not in off]

    wrap(guarding, "judge", silenced)
    try:
        yield
    finally:
        wrap(guarding, "judge", lambda _: before)
