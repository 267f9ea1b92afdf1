"""Rows that are left to people: a case before the answer leaves, one person's answer, and its record in the log."""

from __future__ import annotations

import asyncio
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest

from roadworthy.automation import Band, ServingRules
from roadworthy.clock import SystemClock
from roadworthy.node import NodeDirectory
from roadworthy.predictionlog.cases import Case, CaseFiles
from roadworthy.predictionlog.journal import JournalUnwritable, journals_in, read_journal
from roadworthy.predictionlog.record import Number
from roadworthy.serving.batching import Lane, Lanes
from roadworthy.serving.cases import Desk
from roadworthy.serving.committing import Committer
from roadworthy.serving.exchange import Answer, Call, Rejected
from roadworthy.serving.foreign import ForeignReader
from roadworthy.serving.foreign_schemas import ForeignSchemas
from roadworthy.serving.handlers import Handlers, Rules
from roadworthy.serving.telemetry import Telemetry
from roadworthy.traffic import Route

from .building import Bench, half, rows, version

BANDS = ServingRules(bands=(Band(0.4, 0.5, "defer"), Band(0.9, 1.0, "people")))
NOW = 1_700_000_000_000_000


def bench(directory: Path, **more: Any) -> Bench:
    """A version that is sure of everything but 0.4 to 0.5, and leaves 0.9 and above to people."""
    return Bench(directory, Route(champion=1), version(1, half, serving=BANDS), **more)


def no_lane() -> Lane:
    """Nobody asks a model here."""
    raise AssertionError


class Office:
    """The handlers of a worker, as far as people see them."""

    def __init__(self, made: Bench, node: Path, *, to_disk: bool = False) -> None:
        self.bench, self.telemetry = made, Telemetry()
        self.desk = Desk(made.cases, "n", random.Random(3))
        committer = Committer(made.journal, ThreadPoolExecutor(1), to_disk)
        reader = ForeignReader(ForeignSchemas(node / "foreign"), random.Random(0))
        self.handlers = Handlers(
            Rules(False, 10, "0.1"), NodeDirectory(node), made.journal, committer, Lanes(no_lane), self.telemetry,
            SystemClock(), reader, self.desk, lambda: made.table, dict,
        )  # fmt: skip

    def ask(self, name: str, *, body: Any = None, query: bytes = b"") -> tuple[int, Any]:
        """Status and content of an answer; a body is sent as JSON, or as it is."""
        content = b"" if body is None else body if isinstance(body, bytes) else msgspec.json.encode(body)
        call = Call(name, {}, content, 0, query)
        answer: Answer
        try:
            if body is not None:
                answer = asyncio.run(self.handlers.answer_case(call))
            else:
                answer = self.handlers.case(call) if name else self.handlers.cases(call)
        except Rejected as rejected:
            answer = rejected.answer()
        return answer.status, msgspec.json.decode(answer.body)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    """An office that has been asked about three rows, of which one is left to people."""
    made = bench(tmp_path / "journals")
    made.answer(*rows(10.0, 45.0, 95.0))
    return Office(made, tmp_path)


def waiting(office: Office) -> Case:
    """The one case that waits."""
    (case,) = office.bench.cases.waiting()
    return case


def test_the_answer_says_who_decides_and_the_case_is_there(tmp_path: Path) -> None:
    """One row is used, one is deferred, one waits for a person, with all that the person needs."""
    made = bench(tmp_path)
    predicted = made.answer(*rows(10.0, 45.0, 95.0))
    assert predicted.outputs == [0.1, 0.45, 0.95], "the model's own view is told in any case"
    assert predicted.decisions == {1: "defer", 2: "people"}
    assert sorted((one.row, one.decision) for one in made.log()) == [(0, ""), (1, "defer"), (2, "people")]
    (case,) = made.cases.waiting("delay")
    assert (case.id, case.row, case.unit, case.output, case.inputs) == (
        predicted.ids[2],
        2,
        "f2",
        0.95,
        (95.0, "f2"),
    )
    assert (case.version, case.plan, case.event_time, case.outputs) == (1, 3, 1_000_000, (0.0, 1.0))
    series = made.telemetry.samples()["roadworthy_cases_total"]
    assert series == {'model="delay",event="opened"': 1, 'model="delay",event="no_room"': 0}


def test_without_room_a_row_is_deferred_and_counted(tmp_path: Path) -> None:
    """Nobody is told that people will decide when they will not; the log says what the caller was told."""
    made = bench(tmp_path, max_open=1)
    assert made.answer(*rows(95.0, 96.0)).decisions == {0: "people", 1: "defer"}
    assert sorted((one.row, one.decision) for one in made.log()) == [(0, "people"), (1, "defer")]
    assert made.telemetry.samples()["roadworthy_cases_total"]['model="delay",event="no_room"'] == 1


