"""KServe's Python server: a custom model, version 1 of its protocol."""

import os

import kserve

from bench.peers.encode import Served


class Delay(kserve.Model):
    """The model."""

    def __init__(self):
        super().__init__("delay")
        self.load()

    def load(self):
        """Load."""
        self.served = Served(os.environ["BENCH_SHARED"])
        self.ready = True
        return True

    async def predict(self, payload, headers=None, response_headers=None):
        """All rows of a request."""
        return {"predictions": self.served.predict(payload["instances"])}


if __name__ == "__main__":
    kserve.ModelServer(workers=1, enable_grpc=False).start([Delay()])
