"""Real servers beside each other: one a version, all that the gate wants to know from it, none left behind."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import msgspec
import numpy as np
import pytest

from roadworthy.errors import NotReady
from roadworthy.gate.evidence import Evidence
from roadworthy.gate.infrastructure import CHECK
from roadworthy.jobs import gate_infrastructure, staging
from roadworthy.jobs.gate_infrastructure import Asked, ask_servers
from roadworthy.jobs.latency import Line, post
from roadworthy.jobs.stores import Stores
from roadworthy.registry.versions import VersionRow
from roadworthy.scorer import Scorer
from roadworthy.traffic import Route
from small_workspace import FIRST_UNTIL, MODEL


def _released(stores: Stores, *versions: int) -> None:
    """Each of these was champion once, in this order."""
    for version in versions:
        number, _ = stores.plans.route(MODEL)
        stores.plans.flip(
            MODEL, number, Route(champion=version), actor="anna", reason="it was due", action="promote",
            at=stores.clock.now(), event_time=FIRST_UNTIL,
        )  # fmt: skip


def _ask(stores: Stores, version: int, champion: int | None = None, **details: object) -> Asked:
    """All that servers say of a version, its run declared otherwise by `details`."""
    row = stores.versions.get(MODEL, version)
    run = msgspec.structs.replace(row.run, details={**row.run.details, **details})
    row = msgspec.structs.replace(row, run=run)
    other = None if champion is None else stores.versions.get(MODEL, champion)
    return ask_servers(stores, row, stores.scorer(row), other)


def test_one_server_a_version_serves_all_measurements(small_stores: Stores) -> None:
    """Golden answers alone and together, libraries, start, memory, processor time and latency: two processes."""
    started = []
    original = staging.subprocess.Popen

    def start(*given: object, **more: object) -> object:
        started.append(given)
        return original(*given, **more)  # type: ignore[call-overload]  # as it was called

    with patch.object(staging.subprocess, "Popen", start):
        asked = _ask(small_stores, 2, champion=1)
    assert len(started) == 2
    assert np.array_equal(asked.staging.answered, asked.staging.expected)
    assert asked.staging.names[0] == "ordinary 0"
    assert asked.together is not None
    assert np.array_equal(asked.together.got, asked.together.expected)
    assert set(asked.libraries) == {"lightgbm", "numpy", "roadworthy"}
    facts = asked.infrastructure
    assert facts.own is not None
    assert facts.champion is not None
    assert (facts.own.version, facts.champion.version, facts.reference) == (2, 1, None)
    assert facts.own.seconds.shape == facts.champion.seconds.shape
    assert facts.own.seconds.shape[0] >= 8
    assert facts.own.seconds.shape[1] >= 64
    assert 10e6 < facts.own.memory_bytes < 1e9
    assert facts.own.cpu_seconds is not None
    assert 0 < facts.own.cpu_seconds < 0.1
    assert facts.size_bytes > 1000
    verdicts = CHECK.judge(Evidence(model=MODEL, version=2, champion_version=1, infrastructure=facts))
    assert not {verdict.ruling for verdict in verdicts} & {"fail", "error"}


def test_the_first_version_that_was_released_is_the_reference_of_a_slow_creep(own_stores: Stores) -> None:
    """Unless it is the candidate or the champion itself, which are measured anyway, or another one is named."""
    _released(own_stores, 2, 1)
    row = own_stores.versions.get(MODEL, 1)

    def beside(version: int, champion: int | None, **declared: str) -> dict[str, list[int]]:
        facts = gate_infrastructure.Infrastructure(warmups=34, size_bytes=1.0, budgets=declared)
        other = None if champion is None else own_stores.versions.get(MODEL, champion)
        judged = msgspec.structs.replace(row, version=version)
        found = gate_infrastructure._beside(own_stores, judged, facts, other)
        return dict(found)

    assert beside(3, 1) == {"champion": [1], "reference": [2]}
    assert beside(2, 1) == {"champion": [1]}
    assert beside(3, 2) == {"champion": [2]}
    assert beside(3, 2, reference="1") == {"champion": [2], "reference": [1]}
    assert beside(3, 2, reference="2") == {"champion": [2]}


def test_an_old_version_that_does_not_start_any_more_makes_way_for_the_next(own_stores: Stores) -> None:
    """A candidate is not held up for ever because the first version of all cannot be loaded here."""
    artifact = own_stores.settings.artifacts / own_stores.versions.get(MODEL, 1).digest
    (artifact / "files.json").unlink()
    with gate_infrastructure.ExitStack() as stack:
        server, _ = gate_infrastructure._first(stack, own_stores, MODEL, [1, 2])
        assert server.version.version == 2
    with gate_infrastructure.ExitStack() as stack, pytest.raises(NotReady, match=f"{MODEL}@1: .*no readable"):
        gate_infrastructure._first(stack, own_stores, MODEL, [1, 9])


def test_a_reference_that_does_not_exist_is_evidence(own_stores: Stores) -> None:
    """The candidate was measured all the same, and the report says which versions there are."""
    facts = _ask(own_stores, 2, budgets={"reference": "9"}).infrastructure
    assert facts.own is not None
    assert f"{MODEL}@9 does not exist" in facts.errors["reference"]


def test_a_champion_that_cannot_be_served_is_evidence(own_stores: Stores) -> None:
    """The candidate was measured all the same."""
    artifact = own_stores.settings.artifacts / own_stores.versions.get(MODEL, 1).digest / "features.json"
    artifact.chmod(0o644)
    artifact.write_bytes(artifact.read_bytes() + b" ")
    facts = _ask(own_stores, 2, champion=1).infrastructure
    assert facts.own is not None
    assert facts.champion is None
    assert "features.json" in facts.errors["champion"]


def test_a_champion_that_falls_over_while_it_is_asked_is_not_the_candidates_fault(
    small_stores: Stores,
) -> None:
    """Its golden answers stand, it is measured alone, and the champion's part says what happened."""
    time_each = gate_infrastructure.time_each

    def one_is_gone(ports: Sequence[int], *more: Any) -> Any:
        if len(ports) > 1:
            raise NotReady("no server answers at 127.0.0.1: it hung up")
        return time_each(ports, *more)

    with patch.object(gate_infrastructure, "time_each", one_is_gone):
        asked = _ask(small_stores, 2, champion=1)
    assert asked.staging.error is None
    assert np.array_equal(asked.staging.answered, asked.staging.expected)
    assert asked.infrastructure.own is not None
    assert asked.infrastructure.champion is None
    assert asked.infrastructure.errors == {"champion": "no server answers at 127.0.0.1: it hung up"}


