"""What an estimator format must offer: one half that fits, one half that loads and predicts.

Not here: any format. The two halves live in files of their own, because a serving process imports the loading
half only: no scikit-learn, no pandas, not even the Python package of the library that trained.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from roadworthy.estimators.weights import Array, NewRows, Weights

Floats: TypeAlias = npt.NDArray[np.float64]

#: Called with (steps done, steps in total) while an estimator is fitted.
OnProgress: TypeAlias = Callable[[int, int], None]


class Column(Protocol):
    """What an estimator must know of one encoded column.

    name   how messages call it
    kind   `number`, or `category` whose values are the whole numbers 0 … size - 1 (0 missing, 1 unknown)
    size   size of the vocabulary, both reserved numbers included; 0 for a number
    """

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> Literal["number", "category"]: ...

    @property
    def size(self) -> int: ...


class Predictor(Protocol):
    """A fitted estimator as serving uses it.

    width       number of columns it was fitted on
    tolerance   largest difference a row's prediction may show between batches; 0.0 = bit-identical in any batch
    """

    @property
    def width(self) -> int: ...

    @property
    def tolerance(self) -> float: ...

    def predict(self, matrix: Floats) -> Floats:
        """The probability of the positive class for every row.

        matrix   shape (n, width)
        returns  shape (n,)
        raises   SchemaError when the matrix does not have `width` columns
        """
        ...


class Fitted(Protocol):
    """A fitted estimator as training holds it.

    initial   name of a stored array → what it held before training; nothing of an array is known that is not there
    """

    @property
    def initial(self) -> Mapping[str, Array]: ...

    def predictor(self) -> Predictor:
        """Exactly what loading the saved files would give: what is evaluated is what will serve."""
        ...

    def save(self, directory: Path) -> None:
        """Write the estimator's files; the same fit always writes the same bytes."""
        ...

    def weights(self) -> Weights:
        """What was learned, as named arrays; trees need not name theirs."""
        ...

    def with_rows(self, rows: NewRows) -> Fitted:
        """The same with these rows of arrays in place of its own; Refused for trees, which have none."""
        ...


class Format(Protocol):
    """A safe way to store one family of estimators: data only, nothing that runs when it is loaded.

    name            what `model.json` calls it
    classes         estimator classes it takes, for messages
    distributions   libraries that decide what is learned and predicted, as their packages are called
    tolerance       as for `Predictor`
    """

    @property
    def name(self) -> str: ...

    @property
    def classes(self) -> tuple[str, ...]: ...

    @property
    def distributions(self) -> tuple[str, ...]: ...

    @property
    def tolerance(self) -> float: ...

    def refusal(self, estimator: Any) -> str | None:
        """None when this format takes the estimator, else why not; "" when it is of another family altogether."""
        ...

    def fit(
        self,
        estimator: Any,
        X: Floats,
        y: Floats,
        columns: Sequence[Column],
        *,
        seed: int,
        threads: int,
        on_progress: OnProgress | None = None,
    ) -> Fitted:
        """Fit a copy of `estimator`; the given one is left as it was.

        X        shape (n, len(columns))
        y        shape (n,), 0.0 and 1.0
        seed     used where the estimator declares none
        threads  used where the estimator declares none; never changes the result
        raises   DefinitionError for values the estimator cannot take, TooFewSamples when y has one class only
        """
        ...
