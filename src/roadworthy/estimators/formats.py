"""The formats a server can load, by the name that stands in `model.json`.

Not here: fitting (see `accepted`). Importing this file imports no estimator library.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from roadworthy.errors import UnsupportedEstimator
from roadworthy.estimators import lightgbm_load, linear_load, onnx_load
from roadworthy.estimators.protocol import Predictor

LOADERS: Mapping[str, Callable[[Path], Predictor]] = {
    lightgbm_load.NAME: lightgbm_load.load,
    linear_load.NAME: linear_load.load,
    onnx_load.NAME: onnx_load.load,
}


def load_predictor(name: str, directory: Path) -> Predictor:
    """The predictor that the format `name` saved in `directory`.

    raises UnsupportedEstimator for an unknown format or a library that is missing here, CorruptArtifact for
           files that cannot be read

    >>> load_predictor("pickle", Path("estimator"))
    Traceback (most recent call last):
    ...
    roadworthy.errors.UnsupportedEstimator: there is no estimator format 'pickle' here; known are ...
    """
    if name not in LOADERS:
        raise UnsupportedEstimator(
            f"there is no estimator format {name!r} here; known are {', '.join(LOADERS)}: "
            "serve with the Roadworthy that trained this version, or a newer one"
        )
    return LOADERS[name](directory)