def test_a_server_that_does_not_start_is_evidence_with_its_last_words(
    small_stores: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing else is measured, and what does not fit is told nevertheless."""
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\necho 'the library is missing' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr(staging.sys, "executable", str(program))
    asked = _ask(small_stores, 2, champion=1)
    assert asked.staging.error is not None
    assert asked.staging.refused == ""
    assert asked.staging.error.endswith("its last words: the library is missing")
    assert asked.infrastructure.errors == {"own": asked.staging.error}
    assert asked.infrastructure.own is None
    assert asked.together is None


def test_a_golden_request_that_does_not_fit_the_signature_is_found_before_a_fleet_halts_on_it(
    small_stores: Stores,
) -> None:
    """Of a wrong kind, without a column that it needs, or with one that the version does not read."""
    row: VersionRow = small_stores.versions.get(MODEL, 1)
    scorer: Scorer = small_stores.scorer(row)
    assert gate_infrastructure._mismatched(scorer) == {}
    goldens = list(scorer.goldens)
    for place, change in enumerate(({"wind": "strong"}, {"before": None}, {"altitude": 3.0})):
        goldens[place] = msgspec.structs.replace(goldens[place], request={**goldens[place].request, **change})
    without = {name: value for name, value in goldens[3].request.items() if name != "origin"}
    goldens[3] = msgspec.structs.replace(goldens[3], request=without)
    scorer.goldens = tuple(goldens)
    found = gate_infrastructure._mismatched(scorer)
    assert list(found) == [golden.name for golden in goldens[:4]]
    assert "wind" in found["ordinary 0"]
    assert found["ordinary 2"] == "it carries altitude, which the version does not read"
    assert "origin" in found["ordinary 3"]


def test_a_deadline_is_the_budget_of_the_latency_unless_one_is_declared(small_stores: Stores) -> None:
    """Whoever waits no longer than that has said what may be."""
    row = small_stores.versions.get(MODEL, 1)
    scorer = small_stores.scorer(row)
    rules = msgspec.structs.replace(scorer.model.serving, deadline_ms=50.0)
    scorer.model = msgspec.structs.replace(scorer.model, serving=rules)
    assert gate_infrastructure._budgets(row, scorer) == {"latency_p99": "<= 50ms"}
    details = {**row.run.details, "budgets": {"latency_p99": "<= 20ms"}}
    declared = msgspec.structs.replace(row, run=msgspec.structs.replace(row.run, details=details))
    assert gate_infrastructure._budgets(declared, scorer) == {"latency_p99": "<= 20ms"}


def test_the_stopwatch_tells_a_server_that_is_gone_from_one_that_refuses(small_stores: Stores) -> None:
    """Neither is a time."""
    row = small_stores.versions.get(MODEL, 1)
    with staging.serving(row, small_stores.settings.artifacts) as server:
        with (
            Line(server.port) as line,
            pytest.raises(staging.RoadworthyError, match=r"answered with HTTP/1\.1 4"),
        ):
            line.seconds(post(server.path, b'{"instances": [{}]}'))
        port = server.port
    with pytest.raises(NotReady, match=r"no server answers at 127\.0\.0\.1"):
        Line(port)
