"""Rows in other arrangements: a healthy version scores them alike, and each kind of fault shows in one of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pyarrow.parquet as pq
import pytest

from roadworthy import Features, category, cross
from roadworthy.features.arrow import batch_from_arrow
from roadworthy.features.batch import Batch
from roadworthy.features.schema import Field, InputSchema
from roadworthy.features.textual import CategoriesEncoder, CategoryEncoder, CrossEncoder
from roadworthy.features.vocabulary import RESERVED
from roadworthy.gate.batch_invariance import CHECK
from roadworthy.gate.evidence import Evidence
from roadworthy.jobs.gate_arrangements import arrangements, emptied
from roadworthy.jobs.gate_padding import padding
from roadworthy.jobs.stores import Stores
from roadworthy.jobs.train import holdout_path
from roadworthy.scorer import Scored, Scorer
from small_workspace import MODEL


@pytest.fixture
def scorer(small_stores: Stores) -> Scorer:
    """Version 2, which reads a list."""
    return small_stores.scorer(small_stores.versions.get(MODEL, 2))


@pytest.fixture
def batch(small_stores: Stores, scorer: Scorer) -> Batch:
    """Its held-out rows."""
    table = pq.read_table(holdout_path(small_stores, small_stores.versions.get(MODEL, 2).digest))
    return batch_from_arrow(table, scorer.schema).take(np.arange(60))


def _moved(scorer: Scorer, batch: Batch) -> set[str]:
    """Names of the arrangements in which a score differs."""
    return {
        each.name for each in arrangements(scorer, batch, 3) if not np.array_equal(each.expected, each.got)
    }


def _scoring(monkeypatch: pytest.MonkeyPatch, alter: Callable[[Batch, np.ndarray], np.ndarray]) -> None:
    """Have every batch scored with an alteration."""
    original = Scorer.score

    def score(self: Scorer, batch: Batch) -> Scored:
        scored = original(self, batch)
        return Scored(scored.encoded, alter(batch, scored.output))

    monkeypatch.setattr(Scorer, "score", score)


def test_a_healthy_version_scores_rows_alike_in_every_arrangement(scorer: Scorer, batch: Batch) -> None:
    """Eight arrangements, bit for bit, and nothing shares a reserved number."""
    found = arrangements(scorer, batch, 3)
    assert [each.name for each in found] == [
        "alone", "permuted", "batches of 7", "as single requests", "padded", "beside rows of nothing", "empty lists",
    ]  # fmt: skip
    assert {each.got.size for each in found} == {60}
    assert _moved(scorer, batch) == set()
    looked = padding(scorer, batch)
    assert (looked.lists, dict(looked.collisions)) == (("before",), {})
    assert looked.texts == 2 + 3
    evidence = Evidence(model=MODEL, version=2, arrangements=found, padding=looked)
    assert {verdict.ruling for verdict in CHECK.judge(evidence)} == {"pass"}


def test_a_score_that_depends_on_the_last_row_shows_when_padded(
    scorer: Scorer, batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a batch is filled up and the filling is normalised with the rest."""
    _scoring(monkeypatch, lambda rows, output: output + 1e-6 * output[-1])
    assert {"padded", "beside rows of nothing", "alone"} <= _moved(scorer, batch)


