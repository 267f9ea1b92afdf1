"""The examples on real data beside the demo: ingested, trained and gated as a reader would.

The data is not in the repository. `ROADWORTHY_EXAMPLE_DATA` names the folder that holds `bank_marketing` and
`us_employment_ma`; by default it is looked for in `shared/data` beside the repository.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from roadworthy.clock import parse_instant, uuid7
from roadworthy.features.arrow import batch_from_arrow
from roadworthy.gate.report import GateReport
from roadworthy.jobs.gate import gate
from roadworthy.jobs.ingest import ingest_file
from roadworthy.jobs.questions import Questions, load_questions
from roadworthy.jobs.stores import Stores, open_stores
from roadworthy.jobs.train import train
from roadworthy.model import load_definition
from roadworthy.node import NodeDirectory
from roadworthy.predictionlog.journal import Journal
from roadworthy.predictionlog.record import Number, Prediction
from roadworthy.settings import Settings
from roadworthy.traffic import Route
from roadworthy.verdict import Verdict

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
DATA = Path(os.environ.get("ROADWORTHY_EXAMPLE_DATA", ROOT.parent / "shared" / "data"))
BANK, EMPLOYMENT = DATA / "bank_marketing" / "bank-full.csv.gz", DATA / "us_employment_ma"

needs_bank = pytest.mark.skipif(not BANK.exists(), reason=f"there is no {BANK}: set ROADWORTHY_EXAMPLE_DATA")
needs_employment = pytest.mark.skipif(
    not EMPLOYMENT.exists(), reason=f"there is no {EMPLOYMENT}: set ROADWORTHY_EXAMPLE_DATA"
)

SINCE, UNTIL, LATER = (parse_instant(day) for day in ("2009-02-01", "2009-06-01", "2009-06-20"))


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    """An empty workspace."""
    opened = open_stores(Settings(tmp_path / "workspace"))
    yield opened
    opened.engine.dispose()


def verdicts(report: GateReport, check: str) -> dict[str, Verdict]:
    """Verdicts of one check by part."""
    return {each.subject.partition(" ")[2]: each for each in report.verdicts if each.check == check}


def answer(stores: Stores, questions: Questions) -> None:
    """Log what version 1 says of these questions, as a worker does."""
    row = stores.versions.get("bought", 1)
    scorer = stores.scorer(row)
    batch = batch_from_arrow(questions.table, scorer.schema)
    scored, rows, entropy = scorer.score(batch), batch.rows(scorer.schema), random.Random(1)
    journal = Journal(NodeDirectory(stores.settings.nodes / "n").journals, 0)
    schema = journal.declare(scorer.log_schema)
    journal.append(
        [
            Prediction(
                id=uuid7(int(asked), entropy), request_id=str(number), namespace=stores.settings.namespace,
                model="bought", version=1, schema=schema, unit=str(rows[number]["call"]), event_time=int(asked),
                logged_at=int(asked), inputs=tuple(rows[number].values()),
                encoded=scored.encoded[number].astype("<f8").tobytes(),
                output=Number(float(scored.output[number])), role="champion", plan=1, node="n",
            )
            for number, asked in enumerate(questions.asked_at)
        ]
    )  # fmt: skip


def serve(stores: Stores) -> None:
    """Let version 1 answer."""
    number, _ = stores.plans.route("bought")
    stores.plans.flip(
        "bought", number, Route(champion=1), actor="anna", reason="the first", action="promote", at=stores.clock.now(),
        event_time=UNTIL,
    )  # fmt: skip


@needs_bank
def test_the_length_of_a_call_is_refused_as_leakage(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it the model passes; with it the gate says that it ends when the outcome is known, and ranks it first."""
    monkeypatch.setenv("BANK_MARKETING", str(BANK))
    ingest_file(stores.settings, EXAMPLES / "bank_marketing" / "tables.py")
    honest, leaking = (EXAMPLES / "bank_marketing" / f"{name}.py" for name in ("bought", "leaking"))
    train(stores, honest, since=SINCE, until=UNTIL)
    first = gate(stores, "bought@1", approve_first="the first", event_time=UNTIL).report
    assert [each.reason for each in first.decision.blocking] == []
    assert {each.ruling for each in verdicts(first, "leakage").values()} == {"pass"}
    serve(stores)
    answer(stores, load_questions(stores.settings.tables, load_definition(honest).model(), UNTIL, LATER))
    train(stores, leaking, since=SINCE, until=UNTIL)
    report = gate(stores, "bought@2", event_time=LATER).report
    assert report.decision.ruling == "fail"
    found = verdicts(report, "leakage")
    assert (found["outcome_time"].ruling, found["served"].ruling) == ("fail", "insufficient")
    assert found["outcome_time"].reason.startswith("duration (counted in seconds) lies exactly 0 s after")
    assert "of duration nothing shows that it is known when the model is asked" in found["served"].reason
    suspects = verdicts(report, "too_good_alone")
    assert suspects["alone"].evidence["suspects"][0][0] == "duration"
    assert suspects["jump"].ruling == "fail"
    assert "new inputs, by their AUC alone: duration" in suspects["jump"].reason


@needs_employment
def test_age_is_suspected_and_does_not_block_and_groups_are_compared(
    stores: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Age alone tells who is employed about as well as a leak would; a person knows that it is known."""
    cut = tmp_path / "cut"
    cut.mkdir()
    for path in EMPLOYMENT.glob("*.pq"):  # every fourth row, in their order
        rows = pq.read_table(path)
        pq.write_table(rows.take(np.arange(0, rows.num_rows, 4)), cut / path.name)
    monkeypatch.setenv("US_EMPLOYMENT", str(cut))
    ingest_file(stores.settings, EXAMPLES / "us_employment" / "tables.py")
    train(stores, EXAMPLES / "us_employment" / "employed.py", until="2016-05-01", holdout=timedelta(days=120))
    report = gate(stores, "employed@1", approve_first="the first").report
    assert [each.reason for each in report.decision.blocking] == []
    alone = verdicts(report, "too_good_alone")["alone"]
    assert alone.evidence["suspects"][0][0] == "AGEP"
    assert alone.evidence["suspects"][0][1] > 0.8
    assert alone in report.decision.advisory or alone.ruling == "pass"
    groups = verdicts(report, "groups")
    assert set(groups) == {"SEX tpr", "SEX calibration", "RAC1P tpr", "RAC1P calibration"}
    assert all("no limit is declared" in each.reason for each in groups.values())


def test_an_example_beyond_the_demo_is_short() -> None:
    """Tables and model in at most 60 lines of Python."""
    for name in ("bank_marketing", "us_employment"):
        lines = [line for path in (EXAMPLES / name).glob("*.py") for line in path.read_text().splitlines()]
        assert 0 < len(lines) <= 60, name
