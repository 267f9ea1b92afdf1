"""What happens between a checked request and its answer: scoring, failing, logging. The journal is a real one."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pytest

from roadworthy.clock import SystemClock
from roadworthy.features.batch import Batch
from roadworthy.features.declare import Features, number
from roadworthy.features.schema import Field, InputSchema
from roadworthy.node import Prepared
from roadworthy.predictionlog.journal import Journal, journals_in, read_journal
from roadworthy.predictionlog.record import UNANSWERED, Number, Prediction
from roadworthy.predictionlog.unlogged import FullLogPolicy, Unlogged
from roadworthy.registry.artifact import ArtifactModel
from roadworthy.scorer import Scorer
from roadworthy.serving.exchange import Rejected
from roadworthy.serving.predicting import Predictor
from roadworthy.serving.questions import Predicted, Question
from roadworthy.serving.recording import Recorder, unit_text
from roadworthy.serving.requests import RequestReader
from roadworthy.serving.table import Loaded, Served, Table
from roadworthy.serving.telemetry import Telemetry
from roadworthy.traffic import Plan, Route, assign

Arithmetic = Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]


@dataclass
class Estimator:
    """An estimator that does what a test says with the first column."""

    arithmetic: Arithmetic
    width: int
    tolerance: float = 0.0

    def predict(self, matrix: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """What the test says."""
        return self.arithmetic(matrix[:, 0])


def version(number_of: int, arithmetic: Arithmetic, *inputs: str, unit: str = "flight") -> Loaded:
    """A version with these number inputs."""
    names = inputs or ("wind",)
    schema = InputSchema((*(Field(name, "number") for name in names), Field(unit, "string", role="unit")))
    batch = Batch.from_rows([{**dict.fromkeys(names, 1.0), unit: "a"}] * 3, schema)
    features = Features(**{name: number(name) for name in names}).fit(batch, schema)
    model = ArtifactModel(
        model="delay",
        unit=unit,
        input_schema=msgspec.to_builtins(schema),
        columns=tuple(column.name for column in features.columns),
        estimator_format="test",
        clamp=(0.0, 1.0),
    )
    scorer = Scorer(model, features, Estimator(arithmetic, len(names)))
    return Loaded(Prepared("delay", number_of, "ab" * 32), scorer, scorer.log_schema.digest)


class Bench:
    """A predictor with its journal, and a route of the given versions."""

    def __init__(
        self, directory: Path, route: Route, *versions: Loaded, policy: FullLogPolicy = "stop"
    ) -> None:
        self.directory = directory
        self.journal = Journal(directory, 0, node="n")
        self.telemetry = Telemetry()
        self.unlogged = Unlogged(policy)
        recorder = Recorder(SystemClock(), random.Random(1), "n", "0.1")
        self.predictor = Predictor(self.journal, self.telemetry, recorder, SystemClock(), self.unlogged)
        for one in versions:
            self.journal.declare(one.scorer.log_schema)
        named = {one.prepared.version: one for one in versions}
        reader = RequestReader({name: one.scorer.schema for name, one in named.items()}, 100)
        self.served = Served("delay", route, named, reader)
        self.table = Table(Plan(number=3), {"delay": self.served})

    def question(self, *rows: dict[str, Any]) -> Question:
        """A request with these rows."""
        request = self.served.reader.read(msgspec.json.encode({"instances": rows}))
        return Question(self.table, self.served, request, event_time=1_000_000, started_ns=0)

    def answer(self, *rows: dict[str, Any]) -> Predicted:
        """The answer to a request with these rows; raises the refusal."""
        (result,) = self.predictor.predict([self.question(*rows)])
        if isinstance(result, Rejected):
            raise result
        return result

    def log(self) -> list[Prediction]:
        """Everything written down."""
        return [record for path in journals_in([self.directory]) for record in read_journal(path).predictions]


def rows(*winds: float) -> list[dict[str, Any]]:
    """Requests with these winds."""
    return [{"wind": wind, "flight": f"f{place}"} for place, wind in enumerate(winds)]


def half(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """A version that works."""
    return values / 100


def fail(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """A version that raises."""
    raise ZeroDivisionError("no such luck")


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
    ask()
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


def test_a_shadow_whose_input_is_not_sent_yet_is_left_out(tmp_path: Path) -> None:
    """The champion answers; that the shadow could not read the rows is counted."""
    bench = Bench(tmp_path, Route(champion=1, shadow=2), version(1, half), version(2, half, "wind", "rain"))
    question = bench.question(*rows(3.0))
    bench.predictor.predict([question])
    ask = bench.predictor.shadow([question])
    assert ask is not None
    ask()
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
