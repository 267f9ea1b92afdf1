"""Training rows that were sampled before they came here: how the odds are put right, and which rows stand for all.

Not here: the declaration (judging) and applying the correction (estimators.corrected).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from roadworthy.errors import DefinitionError
from roadworthy.features.batch import Floats


def odds_factor(kept: Floats, y: Floats) -> float | None:
    """What the odds of a model of these rows are multiplied by, to be those among all rows; None where it is 1.

    kept     share of rows like this one that was kept, in (0, 1], shape (n,)
    y        0.0 and 1.0, NaN where the outcome is not known, shape (n,)
    raises   DefinitionError where the rows of one outcome were kept at several rates: then no factor puts it right

    >>> odds_factor(np.array([0.1, 0.1, 1.0]), np.array([0.0, 0.0, 1.0]))
    0.1
    """
    rates = {}
    for name, outcome in (("positive", 1.0), ("negative", 0.0)):
        held = kept[y == outcome]
        if held.size and held.max() - held.min() > 1e-9:
            raise DefinitionError(
                f"sampling: the {name} training rows were kept at rates {held.min():g} to {held.max():g}, and one "
                "correction puts right one rate an outcome: train --since the last change of the rate, or keep a "
                "sample at one rate"
            )
        rates[name] = float(held[0]) if held.size else 1.0
    factor = rates["negative"] / rates["positive"]
    return None if factor == 1.0 else factor


def as_asked(kept: Floats, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Which of sampled rows to keep so that they are to each other as all rows were: those kept rarely, all.

    >>> int(as_asked(np.repeat([1.0, 0.1], [1_000, 500]), np.random.default_rng(1))[:1_000].sum()) in range(60, 140)
    True
    """
    chosen: npt.NDArray[np.bool_] = rng.uniform(size=kept.size) < kept.min() / kept if kept.size else kept > 0
    return chosen
