"""Packing: a draft that holds everything, says nothing of its machine, and is read back before it is believed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from lightgbm import LGBMClassifier

from roadworthy.errors import Conflict, DefinitionError
from roadworthy.features.batch import Batch
from roadworthy.features.collection import Features
from roadworthy.features.declare import function
from roadworthy.features.schema import Field, InputSchema
from roadworthy.registry.artifact import digest, publish, read_model
from roadworthy.scorer import Scorer
from roadworthy.training.fit import train
from roadworthy.training.pack import pack
from roadworthy.training.recipe import Recipe, Trained

from .conftest import History


@pytest.fixture(scope="module")
def trained(recipe: Recipe, flights: History) -> Trained:
    return train(recipe, flights.schema, flights.rows, flights.y)


def test_a_draft_is_published_loaded_and_answers_as_in_training(
    trained: Trained, flights: History, tmp_path: Path
) -> None:
    """From memory to disk to another scorer: the same bits, and golden requests that agree."""
    draft = pack(trained, tmp_path / "draft", profiles=b"{}\n")
    found, directory = publish(draft.directory, tmp_path / "store")
    scorer = Scorer.load(directory, found)
    assert scorer.check_goldens() == []
    assert len(scorer.goldens) == draft.goldens > 32
    expected, got = trained.scorer.score(flights.rows), scorer.score(flights.rows)
    assert got.encoded.tobytes() == expected.encoded.tobytes()
    assert got.output.tobytes() == expected.output.tobytes()
    assert (directory / "profiles.json").read_bytes() == b"{}\n"


def test_packing_twice_gives_the_same_digest(trained: Trained, tmp_path: Path) -> None:
    """The same version written twice is one artifact."""
    for name in ("a", "b"):
        pack(trained, tmp_path / name)
    assert digest(tmp_path / "a") == digest(tmp_path / "b")


def test_model_json_tells_what_it_is(trained: Trained, tmp_path: Path) -> None:
    """Identity, format and libraries can be read without loading anything else."""
    model = read_model(pack(trained, tmp_path / "draft").directory)
    assert (model.model, model.unit, model.context, model.outcome) == (
        "flight-delay", "flight", ("terminal",), {"name": "late"},
    )  # fmt: skip
    assert model.clamp == (0.0, 1.0)
    assert {"numpy", "roadworthy"} < set(model.libraries)


def test_files_tell_nothing_of_where_and_when_they_were_made(trained: Trained, tmp_path: Path) -> None:
    """No path of the machine and no row of the history is in any file."""
    draft = pack(trained, tmp_path / "draft")
    for path in draft.directory.rglob("*"):
        if path.is_file():
            text = path.read_text()
            assert str(tmp_path) not in text
            assert "flight 17" not in text


def test_a_directory_in_use_is_refused(trained: Trained, tmp_path: Path) -> None:
    """A leftover file would become part of the version."""
    (tmp_path / "leftover").write_text("x")
    with pytest.raises(Conflict, match="is not empty"):
        pack(trained, tmp_path)


def test_goldens_hold_nan_as_a_word(trained: Trained, tmp_path: Path) -> None:
    """The file is plain JSON: a reader in any language parses it."""
    goldens = json.loads((pack(trained, tmp_path / "draft").directory / "goldens.json").read_bytes())
    assert goldens["format"] == 1
    for golden in goldens["goldens"]:
        assert set(golden) == {"name", "request", "cleaned", "encoded", "prediction"}
        assert 0 <= golden["prediction"] <= 1


def _module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, name: str) -> object:
    (tmp_path / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    return __import__(name)


def _trained_with(f: object) -> Trained:
    schema = InputSchema((Field("wind", "number"), Field("id", "string", role="unit")))
    rows = Batch.from_rows([{"wind": 1.0 + i % 50, "id": str(i)} for i in range(300)], schema)
    y = (np.arange(300) % 50 > 20).astype(np.float64)
    features = Features(f=function(f, "wind"))  # type: ignore[arg-type]  # a function of a module made by the test
    recipe = Recipe(model="m", unit="id", features=features, estimator=LGBMClassifier(n_estimators=3))
    return train(recipe, schema, rows, y)


def test_a_function_that_cannot_take_what_a_request_may_carry_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Training rows never held a zero, a request may: better refused here than answered with an error at night."""
    source = "import math, numpy as np\ndef f(x):\n    return np.array([math.log(v) for v in x])\n"
    module = _module(tmp_path, monkeypatch, source, "logging_functions")
    trained = _trained_with(module.f)  # type: ignore[attr-defined]  # the module was just made
    with pytest.raises(DefinitionError, match=r"golden request 'ordinary 0' cannot be answered: ValueError"):
        pack(trained, tmp_path / "draft")


def test_a_function_that_looks_at_other_rows_only_sometimes_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On training rows it was row-wise; golden requests in one batch show otherwise."""
    source = "import numpy as np\ndef f(x):\n    return np.where(x.max() > 1000, x - x.max(), x)\n"
    module = _module(tmp_path, monkeypatch, source, "peeking_functions")
    trained = _trained_with(module.f)  # type: ignore[attr-defined]  # the module was just made
    with pytest.raises(DefinitionError, match="asked in one batch, does not answer"):
        pack(trained, tmp_path / "draft")


PROGRAM = """
import pathlib, sys
sys.path.insert(0, sys.argv[1])
sys.path.insert(0, sys.argv[3])
import flight_functions
from training.conftest import ESTIMATORS, features, history
from roadworthy.registry.artifact import publish
from roadworthy.training.fit import train
from roadworthy.training.pack import pack
from roadworthy.training.recipe import Recipe
past = history(600)
target = pathlib.Path(sys.argv[2])
for name, make in ESTIMATORS.items():
    recipe = Recipe(model="flight-delay", unit="flight", features=features(flight_functions), estimator=make(),
                    context=["terminal"], threads=1)
    trained = train(recipe, past.schema, past.rows, past.y, days=past.days)
    sys.stdout.write(publish(pack(trained, target / name).directory, target / "store")[0] + "\\n")
"""


def test_two_processes_train_the_same_version(tmp_path: Path) -> None:
    """Another process, another directory, another hash seed: the same digests."""
    tests = Path(__file__).parents[1]
    source = (tests / "training" / "conftest.py").read_text().split("FUNCTIONS = '''")[1].split("'''")[0]
    (tmp_path / "flight_functions.py").write_text(source)
    running = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(tests), str(tmp_path / number), str(tmp_path)],
            stdout=subprocess.PIPE, text=True, env={"PYTHONHASHSEED": number, "PATH": ""},
        )
        for number in ("1", "2")
    ]  # fmt: skip
    digests = [process.communicate(timeout=300)[0].split() for process in running]
    assert [process.returncode for process in running] == [0, 0]
    assert digests[0] == digests[1]
    assert len(set(digests[0])) == 2
