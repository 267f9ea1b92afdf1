"""The reference: what each day of the training period looked like, kept in the artifact and compared with ever after.

Not here: how far is too far; monitoring learns that from the reference's own days. Answers in it come from models
that had not seen the day they answer for: answers to training rows would make every model look calibrated.
"""

from __future__ import annotations

import hashlib
from functools import cached_property

import msgspec
import numpy as np
import numpy.typing as npt

from roadworthy.errors import TooFewSamples
from roadworthy.features.batch import Batch
from roadworthy.profiles.cells import Cells, learn_cells
from roadworthy.profiles.counting import States, count_days
from roadworthy.profiles.summary import DayStatistics, LabelSummary, Profile

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

REFERENCE_FORMAT = 1


class Reference(msgspec.Struct, frozen=True, dict=True):
    """The days of the reference period and the cells that everything later is counted in.

    cells   by input name
    days    statistics of each day with rows, in ascending order
    """

    cells: dict[str, Cells]
    days: tuple[DayStatistics, ...]
    format: int = REFERENCE_FORMAT

    @cached_property
    def profile(self) -> Profile:
        """All days together."""
        total = self.days[0].profile
        for day in self.days[1:]:
            total = total + day.profile
        return total

    @cached_property
    def labels(self) -> LabelSummary:
        """All labels together."""
        total = LabelSummary()
        for day in self.days:
            total = total + day.labels
        return total

    def __hash__(self) -> int:
        return hash(self.digest)

    @cached_property
    def digest(self) -> str:
        """32 hexadecimal digits that differ when anything in the reference does."""
        return hashlib.sha256(self.to_json()).hexdigest()[:32]

    def to_json(self) -> bytes:
        """Canonical JSON: the same reference always gives the same bytes."""
        return msgspec.json.encode(self, order="sorted")

    @classmethod
    def from_json(cls, text: bytes) -> Reference:
        """The reference that `to_json` wrote; msgspec.ValidationError for anything else."""
        return msgspec.json.decode(text, type=cls)


def build_reference(
    inputs: Batch, states: States, p_out_of_fold: Floats, y: Floats, days: Integers
) -> Reference:
    """The reference of a model, from the rows of its training period.

    inputs          raw input columns (role `input`) of all n rows of the period, labelled or not
    states          feature → int8 (n,): 0 present, 1 missing, 2 unknown
    p_out_of_fold   float64 (n,), each answered by a model fitted without the row's day and its neighbours
    y               float64 (n,) of 0 and 1, NaN where the outcome never became known
    days            int64 (n,), days since 1970 (UTC) of the event time
    raises          TooFewSamples without rows; DefinitionError when lengths do not fit
    """
    if inputs.n == 0:
        raise TooFewSamples("a reference needs rows, got none: train on a longer period")
    cells = {name: learn_cells(column) for name, column in sorted(inputs.columns.items())}
    return Reference(
        cells, count_days(cells, inputs, states, p_out_of_fold, days, np.asarray(y, dtype=np.float64))
    )
