"""The worker against its own OpenAPI document: what the document says is what comes back, whatever is asked."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable

from processes import Server, Starter, Version, plan_of, wait_until
from roadworthy.node import NodeDirectory
from roadworthy.traffic import Route

schemathesis = pytest.importorskip("schemathesis")
checks = pytest.importorskip("schemathesis.specs.openapi.checks")

#: Of each address, as the document wants them and otherwise.
PROOF = "ROADWORTHY_PROOF" in os.environ
EXAMPLES = 100 if PROOF else 6

#: What a request that the document does not allow may get; 413 is said of one that claims more rows than are read.
REFUSALS = ["400", "401", "403", "404", "405", "406", "409", "411", "413", "415", "422", "429", "431", "5xx"]


@pytest.fixture(scope="module")
def worker(
    start_shared: Starter, versions: list[Version], tmp_path_factory: pytest.TempPathFactory
) -> Server:
    """A worker with one version."""
    node = NodeDirectory(tmp_path_factory.mktemp("nodes") / "n")
    node.create()
    node.write_plan(plan_of(1, Route(champion=1), versions[0]))
    server = start_shared.worker(node)
    wait_until(server.ready, "readiness")
    return server


def test_every_address_does_what_the_document_says(worker: Server) -> None:
    """No 5xx; every status, content type and body is one that is described; what it does not allow is refused.

    Rows that it allows are not refused either. Columns, tensors and outcomes have rules that JSON Schema cannot say,
    such as columns of equal length.
    """
    config = schemathesis.Config.from_dict(
        {"checks": {"negative_data_rejection": {"expected-statuses": REFUSALS}}}
    )
    document = schemathesis.openapi.from_url(f"http://127.0.0.1:{worker.port}/openapi.json", config=config)
    operations = [found.ok() for found in document.get_all_operations()]
    assert len(operations) >= 8
    for operation in operations:
        for mode in schemathesis.GenerationMode:
            try:
                property_of(operation, mode)()
            except Unsatisfiable:  # where nothing is sent, nothing can be sent wrongly
                assert mode is schemathesis.GenerationMode.NEGATIVE, operation.label
    assert "Traceback" not in worker.log.read_text()


def property_of(operation: Any, mode: Any) -> Callable[[], None]:
    """What holds for one address, asked as the document wants it or otherwise."""

    @settings(
        max_examples=EXAMPLES,
        derandomize=not PROOF,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def holds(case: Any) -> None:
        if mode is schemathesis.GenerationMode.POSITIVE and case.headers:
            case.headers.pop("X-Roadworthy-Deadline-Ms", None)  # 504 is right for less than there can be
        rows = isinstance(case.body, dict) and "instances" in case.body
        case.call_and_validate(timeout=20, excluded_checks=[] if rows else [checks.positive_data_acceptance])

    return holds
