"""Reads the weights of a saved estimator, whatever its format.

Not here: the arrays themselves (`weights`) and fitting. It needs the library that wrote the format: serving never
does this.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from roadworthy.errors import CorruptArtifact, UnsupportedEstimator
from roadworthy.estimators import (
    lightgbm_load,
    lightgbm_weights,
    linear_load,
    linear_weights,
    onnx_load,
    onnx_weights,
)
from roadworthy.estimators.protocol import Column
from roadworthy.estimators.weights import Weights


def kept_weights(name: str, directory: Path, columns: Sequence[Column]) -> Weights:
    """The weights that the format `name` saved in `directory`.

    columns   those of the version, in matrix order
    raises    UnsupportedEstimator for an unknown format or a missing library, CorruptArtifact for unreadable files
    """
    try:
        if name == linear_load.NAME:
            return linear_weights.weights_of(
                msgspec.json.decode((directory / linear_load.FILE).read_bytes(), type=linear_load.LinearModel)
            )
        if name == lightgbm_load.NAME:
            sizes = {column.name: column.size for column in columns if column.kind == "category"}
            text = (directory / lightgbm_load.FILE).read_bytes()
            return lightgbm_weights.weights_of(text, sizes, tuple(column.name for column in columns))
        if name == onnx_load.NAME:
            layout = msgspec.json.decode(
                (directory / onnx_load.LAYOUT_FILE).read_bytes(), type=onnx_load.Layout
            )
            return onnx_weights.weights_of((directory / onnx_load.GRAPH_FILE).read_bytes(), layout)
    except (OSError, msgspec.DecodeError) as error:
        raise CorruptArtifact(
            f"the estimator in {directory} cannot be read ({error}): restore it from a copy"
        ) from error
    raise UnsupportedEstimator(f"there is no estimator format {name!r} here whose weights can be read")
