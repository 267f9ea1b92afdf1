"""What people answered who compared candidate and champion without knowing which is which.

Not here: whom the rows are about; no unit stands here, because forgetting one does not reach what the gate said.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class BlindRatings:
    """One entry for each row and rater; arrays of shape (n_ratings,).

    rows      which row it was, numbered anew
    raters    who it was, numbered anew
    choices   1.0 where the candidate's answer was preferred, 0.0 where the champion's, 0.5 where neither
    nearer    1.0 where the candidate's answer was nearer to the outcome, 0.0 where the champion's, 0.5 where neither
    days      whole number of the day (UTC) each row was asked on
    wanted    whether the owner made the check required, so that no ratings are missing evidence
    """

    rows: Ints
    raters: Ints
    choices: Floats
    nearer: Floats
    days: Ints
    wanted: bool = False
