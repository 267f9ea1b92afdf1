"""Twins that cannot have learned anything: the same recipe, trained on rows whose labels were dealt out anew.

Not here: comparing with them, which the gate does. Whatever they seem to know, the way of judging gave away.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from roadworthy.errors import TooFewSamples
from roadworthy.estimators.accepted import format_for
from roadworthy.features.batch import Floats
from roadworthy.training.recipe import Trained

#: More rows would not make them know more; all twins together are fitted on about so many.
ROWS = 10_000

#: Of few rows one twin by luck seems to know something, so there are more of them.
MOST = 5


def shuffled_twins(trained: Trained, y: Floats, encoded: Floats, rng: np.random.Generator) -> Floats:
    """What estimators of the same recipe say of rows, after they were fitted on labels in another order.

    y         labels of the training rows, NaN where not known, shape (n,)
    encoded   the rows to be scored, shape (m, width)
    returns   shape (n_twins, m): one twin of 10,000 labelled rows drawn by `rng`, or up to 5 of all where they are few
    raises    TooFewSamples when the sampled labels are all alike
    """
    known = np.flatnonzero(~np.isnan(y))
    twins = min(max(ROWS // known.size, 1), MOST) if known.size else 1
    return np.stack([_twin(trained, y, known, encoded, rng) for _ in range(twins)])


def _twin(
    trained: Trained, y: Floats, known: npt.NDArray[np.int64], encoded: Floats, rng: np.random.Generator
) -> Floats:
    drawn = np.sort(rng.choice(known, min(known.size, ROWS), replace=False))
    labels = rng.permutation(y[drawn])
    if labels.min() == labels.max():
        raise TooFewSamples(f"{drawn.size:,} sampled training rows have one outcome: take a longer period")
    recipe = trained.recipe
    fitted = format_for(recipe.estimator).fit(
        recipe.estimator,
        trained.encoded[drawn],
        labels,
        trained.scorer.features.columns,
        seed=recipe.seed,
        threads=1,  # so few rows take longer with more
    )
    return fitted.predictor().predict(encoded)
