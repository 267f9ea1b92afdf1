"""What happens between a checked request and its answer: scoring, failing, logging. The journal is a real one."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from roadworthy.predictionlog.record import UNANSWERED, Number
from roadworthy.serving.exchange import Rejected
from roadworthy.traffic import Route, assign, unit_text

from .building import Arithmetic, Bench, fail, half, rows, version


@pytest.mark.parametrize(
    ("arithmetic", "says"),
    [
        (fail, "it raised ZeroDivisionError"),
        (lambda values: values * np.nan, "2 of 2 outputs are not finite"),
        (lambda values: np.where(values > 1, np.inf, 0.5), "1 of 2 outputs are not finite"),
        (lambda values: values, "1 of 2 outputs are outside 0 to 1"),
        (lambda values: values[:1], "shape (1,) for 2 rows"),
    ],
    ids=["raises", "nan", "infinity", "outside", "shape"],
)
def test_a_version_that_fails_is_answered_as_an_error_and_logged_as_one(
    arithmetic: Arithmetic, says: str, tmp_path: Path
) -> None:
    """Exceptions, numbers that are none, too few rows: 500 `model_failed`, every row in the log with its reason."""
    bench = Bench(tmp_path, Route(champion=1), version(1, arithmetic))
    with pytest.raises(Rejected) as caught:
        bench.answer(*rows(0.5, 7.0))
    assert (caught.value.status, caught.value.kind) == (500, "model_failed")
    assert says in str(caught.value)
    found = sorted(bench.log(), key=lambda record: record.row)
    assert [record.inputs for record in found] == [(0.5, "f0"), (7.0, "f1")]
    first, second = found
    assert (second.status, says in second.error) == ("error", True)
    if says.startswith("1 of 2"):
        assert (first.status, first.decision) == ("ok", UNANSWERED), "its own number was right"
    else:
        assert (first.status, says in first.error) == ("error", True)
    series = bench.telemetry.samples()["roadworthy_rows_total"]
    assert sum(series.values()) == 2


def test_one_bad_request_fails_alone(tmp_path: Path) -> None:
    """The next one is answered."""
    bench = Bench(tmp_path, Route(champion=1), version(1, lambda values: np.where(values > 1, np.nan, 0.5)))
    with pytest.raises(Rejected):
        bench.answer(*rows(7.0))
    assert bench.answer(*rows(0.0)).outputs == [0.5]


def test_a_failing_canary_is_not_counted_against_the_champion(tmp_path: Path) -> None:
    """The champion's rows of the failed request are logged as right, and as not answered."""
    route = Route(champion=1, canary=2, canary_share=0.5, salt="s")
    bench = Bench(tmp_path, route, version(1, half), version(2, fail))
    asked = rows(*range(20))
    with pytest.raises(Rejected, match="delay@2 could not predict"):
        bench.answer(*asked)
    expected = {place: assign(route, row["flight"]) for place, row in enumerate(asked)}
    for record in bench.log():
        answer = expected[record.row]
        assert answer is not None
        assert (record.role, record.version, record.propensity) == answer
        right = record.version == 1
        assert (record.status, record.decision) == (("ok", "unanswered") if right else ("error", ""))
        assert record.output == (Number(record.row / 100) if right else None)
    assert len(bench.log()) == 20


def test_a_failing_shadow_harms_nobody_and_is_logged(tmp_path: Path) -> None:
    """Its rows stand in the log with the error."""
    bench = Bench(tmp_path, Route(champion=1, shadow=2), version(1, half), version(2, fail))
    question = bench.question(*rows(3.0))
    assert bench.answer(*rows(3.0)).outputs == [0.03]
    ask = bench.predictor.shadow([question])
    assert ask is not None
    ask()()
    assert [(one.role, one.status) for one in bench.log()] == [("champion", "ok"), ("shadow", "error")]


def test_versions_with_other_inputs_answer_one_request_and_log_what_each_read(tmp_path: Path) -> None:
    """A canary with a new input: its rows carry it in the log, the champion's do not."""
    route = Route(champion=1, canary=2, canary_share=0.5, salt="s")
    bench = Bench(tmp_path, route, version(1, half), version(2, half, "wind", "rain"))
    asked = [{**row, "rain": 2.0} for row in rows(*range(12))]
    predicted = bench.answer(*asked)
    assert predicted.outputs == [place / 100 for place in range(12)]
    assert set(predicted.versions) == {1, 2}
    lengths = {record.version: len(record.inputs) for record in bench.log()}
    assert lengths == {1: 2, 2: 3}


