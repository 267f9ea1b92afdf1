"""What the gate may look at of protected attributes: the group of every held-out row.

Not here: how they were read (jobs.gate_groups).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Texts = npt.NDArray[np.str_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """Protected attributes as the owner declared them.

    values   attribute → group of each held-out row, in the order of the holdout, shape (n_rows,); "" where missing;
             empty where nothing is declared
    cut      outputs from here on are called positive, as declared; None where no cut is
    """

    values: Mapping[str, Texts] = field(default_factory=dict)
    cut: float | None = None
