"""Cases on disk: whole or not at all, bounded, answered once, and never lost between an answer and the log."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from roadworthy.errors import CorruptArtifact
from roadworthy.predictionlog.cases import Answered, Case, CaseFiles
from roadworthy.predictionlog.journal import Journal, journals_in, read_journal
from roadworthy.predictionlog.record import LogField, LogSchema, Number

SCHEMA = LogSchema("delay", (LogField("wind", "number"), LogField("flight", "string", "unit")), ("wind",))


def case(number: int, model: str = "delay", **changed: Any) -> Case:
    """The case of a prediction asked at that second."""
    values: dict[str, Any] = {
        "id": f"00000000-0000-7000-8000-{number:012x}", "namespace": "default", "model": model, "version": 3,
        "schema": SCHEMA, "unit": "UA1", "event_time": number * 1_000_000, "inputs": (9.5, "UA1"), "output": 0.5,
        "outputs": (0.0, 1.0), "opened_at": 5_000_000, "request_id": "r", "row": 2, "plan": 7, "node": "n",
    }  # fmt: skip
    return Case(**{**values, **changed})


def answer(
    one: Case, *, by: str = "ann", output: float = 1.0, at: int = 9_000_000, name: str = "p1"
) -> Answered:
    """What a person said."""
    return Answered(case=one, id=name, output=output, by=by, note="", event_time=at, answered_at=at)


def test_a_case_waits_as_it_was_opened_oldest_first(tmp_path: Path) -> None:
    """Another process reads the same; models are kept apart."""
    files = CaseFiles(tmp_path)
    for number, model in ((2, "delay"), (1, "delay"), (3, "cancelled")):
        assert files.open(case(number, model))
    again = CaseFiles(tmp_path)
    assert again.waiting() == [case(1), case(2), case(3, "cancelled")]
    assert again.waiting("delay") == [case(1), case(2)]
    assert again.waiting("delay", 1) == [case(1)]
    assert (again.count(), again.count("cancelled"), again.count("nobody")) == (3, 1, 0)
    assert again.find(case(2).id) == case(2)


@pytest.mark.parametrize(
    "name", ["", "x", "../../open/delay/x", "00000000-0000-7000-8000-000000000009", "a" * 500]
)
def test_what_is_no_case_is_not_found(name: str, tmp_path: Path) -> None:
    """A name from outside never becomes a path."""
    files = CaseFiles(tmp_path)
    files.open(case(1))
    assert files.find(name) is None
    assert files.waiting(f"../open/{name}") == []


def test_no_more_cases_wait_than_people_can_read(tmp_path: Path) -> None:
    """Beyond the bound a case is not opened; once some are answered there is room again."""
    files = CaseFiles(tmp_path, max_open=2)
    assert [files.open(case(number)) for number in range(3)] == [True, True, False]
    assert files.open(case(9, "cancelled")), "another model has room of its own"
    files.close(case(0))
    assert CaseFiles(tmp_path, max_open=2).open(case(3))
    assert files.count("delay") == 2


def test_cases_that_other_workers_opened_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within a second."""
    one, other = CaseFiles(tmp_path, max_open=3), CaseFiles(tmp_path, max_open=3)
    one.open(case(0))
    for number in (1, 2):
        other.open(case(number))
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 1.5)
    assert not one.open(case(3))


def test_of_two_people_the_first_counts(tmp_path: Path) -> None:
    """The second learns what the first said; a case is answered once."""
    files = CaseFiles(tmp_path)
    files.open(case(1))
    first, second = answer(case(1), by="ann"), answer(case(1), by="bob", output=0.0, name="p2")
    assert files.answer(first) == first
    assert CaseFiles(tmp_path).answer(second) == first
    assert files.find(case(1).id) == first
    assert not list(tmp_path.rglob(".*")), "no draft stays"
    files.close(case(1))
    assert files.waiting() == []
    assert files.find(case(1).id) == first, "it is known that it was answered"


def test_an_answer_that_did_not_reach_the_log_is_not_forgotten(tmp_path: Path) -> None:
    """Its worker ended in between: the case still waits, and whoever looks finds the answer."""
    files = CaseFiles(tmp_path)
    for number in (1, 2):
        files.open(case(number))
    taken = files.answer(answer(case(1), at=9_000_000))
    assert files.unfinished(before=9_000_000) == [], "its worker may be about to log it"
    assert files.unfinished(before=9_000_001) == [taken]
    files.close(case(1))
    assert files.unfinished(before=9_000_001) == []