def test_a_disk_that_takes_no_case_defers(tmp_path: Path) -> None:
    """The answer is still given."""
    made = bench(tmp_path / "journals")
    made.cases.directory = tmp_path / "file"
    made.cases.directory.write_text("in the way")
    assert made.answer(*rows(95.0)).decisions == {0: "defer"}


def test_a_row_that_nobody_is_told_of_is_no_case(tmp_path: Path) -> None:
    """Its request failed for another row, or could not be logged."""
    made = Bench(
        tmp_path / "a", Route(champion=1), version(1, lambda values: values / 100 - (values == 7), serving=BANDS)
    )  # fmt: skip
    with pytest.raises(Rejected):
        made.answer(*rows(95.0, 7.0))
    assert made.cases.count() == 0
    made = bench(tmp_path / "b")

    def unwritable(groups: object) -> None:
        raise JournalUnwritable("full")

    made.predictor._journal.append_groups = unwritable  # type: ignore[method-assign,assignment]  # a disk that is full
    with pytest.raises(Rejected, match="cannot be written"):
        made.answer(*rows(95.0))
    assert made.cases.count() == 0


def test_a_shadow_leaves_nothing_to_people(tmp_path: Path) -> None:
    """It decides nothing."""
    made = Bench(tmp_path, Route(champion=1, shadow=2), version(1, half), version(2, half, serving=BANDS))
    ask = made.predictor.shadow([made.question(*rows(95.0))])
    assert ask is not None
    ask()()
    assert [(one.role, one.decision) for one in made.log()] == [("shadow", "")]
    assert made.cases.count() == 0


def test_cases_are_listed_oldest_first_and_shown_by_name(office: Office) -> None:
    """With inputs by name; a page has a length, a model can be named."""
    office.bench.answer(*rows(96.0, 97.0))
    status, content = office.ask("")
    assert status == 200
    assert (content["open"], content["cases"][0]["output"]) == (3, 0.95)
    assert [case["id"] for case in content["cases"]] == sorted(case["id"] for case in content["cases"])
    assert content["cases"][0]["inputs"] == {"wind": 95.0}
    assert content["cases"][0]["event_time"] == "1970-01-01T00:00:01+00:00"
    assert len(office.ask("", query=b"limit=2&model=delay")[1]["cases"]) == 2
    assert office.ask("", query=b"model=..%2f..") == (200, {"cases": [], "open": 0})
    case = content["cases"][0]
    assert office.ask(case["id"]) == (200, case)


@pytest.mark.parametrize("query", [b"limit=0", b"limit=x", b"limit=1001", b"page=2", b"limit", b"\xff"])
def test_a_query_that_is_not_understood_is_refused(query: bytes, office: Office) -> None:
    """Rather than answered with something else."""
    status, content = office.ask("", query=query)
    assert (status, content["error"]["kind"]) == (400, "query")


def test_what_a_person_says_is_a_record_like_any_other(office: Office) -> None:
    """Role `person` under the version that left it; the first record keeps its decision; the case is closed."""
    case = waiting(office)
    status, content = office.ask(case.id, body={"output": 1, "by": "ann", "note": "I know this pilot"})
    assert status == 200
    assert {name: content["answer"][name] for name in ("output", "by", "note")} == {
        "output": 1.0, "by": "ann", "note": "I know this pilot",
    }  # fmt: skip
    logged = {one.id: one for one in office.bench.log()}
    record = logged[content["answer"]["id"]]
    assert (record.role, record.version, record.output, record.request_id) == (
        "person",
        1,
        Number(1.0),
        case.id,
    )
    assert (record.inputs, record.row, record.unit, record.decision) == (case.inputs, case.row, case.unit, "")
    assert logged[case.id].decision == "people"
    assert office.bench.cases.count() == 0
    assert office.ask(case.id)[1]["answer"] == content["answer"]
    series = office.telemetry.samples()
    assert series["roadworthy_cases_total"] == {'model="delay",event="answered"': 1}
    assert series["roadworthy_rows_total"] == {'model="delay",version="1",role="person",status="ok"': 1}


def test_the_same_answer_sent_again_is_one_answer_and_another_is_refused(office: Office) -> None:
    """A retry learns what stands; of two people the second learns who was first."""
    case = waiting(office)
    first = office.ask(case.id, body={"output": True, "by": "ann"})
    assert office.ask(case.id, body={"output": 1.0, "by": "ann"}) == first
    for other in (
        {"output": 0, "by": "ann"},
        {"output": 1, "by": "bob"},
        {"output": 1, "by": "ann", "note": "x"},
    ):
        status, content = office.ask(case.id, body=other)
        assert (status, content["error"]["kind"]) == (409, "answered")
        assert "ann answered this case with 1 at" in content["error"]["message"]
    assert [one.role for one in office.bench.log()].count("person") == 1


