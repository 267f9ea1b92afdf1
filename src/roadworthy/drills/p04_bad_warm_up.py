"""P4: the warm-up requests of a version do not match its inputs, and a serving fleet halts on them.

In the field warm-up tensors came from another model definition. Here the golden requests, which every worker sends to
itself before it takes others, are written with another signature: one column of theirs is called otherwise, as after
a rename that reached the model and not the file of its warm-up.

Severity is the share of warm-up requests, one at least; moderate is 5 % of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from roadworthy.drills.deployment import Deployment
from roadworthy.drills.fault import Fault
from roadworthy.drills.launcher import wrap
from roadworthy.jobs import train as training
from roadworthy.registry.artifact import GOLDENS_FILE


def rename_in_warm_up(*, share: float, seed: int) -> None:
    """Let golden requests carry a column under another name; the patch of a training process."""

    def publishing(honest: Any) -> Any:
        def publish(draft: Path, store: Path) -> Any:
            file = draft / GOLDENS_FILE
            file.write_bytes(renamed(file.read_bytes(), share, seed))
            return honest(draft, store)

        return publish

    wrap(training, "publish", publishing)


def renamed(content: bytes, share: float, seed: int) -> bytes:
    """`goldens.json` with the first column of some requests under another name."""
    written = msgspec.json.decode(content)
    goldens = written["goldens"]
    chosen = np.random.default_rng(seed).permutation(len(goldens))[: max(1, round(share * len(goldens)))]
    for place in chosen:
        request = goldens[place]["request"]
        name = sorted(request)[0]
        request[f"{name}_v1"] = request.pop(name)
    return msgspec.json.encode(written, order="sorted")


def _inject(deployment: Deployment, severity: float, chance: np.random.Generator) -> None:
    deployment.patch("training", rename_in_warm_up, share=severity, seed=int(chance.integers(2**31)))


FAULT = Fault(
    id="P4",
    name="bad-warm-up",
    title="warm-up requests do not match the version's inputs",
    happened="Warm-up tensors did not match the model's inputs, and the serving fleet halted.",
    stage="gate",
    guards=("infrastructure", "goldens", "reproducible"),
    inject=_inject,
    moderate=0.05,
)
