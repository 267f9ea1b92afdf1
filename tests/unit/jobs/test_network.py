"""The neural example: a network takes the place of trees, by the way of every other version."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from roadworthy.estimators.kept_weights import kept_weights
from roadworthy.features.arrow import batch_from_arrow
from roadworthy.jobs.gate import gate
from roadworthy.jobs.release import release
from roadworthy.jobs.stores import Stores
from roadworthy.jobs.train import TrainedVersion, train
from roadworthy.registry.artifact import ESTIMATOR_DIRECTORY
from small_workspace import (
    DEFINITION,
    HALF_MONTH,
    MODEL,
    SECOND_UNTIL,
    TRAFFIC,
    TRAFFIC_END,
    Small,
    questions_of,
)

EXAMPLE = Path(__file__).parents[3] / "examples" / "flights" / "network.py"

NETWORK = """

from dataclasses import replace
from network import Network

network = replace(delay, estimator=Network(lists={"before": "origin"}, epochs=2))
del delay
"""

SCORE = """
import sys
from pathlib import Path
from roadworthy.scorer import Scorer
scorer = Scorer.load(Path(sys.argv[1]), sys.argv[2])
scorer.require_goldens()
assert "torch" not in sys.modules
print(len(scorer.goldens))
"""

pytestmark = pytest.mark.skipif(
    find_spec("torch") is None, reason="PyTorch is not installed, which the neural example needs: make torch"
)


@dataclass(frozen=True)
class Town:
    """A workspace with two versions of trees and a third one, the network; the file that declares the network."""

    stores: Stores
    network: Path
    trained: TrainedVersion


@pytest.fixture(scope="module")
def town(small: Small, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A copy of the small workspace in which a network was trained."""
    home = tmp_path_factory.mktemp("network")
    shutil.copytree(small.root, home / "workspace")
    shutil.copyfile(EXAMPLE, home / "network.py")
    shared = 'vocabulary_of="origin"'
    text = DEFINITION.replace('categories("before", length=2)', f'categories("before", length=2, {shared})')
    assert shared in text
    network = home / "trips_network.py"
    network.write_text(text + NETWORK)
    stores = Small(home / "workspace", network).stores()
    yield Town(stores, network, train(stores, network, until=SECOND_UNTIL, holdout=HALF_MONTH))
    stores.engine.dispose()


def test_a_network_is_gated_beside_the_trees_and_released_in_their_place(town: Town) -> None:
    """P11: the same checks, the same rows, row by row; then it answers, and nothing that serves it needs PyTorch."""
    stores, reference = town.stores, town.trained.reference
    release(stores, f"{MODEL}@1", how="promote", actor="ada", force="made for a test")
    report = gate(stores, reference).report
    said = {(each.check, each.subject.removeprefix(reference).strip()): each for each in report.verdicts}
    assert said["weights", "untrained rows"].ruling == "pass"
    assert said["batch_invariance", ""].ruling == "pass"
    assert said["goldens", ""].ruling == "pass"
    rows = next(each for (check, _), each in said.items() if check == "champion_rows")
    assert rows.evidence["agreement"] < 1.0
    assert rows.n > 300
    release(stores, reference, how="promote", actor="ada", force="small data")
    row = stores.versions.resolve(reference)
    assert stores.plans.route(MODEL)[1].champion == row.version
    artifact = str(stores.settings.artifacts / row.digest)
    done = subprocess.run(
        [sys.executable, "-c", SCORE, artifact, row.digest], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 20


def test_the_same_rows_give_the_same_network(town: Town) -> None:
    """Trained twice it is one version: seed, threads and the exporter leave nothing to chance."""
    again = train(town.stores, town.network, until=SECOND_UNTIL, holdout=HALF_MONTH)
    assert (town.trained.known, again.known) == (False, True)
    assert town.trained.digest == again.digest


def test_a_network_takes_missing_numbers_and_empty_lists(town: Town) -> None:
    """An empty list is the mean of nothing: zeros, as a missing category is; every answer is a probability."""
    row = town.stores.versions.resolve(town.trained.reference)
    scorer = town.stores.scorer(row)
    asked = questions_of(town.stores, Small(town.stores.settings.root, town.network), TRAFFIC, TRAFFIC_END)
    encoded = scorer.features.encode(batch_from_arrow(asked.table, scorer.schema))[:40]
    encoded[:20, [column.kind == "category" for column in scorer.features.columns]] = 0.0
    encoded[::2, [column.name == "wind" for column in scorer.features.columns]] = np.nan
    said = scorer.predictor.predict(encoded)
    assert ((said > 0) & (said < 1)).all()


def test_a_list_and_its_category_share_one_embedding(town: Town) -> None:
    """Its rows are picked by three columns, and what the entry of unknown ones says was learned."""
    row = town.stores.versions.resolve(town.trained.reference)
    scorer = town.stores.scorer(row)
    directory = town.stores.settings.artifacts / row.digest / ESTIMATOR_DIRECTORY
    table = kept_weights("onnx", directory, scorer.features.columns).array("embeddings.origin.weight")
    assert table.columns == ("origin", "before_0", "before_1")
    assert not table.values[0].any()
    assert table.values[1].any()
