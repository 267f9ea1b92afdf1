"""Which estimators can be trained: those with a format that stores data, never code.

Not here: loading (see `formats`). A new format is one file for each half and one line here and there.
"""

from __future__ import annotations

from typing import Any

from roadworthy.errors import UnsupportedEstimator
from roadworthy.estimators.declared import class_name
from roadworthy.estimators.lightgbm_fit import LightGBMFormat
from roadworthy.estimators.linear_fit import LinearFormat
from roadworthy.estimators.onnx_fit import OnnxExportedFormat, OnnxMLPFormat, OnnxTreesFormat
from roadworthy.estimators.protocol import Format

FORMATS: tuple[Format, ...] = (
    LightGBMFormat(),
    LinearFormat(),
    OnnxMLPFormat(),
    OnnxTreesFormat(),
    OnnxExportedFormat(),
)


def format_for(estimator: Any) -> Format:
    """The format that stores this estimator; asked before anything is trained.

    raises UnsupportedEstimator listing the formats and the classes they take

    >>> from fractions import Fraction
    >>> format_for(Fraction(1, 2))
    Traceback (most recent call last):
    ...
    roadworthy.errors.UnsupportedEstimator: fractions.Fraction cannot be trained: no safe format stores it. ...
    """
    reasons = []
    for one in FORMATS:
        refused = one.refusal(estimator)
        if refused is None:
            return one
        reasons.append(refused)
    cls = estimator if isinstance(estimator, type) else type(estimator)
    why = next(filter(None, reasons), "no safe format stores it")
    names = dict.fromkeys(one.name for one in FORMATS)
    taken = "; ".join(
        f"{name}: {', '.join(cls for one in FORMATS if one.name == name for cls in one.classes)}"
        for name in names
    )
    raise UnsupportedEstimator(
        f"{class_name(cls)} cannot be trained: {why}. Formats and what they take: {taken}"
    )
