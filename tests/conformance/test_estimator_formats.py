"""One suite that every estimator format passes; a new format adds one line to `CASES`."""

from __future__ import annotations

import math
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from lightgbm import LGBMClassifier
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

from graph_estimators import OwnRegression
from roadworthy.errors import (
    CorruptArtifact,
    DefinitionError,
    Refused,
    SchemaError,
    TooFewSamples,
    UnsupportedEstimator,
)
from roadworthy.estimators.accepted import FORMATS, format_for
from roadworthy.estimators.formats import LOADERS, load_predictor
from roadworthy.estimators.kept_weights import kept_weights
from roadworthy.estimators.protocol import Fitted, Floats, Predictor

CASES: dict[str, Callable[[], Any]] = {
    "lightgbm": lambda: LGBMClassifier(n_estimators=25, min_child_samples=5),
    "linear": lambda: LogisticRegression(max_iter=300),
    "onnx, perceptron": lambda: MLPClassifier((8,), solver="lbfgs", alpha=20.0, tol=1e-2),
    "onnx, trees": lambda: HistGradientBoostingClassifier(max_iter=25),
    "onnx, exported": OwnRegression,
}
ROWS = 900


@dataclass(frozen=True)
class Column:
    """An encoded column."""

    name: str
    kind: Literal["number", "category"]
    size: int = 0


COLUMNS = (
    Column("carrier", "category", 9),
    Column("wind", "number"),
    Column("route", "category", 40),
    Column("gust", "number"),
)


def rows(n: int = ROWS, seed: int = 1) -> tuple[Floats, Floats]:
    """A matrix with both reserved numbers in its categories, and labels that depend on it."""
    rng = np.random.default_rng(seed)
    X = np.column_stack(
        [rng.integers(0, 9, n), rng.normal(12, 5, n), rng.integers(0, 40, n), rng.normal(0, 1e-3, n)]
    )
    score = (X[:, 0] == 3) + (X[:, 1] - 12) / 5 + 0.5 * (X[:, 2] % 3 == 0)
    return X, (rng.random(n) < 1 / (1 + np.exp(-score))).astype(np.float64)


def fit(name: str, X: Floats, y: Floats, *, threads: int = 1, estimator: Any = None) -> Fitted:
    declared = CASES[name]() if estimator is None else estimator
    return format_for(declared).fit(declared, X, y, COLUMNS, seed=7, threads=threads)


