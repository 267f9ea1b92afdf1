"""The worker processes of a node: started, watched, started again with patience, replaced one by one, and drained.

Not here: what workers do, and when the node stops. Workers are reached only as processes: by command line, signals,
inherited files and the node's directory.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec

from roadworthy.durable import write_whole
from roadworthy.node import NodeDirectory
from roadworthy.supervisor.member import Member

#: A worker that lived shorter than this is started again only after a pause that doubles.
SHORT_LIFE_SECONDS = 10.0
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 10.0

DRAIN_SECONDS = 30.0

#: A worker in a rolling restart must take requests within this time, or the restart ends there.
SUCCESSION_SECONDS = 120.0

#: When the supervisor itself did not run for so long, nobody's silence means anything.
STALL_SECONDS = 2.0

logger = logging.getLogger("roadworthy.supervisor")


class _Place:
    """One worker's place: the process in it now, and how often processes died young in it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.member: Member | None = None
        self.short_lives = 0
        self.start_at = 0.0


class Crew:
    """Keeps `count` workers alive.

    options        command line of a worker after its number
    inherited      file descriptors that workers get
    hang_seconds   a worker that takes part and says nothing for so long is killed
    """

    def __init__(
        self,
        node: NodeDirectory,
        count: int,
        options: Sequence[str],
        inherited: Sequence[int],
        hang_seconds: float = 30.0,
    ) -> None:
        self._node, self._hang_seconds = node, hang_seconds
        self._options, self._inherited = list(options), tuple(inherited)
        self._places = [_Place(number) for number in range(count)]
        self._leaving: list[Member] = []
        self._to_replace: list[_Place] = []
        self._successor: _Place | None = None
        self._tended = time.monotonic()
        #: Why the last rolling restart ended early; "" when it did not.
        self.given_up = ""
        #: Why workers were replaced, and how often: died, hung, rolling.
        self.replaced: Counter[str] = Counter()

    def tend(self) -> None:
        """Look after every place once: notice deaths and silence, start what is due, go on with a rolling restart."""
        now = time.monotonic()
        stalled, self._tended = now - self._tended > STALL_SECONDS, now
        for place in self._places:
            if place.member is not None:
                self._watch(place, place.member, now, stalled=stalled)
            if place.member is None and now >= place.start_at:
                self._start(place)
        self._part(now)
        if self._to_replace:
            self._go_on_rolling(now, self._to_replace[0])

    def roll(self) -> bool:
        """Replace all workers, one after the other; False when that is under way already."""
        if self._to_replace:
            logger.info("the workers are being replaced already")
            return False
        logger.info("the %d workers are replaced one by one", len(self._places))
        self._to_replace, self.given_up = list(self._places), ""
        return True

    def _watch(self, place: _Place, member: Member, now: float, *, stalled: bool) -> None:
        ending = member.ending()
        if ending is not None:
            self._died(place, member, ending)
            return
        if stalled:
            member.excuse(now)
        member.listen(now)
        if member.silent_seconds(now) > self._hang_seconds and not member.was_hung:
            logger.error(
                "worker %d (process %d) has said nothing for %.0f s and is killed",
                place.number,
                member.pid,
                self._hang_seconds,
            )
            member.was_hung = True
            member.kill()

    def _start(self, place: _Place, *more: str) -> None:
        try:
            place.member = Member(place.number, [*self._options, *more], self._inherited)
        except OSError as error:  # no memory or no process left: the workers that run must not end with it
            place.start_at = time.monotonic() + LONGEST_PAUSE_SECONDS
            logger.error(
                "worker %d cannot be started (%s); tried again in %.1f s",
                place.number,
                error,
                LONGEST_PAUSE_SECONDS,
            )
            return
        logger.info("worker %d started as process %d", place.number, place.member.pid)

    def _died(self, place: _Place, member: Member, ending: str) -> None:
        self._forget(member)
        place.member = None
        now = time.monotonic()
        short = now - member.started < SHORT_LIFE_SECONDS
        place.short_lives = place.short_lives + 1 if short else 0
        pause = pause_seconds(place.short_lives)
        place.start_at = now + pause
        self.replaced["hung" if member.was_hung else "died"] += 1
        logger.error(
            "worker %d (process %d) ended with %s; another starts in %.1f s",
            place.number,
            member.pid,
            ending,
            pause,
        )

    def _part(self, now: float) -> None:
        """See off those that drain."""
        for member in list(self._leaving):
            if member.ending() is not None:
                self._leaving.remove(member)
                self._forget(member)
            elif member.drain_until is not None and now > member.drain_until:
                logger.error("process %d did not drain in time and is killed", member.pid)
                member.drain_until = None
                member.kill()

    def _forget(self, member: Member) -> None:
        member.close()
        self._node.state(member.number).unlink(missing_ok=True)
        _keep_counters(self._node.telemetry(member.number), member.number)

    def _go_on_rolling(self, now: float, old: _Place) -> None:
        """One step: start a successor; when it takes requests, give it the place and drain the one before."""
        if self._successor is None:
            if not self._leaving:  # one more process at a time than there are places, not two
                self._successor = _Place(self._free_number())
                # It must not take requests that it cannot answer, however long it loads: others can.
                self._start(self._successor, "--patience", str(2 * SUCCESSION_SECONDS))
            return
        member = self._successor.member
        if member is None:
            self._give_up("no process could be started")
            return
        ending = member.ending()
        if ending is not None:
            self._forget(member)
            self._give_up(f"its process ended with {ending}")
            return
        member.listen(now)
        if member.accepting:
            self._succeed(old, self._successor, now)
        elif now - member.started > SUCCESSION_SECONDS:
            state = self._node.read_state(member.number)
            reasons = "; ".join(f"{key}: {value}" for key, value in state.errors.items()) if state else ""
            member.kill()
            self._leaving.append(member)
            self._give_up(reasons or f"it took no requests within {SUCCESSION_SECONDS:g} s")

    def _succeed(self, old: _Place, new: _Place, now: float) -> None:
        logger.info("worker %d takes the place of worker %d, which drains", new.number, old.number)
        self._places[self._places.index(old)] = new
        self._successor = None
        self._to_replace.remove(old)
        self.replaced["rolling"] += 1
        if old.member is not None:
            old.member.drain(now, DRAIN_SECONDS)
            self._leaving.append(old.member)
        if not self._to_replace:
            logger.info("all workers are replaced")

    def _give_up(self, reason: str) -> None:
        logger.error("the workers are not replaced any further, %d go on: %s", len(self._to_replace), reason)
        self._successor, self._to_replace, self.given_up = None, [], reason

    def _free_number(self) -> int:
        taken = {place.number for place in self._places} | {member.number for member in self._leaving}
        return next(number for number in range(len(taken) + 1) if number not in taken)

    @property
    def processes(self) -> dict[int, int | None]:
        """Worker number → process id, None where nobody is in the place now; without those that come and go."""
        return {place.number: place.member.pid if place.member else None for place in self._places}

    @property
    def is_rolling(self) -> bool:
        """Whether workers are being replaced; until the last one that goes has ended."""
        return bool(self._to_replace or self._leaving)

    @property
    def accepts(self) -> bool:
        """Whether any worker takes requests."""
        return any(place.member is not None and place.member.accepting for place in self._places)

    @property
    def troubles(self) -> dict[str, str]:
        """`worker N` → how often its last processes died young, for places that stay empty because of it."""
        return {
            f"worker {place.number}": f"its last {place.short_lives} processes ended within {SHORT_LIFE_SECONDS:g} s"
            for place in self._places
            if place.short_lives > 1
        }

    def stop(self, seconds: float = DRAIN_SECONDS) -> bool:
        """Drain all workers and wait for their end, at most `seconds`; True when all ended by themselves."""
        places = [*self._places, *([self._successor] if self._successor else [])]
        running = [place.member for place in places if place.member is not None]
        began = time.monotonic()
        for member in running:
            member.drain(began, seconds)
        orderly = True
        for member in [*running, *self._leaving]:
            if not member.wait(began + seconds - time.monotonic()):
                logger.error("process %d did not drain in %.0f s and is killed", member.pid, seconds)
                member.kill()
                member.wait(seconds)
                orderly = False
            self._forget(member)
        for place in places:
            place.member = None
        self._successor, self._to_replace, self._leaving = None, [], []
        return orderly


def pause_seconds(short_lives: int) -> float:
    """How long a place stays empty after that many short lives in a row; the first one is forgiven.

    >>> [pause_seconds(count) for count in (0, 1, 2, 3, 9)]
    [0.0, 0.0, 0.5, 1.0, 10.0]
    """
    return (
        0.0 if short_lives < 2 else min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** (short_lives - 2))
    )


def _keep_counters(telemetry: Path, number: int) -> None:
    """Take what was true of a worker that is gone out of its telemetry; what it counted goes on being exported."""
    try:
        series = msgspec.json.decode(telemetry.read_bytes(), type=dict[str, dict[str, float]])
        own = f'worker="{number}"'
        kept = {
            name: {labels: value for labels, value in values.items() if own not in labels.split(",")}
            for name, values in series.items()
        }
        write_whole(telemetry, msgspec.json.encode(kept))
    except (OSError, msgspec.DecodeError) as error:
        logger.debug("the telemetry of worker %d stays as it is: %s", number, error)
