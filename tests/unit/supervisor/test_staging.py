"""Copies of artifacts on a node."""

from __future__ import annotations

import shutil
from pathlib import Path

from roadworthy.node import Prepared
from roadworthy.registry.artifact import REQUIRED, publish
from roadworthy.supervisor.planning import Registered
from roadworthy.supervisor.staging import Stager


def test_a_copy_that_somebody_removed_is_staged_anew(tmp_path: Path) -> None:
    """Else a worker that starts later could never load the version, until the whole node starts again."""
    draft = tmp_path / "draft"
    (draft / "estimator").mkdir(parents=True)
    for name in (*REQUIRED, "estimator/model.txt"):
        (draft / name).write_text("{}")
    digest, directory = publish(draft, tmp_path / "artifacts")
    version = Registered(Prepared("delay", 1, digest), str(directory))
    stager = Stager(tmp_path / "staged")

    def staged() -> list[str]:
        stager.staged([version])
        stager.wait()
        return [entry.directory for entry in stager.staged([version])]

    (copy,) = staged()
    shutil.rmtree(copy)
    assert staged() == [copy]
    assert Path(copy).is_dir()
    stager.close()
