"""What the tests of the registry build on: instants, digests, drafts, and a database with registered versions."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine

from roadworthy.registry.artifact import ArtifactModel, write_model
from roadworthy.registry.plans import Plans
from roadworthy.registry.versions import RunRecord, Versions
from roadworthy.traffic import Route

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
JULY = datetime(2013, 7, 1, tzinfo=UTC)


def after(seconds: float) -> datetime:
    """Real time, so many seconds after noon."""
    return NOON + timedelta(seconds=seconds)


def digest_of(content: object) -> str:
    """A digest that no other content has."""
    return hashlib.sha256(str(content).encode()).hexdigest()


def registered(
    engine: Engine, count: int = 3, *, model: str = "delay", namespace: str = "default"
) -> Versions:
    """Versions 1 … count of a model."""
    versions = Versions(engine, namespace)
    for number in range(1, count + 1):
        assert (
            versions.register(model, digest_of((model, number)), f"store/{number}", RunRecord(), NOON)
            == number
        )
    return versions


def flip(plans: Plans, expected: int, route: Route, at: datetime = NOON, **others: object) -> int:
    """A flip of the model `delay` with everything else as usual."""
    usual = {"actor": "anna", "reason": "better on every check", "action": "promote"} | others
    return plans.flip("delay", expected, route, at=at, **usual)  # type: ignore[arg-type]


def draft(directory: Path, **files: str) -> Path:
    """A complete draft of an artifact; keyword arguments replace the content of a file by stem."""
    (directory / "estimator").mkdir(parents=True)
    model = ArtifactModel(
        model="delay",
        unit="flight",
        input_schema={"fields": []},
        columns=("hour",),
        estimator_format="linear",
    )
    write_model(directory, model)
    (directory / "features.json").write_text(files.get("features", "{}"))
    (directory / "goldens.json").write_text(files.get("goldens", "[]"))
    (directory / "estimator" / "weights.json").write_text(files.get("weights", "[0.5]"))
    return directory
