"""The scorer: loading what was registered, and proving that it still computes the same here."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lightgbm import LGBMClassifier
from sklearn.linear_model import LogisticRegression

from roadworthy.errors import CorruptArtifact, Refused, UnsupportedEstimator
from roadworthy.features.batch import Batch
from roadworthy.features.collection import Features
from roadworthy.features.declare import category, number
from roadworthy.features.schema import Field, InputSchema
from roadworthy.registry.artifact import publish
from roadworthy.scorer import Golden, Scorer, differences
from roadworthy.training.fit import train
from roadworthy.training.pack import pack
from roadworthy.training.recipe import Recipe

SCHEMA = InputSchema(
    (
        Field("carrier", "string", nullable=True),
        Field("wind", "number", nullable=True),
        Field("id", "string", role="unit"),
    )
)
ESTIMATORS: dict[str, Callable[[], Any]] = {
    "lightgbm": lambda: LGBMClassifier(n_estimators=5),
    "linear": LogisticRegression,
}


def rows(n: int = 400) -> Batch:
    texts = ["UA", "B6", None]
    return Batch.from_rows(
        [{"carrier": texts[i % 3], "wind": (i * 37 % 100) / 4, "id": str(i)} for i in range(n)], SCHEMA
    )


@pytest.fixture(scope="module", params=sorted(ESTIMATORS))
def artifact(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    batch = rows()
    y = (np.asarray(batch.columns["wind"]) > 12).astype(np.float64)
    y[::7] = 1 - y[::7]
    recipe = Recipe(
        model="delay",
        unit="id",
        features=Features(carrier=category("carrier", clean=str.lower), wind=number("wind", missing=-1.0)),
        estimator=ESTIMATORS[request.param](),
    )
    directory = tmp_path_factory.mktemp("scorer")
    digest, published = publish(
        pack(train(recipe, SCHEMA, batch, y), directory / "draft").directory, directory / "store"
    )
    return published, digest


@pytest.fixture
def scorer(artifact: tuple[Path, str]) -> Scorer:
    return Scorer.load(*artifact)


def copied(artifact: tuple[Path, str], to: Path) -> Path:
    to.mkdir()
    for path in artifact[0].rglob("*"):
        if path.is_file():
            target = to / path.relative_to(artifact[0])
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(path.read_bytes())
    return to


def test_a_row_scores_alike_alone_and_among_others(scorer: Scorer) -> None:
    """Encoded values and output of a row depend on the row only, bit for bit."""
    batch = rows(50)
    whole = scorer.score(batch)
    for row in range(batch.n):
        alone = scorer.score(batch.take(np.array([row])))
        assert alone.encoded.tobytes() == whole.encoded[row].tobytes()
        assert alone.output.tobytes() == whole.output[row : row + 1].tobytes()


def test_no_rows_score_to_nothing(scorer: Scorer) -> None:
    """An empty batch has shapes (0, width) and (0,)."""
    scored = scorer.score(rows(0))
    assert (scored.encoded.shape, scored.output.shape) == ((0, 2), (0,))


@pytest.mark.parametrize("file", ["model.json", "features.json", "goldens.json", "estimator"])
def test_a_changed_file_is_named_before_anything_is_read(
    artifact: tuple[Path, str], tmp_path: Path, file: str
) -> None:
    """One byte more in any file, and the version does not load."""
    directory = copied(artifact, tmp_path / "copy")
    path = next((directory / file).iterdir()) if file == "estimator" else directory / file
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(CorruptArtifact, match=path.name):
        Scorer.load(directory, artifact[1])


def test_golden_requests_agree_where_nothing_changed(scorer: Scorer) -> None:
    """A fresh load on the same machine has no difference, and requiring it is silent."""
    assert scorer.goldens
    assert scorer.check_goldens() == []
    scorer.require_goldens()


class Shifted:
    """A predictor that answers a little more than another."""

    def __init__(self, scorer: Scorer, by: float) -> None:
        self._inner, self._by = scorer.predictor, by
        self.width, self.tolerance = scorer.predictor.width, 0.0

    def predict(self, matrix: np.ndarray) -> np.ndarray:
        return self._inner.predict(matrix) + self._by


def test_another_prediction_is_reported_as_such(scorer: Scorer) -> None:
    """An estimator that computes otherwise differs in the last stage of every golden, within a tolerance in none."""
    other = Scorer(scorer.model, scorer.features, Shifted(scorer, 1e-9), scorer.goldens)
    found = other.check_goldens()
    assert len(found) == len(scorer.goldens)
    assert {one.stage for one in found} == {"prediction"}
    assert found[0].got == pytest.approx(found[0].expected + 1e-9, abs=1e-12)
    assert other.check_goldens(tolerance=1e-8) == []
    with pytest.raises(Refused, match=r"differences in \d+ golden requests[\s\S]*numpy"):
        other.require_goldens()


def test_a_golden_that_was_trained_elsewhere_is_reported_with_its_column(scorer: Scorer) -> None:
    """Other cleaning shows as cleaned, other encoding as encoded: the first stage names the cause."""
    golden = scorer.goldens[0]
    cleaned = Golden(
        golden.name, golden.request, {"carrier": "elsewhere"}, {"carrier": 99.0, "wind": 1.5}, 0.123
    )
    encoded = Golden(golden.name, golden.request, golden.cleaned, {**golden.encoded, "wind": -7.25}, 0.123)
    other = Scorer(scorer.model, scorer.features, scorer.predictor, [cleaned, encoded])
    first, second = other.check_goldens()
    assert (first.stage, first.column, first.expected) == ("cleaned", "carrier", "elsewhere")
    assert (second.stage, second.column, second.expected) == ("encoded", "wind", -7.25)
    assert (
        str(second)
        == f"golden request {golden.name!r}: encoded wind was -7.25 when trained, is {second.got!r} here"
    )


def test_nan_equals_nan_and_nothing_else() -> None:
    """A golden NaN asks for NaN: a number in its place is a difference, whatever the tolerance."""
    expected = Golden("g", {}, {}, {"x": "nan"}, "nan")
    assert differences(expected, Golden("g", {}, {}, {"x": "nan"}, "nan"), 0.0) == []
    (one,) = differences(expected, Golden("g", {}, {}, {"x": "nan"}, 0.5), math.inf)
    assert one.stage == "prediction"
    (two,) = differences(expected, Golden("g", {}, {}, {"x": 0.0}, "nan"), math.inf)
    assert two.stage == "encoded"


def test_a_column_that_came_or_went_is_a_difference() -> None:
    """Columns are compared both ways."""
    expected = Golden("g", {}, {}, {"x": 1.0}, 0.5)
    found = differences(expected, Golden("g", {}, {}, {"y": 1.0}, 0.5), 0.0)
    assert [(one.column, one.expected, one.got) for one in found] == [("x", 1.0, None), ("y", None, 1.0)]


def test_parts_of_two_versions_do_not_make_one(artifact: tuple[Path, str], tmp_path: Path) -> None:
    """Features with other columns than model.json names are refused when they are put together."""
    directory = copied(artifact, tmp_path / "copy")
    model = json.loads((directory / "model.json").read_bytes())
    model["columns"] = [*model["columns"], "gust"]
    (directory / "model.json").write_text(json.dumps(model))
    with pytest.raises(CorruptArtifact, match=r"names 3 columns, the features make 2, the estimator takes 2"):
        Scorer.read(directory)


def test_a_format_of_the_future_says_so(artifact: tuple[Path, str], tmp_path: Path) -> None:
    """A version whose estimator format is unknown here names the known ones."""
    directory = copied(artifact, tmp_path / "copy")
    model = json.loads((directory / "model.json").read_bytes())
    (directory / "model.json").write_text(json.dumps({**model, "estimator_format": "tomorrow"}))
    with pytest.raises(UnsupportedEstimator, match="no estimator format 'tomorrow'"):
        Scorer.read(directory)


def test_scoring_needs_no_training_library(artifact: tuple[Path, str]) -> None:
    """A serving process loads, checks and scores without lightgbm, scikit-learn, pandas, Arrow, SciPy or a database."""
    program = (
        "import sys, pathlib\n"
        "from roadworthy.scorer import Scorer\n"
        "Scorer.load(pathlib.Path(sys.argv[1]), sys.argv[2]).require_goldens()\n"
        "heavy = {'lightgbm', 'sklearn', 'pandas', 'pyarrow', 'scipy', 'sqlalchemy', 'duckdb', 'typer', 'rich'}\n"
        "sys.exit(f'imported {heavy & set(sys.modules)}' if heavy & set(sys.modules) else 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(artifact[0]), artifact[1]],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
