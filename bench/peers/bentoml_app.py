"""BentoML: one worker, adaptive batching."""

import os
from typing import Any

import bentoml

from bench.peers.encode import Served


@bentoml.service(workers=1)
class Delay:
    """The model."""

    def __init__(self) -> None:
        self.served = Served(os.environ["BENCH_SHARED"])

    @bentoml.api(batchable=True, max_batch_size=64, max_latency_ms=1_000)
    def predict(self, instances: list[dict[str, Any]]) -> list[float]:
        """All rows of a batch."""
        return self.served.predict(instances)