def test_a_score_that_depends_on_missing_neighbours_shows_beside_rows_of_nothing(
    scorer: Scorer, batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where missing values are filled with the mean of the batch."""
    _scoring(monkeypatch, lambda rows, output: output + 1e-6 * np.isnan(rows.columns["wind"]).mean())
    assert "beside rows of nothing" in _moved(scorer, batch)


def test_an_empty_list_that_is_padded_only_beside_full_ones_shows(
    scorer: Scorer, batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that cannot batch empty lists puts the number of a real value in their place."""
    original = CategoriesEncoder.write

    def write(self: CategoriesEncoder, reading: Any, matrix: np.ndarray) -> None:
        original(self, reading, matrix)
        columns = matrix[:, self._at : self._at + len(self._steps)]
        empty = (columns == 0).all(axis=1)
        if not empty.all():
            columns[empty, 0] = RESERVED

    encode = Scorer.score

    def score(self: Scorer, rows: Batch) -> Scored:
        encoded = encode(self, rows).encoded
        return Scored(encoded, encoded.sum(axis=1) / 1e15)  # a model that looks at every column

    monkeypatch.setattr(CategoriesEncoder, "write", write)
    monkeypatch.setattr(Scorer, "score", score)
    assert "empty lists" in _moved(scorer, batch)


@pytest.mark.parametrize(
    ("encoder", "feature", "says"),
    [
        (CategoriesEncoder, "before", "is encoded as an empty list is"),
        (CategoryEncoder, "origin", "is encoded as an unknown text is"),
    ],
)
def test_a_known_text_with_the_number_of_none_is_found(
    scorer: Scorer, batch: Batch, monkeypatch: pytest.MonkeyPatch, encoder: Any, feature: str, says: str
) -> None:
    """Padding with 0 where 0 is a real value, in training and in serving alike: no score moves."""
    original = encoder.write

    def write(self: Any, reading: Any, matrix: np.ndarray) -> None:
        original(self, reading, matrix)
        width = len(self._steps) if encoder is CategoriesEncoder else 1
        columns = matrix[:, self._at : self._at + width]
        columns[columns == RESERVED] = 0 if encoder is CategoriesEncoder else 1

    monkeypatch.setattr(encoder, "write", write)
    found = padding(scorer, batch).collisions
    assert list(found) == [feature]
    assert says in found[feature]


def airline(code: str | None) -> str:
    """Cleaning that names what it knows and has a name for all the rest."""
    return {"UA": "United", "AA": "American"}.get(str(code), "other")


def _fitted(features: Features, **columns: list[str | None]) -> tuple[Scorer, Batch]:
    """What is looked at of a scorer, of these features on these texts."""
    fields = tuple(Field(name, "string", None in texts) for name, texts in columns.items())
    schema = InputSchema(fields)
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    batch = Batch.from_rows(rows, schema)
    fitted = features.fit(batch, schema)
    return cast(Scorer, SimpleNamespace(features=fitted, schema=schema)), batch


def test_a_cleaner_that_names_all_the_rest_is_no_collision() -> None:
    """What it makes of an unknown text is an entry, as it was in training; and its entries are looked at."""
    scorer, batch = _fitted(
        Features(carrier=category("carrier", clean=airline)), carrier=["UA", "AA", "ZZ", "YY"]
    )
    looked = padding(scorer, batch)
    assert (looked.texts, looked.collisions) == (3, {})


def test_texts_that_a_cleaner_made_are_looked_at_as_requests_carry_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No request carries 'United'; UA has the number of missing all the same."""
    scorer, batch = _fitted(
        Features(carrier=category("carrier", clean=airline)), carrier=["UA", "UA", "AA", None]
    )
    original = CategoryEncoder.write

    def write(self: Any, reading: Any, matrix: np.ndarray) -> None:
        original(self, reading, matrix)
        matrix[matrix == RESERVED] = 0

    monkeypatch.setattr(CategoryEncoder, "write", write)
    assert padding(scorer, batch).collisions == {"carrier": "'UA' is encoded as a missing value is"}


def test_a_cross_is_looked_at_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its tuples are known texts; with one part missing the whole is."""
    scorer, batch = _fitted(
        Features(route=cross("origin", "dest")), origin=["EWR", "JFK", None], dest=["SEA", "SEA", "SEA"]
    )
    assert (padding(scorer, batch).texts, padding(scorer, batch).collisions) == (2, {})
    original = CrossEncoder.write

    def write(self: Any, reading: Any, matrix: np.ndarray) -> None:
        original(self, reading, matrix)
        matrix[matrix == RESERVED] = 0

    monkeypatch.setattr(CrossEncoder, "write", write)
    assert padding(scorer, batch).collisions == {"route": "'EWR' × 'SEA' is encoded as a missing origin is"}


def test_rows_of_nothing_have_all_missing_that_may_be(scorer: Scorer, batch: Batch) -> None:
    """And keep what must be there."""
    rows: Sequence[dict[str, Any]] = emptied(batch, scorer.schema)
    assert {row["wind"] for row in rows} == {None}
    assert all(row["before"] == [] for row in rows)
    assert {row["origin"] for row in rows} == {None}
    assert None not in {row["heavy"] for row in rows}