def test_traffic_is_split_by_the_unit_of_the_champion(tmp_path: Path) -> None:
    """An older standby that called another column its unit does not move anybody to another arm."""
    route = Route(champion=2, canary=3, canary_share=0.5, salt="s", standby=1)
    bench = Bench(tmp_path, route, version(1, half, unit="tail"), version(2, half), version(3, half))
    asked = [{**row, "tail": "N1"} for row in rows(*range(12))]
    predicted = bench.answer(*asked)
    answers = [assign(route, row["flight"]) for row in asked]
    assert predicted.versions == [answer[1] for answer in answers if answer is not None]


def test_a_unit_may_be_missing_where_the_champion_says_so(tmp_path: Path) -> None:
    """Whatever an older standby beside it would have refused."""
    route = Route(champion=2, canary=3, canary_share=0.5, salt="s", standby=1)
    two, three = (version(number, half, nullable=True) for number in (2, 3))
    bench = Bench(tmp_path, route, version(1, half), two, three)
    assert bench.answer({"wind": 3.0, "flight": None}).outputs == [0.03]


def test_a_shadow_whose_input_is_not_sent_yet_is_left_out(tmp_path: Path) -> None:
    """The champion answers; that the shadow could not read the rows is counted."""
    bench = Bench(tmp_path, Route(champion=1, shadow=2), version(1, half), version(2, half, "wind", "rain"))
    question = bench.question(*rows(3.0))
    bench.predictor.predict([question])
    ask = bench.predictor.shadow([question])
    assert ask is not None
    ask()()
    assert [one.role for one in bench.log()] == ["champion"]
    assert bench.telemetry.samples()["roadworthy_errors_total"] == {'kind="shadow_unreadable"': 1}


def test_a_model_without_a_champion_answers_nobody(tmp_path: Path) -> None:
    """503: it may come."""
    bench = Bench(tmp_path, Route(standby=1), version(1, half))
    with pytest.raises(Rejected) as caught:
        bench.answer(*rows(1.0))
    assert (caught.value.status, caught.value.kind) == (503, "no_champion")
    assert bench.log() == []


def test_without_a_record_there_is_no_answer(tmp_path: Path) -> None:
    """When the disk takes nothing, the request is refused for now."""
    bench = Bench(tmp_path / "journals", Route(champion=1), version(1, half))
    (tmp_path / "journals").rmdir()
    with pytest.raises(Rejected) as caught:
        bench.answer(*rows(1.0))
    assert (caught.value.status, caught.value.kind) == (503, "log_unavailable")
    (tmp_path / "journals").mkdir()
    assert bench.answer(*rows(1.0)).outputs == [0.01]
    assert len(bench.log()) == 1


def test_a_full_log_stops_no_answer_where_that_is_the_policy(tmp_path: Path) -> None:
    """Answers go on, each counted, with an alarm from the first failure until a record is written again."""
    bench = Bench(tmp_path / "journals", Route(champion=1), version(1, half), policy="continue")
    (tmp_path / "journals").rmdir()
    assert bench.answer(*rows(1.0, 2.0)).outputs == [0.01, 0.02]
    assert bench.unlogged.alarm is not None
    assert bench.telemetry.samples()["roadworthy_unlogged_rows_total"] == {"": 2}
    (tmp_path / "journals").mkdir()
    assert bench.answer(*rows(3.0)).outputs == [0.03]
    assert bench.unlogged.alarm is None
    assert [record.inputs for record in bench.log()] == [(3.0, "f0")]


def test_a_unit_is_the_same_text_for_assignment_and_log() -> None:
    """A whole number is a number of something, not a float."""
    assert [unit_text(value) for value in ("UA1545", 7.0, 7.5, 7, None)] == ["UA1545", "7", "7.5", "7", ""]


def test_rows_without_a_right_number_cost_what_rows_cost(tmp_path: Path) -> None:
    """They are judged on the event loop, where everybody else waits: three times the rows, not nine times the work."""
    bench = Bench(tmp_path, Route(champion=1), version(1, lambda values: values * np.nan))
    question, took = bench.question(*rows(*range(100))), []
    for requests in (20, 60):
        started = time.thread_time()
        refused = bench.predictor.predict([question] * requests)
        took.append(time.thread_time() - started)
        assert all(str(one).endswith("100 of 100 outputs are not finite numbers") for one in refused)
    assert took[1] < 6 * took[0], took
