"""MLflow: a Python model from code, as `mlflow models serve` loads it. Run with a directory, it saves it there."""

import os
import sys

import mlflow

from bench.peers.encode import Served


class Delay(mlflow.pyfunc.PythonModel):
    """The model."""

    def load_context(self, context):
        """Load."""
        self.served = Served(os.environ["BENCH_SHARED"])

    def predict(self, context, model_input, params=None):
        """Rows come as a data frame, in which null is NaN."""
        rows = model_input.to_dict("records")
        return self.served.predict([{name: plain(value) for name, value in row.items()} for row in rows])


def plain(value):
    """None for NaN."""
    return None if isinstance(value, float) and value != value else value


if __name__ == "__main__":
    mlflow.pyfunc.save_model(sys.argv[1], python_model=__file__, pip_requirements=[])
else:
    mlflow.models.set_model(Delay())
