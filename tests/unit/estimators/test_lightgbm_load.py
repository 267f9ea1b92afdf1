"""LightGBM's library without LightGBM's package."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from lightgbm import LGBMClassifier

from roadworthy.errors import UnsupportedEstimator
from roadworthy.estimators import lightgbm_load
from roadworthy.estimators.lightgbm_fit import LightGBMFitted, LightGBMFormat
from roadworthy.estimators.protocol import Floats


@dataclass(frozen=True)
class Column:
    """An encoded column."""

    name: str
    kind: Literal["number", "category"]
    size: int = 0


COLUMNS = (Column("carrier", "category", 30), Column("wind", "number"), Column("gust", "number"))


def rows() -> tuple[Floats, Floats]:
    rng = np.random.default_rng(4)
    X = np.column_stack([rng.integers(0, 30, 2_000), rng.normal(size=(2_000, 2))])
    X[rng.random(2_000) < 0.1, 1] = np.nan
    return X, (rng.random(2_000) < 0.3 + 0.4 * (X[:, 0] % 5 == 0)).astype(np.float64)


@pytest.fixture(scope="module")
def fitted() -> LightGBMFitted:
    X, y = rows()
    return LightGBMFormat().fit(LGBMClassifier(n_estimators=20), X, y, COLUMNS, seed=1, threads=1)


def test_predictions_are_those_of_the_python_package(fitted: LightGBMFitted) -> None:
    """Witness: lightgbm's own predict_proba on the same rows, missing numbers included, bit for bit."""
    X, y = rows()
    witness = LGBMClassifier(
        n_estimators=20, random_state=1, deterministic=True, force_row_wise=True, n_jobs=1, verbose=-1
    ).fit(X, y, categorical_feature=[0])
    expected = witness.booster_.predict(X)
    assert fitted.predictor().predict(X).tobytes() == np.asarray(expected).tobytes()


def test_loading_and_predicting_import_no_training_library(fitted: LightGBMFitted, tmp_path: Path) -> None:
    """A serving process never pays for lightgbm's package, scikit-learn, pandas or SciPy."""
    fitted.save(tmp_path)
    program = (
        "import sys, numpy, pathlib\n"
        "from roadworthy.estimators.formats import load_predictor\n"
        "p = load_predictor('lightgbm', pathlib.Path(sys.argv[1]))\n"
        "assert p.predict(numpy.zeros((1, 3))).shape == (1,)\n"
        "wrong = {'lightgbm', 'sklearn', 'pandas', 'pyarrow', 'scipy'} & set(sys.modules)\n"
        "sys.exit(f'imported {wrong}' if wrong else 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_threads_that_ask_together_get_their_own_answers(fitted: LightGBMFitted) -> None:
    """One predictor may be asked from several threads at once: no answer lands in another's array."""
    X, _ = rows()
    predictor = fitted.predictor()
    expected = predictor.predict(X)
    wrong: list[int] = []

    def ask(part: int) -> None:
        size = (1, 3, 20, 300)[part]
        parts = [slice(at, at + size) for at in range(0, 1_000, size)]
        wrong.extend(at.start for at in parts if predictor.predict(X[at]).tobytes() != expected[at].tobytes())

    asking = [threading.Thread(target=ask, args=(part,)) for part in range(4)]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    assert not wrong


def test_a_large_model_is_asked_without_the_interpreter_lock(
    fitted: LightGBMFitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Few trees are walked row by row under the lock, many in one call without it; the answers have the same bits."""
    X, _ = rows()
    small = fitted.predictor()
    monkeypatch.setattr(lightgbm_load, "_FEW_WALKS", 10)
    large = fitted.predictor()
    monkeypatch.setattr(large, "_predict_few", None)
    for n in (1, 5, 8, 9):
        assert large.predict(X[:n]).tobytes() == small.predict(X[:n]).tobytes()


def test_a_large_batch_lets_other_threads_run(fitted: LightGBMFitted) -> None:
    """While LightGBM walks its trees for many rows, the event loop of the worker goes on."""
    X = np.repeat(rows()[0], 150, axis=0)
    predictor = fitted.predictor()
    moments: list[float] = []
    done = threading.Event()

    def tick() -> None:
        while not done.wait(0.001):
            moments.append(time.monotonic())

    ticking = threading.Thread(target=tick)
    ticking.start()
    started = time.monotonic()
    predictor.predict(X)
    ended = time.monotonic()
    done.set()
    ticking.join()
    assert len([at for at in moments if started < at < ended]) > 5


def test_rows_that_must_not_be_written_to_can_be_asked(fitted: LightGBMFitted) -> None:
    """A read-only matrix, as a log gives it, is read and left alone."""
    X = rows()[0][:20].copy()
    expected = fitted.predictor().predict(X)
    X.setflags(write=False)
    assert fitted.predictor().predict(X).tobytes() == expected.tobytes()


def test_a_version_that_is_dropped_is_freed_and_no_other(
    fitted: LightGBMFitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Versions come and go in one worker for months: the prepared call is freed, then the trees it refers to."""
    X, _ = rows()
    freed: list[str] = []
    kept = fitted.predictor()
    expected = kept.predict(X)
    for name in ("LGBM_BoosterFree", "LGBM_FastConfigFree"):
        free = getattr(lightgbm_load.library(), name)
        monkeypatch.setattr(
            lightgbm_load.library(), name, lambda handle, n=name, f=free: (freed.append(n), f(handle))
        )
    dropped = fitted.predictor()
    dropped.predict(X[:1])
    assert not freed
    del dropped
    gc.collect()
    assert freed == ["LGBM_FastConfigFree", "LGBM_BoosterFree"]
    assert kept.predict(X).tobytes() == expected.tobytes()


def test_a_missing_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """A node without LightGBM names the extra that brings it."""
    monkeypatch.setattr(lightgbm_load.importlib.util, "find_spec", lambda name: None)
    lightgbm_load.library.cache_clear()
    try:
        with pytest.raises(UnsupportedEstimator, match=r"pip install 'roadworthy\[lightgbm\]'"):
            lightgbm_load.library()
    finally:
        lightgbm_load.library.cache_clear()
