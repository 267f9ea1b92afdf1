"""A worker that is killed with -9 has lost nothing that it acknowledged."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from roadworthy.predictionlog.gaps import gaps
from roadworthy.predictionlog.journal import journals_in, orphans
from roadworthy.predictionlog.read import PredictionLog
from roadworthy.predictionlog.roll import roll

PROOF = bool(os.environ.get("ROADWORTHY_PROOF"))

#: Appends batches of 1 to 8 records and acknowledges each record over its output, as a server answers.
WORKER = """
import os, sys
from pathlib import Path
from roadworthy.predictionlog.journal import Journal
from roadworthy.predictionlog.record import LogField, LogSchema, Prediction

journal = Journal(Path(sys.argv[1]), sys.argv[2], rotate_rows=int(sys.argv[3]))
schema = journal.declare(LogSchema("delay", (LogField("x", "number"),)))
number = 0
while True:
    batch = [
        Prediction(id=f"{sys.argv[2]}-{number + k}", model="delay", version=1, schema=schema, unit="u",
                   event_time=number + k, logged_at=0, inputs=(float(number + k),))
        for k in range(number % 8 + 1)
    ]
    journal.append(batch)
    os.write(1, "".join(f"{record.id}\\n" for record in batch).encode())
    number += len(batch)
"""


def acknowledged_until_killed(journals: Path, worker: int, rotate_rows: int, seconds: float) -> list[str]:
    """Let a worker run for a moment under a reader, kill it, and return what it acknowledged."""
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(journals), str(worker), str(rotate_rows)],
        stdout=subprocess.PIPE,
        bufsize=0,  # a buffer would hold back bytes that `os.read` then overtakes
    )
    assert process.stdout is not None
    answers = process.stdout.read(1_000)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answers += os.read(process.stdout.fileno(), 65_536)
    process.send_signal(signal.SIGKILL)
    answers += process.stdout.read()
    process.stdout.close()
    process.wait()
    return answers.decode().rpartition("\n")[0].split("\n")


@pytest.mark.parametrize("rotate_rows", [100, 1_000_000])
def test_every_acknowledged_record_is_in_the_log_exactly_once(tmp_path: Path, rotate_rows: int) -> None:
    """Whether it is killed within one journal or between many; before rolling and after, adopting what it left open."""
    journals, log = tmp_path / "journals", tmp_path / "log"
    answered: list[str] = []
    for worker in range(50 if PROOF else 3):
        answered += acknowledged_until_killed(journals, worker, rotate_rows, 0.02 * (worker + 1) % 0.3)
    assert len(answered) > 100
    reader = PredictionLog(log, [journals])
    before = Counter(reader.predictions("delay", columns=["id"]).column("id").to_pylist())
    sealed = [path for path in journals_in([journals]) if path.suffix == ".sealed"]
    rolled = roll([*sealed, *orphans(journals)], log)
    assert rolled.refused == ()
    assert journals_in([journals]) == []
    after = Counter(reader.predictions("delay", columns=["id"]).column("id").to_pylist())
    assert before == after
    assert set(answered) <= set(after)
    assert set(after.values()) == {1}
    assert len(after) - len(set(answered)) <= 8 * 3 * (50 if PROOF else 3), (
        "only what was being answered is extra"
    )
    assert gaps(log) == []
