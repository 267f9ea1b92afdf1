"""`roadworthy drill` as a person runs it: on their own model, once it is ingested, and again for nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from roadworthy.jobs.ingest import ingest_file
from roadworthy.settings import Settings
from small_workspace import Small, define


def drill(small: Small, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The real command on the small model."""
    command = [sys.executable, "-m", "roadworthy.cli", "--workspace", str(small.root), "drill"]
    return subprocess.run(
        [*command, str(small.definition), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """The user's file and tables; nothing is trained."""
    made = define(tmp_path_factory.mktemp("drilled"))
    ingest_file(Settings(made.root), made.definition)
    return made


def test_a_model_is_drilled_from_its_own_file_and_tables(small: Small) -> None:
    """One fault, caught by the gate; its page stands beside the other reports; what was drilled is kept."""
    ran = drill(small, "--only", "P3:diverged", "--json")
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    (cell,) = told["matrix"]["cells"]
    assert cell["fault"] == "P3:diverged"
    assert cell["catches"][0]["stage"] == "gate"
    assert told["guards"][0]["first"] == 1
    page = Path(told["page"]).read_text(encoding="utf-8")
    assert "P3:diverged" in page
    (kept,) = (small.root / "drills").glob("*/cells/*.json")
    before = kept.stat().st_mtime_ns
    again = drill(small, "--only", "P3:diverged")
    assert again.returncode == 0, again.stderr
    assert kept.stat().st_mtime_ns == before, "the cell was kept, not drilled again"
    assert "1 of 1 drills of moderate severity were caught at or before their stage" in again.stdout
    assert not (small.root / "control.db").exists(), "nothing was registered in the user's own workspace"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--only", "X9"], "no drill is called X9"),
        (["--severity", "1.5"], "'1.5' is no severity"),
    ],
)
def test_a_slip_is_answered_before_anything_is_built(small: Small, arguments: list[str], said: str) -> None:
    """A fault that does not exist, a severity that is none."""
    ran = drill(small, *arguments)
    assert ran.returncode in (1, 2)
    assert said in ran.stderr
