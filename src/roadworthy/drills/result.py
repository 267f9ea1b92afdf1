"""What a drill found: one cell of the matrix, as it is kept and shown."""

from __future__ import annotations

from typing import Literal

import msgspec

from roadworthy.drills.fault import STAGES, Stage

#: What became of it: it was refused, or only held for want of evidence, taken back, or a person was told (an alarm, or
#: only a warning), or told all when they asked.
How = Literal["refused", "held", "rolled back", "alarm", "warning", "told"]


class Catch(msgspec.Struct, frozen=True, kw_only=True):
    """One guard that noticed the fault.

    part       of the model that it speaks of, such as `carrier=UA`; "" for the whole
    sentence   what a person would have read
    rows       answers given by then
    seconds    virtual time from the beginning of the fault's traffic until then
    """

    stage: Stage
    guard: str
    how: How
    sentence: str
    part: str = ""
    rows: int = 0
    seconds: float = 0.0


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """One fault at one severity, by one seed.

    fault      its key, such as `P3:diverged`
    due        the stage at which it must be caught at the latest
    moderate   whether the severity is the moderate one of the fault
    off        guards whose verdicts did not count
    skipped    why the model cannot have this fault; "" where it can
    catches    every guard that noticed, in the order of time; empty where it was missed
    live_rows  rows of the replay, had it not been ended by a catch; 0 where none was needed
    harmed     share of live traffic that the fault reached before it was caught, in [0, 1]; 1 where it was missed
    without    guards outside the fault's list that noticed: with the listed ones off, they would have caught it
    error      why the drill itself could not be done; "" where it could
    took       real seconds
    """

    fault: str
    name: str
    title: str
    due: Stage
    severity: float
    seed: int
    moderate: bool = False
    off: tuple[str, ...] = ()
    skipped: str = ""
    catches: tuple[Catch, ...] = ()
    live_rows: int = 0
    harmed: float = 0.0
    without: tuple[str, ...] = ()
    error: str = ""
    took: float = 0.0

    @property
    def first(self) -> Catch | None:
        """The guard that noticed first."""
        return self.catches[0] if self.catches else None

    @property
    def outcome(self) -> Literal["caught", "late", "missed", "skipped", "error"]:
        """Caught in time, caught at a later stage than it must be, or not."""
        if self.skipped:
            return "skipped"
        if self.error:
            return "error"
        if self.first is None:
            return "missed"
        return "caught" if STAGES.index(self.first.stage) <= STAGES.index(self.due) else "late"

    @property
    def guards(self) -> tuple[str, ...]:
        """Names of all guards that noticed, in the order of time, each once."""
        return tuple(dict.fromkeys(catch.guard for catch in self.catches))


class Control(msgspec.Struct, frozen=True, kw_only=True):
    """What guards say without any fault: real drift, thin evidence. None of it counts as a catch.

    data   (batch, path) of what ingestion finds odd in batches of the history as they are
    train  what training has to say of the healthy candidate's rows, such as `Few rows`
    gate   (check, part) of verdicts on the healthy candidate that are not `pass`
    live   (check, part) of alarms and failing guards while the healthy candidate answered
    """

    data: tuple[tuple[str, str], ...] = ()
    train: tuple[str, ...] = ()
    gate: tuple[tuple[str, str], ...] = ()
    live: tuple[tuple[str, str], ...] = ()
