"""Repairing a version whose vocabulary knew an entry that its training never met."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from half_labelled import define, trained
from roadworthy.cli.app import app
from roadworthy.errors import Refused
from roadworthy.estimators.kept_weights import kept_weights
from roadworthy.estimators.weights import Weights
from roadworthy.jobs.gate import gate
from roadworthy.jobs.ingest import ingest_file
from roadworthy.jobs.repair import repair
from roadworthy.jobs.stores import Stores
from roadworthy.registry.artifact import ESTIMATOR_DIRECTORY, PROFILES_FILE
from roadworthy.registry.versions import VersionRow
from small_workspace import MODEL, Small


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """Version 1 of an embedding, a regression and trees, with an origin that had no outcome; not to be changed."""
    small = define(tmp_path_factory.mktemp("half"))
    for model in ("told", "linear", MODEL):
        trained(small, model)
    return small


@pytest.fixture
def stores(before: Small, tmp_path: Path) -> Iterator[Stores]:
    """A copy of the workspace, opened."""
    shutil.copytree(before.root, tmp_path / "workspace")
    opened = Small(tmp_path / "workspace", before.definition).stores()
    yield opened
    opened.engine.dispose()


def weights(stores: Stores, row: VersionRow) -> Weights:
    scorer = stores.scorer(row)
    directory = stores.settings.artifacts / row.digest / ESTIMATOR_DIRECTORY
    return kept_weights(scorer.model.estimator_format, directory, scorer.features.columns)


def ruling(stores: Stores, reference: str) -> str:
    """What the check of parameters says of rows."""
    found = [each for each in gate(stores, reference).report.verdicts if each.check == "weights"]
    return next(each.ruling for each in found if each.subject.endswith("untrained rows"))


def test_a_repaired_version_answers_for_untrained_entries_as_for_unknown_ones_and_passes(
    stores: Stores,
) -> None:
    """The version fails, its repair passes; nothing but the untrained rows differs, and the ledger says which."""
    assert ruling(stores, "told@1") == "fail"
    done = repair(stores, "told@1", actor="ada")
    assert done.version.reference == "told@2"
    assert "LGA" in done.entries["origin.weight"]
    assert ruling(stores, "told@2") == "pass"
    old, new = (weights(stores, stores.versions.get("told", number)) for number in (1, 2))
    was, now = old.array("origin.weight").values, new.array("origin.weight").values
    entries = stores.scorer(stores.versions.get("told", 2)).features.vocabularies["origin"].entries
    lga = 2 + entries.index("LGA")
    others = [2 + number for number in range(len(entries)) if 2 + number != lga]
    assert was[others].tobytes() == now[others].tobytes()
    assert now[lga] == now[1]
    assert (
        now[others].min() < now[1] < now[others].max()
    )  # the unknown entry was random too: it is the average
    (entry,) = stores.ledger.entries("told", action="repair")
    assert (entry.actor, entry.version, entry.details["of"]) == ("ada", 2, "told@1")
    assert stores.versions.get("told", 2).run.details["repaired"]["entries"] == entry.details["entries"]


def test_goldens_and_reference_are_those_of_the_repaired_version(stores: Stores) -> None:
    """Else the server would be compared with what the random rows said."""
    repair(stores, "told@1")
    first, second = (stores.versions.get("told", number) for number in (1, 2))
    scorer = stores.scorer(second)
    assert scorer.check_goldens() == []
    old = {each.name: each.prediction for each in stores.scorer(first).goldens}
    assert any(old[each.name] != each.prediction for each in scorer.goldens)
    profiles = [
        (stores.settings.artifacts / each.digest / PROFILES_FILE).read_bytes() for each in (first, second)
    ]
    assert profiles[0] != profiles[1]


def test_a_regression_is_repaired_too(stores: Stores) -> None:
    """Its unseen category had no weight; it gets that of the list's unknown entry where that was learned."""
    row = stores.versions.resolve("linear")
    with pytest.raises(Refused, match="nothing to repair"):
        repair(stores, "linear@1")  # no unknown entry was shown: all of them hold nothing already
    assert np.count_nonzero(weights(stores, row).array("origin").values) == 2


def test_trees_are_refused_with_a_sentence(stores: Stores) -> None:
    """They have no row to set."""
    with pytest.raises(Refused, match="goes the way of an unknown one already"):
        repair(stores, f"{MODEL}@1")


def test_a_definition_that_changed_since_is_refused(stores: Stores, before: Small, tmp_path: Path) -> None:
    """A repair changes untrained rows and nothing else."""
    changed = tmp_path / "trips.py"
    changed.write_text(before.definition.read_text() + "\n# changed\n")
    row = stores.versions.get("told", 1)
    details = {**row.run.details, "definition": str(changed)}
    stores.versions.redeclare("told", 1, details, actor="test", at=stores.clock.now())
    with pytest.raises(Refused, match="has changed since"):
        repair(stores, "told@1")
    assert len(stores.versions.all("told")) == 1


def test_a_history_that_changed_since_is_refused(stores: Stores, before: Small, tmp_path: Path) -> None:
    """Other rows would give another version, not a repaired one."""
    more = tmp_path / "more.py"
    more.write_text(before.definition.read_text().replace('f"T{number:05d}"', 'f"X{number:05d}"'))
    ingest_file(stores.settings, more, batch="more", accept="the same trips under other names")
    with pytest.raises(Refused, match="training rows are not what they were"):
        repair(stores, "told@1")
    assert len(stores.versions.all("told")) == 1


def test_the_command_line_says_what_it_repaired_and_judges_that(stores: Stores) -> None:
    """One option of the gate; trees end with their sentence."""
    workspace = ["--workspace", str(stores.settings.root)]
    done = CliRunner().invoke(app, [*workspace, "gate", "told@1", "--repair"])
    assert "told@2 is told@1 with" in done.stdout
    assert "untrained rows set to the unknown entry's value" in done.stdout
    assert stores.gates.latest_gate("told", 2) is not None
    refused = CliRunner().invoke(app, [*workspace, "gate", f"{MODEL}@1", "--repair"])
    assert "There is nothing to repair" in str(refused.exception)
