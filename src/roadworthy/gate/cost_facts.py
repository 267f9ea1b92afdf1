"""What every feature of a candidate takes and gives.

Not here: what the whole version takes to be served (infrastructure_facts) and judging either (cost).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureCost:
    """One feature.

    seconds   to encode it, a row
    missing   share of rows in which it is missing
    sources   tables that it is joined from
    worse     by how much the log loss of each row rises when its columns are those of another row, shape (n_rows,)
    """

    name: str
    seconds: float
    missing: float
    worse: Floats
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """All features, on the same held-out rows.

    days      day of each row, shape (n_rows,): the blocks of the intervals
    loss      log loss of the candidate on them
    sourced   whether it is known which feature comes from which source
    budgets   as declared
    """

    features: tuple[FeatureCost, ...]
    days: Ints
    loss: float
    sourced: bool = True
    budgets: Mapping[str, str] = field(default_factory=dict)