@pytest.fixture(scope="module", params=sorted(CASES))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def saved(name: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp(name)
    fit(name, *rows()).save(directory)
    return directory


@pytest.fixture(scope="module")
def predictor(name: str, saved: Path) -> Predictor:
    return load(name, saved)


def load(name: str, directory: Path) -> Predictor:
    return load_predictor(name.split(",")[0], directory)


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_every_format_is_here_and_can_be_loaded() -> None:
    """A format that is accepted for training but not tested, or not loadable, would be found out in production."""
    assert {one.name for one in FORMATS} == set(LOADERS)
    assert {type(format_for(make())) for make in CASES.values()} == {type(one) for one in FORMATS}


def test_a_format_takes_the_estimator_it_is_made_for(name: str) -> None:
    """The case's estimator finds its own format."""
    assert format_for(CASES[name]()).name == name.split(",")[0]


def test_what_is_loaded_predicts_as_what_was_fitted(name: str, saved: Path) -> None:
    """Saving and loading changes no bit of any prediction."""
    X, y = rows()
    assert load(name, saved).predict(X).tobytes() == fit(name, X, y).predictor().predict(X).tobytes()


def test_predictions_are_probabilities_that_learned_something(predictor: Predictor) -> None:
    """Outputs lie in [0, 1], differ, and rank unseen positives above unseen negatives more often than not."""
    X, y = rows(seed=2)
    p = predictor.predict(X)
    assert p.shape == (ROWS,)
    assert ((p >= 0) & (p <= 1)).all()
    assert (p[y == 1][:, None] > p[y == 0][None, :]).mean() > 0.65


def test_a_row_answers_alike_alone_in_any_batch_and_any_order(predictor: Predictor) -> None:
    """Alone = batch = permuted = split, within the tolerance that the format declares."""
    X, _ = rows(300, seed=3)
    whole = predictor.predict(X)
    order = np.random.default_rng(0).permutation(len(X))
    permuted = np.empty_like(whole)
    permuted[order] = predictor.predict(X[order])
    others = {
        "alone": np.concatenate([predictor.predict(X[row : row + 1]) for row in range(len(X))]),
        "permuted": permuted,
        **{
            f"in parts of {size}": np.concatenate(
                [predictor.predict(X[at : at + size]) for at in range(0, len(X), size)]
            )
            for size in (2, 7, 8, 9, 12, 13, 32, 101)
        },
        "strided": predictor.predict(np.repeat(X, 2, axis=1)[:, ::2]),
        "column-major": predictor.predict(np.asfortranarray(X)),
    }
    for how, other in others.items():
        assert np.abs(other - whole).max() <= predictor.tolerance, how


def test_no_rows_give_no_predictions(predictor: Predictor) -> None:
    """An empty batch is not an error."""
    assert predictor.predict(np.empty((0, len(COLUMNS)))).shape == (0,)


@pytest.mark.parametrize("threads", [1, 2])
def test_training_again_gives_the_same_bytes_whatever_the_threads(
    name: str, saved: Path, tmp_path: Path, threads: int
) -> None:
    """Saving two fits on the same rows gives identical files."""
    fit(name, *rows(), threads=threads).save(tmp_path)
    assert contents(tmp_path) == contents(saved)


def test_the_bytes_tell_nothing_about_the_machine(saved: Path) -> None:
    """No thread count, path or date is in what is saved."""
    for content in contents(saved).values():
        text = content.decode("latin-1")
        for word in ("thread", "n_jobs", "/tmp", "machine", "date:"):
            assert word not in text


def test_the_declared_estimator_is_left_as_it_was(name: str) -> None:
    """Fitting changes neither the parameters nor the attributes of what the user declared."""
    estimator = CASES[name]()
    before = (dict(vars(estimator)), estimator.get_params())
    fit(name, *rows(200), estimator=estimator)
    assert (dict(vars(estimator)), estimator.get_params()) == before


@pytest.mark.parametrize("width", [len(COLUMNS) - 1, len(COLUMNS) + 1])
@pytest.mark.parametrize("n", [1, 40])
def test_a_wrong_width_is_named(predictor: Predictor, width: int, n: int) -> None:
    """The message says how many columns were expected and how many came."""
    with pytest.raises(SchemaError, match=f"expected {len(COLUMNS)} columns, got {width}"):
        predictor.predict(np.zeros((n, width)))


def test_a_vector_is_not_taken_for_a_matrix(predictor: Predictor) -> None:
    """One row must come as a matrix of one row."""
    with pytest.raises(SchemaError, match="array of 1 dimension"):
        predictor.predict(np.zeros(len(COLUMNS)))


def test_nan_is_learned_from_or_refused_by_name(name: str) -> None:
    """A format either trains on a missing number or says which column has it."""
    X, y = rows()
    X[5, 1] = math.nan
    try:
        predictions = fit(name, X, y).predictor().predict(X)
    except DefinitionError as error:
        assert "wind in 1 of 900 rows" in str(error)  # noqa: PT017  # either branch is a pass, so raises() cannot say it
    else:
        assert np.isfinite(predictions).all()


@pytest.mark.parametrize("n", [1, 40])
def test_nan_in_one_row_harms_no_other(predictor: Predictor, n: int) -> None:
    """A missing number that training never saw gives a number or NaN for its own row and changes no neighbour."""
    X, _ = rows(n + 1)
    expected = predictor.predict(X)
    X[n, 1] = math.nan
    got = predictor.predict(X)
    assert got[:n].tobytes() == expected[:n].tobytes()
    assert math.isnan(got[n]) or 0 <= got[n] <= 1
    assert np.allclose(predictor.predict(X[n:]), got[n:], rtol=0, atol=predictor.tolerance, equal_nan=True)


def test_one_class_cannot_be_learned(name: str) -> None:
    """Training on positives only is too little evidence, not a model."""
    X, _ = rows(100)
    with pytest.raises(TooFewSamples, match="all 100 training rows have the outcome 1"):
        fit(name, X, np.ones(100))


def test_a_label_that_is_unknown_is_refused(name: str) -> None:
    """A NaN label is named with its row, before anything is fitted."""
    X, y = rows(100)
    y[17] = math.nan
    with pytest.raises(DefinitionError, match="label of training row 17 is nan"):
        fit(name, X, y)


def test_files_that_cannot_be_read_are_corrupt(name: str, saved: Path, tmp_path: Path) -> None:
    """A missing or mangled file is an error that says to restore it."""
    with pytest.raises(CorruptArtifact, match="restore"):
        load(name, tmp_path)
    for file in saved.iterdir():
        (tmp_path / file.name).write_bytes(b"tree\n" + file.read_bytes()[:40])
    with pytest.raises(CorruptArtifact, match="estore"):
        load(name, tmp_path)


def test_progress_ends_where_it_said(name: str) -> None:
    """Progress counts up to its total, which never changes."""
    seen: list[tuple[int, int]] = []
    declared = CASES[name]()
    format_for(declared).fit(
        declared,
        *rows(200),
        COLUMNS,
        seed=1,
        threads=1,
        on_progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == sorted(seen)
    assert seen[-1][0] == seen[-1][1] == seen[0][1]


def test_threads_that_ask_at_once_get_their_own_answers(predictor: Predictor) -> None:
    """The event loop and an executor's thread may ask one predictor together, in batches of any size."""
    X, _ = rows(400, seed=5)
    expected = predictor.predict(X)
    furthest: list[float] = []

    def ask(size: int) -> None:
        for at in [*range(0, len(X), size)] * max(1, size // 4):
            got = predictor.predict(X[at : at + size])
            furthest.append(float(np.abs(got - expected[at : at + size]).max()))

    asking = [threading.Thread(target=ask, args=(size,)) for size in (1, 40)]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    assert max(furthest) <= predictor.tolerance


def test_loading_and_predicting_import_no_training_library(name: str, saved: Path) -> None:
    """A serving process never pays for what trained: not in seconds, not in memory, not in trust."""
    program = (
        "import sys, numpy, pathlib\n"
        "from roadworthy.estimators.formats import load_predictor\n"
        "p = load_predictor(sys.argv[1], pathlib.Path(sys.argv[2]))\n"
        "assert p.predict(numpy.zeros((2, 4))).shape == (2,)\n"
        "wrong = {'lightgbm', 'sklearn', 'pandas', 'pyarrow', 'scipy', 'onnx', 'google.protobuf', 'joblib'}\n"
        "found = wrong & set(sys.modules)\n"
        "sys.exit(f'imported {found}' if found else 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, name.split(",")[0], str(saved)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_loading_never_unpickles(name: str, saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is loaded is data: nothing in it can run."""

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a pickle was read")

    for function in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, function, refuse)
    assert load(name, saved).predict(rows(3)[0]).shape == (3,)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from Linux's /proc")
def test_memory_stays_where_it_is_over_20_000_calls(predictor: Predictor) -> None:
    """A worker answers for months: what a call takes, it gives back."""
    X, _ = rows(16)

    def pages() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1])

    for n in (1, 16):
        for _ in range(500):
            predictor.predict(X[:n])
    before = pages()
    for at in range(20_000):
        predictor.predict(X[:16] if at % 20 == 0 else X[:1])
    assert (pages() - before) * 4096 < 2 * 2**20


def test_an_unknown_format_is_named_with_those_that_are_known(saved: Path) -> None:
    """A version of a newer Roadworthy says what to do instead of failing somewhere else."""
    with pytest.raises(
        UnsupportedEstimator, match=r"no estimator format 'pickle' here; known are lightgbm, linear"
    ):
        load_predictor("pickle", saved)


def test_what_was_learned_is_read_back_as_it_was_fitted(name: str, saved: Path) -> None:
    """The gate looks at the arrays that serve; each that a vocabulary picks has a row for every number of it."""
    kept = kept_weights(name.split(",")[0], saved, COLUMNS)
    assert kept.arrays
    assert len({array.name for array in kept.arrays}) == len(kept.arrays)
    sizes = {column.name: column.size for column in COLUMNS}
    for array in kept.arrays:
        assert np.isfinite(array.values).all()
        assert all(len(array.values) == sizes[column] for column in array.columns)
    if kept.kind == "arrays":
        assert [(array.name, array.values.tobytes()) for array in fit(name, *rows()).weights().arrays] == [
            (array.name, array.values.tobytes()) for array in kept.arrays
        ]


def test_a_row_that_is_set_changes_the_answers_that_meet_it_and_no_others(name: str) -> None:
    """What a repair does to an estimator; trees have no rows and say so."""
    X, y = rows()
    fitted = fit(name, X, y)
    array = next((each for each in fitted.weights().arrays if "route" in each.columns), None)
    if fitted.weights().kind == "trees":
        with pytest.raises(Refused, match="no row"):
            fitted.with_rows({})
        return
    if array is None:  # an exported graph that looks nothing up
        assert name == "onnx, exported"
        return
    changed = fitted.with_rows({array.name: {7: array.values[7] + 1.0}})
    moved = changed.predictor().predict(X) != fitted.predictor().predict(X)
    assert (moved == (X[:, 2] == 7)).all()