@pytest.mark.parametrize(
    ("body", "status", "path"),
    [
        ({"output": 1.5, "by": "ann"}, 422, "$.output"),
        ({"output": "1", "by": "ann"}, 422, "$.output"),
        ({"output": 1}, 422, "$.by"),
        ({"output": 1, "by": ""}, 422, "$.by"),
        ({"output": 1, "by": "ann", "because": "x"}, 422, "$.because"),
        ([1], 422, "$"),
        (b"{", 400, None),
        (b"", 400, None),
        (b'{"output": NaN, "by": "ann"}', 400, None),
        (b'{"output": 1e999, "by": "ann"}', 400, None),
    ],
)
def test_an_answer_that_is_none_is_refused_and_the_case_waits(
    body: Any, status: int, path: str | None, office: Office
) -> None:
    """With the path of every fault."""
    case = waiting(office)
    found, content = office.ask(case.id, body=body)
    assert found == status
    assert [fault["path"] for fault in content["error"]["faults"]] == ([path] if path else [])
    assert waiting(office) == case


@pytest.mark.parametrize("name", ["nobody", "00000000-0000-7000-8000-000000000000", "../open/delay/x"])
def test_a_case_that_is_none_is_not_found(name: str, office: Office) -> None:
    """To look at, or to answer."""
    assert office.ask(name)[0] == 404
    assert office.ask(name, body={"output": 1, "by": "ann"})[0] == 404


def test_an_answer_whose_worker_ended_before_the_log_is_logged_once(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the next worker that looks, or when it is sent again; both at once are read as one."""
    case = waiting(office)
    taken = office.desk.answered(case.id, b'{"output": 1, "by": "ann"}', 2_000_000, NOW)
    assert office.bench.cases.count() == 1, "not confirmed yet, so not closed"
    assert office.desk.overdue(NOW + 1_000_000) == []
    assert office.desk.overdue(NOW + 6_000_000) == [taken]
    office.handlers.finish_cases()
    assert office.bench.cases.count() == 0
    assert office.ask(case.id, body={"output": 1, "by": "ann"})[0] == 200
    people = [one for one in office.bench.log() if one.role == "person"]
    assert [(one.id, one.request_id) for one in people] == [(taken.id, case.id)]


def test_a_damaged_case_says_so_in_the_workers_log_alone(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    """The answer shows no path."""
    case = waiting(office)
    (path,) = office.bench.cases.directory.rglob("*.json")
    path.write_bytes(b"{")
    status, content = office.ask(case.id)
    assert (status, content["error"]["kind"]) == (500, "damaged_case")
    assert str(path) not in content["error"]["message"]
    assert str(path) in caplog.text


def test_a_person_s_record_can_be_read_when_the_version_is_gone(tmp_path: Path) -> None:
    """Another worker, which never loaded that version, logs the answer with the schema that the case carries."""
    made = bench(tmp_path / "before")
    made.answer(*rows(95.0))
    later = Bench(tmp_path / "after", Route(champion=2), version(2, half, "wind", "rain"))
    later.cases = CaseFiles(made.cases.directory)
    office = Office(later, tmp_path)
    (case,) = later.cases.waiting()
    assert office.ask(case.id, body={"output": 0.5, "by": "ann"})[0] == 200
    later.journal.seal()
    (path,) = journals_in([tmp_path / "after"])
    contents = read_journal(path)
    assert [(one.version, one.inputs) for one in contents.predictions] == [(1, (95.0, "f0"))]
    assert contents.schemas[case.schema.digest] == case.schema


def test_an_answer_that_may_not_be_on_the_disk_is_not_confirmed_and_its_case_waits_on(tmp_path: Path) -> None:
    """Whatever is done with predictions then: 503, and the answer sent again is logged and closes the case."""
    made = bench(tmp_path / "journals", policy="continue")
    (case,) = made.answer(*rows(95.0)).ids
    broken = True

    def sync() -> None:
        if broken:
            raise JournalUnwritable("the disk is broken")

    made.journal.sync_later = lambda: sync  # type: ignore[method-assign]  # a disk that is broken for a while
    office = Office(made, tmp_path / "node", to_disk=True)
    said = {"output": 0.0, "by": "ada"}
    status, content = office.ask(case, body=said)
    assert (status, content["error"]["kind"], made.cases.count()) == (503, "log_unavailable", 1)
    broken = False
    assert (office.ask(case, body=said)[0], made.cases.count()) == (200, 0)
