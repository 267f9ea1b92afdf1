"""Served like trained, measured on a workspace: the log against the history and the training period."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from roadworthy.features.arrow import batch_from_arrow
from roadworthy.features.batch import Batch
from roadworthy.gate import feedback, served_like_trained
from roadworthy.gate.evidence import Evidence
from roadworthy.gate.traffic_facts import Traffic
from roadworthy.jobs import gate_served_like_trained
from roadworthy.jobs.gate_traffic import served_lately
from roadworthy.jobs.ingest import ingest_file
from roadworthy.jobs.questions import load_questions
from roadworthy.jobs.stores import Stores
from roadworthy.jobs.train import SEED, holdout_path, train
from roadworthy.model import load_definition
from roadworthy.node import NodeDirectory
from roadworthy.predictionlog.journal import Journal
from roadworthy.verdict import Verdict
from small_workspace import DEFINITION, HALF_MONTH, MODEL, TRAFFIC_END, Small, answer

UNTIL = datetime(2013, 4, 14, tzinfo=UTC)
SERVED_FROM = datetime(2013, 3, 25, tzinfo=UTC)

#: The same model with two more inputs: how many weeks ago the trip was booked, which matters, and a price.
WITH_MORE = (
    DEFINITION.replace("    late = rng", "    weeks = rng.integers(0, 8, n)\n    late = rng")
    .replace("3.0 - wind / 8", "3.0 - weeks / 4 - wind / 8")
    .replace('"heavy": rng', '"weeks_ago": weeks, "price": rng.random(n), "heavy": rng')
    .replace('"heavy": "bool"', '"weeks_ago": "float", "price": "float", "heavy": "bool"')
    .replace(
        'heavy=number("heavy"),',
        'heavy=number("heavy"), weeks_ago=number("weeks_ago"), price=number("price"),',
    )
)


def _evidence(stores: Stores, version: int) -> Evidence:
    row = stores.versions.get(MODEL, version)
    scorer = stores.scorer(row)
    traffic = served_lately(stores, row, scorer, scorer, TRAFFIC_END)
    table = pq.read_table(holdout_path(stores, row.digest))
    batch = batch_from_arrow(table, scorer.schema)
    facts = gate_served_like_trained.served_like_trained(stores, row, scorer, traffic, table, batch, SEED)
    return Evidence(model=MODEL, version=version, traffic=traffic, served_like_trained=facts)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """The model with more inputs, trained to the end of March, with held-out rows of April; nothing is served yet."""
    home = tmp_path_factory.mktemp("more")
    small = Small(home / "workspace", home / "trips.py")
    small.definition.write_text(WITH_MORE)
    stores = small.stores()
    ingest_file(stores.settings, small.definition)
    train(stores, small.definition, until=UNTIL, holdout=HALF_MONTH)
    stores.engine.dispose()
    return small


def _served(small: Small, tmp_path: Path, changed: Callable[[pa.Table], pa.Table]) -> Evidence:
    """Requests as the history has them, changed on the way, answered by version 1."""
    shutil.copytree(small.root, tmp_path / "workspace")
    own = Small(tmp_path / "workspace", small.definition)
    stores = own.stores()
    questions = load_questions(
        stores.settings.tables, load_definition(own.definition).model(MODEL), SERVED_FROM, TRAFFIC_END
    )
    sent = replace(questions, table=changed(questions.table))
    answer(stores, Journal(NodeDirectory(stores.settings.nodes / "n").journals, 1), 1, sent)
    found = _evidence(stores, 1)
    stores.engine.dispose()
    return found


def _with(table: pa.Table, name: str, values: object) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, pa.array(values))


def _one(evidence: Evidence) -> Verdict:
    (verdict,) = served_like_trained.CHECK.judge(evidence)
    return verdict


def test_requests_as_the_history_has_them_are_served_as_trained(trained: Small, tmp_path: Path) -> None:
    """Half of them are held-out rows too, and every value is the same."""
    evidence = _served(trained, tmp_path, lambda table: table)
    verdict = _one(evidence)
    assert verdict.ruling == "pass"
    compared = verdict.evidence["compared_with_history"]  # the outcomes of some never became known
    assert 14 * 30 * 0.9 < compared < 14 * 30
    assert verdict.evidence["importance"]["weeks_ago"] > 0.01


def test_an_input_that_is_always_zero_when_served_fails(trained: Small, tmp_path: Path) -> None:
    """Weeks since booking are computed from a file in training, and at once when served."""
    verdict = _one(
        _served(trained, tmp_path, lambda table: _with(table, "weeks_ago", np.zeros(table.num_rows)))
    )
    assert verdict.ruling == "fail"
    assert {found["what"] for found in verdict.evidence["found"]} == {"constant", "other values"}
    assert {found["subject"] for found in verdict.evidence["found"]} == {"weeks_ago"}


def test_an_input_that_is_late_in_some_requests_fails(trained: Small, tmp_path: Path) -> None:
    """One in ten carries the value of the trip before: no distribution shows it, the history does."""

    def late(table: pa.Table) -> pa.Table:
        wind = np.array(table.column("wind").to_pylist(), dtype=np.float64)
        some = np.arange(len(wind)) % 10 == 0
        return _with(table, "wind", pa.array(np.where(some, np.roll(wind, 1), wind), from_pandas=True))

    verdict = _one(_served(trained, tmp_path, late))
    assert verdict.ruling == "fail"
    assert [(found["what"], found["subject"]) for found in verdict.evidence["found"]] == [
        ("other values", "wind")
    ]


def test_questions_about_numbered_units_are_found_in_the_history() -> None:
    """A whole number is logged without a point, however the table stores it."""
    times = pa.array([60_000_000, 120_000_000], pa.timestamp("us", "UTC"))
    held_out = pa.table({"account": [7.0, 8.5], "asked_at": times})
    asked = np.array([120_000_000, 60_400_000], dtype=np.int64)
    served = Traffic(
        asked_at=asked, units=np.array(["8.5", "7"]), answered_by=np.ones(2, dtype=np.int64), logged=np.zeros(2),
        inputs=Batch({}, 2),
    )  # fmt: skip
    assert gate_served_like_trained._pairs(held_out, "account", served).tolist() == [[1, 0], [0, 1]]


def test_another_season_alone_does_not_fail(trained: Small, tmp_path: Path) -> None:
    """Requests of units that the history does not know have other winds: told, and no fault."""

    def windier(table: pa.Table) -> pa.Table:
        units = pa.array([f"X{text}" for text in table.column("trip").to_pylist()])
        return _with(
            _with(table, "trip", units), "wind", pc.add(pc.multiply(table.column("wind"), 0.2), 24.0)
        )

    verdict = _one(_served(trained, tmp_path, windier))
    assert verdict.ruling == "pass"
    assert verdict.evidence["compared_with_history"] == 0
    assert [moved["input"] for moved in verdict.evidence["moved"]] == ["wind"]


def test_an_input_made_from_earlier_answers_is_found_in_the_log(trained: Small, tmp_path: Path) -> None:
    """Each request carries, as its price, what was answered to the one before; first there is no such relation."""
    healthy = _served(trained, tmp_path / "a", lambda table: table)
    assert [verdict.ruling for verdict in feedback.CHECK.judge(healthy)] == ["pass"]
    assert healthy.traffic is not None
    said, asked = healthy.traffic.logged, healthy.traffic.asked_at
    before = np.searchsorted(asked, asked) - 1  # of what is asked at one moment nobody knows the answer yet

    def echoing(table: pa.Table) -> pa.Table:
        return _with(table, "price", np.where(before < 0, 0.5, 0.9 * said[before]))

    echoed = _served(trained, tmp_path / "b", echoing)
    assert echoed.served_like_trained is not None
    price = next(given for given in echoed.served_like_trained.inputs if given.name == "price")
    assert price.echo is not None
    assert price.echo.follows
    assert 0.8 < price.echo.slope < 1.0
