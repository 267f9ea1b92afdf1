"""A copy is broken; what it was copied from never is. And every operation changes something that exists in life."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from roadworthy.clock import DAY_MICROS, instant
from roadworthy.data.tables import batches
from roadworthy.drills import p01_untrained_embeddings as p01
from roadworthy.drills.cell import brought_in, opened, run_cell, train_candidate
from roadworthy.drills.deployment import LATEST, Deployment
from roadworthy.drills.fault import Fault
from roadworthy.drills.healthy import timeline
from roadworthy.drills.launcher import launched, patch_of, relaying, wrap
from roadworthy.drills.result import Control
from roadworthy.drills.server import write_patches
from roadworthy.errors import RoadworthyError, TooFewSamples, UnknownName


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


def test_a_training_that_breaks_is_an_error_of_the_drill_and_one_that_refuses_says_why(
    healthy: Deployment, broken: Deployment, tmp_path: Path
) -> None:
    """Only a refusal is a catch, and its sentence is the one a person would have read."""
    fault = Fault(
        id="P3", name="x", title="x", happened="", stage="gate", guards=(),
        inject=lambda deployment, severity, chance: deployment.patch(
            "training", p01.train_on_less, columns=[("wind", 1)], share=0.1, seed=0
        ),
    )  # fmt: skip
    cell = run_cell(healthy, Control(), fault, tmp_path / "cell")
    assert (cell.outcome, cell.catches) == ("error", ())
    assert "AssertionError: a category is text" in cell.error
    broken.redeclare(estimator="object()")
    broken.patch("training", p01.train_on_less, columns=[("origin", 1)], share=0.1, seed=0)
    with opened(broken) as stores, pytest.raises(RoadworthyError, match="object") as refused:
        train_candidate(broken, stores)
    assert not str(refused.value).startswith(("training ended", "{"))


def test_what_is_odd_in_healthy_batches_is_no_catch_and_anything_else_is(broken: Deployment) -> None:
    """A day without rows was there before the fault; that the wind is another one was not."""

    def without_days(rows: pa.Table) -> pa.Table:
        days = rows.column("leaves").cast(pa.int64()).to_numpy() // 86_400_000_000
        return rows.filter(pa.array(~np.isin(days, np.unique(days)[1:3])))

    broken.rewrite("trips", without_days, batches=[LATEST])
    ((batch, refusal),) = brought_in(broken)
    odd = [(batch, fault.path) for fault in refusal.faults]
    assert odd == [(LATEST, "$.leaves")]
    assert brought_in(broken, odd) == [], "taken, as it was while nothing was wrong"
    (more,) = [one for one in batches(broken.settings.tables, "trips") if one.batch == LATEST]
    assert more.accepted
    scaled = broken.home / "incoming" / "trips" / f"{LATEST}.parquet"
    scaled.unlink()
    broken.rewrite("trips", lambda rows: scale(rows, "wind", 1_000.0), batches=[LATEST])
    ((_, refusal),) = brought_in(broken, odd)
    assert "$.wind" in {fault.path for fault in refusal.faults}


def scale(rows: pa.Table, name: str, factor: float) -> pa.Table:
    """The rows with a number in another unit."""
    return rows.set_column(rows.column_names.index(name), name, pc.multiply(rows.column(name), factor))


def test_healthy_batches_that_are_delivered_again_are_taken(broken: Deployment) -> None:
    """So a refusal of a rewritten one is for what was rewritten."""
    broken.deliver_again("trips")
    assert [batch for _, batch, _ in broken.incoming] == ["1-history", "2-latest"]
    assert brought_in(broken) == []


def test_a_rewriting_that_changes_no_row_is_no_fault(broken: Deployment) -> None:
    """A guard is not to be blamed for missing what never was."""
    with pytest.raises(UnknownName, match="changed no row"):
        broken.rewrite("trips", lambda rows: rows)
    assert broken.incoming == []


@pytest.mark.parametrize("day", [0, 30, 100, 140])
def test_a_fault_cannot_happen_where_the_history_is_too_short(day: int) -> None:
    """Before it a version is trained and serves; after it there is traffic."""
    asked = np.arange(100) * DAY_MICROS
    if day == 30:
        when = timeline(asked, instant(day * DAY_MICROS))
        assert when.live_until <= instant(100 * DAY_MICROS)
        return
    with pytest.raises(
        TooFewSamples, match=r"cannot happen on 1970-.*from 1970-01-01 to 1970-04-10.*1970-01-28 on"
    ):
        timeline(asked, instant(day * DAY_MICROS))


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
