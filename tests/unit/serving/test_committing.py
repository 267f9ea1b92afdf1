"""What becomes of answers whose records may not be on the disk, which says so only after they were written."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from roadworthy.automation import Band, ServingRules
from roadworthy.predictionlog.journal import JournalUnwritable
from roadworthy.predictionlog.unlogged import FullLogPolicy
from roadworthy.serving.batching import Limits
from roadworthy.serving.committing import Committer
from roadworthy.traffic import Route

from .building import Bench, half, version
from .queueing import Queue
from .queueing import broken as fault

PEOPLE = ServingRules(bands=(Band(0.9, 1.0, "people"),))


class Disk:
    """A disk that works, or does not, and whose journal always has something for it."""

    def __init__(self) -> None:
        self.broken = True

    def sync_later(self) -> Callable[[], None]:
        """Bring what was written to the disk."""

        def sync() -> None:
            if self.broken:
                raise JournalUnwritable("the disk is broken")

        return sync


def bench(directory: Path, disk: Disk, policy: FullLogPolicy = "stop") -> Bench:
    """A version that leaves 0.9 and above to people, on that disk."""
    made = Bench(directory, Route(champion=1), version(1, half, serving=PEOPLE), policy=policy, to_disk=True)
    made.journal.sync_later = disk.sync_later  # type: ignore[method-assign]  # the disk of this test
    return made


def asked(made: Bench, disk: Disk, *steps: tuple[bool, float]) -> list[object]:
    """What is told to one request after the other, each with whether the disk is broken, and its wind."""
    told: list[object] = []

    async def played() -> None:
        queue = Queue(made, Limits(), to_disk=True)
        for broken, wind in steps:
            disk.broken = broken
            queue.ask(wind)
            told.append((await queue.all())[-1])
        await asyncio.to_thread(queue.executor.shutdown)

    asyncio.run(played())
    return told


def test_people_are_not_asked_about_rows_whose_answer_was_refused(tmp_path: Path) -> None:
    """A client that asks again opens the cases of its rows once, not twice."""
    disk = Disk()
    made = bench(tmp_path, disk)
    assert asked(made, disk, (True, 95.0)) == ["log_unavailable"]
    assert made.cases.count() == 0
    assert asked(made, disk, (False, 95.0)) == [[0.95]]
    assert made.cases.count() == 1


def test_people_are_asked_where_answers_go_on_without_a_record(tmp_path: Path) -> None:
    """The caller was told that they are."""
    disk = Disk()
    made = bench(tmp_path, disk, "continue")
    assert asked(made, disk, (True, 95.0)) == [[0.95]]
    assert made.cases.count() == 1
    assert made.telemetry.samples()["roadworthy_unlogged_rows_total"] == {"": 1}


@pytest.mark.parametrize("policy", ["stop", "continue"])
def test_a_disk_that_stays_broken_is_one_alarm(
    policy: FullLogPolicy, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It begins with the first failed sync and ends with the first that succeeds; that the records could be written
    in between says nothing.
    """
    caplog.set_level(logging.WARNING, "roadworthy.worker")
    disk = Disk()
    made = bench(tmp_path, disk, policy)
    asked(made, disk, (True, 1.0))
    first = made.unlogged.alarm
    asked(made, disk, (True, 2.0), (True, 3.0))
    last = made.unlogged.alarm
    assert first is not None
    assert last is not None
    assert (last.since, last.unlogged + last.refused) == (first.since, 3)
    assert len(caplog.messages) == 1
    asked(made, disk, (False, 4.0))
    assert made.unlogged.alarm is None
    assert "is written again" in caplog.messages[1]


def test_a_sync_of_other_records_does_not_end_an_alarm(tmp_path: Path) -> None:
    """Nor are rows that could not even be written counted a second time when the sync fails too."""
    disk = Disk()
    made = bench(tmp_path / "journals", disk, "continue")
    (tmp_path / "journals").rmdir()
    assert asked(made, disk, (True, 1.0), (False, 2.0)) == [[0.01], [0.02]]
    assert made.unlogged.alarm is not None
    assert made.unlogged.alarm.unlogged == 2


def test_whoever_waits_for_the_disk_alone_is_told_that_it_failed(tmp_path: Path) -> None:
    """What is done with predictions is policy; that an outcome is kept is a promise."""
    disk = Disk()
    made = bench(tmp_path, disk, "continue")

    async def played() -> None:
        committer = Committer(made.journal, ThreadPoolExecutor(1), needed=True)
        with pytest.raises(JournalUnwritable):
            await committer.committed()
        disk.broken = False
        await committer.committed()

    asyncio.run(played())


def test_one_who_cannot_be_told_leaves_nobody_else_untold(tmp_path: Path) -> None:
    """Whoever waited for the same sync hears of it."""
    disk = Disk()
    disk.broken = False
    made = bench(tmp_path, disk)

    async def played() -> None:
        committer = Committer(made.journal, ThreadPoolExecutor(1), needed=True)
        committer.after(lambda failure: None)  # the next two wait for one sync, after this one's
        committer.after(fault)
        async with asyncio.timeout(5):
            await committer.committed()

    asyncio.run(played())
