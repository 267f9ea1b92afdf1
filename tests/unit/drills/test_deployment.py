"""A copy is broken; what it was copied from never is. And every operation changes something that exists in life."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from roadworthy.drills.cell import opened, run_cell, train_candidate
from roadworthy.drills.deployment import LATEST, Deployment
from roadworthy.drills.fault import Fault
from roadworthy.drills.launcher import launched, patch_of, relaying, wrap
from roadworthy.drills.result import Control
from roadworthy.drills.server import write_patches
from roadworthy.errors import RoadworthyError, UnknownName


def fail_to_patch() -> None:
    """A patch that is out of date."""
    wrap(subprocess, "no_such_name", lambda honest: honest)


def content(home: Path) -> dict[str, bytes]:
    """Every file below a directory."""
    return {str(path.relative_to(home)): path.read_bytes() for path in home.rglob("*") if path.is_file()}


def test_what_is_done_to_a_copy_leaves_the_original_as_it_is(healthy: Deployment, broken: Deployment) -> None:
    """Edited, rewritten, trained: byte for byte the same original."""
    before = content(healthy.home)
    broken.redeclare(limits='{"auc": ">= 0.99"}')
    broken.rewrite("trips", lambda rows: rows.slice(5))
    with opened(broken) as stores:
        assert stores.plans.route("trip-delay")[1].champion == 1
    assert content(healthy.home) == before


def test_a_copy_serves_its_own_artifacts(broken: Deployment) -> None:
    """Its versions lie in its own workspace, so that breaking them breaks what is served."""
    with opened(broken) as stores:
        row = stores.versions.get("trip-delay", 1)
    assert (broken.settings.root / row.directory).is_dir()
    assert not Path(row.directory).is_absolute()


def test_the_model_is_declared_otherwise_in_the_users_own_file(broken: Deployment) -> None:
    """What training reads is the edited file; nothing else tells it."""
    broken.redeclare(
        estimator="LGBMClassifier(n_estimators=2)", imports="from lightgbm import LGBMClassifier"
    )
    assert broken.model.estimator.get_params()["n_estimators"] == 2
    assert broken.needs_training
    assert "_dataclasses.replace(old, estimator" in broken.definition.read_text()


def test_an_edit_that_changes_nothing_is_no_fault(broken: Deployment) -> None:
    """A drill that looks for a text the user's file no longer has must say so, not pass."""
    with pytest.raises(UnknownName, match="changed nothing"):
        broken.edit("", lambda text: text.replace("no such line", ""))


def test_rewritten_data_are_ingested_again_and_may_be_refused(healthy: Deployment, tmp_path: Path) -> None:
    """A column of another type comes in as data do, and the schema refuses it before anything is trained."""

    def as_text(rows: pa.Table) -> pa.Table:
        place = rows.column_names.index("wind")
        values = pc.cast(rows.column("wind"), pa.string())
        return rows.set_column(place, "wind", pc.binary_join_element_wise(values, "kn", ""))

    fault = Fault(
        id="D5", name="event-change", title="units in the value", happened="", stage="data", guards=("ingest",),
        inject=lambda deployment, severity, chance: deployment.rewrite("trips", as_text, batches=[LATEST]),
    )  # fmt: skip
    cell = run_cell(healthy, Control(), fault, tmp_path / "cell")
    assert cell.first is not None, cell
    assert (cell.outcome, cell.first.stage, cell.first.guard) == ("caught", "data", "ingest")
    assert "wind" in cell.first.sentence


def test_a_patch_that_does_not_fit_is_an_error_of_the_drill_and_no_catch(
    healthy: Deployment, tmp_path: Path
) -> None:
    """A training that ended because the drill is out of date says nothing about guards."""
    fault = Fault(
        id="P3", name="x", title="x", happened="", stage="gate", guards=(),
        inject=lambda deployment, severity, chance: deployment.patch("training", fail_to_patch),
    )  # fmt: skip
    cell = run_cell(healthy, Control(), fault, tmp_path / "cell")
    assert cell.outcome == "error"
    assert not cell.catches


def test_a_patch_must_stand_where_another_process_finds_it() -> None:
    """A function inside a function has no address."""

    def inside() -> None: ...

    with pytest.raises(ValueError, match="top level"):
        patch_of(inside, ("training",), {})


def test_processes_of_ours_go_through_the_launcher_and_others_do_not(tmp_path: Path) -> None:
    """The gate's server is `staging`; what else a process starts stays as it is."""
    module = [sys.executable, "-m", "roadworthy.serving", "--worker", "0"]
    assert launched(module, tmp_path, "staging")[2:5] == [
        "roadworthy.drills.launcher",
        str(tmp_path),
        "staging",
    ]
    assert launched(["/bin/true"], tmp_path, "staging") == ["/bin/true"]
    honest = subprocess.Popen
    with relaying(write_patches(tmp_path, []), "gate"):
        assert subprocess.run([sys.executable, "-c", "print(1)"], capture_output=True, check=True).stdout
        assert subprocess.Popen is not honest
    assert subprocess.Popen is honest


def test_training_that_is_refused_says_why(broken: Deployment) -> None:
    """In a process of its own too: its last words are the reason."""
    broken.redeclare(estimator="object()")
    with opened(broken) as stores, pytest.raises(RoadworthyError, match="object"):
        train_candidate(broken, stores)
