"""LitServe: one worker, its own batching without a wait (whatever stands in the queue goes together)."""

import os
import sys

import litserve

from bench.peers.encode import Served


class Delay(litserve.LitAPI):
    """The model."""

    def setup(self, device):
        """Load."""
        self.served = Served(os.environ["BENCH_SHARED"])

    def decode_request(self, request):
        """The only row of a request."""
        return request["instances"][0]

    def predict(self, rows):
        """All rows of a batch."""
        return self.served.predict(rows)

    def encode_response(self, output):
        """One row's answer."""
        return {"predictions": [output]}

    def batch(self, inputs):
        """Rows as they are."""
        return list(inputs)

    def unbatch(self, output):
        """One answer a row."""
        return list(output)


if __name__ == "__main__":
    server = litserve.LitServer(
        Delay(max_batch_size=64, batch_timeout=0.0), accelerator="cpu", workers_per_device=1
    )
    server.run(
        host="127.0.0.1",
        port=int(sys.argv[1]),
        num_api_servers=1,
        log_level="warning",
        generate_client_file=False,
    )
