"""What becomes of a drill whose release is refused; nothing is started here."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from roadworthy.drills import living
from roadworthy.drills.result import Control
from roadworthy.errors import NotReady

JULY = datetime(2013, 7, 1, tzinfo=UTC)


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any]:
    """A deployment and stores whose nodes do not get ready."""

    def refuse(*given: Any, **more: Any) -> None:
        raise NotReady("node drill is not ready")

    monkeypatch.setattr(living, "release", refuse)
    monkeypatch.setattr(living, "Server", lambda *given: nullcontext())
    monkeypatch.setattr(living, "load_questions", lambda *given: SimpleNamespace(n=3))
    timeline = SimpleNamespace(live_from=JULY, live_until=JULY + timedelta(days=28))
    deployment = SimpleNamespace(timeline=timeline, model=None, home=Path("nowhere"), patches=[])
    return deployment, SimpleNamespace(settings=SimpleNamespace(tables=Path("nowhere")))


def test_a_version_that_no_node_takes_was_noticed(refused: tuple[Any, Any]) -> None:
    """Nothing of it is lived."""
    lived = living.live(*refused, "m@2", Control())
    assert [(catch.guard, catch.how) for catch in lived.catches] == [("release", "refused")]


def test_a_version_that_no_node_takes_though_they_take_any_could_not_be_drilled(
    refused: tuple[Any, Any],
) -> None:
    """What would have come of it is unknown, and unknown is not missed."""
    with pytest.raises(NotReady, match="node drill is not ready"):
        living.live(*refused, "m@2", Control(), frozenset({"release"}))
