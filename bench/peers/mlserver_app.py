"""MLServer: a runtime of one's own in the process of the server (no parallel workers: they cost more than they give).

Every input is a tensor of the Open Inference Protocol with one value, as its clients write them; null is an empty one.
"""

import os

from mlserver import MLModel
from mlserver.types import InferenceResponse, ResponseOutput

from bench.peers.encode import Served


class Delay(MLModel):
    """The model."""

    async def load(self) -> bool:
        """Load."""
        self.served = Served(os.environ["BENCH_SHARED"])
        return True

    async def predict(self, payload):
        """One row."""
        row = {}
        for tensor in payload.inputs:
            values = list(tensor.data)
            row[tensor.name] = values if tensor.name == "been" else values[0] if values else None
        output = self.served.predict([row])
        return InferenceResponse(
            model_name=self.name,
            outputs=[ResponseOutput(name="late", shape=[1], datatype="FP64", data=output)],
        )
