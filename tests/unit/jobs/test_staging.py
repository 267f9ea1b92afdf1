"""A real worker serves one version in staging; one that dies or hangs is said so, and none is left behind."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from roadworthy.errors import NotReady
from roadworthy.jobs import staging
from roadworthy.jobs.stores import Stores
from smalltown import MODEL


def _refused(stores: Stores) -> str:
    """What is said where the worker cannot be asked."""
    with (
        pytest.raises(NotReady) as refusal,
        staging.serving(stores.versions.get(MODEL, 1), stores.settings.artifacts),
    ):
        pass
    return str(refusal.value)


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Process ids of the workers that were started."""
    started: list[int] = []
    original = staging.subprocess.Popen

    def start(*given: object, **more: object) -> object:
        process = original(*given, **more)  # type: ignore[call-overload]  # as it was called
        started.append(process.pid)
        return process

    monkeypatch.setattr(staging.subprocess, "Popen", start)
    return started


def _program(monkeypatch: pytest.MonkeyPatch, directory: Path, body: str) -> None:
    """Have this run in place of Python, so that the worker is another one."""
    program = directory / "python"
    program.write_text(f"#!{sys.executable}\nimport signal, sys, time\n{body}\n")
    program.chmod(0o755)
    monkeypatch.setattr(staging.sys, "executable", str(program))


def test_a_worker_answers_the_golden_requests_and_ends(town_stores: Stores, workers: list[int]) -> None:
    """Every golden answer, bit for bit, and no process afterwards."""
    row = town_stores.versions.get(MODEL, 1)
    goldens = town_stores.scorer(row).goldens
    with staging.serving(row, town_stores.settings.artifacts) as server:
        answers = server.answers([[golden.request] for golden in goldens])
        assert server.libraries() == row.run.libraries
    assert [answer for (answer,) in answers] == [golden.prediction for golden in goldens]
    assert len(goldens) > 20
    assert [Path(f"/proc/{pid}").exists() for pid in workers] == [False]


def test_a_version_that_is_computed_otherwise_is_told_from_one_that_cannot_be_loaded() -> None:
    """The first is proved by its golden requests; the key that is missing and the library say nothing of answers."""
    told = staging._not_loaded("Refused: this node computes another m than was trained: 2 differences")
    assert isinstance(told, staging.ComputesAnother)
    assert str(told).startswith("this node computes another m")
    for error in ("Refused: no key is there", "ImportError: this node computes another", "KeyError: 'wind'"):
        assert type(staging._not_loaded(error)) is NotReady


def test_a_worker_that_dies_is_evidence_with_its_last_words(
    town_stores: Stores, workers: list[int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """At once, not after a timeout."""
    _program(monkeypatch, tmp_path, "sys.exit('the library is missing')")
    started = time.monotonic()
    assert _refused(town_stores) == (
        "the staging worker ended with status 1 before it answered; its last words: the library is missing"
    )
    assert time.monotonic() - started < 10
    assert [Path(f"/proc/{pid}").exists() for pid in workers] == [False]


def test_a_worker_that_never_answers_and_does_not_want_to_end_is_killed(
    town_stores: Stores, workers: list[int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The gate waits as long as it said, and leaves no process behind."""
    _program(
        monkeypatch,
        tmp_path,
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('stuck', flush=True)\ntime.sleep(60)",
    )
    monkeypatch.setattr(staging, "PATIENCE_SECONDS", 0.5)
    monkeypatch.setattr(staging, "DRAIN_SECONDS", 0.5)
    monkeypatch.setattr(staging, "ASK_SECONDS", 0.2)
    said = _refused(town_stores)
    assert "was not ready after 0.5 s" in said
    assert said.endswith("its last words: stuck")
    assert [Path(f"/proc/{pid}").exists() for pid in workers] == [False]


def test_a_version_that_cannot_be_loaded_is_evidence_at_once(
    town_stores: Stores, workers: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker says why; nobody waits for it to become ready."""
    original = staging.stage

    def rotten(source: Path, folder: Path, digest: str) -> Path:
        copy = original(source, folder, digest)
        damaged = copy / "features.json"
        damaged.chmod(0o644)
        damaged.write_bytes(damaged.read_bytes() + b" ")
        return copy

    monkeypatch.setattr(staging, "stage", rotten)
    started = time.monotonic()
    said = _refused(town_stores)
    assert "the staging worker cannot load it" in said
    assert "features.json" in said
    assert time.monotonic() - started < 30
    assert [Path(f"/proc/{pid}").exists() for pid in workers] == [False]