def test_answers_are_kept_in_a_bounded_number(tmp_path: Path) -> None:
    """The log keeps all of them."""
    files = CaseFiles(tmp_path, max_answered=2)
    for number in range(4):
        files.open(case(number))
        files.answer(answer(case(number)))
        files.close(case(number))
    assert [files.find(case(number).id) is None for number in range(4)] == [True, True, False, False]


def test_an_answer_reads_like_any_other_record(tmp_path: Path) -> None:
    """The inputs and version of the case, the role `person`, and who it was; without a registry at hand."""
    files = CaseFiles(tmp_path / "cases")
    files.open(case(1))
    found = CaseFiles(tmp_path / "cases").find(case(1).id)
    assert isinstance(found, Case)
    journal = Journal(tmp_path, 0)
    journal.declare(found.schema)
    journal.append([answer(found).record("0.1")])
    journal.seal()
    (path,) = journals_in([tmp_path])
    (record,) = read_journal(path).predictions
    assert (record.id, record.request_id, record.row) == ("p1", "r", 2)
    assert (record.model, record.version, record.role, record.status) == ("delay", 3, "person", "ok")
    assert (record.inputs, record.encoded, record.output) == ((9.5, "UA1"), b"", Number(1.0))
    assert (record.unit, record.event_time, record.latency, record.build) == (
        "UA1",
        9_000_000,
        4.0,
        "0.1+ann",
    )


@pytest.mark.parametrize("damage", [lambda content: content[:40], lambda content: b'{"id":"\xff"}'])
def test_a_damaged_case_is_named(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    """Nobody guesses what it said; bytes that are no text are damage too."""
    files = CaseFiles(tmp_path)
    files.open(case(1))
    (path,) = tmp_path.rglob("*.json")
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(CorruptArtifact, match="cannot be read as a case"):
        files.find(case(1).id)
    content = json.loads(msgspec.json.encode(case(1)))
    assert content["schema"]["model"] == "delay"


OPENER = """
import sys, pathlib, msgspec
from roadworthy.predictionlog.cases import Case, CaseFiles
files = CaseFiles(pathlib.Path(sys.argv[1]))
one = msgspec.json.decode(sys.argv[2], type=Case)
for number in range(1, 100_000):
    files.open(msgspec.structs.replace(one, id=f"00000000-0000-7000-8000-{number:012x}"))
"""


def test_a_worker_that_is_killed_leaves_whole_cases(tmp_path: Path) -> None:
    """kill -9 at any moment: every case that can be seen can be read."""
    told = msgspec.json.encode(case(1)).decode()
    process = subprocess.Popen([sys.executable, "-c", OPENER, str(tmp_path), told])
    files = CaseFiles(tmp_path)
    deadline = time.monotonic() + 30
    while files.count() < 50 and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    process.wait(10)
    waiting = files.waiting()
    assert len(waiting) == files.count() >= 50
    assert waiting == [case(1, id=case(number).id) for number in range(1, len(waiting) + 1)]


def test_a_unit_is_forgotten_with_its_answers(tmp_path: Path) -> None:
    """Waiting or answered; nobody else's, and no other model's when one is named."""
    files = CaseFiles(tmp_path)
    for number, unit in enumerate(("UA1", "UA2", "UA1")):
        files.open(case(number, unit=unit))
    files.open(case(3, "cancelled"))
    files.answer(answer(case(0)))
    files.close(case(0))
    assert files.forget("other", "delay", ("UA1",)) == 0
    assert files.forget("default", "delay", ("UA1", "#hash")) == 2
    assert [one.unit for one in files.waiting("delay")] == ["UA2"]
    assert files.find(case(0).id) is None
    assert files.forget("default", None, ("UA1",)) == 1
    assert [one.unit for one in files.waiting()] == ["UA2"]


def test_a_case_that_a_crash_left_half_written_is_forgotten(tmp_path: Path) -> None:
    """It holds the inputs, and nobody can say whose."""
    files = CaseFiles(tmp_path)
    files.open(case(1, unit="UA2"))
    files.answer(answer(case(1, unit="UA2")))
    for kind in ("open", "answered"):
        (tmp_path / kind / "delay" / f".draft-{kind}.json.9.0a1b2c3d").write_bytes(b"UA1")
    (tmp_path / "answered" / "delay" / f".{case(2).id}.json.p1").write_bytes(b"UA1")
    files.forget("default", "delay", ("UA1",))
    assert list(tmp_path.rglob(".*")) == []
    assert [one.unit for one in files.waiting()] == ["UA2"]
