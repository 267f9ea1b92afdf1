"""Lists the predictions that wait for a person, on all nodes whose directories are in the workspace.

Not here: answering one; that is a request to the node, which logs the answer as it logs every prediction.
"""

from __future__ import annotations

from typing import Any

from roadworthy.clock import Clock
from roadworthy.node import NodeDirectory
from roadworthy.predictionlog.cases import Case, CaseFiles, shown_case
from roadworthy.settings import Settings


def waiting_cases(settings: Settings, clock: Clock, model: str | None = None) -> list[dict[str, Any]]:
    """Cases of one model or all, oldest first, as the API shows them, each with the seconds it has waited."""
    nodes = sorted(settings.nodes.iterdir()) if settings.nodes.is_dir() else []
    found: list[Case] = []
    for node in nodes:
        found += CaseFiles(NodeDirectory(node).cases).waiting(model)
    now = clock.micros()
    return [
        {**shown_case(case), "waited_seconds": round(max(0.0, (now - case.opened_at) / 1e6), 1)}
        for case in sorted(found, key=lambda case: case.id)
        if case.namespace == settings.namespace
    ]
