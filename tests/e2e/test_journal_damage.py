"""Journals on bad days, at full count under ROADWORTHY_PROOF: cut at every byte, and on a disk that is full."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from roadworthy.errors import NotReady
from roadworthy.predictionlog.gaps import gaps
from roadworthy.predictionlog.journal import Journal, JournalUnwritable, journals_in, read_journal
from roadworthy.predictionlog.read import PredictionLog
from roadworthy.predictionlog.record import Group, LogField, LogSchema, Number, Prediction
from roadworthy.predictionlog.roll import roll

PROOF = bool(os.environ.get("ROADWORTHY_PROOF"))
SCHEMA = LogSchema("delay", (LogField("wind", "number"), LogField("carrier", "string")), ("wind",))


def prediction(number: int) -> Prediction:
    """The prediction with that number."""
    return Prediction(
        id=f"id-{number}",
        model="delay",
        version=1,
        schema=SCHEMA.digest,
        unit=f"UA{number}",
        event_time=number,
        logged_at=0,
        inputs=(float(number), "UA"),
        encoded=bytes(8),
        output=Number(0.25),
    )


def group(first: int, rows: int) -> Group:
    """The predictions from that number on."""
    records = [prediction(number) for number in range(first, first + rows)]
    return Group(
        model="delay",
        version=1,
        schema=SCHEMA.digest,
        logged_at=0,
        ids=[record.id for record in records],
        request_ids=[""] * rows,
        rows=list(range(rows)),
        units=[record.unit for record in records],
        event_times=[record.event_time for record in records],
        latencies=[0.0] * rows,
        inputs=[record.inputs for record in records],
        encoded=bytes(8 * rows),
        outputs=[0.25] * rows,
    )


def journal_in(directory: Path, **options: int) -> Journal:
    """A journal that knows SCHEMA."""
    journal = Journal(directory, 0, **options)
    journal.declare(SCHEMA)
    return journal


def test_a_cut_at_any_byte_loses_only_the_append_it_goes_through(tmp_path: Path) -> None:
    """Of single records and of groups; the cut file is adopted, rolled and read, and numbers prove what is there."""
    journal = journal_in(tmp_path / "whole")
    ends, ids = [0], [[]]
    for append in range(9):
        first = len(ids[-1])
        if append % 2:
            journal.append_groups([group(first, append)])
        else:
            journal.append([prediction(first)])
        (path,) = journals_in([tmp_path / "whole"])
        ends.append(path.stat().st_size)
        ids.append([record.id for record in read_journal(path).predictions])
    content = path.read_bytes()
    for cut in range(ends[5], len(content) + 1, 1 if PROOF else 37):
        home = tmp_path / str(cut)
        home.mkdir()
        (home / path.name).write_bytes(content[:cut])
        whole = max(place for place, end in enumerate(ends) if end <= cut)
        found = PredictionLog(home / "log", [home]).predictions("delay", columns=["id"]).column("id")
        assert found.to_pylist() == ids[whole]
        assert not roll(journals_in([home]), home / "log").refused
        rolled = PredictionLog(home / "log", [home]).predictions("delay", columns=["id"]).column("id")
        assert rolled.to_pylist() == ids[whole]
        assert gaps(home / "log") == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with room for a quarter of a mebibyte."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"mounting a small file system needs root: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.parametrize("durability", ["process", "disk"])
def test_a_full_disk_loses_nothing_that_was_acknowledged(
    tmp_path: Path, small_disk: Path, durability: str
) -> None:
    """Every refused append raises, a later one goes on where there is room again, and the numbers have no gap."""
    journal = Journal(small_disk, 0, durability=durability)  # type: ignore[arg-type]
    journal.declare(SCHEMA)
    acknowledged, refused, number = [], 0, 0
    rounds = 20 if PROOF else 2
    for _ in range(rounds):
        failures = 0
        while failures < 5:
            try:
                journal.append_groups([group(number, 7)])
                acknowledged += [f"id-{number + row}" for row in range(7)]
                number += 7
            except JournalUnwritable:
                failures += 1
        refused += failures
        journal.seal()  # what a worker does each second; rolling makes the room
        assert not roll(
            [path for path in journals_in([small_disk]) if path.suffix == ".sealed"], tmp_path
        ).refused
    found = (
        PredictionLog(tmp_path, [small_disk]).predictions("delay", columns=["id"]).column("id").to_pylist()
    )
    assert sorted(found) == sorted(acknowledged)
    assert refused == 5 * rounds
    assert gaps(tmp_path, [small_disk]) == []


def test_a_log_without_room_leaves_the_journal_where_it_is(tmp_path: Path, small_disk: Path) -> None:
    """The journals lie on a disk with room: nothing is lost while the log's disk is full, and rolled when it is not."""
    ballast = small_disk / "ballast"
    with pytest.raises(OSError, match="No space left"):
        ballast.write_bytes(bytes(2**20))
    journal = journal_in(tmp_path / "journals")
    journal.append_groups([group(0, 500)])
    path = journal.seal()
    assert path is not None
    log = small_disk / "log"
    from_journal = PredictionLog(log, [tmp_path / "journals"])
    with pytest.raises(NotReady, match="make room, then roll again"):
        roll([path], log)
    assert from_journal.predictions("delay", columns=["id"]).num_rows == 500
    ballast.unlink()
    assert not roll([path], log).refused
    assert not path.exists()
    assert from_journal.predictions("delay", columns=["id"]).num_rows == 500
