"""What the gate may look at of the requests that are served now: recent rows of the log, as the candidate reads them.

Not here: how they were read (jobs.gate_traffic). Sensitive texts are hashes, as in the log.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from roadworthy.clock import DAY_MICROS
from roadworthy.features.batch import Batch
from roadworthy.stats.echo import Echo

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Texts = npt.NDArray[np.str_]

#: Why there is nothing to look at where a model is new.
NEVER_SERVED = "no version of it has answered yet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """Requests of the last weeks that were answered to somebody, spread evenly over them, in the order of time.

    asked_at    microseconds since 1970 UTC, shape (n_rows,)
    units       unit of each row as it was logged, shape (n_rows,); never to stand in a verdict, which outlives it
    answered_by version that answered, shape (n_rows,)
    logged      what that version said then, shape (n_rows,)
    inputs      what the requests carried of the candidate's inputs, by name; all of them unless some are in `lacking`
    encoded     what the candidate makes of them, shape (n_rows, n_columns); None where `lacking` names an input
    columns     name of each encoded column → its feature, in order
    states      feature → int8, shape (n_rows,): 0 present, 1 missing, 2 unknown to its vocabulary
    cleaned     what is looked up in the vocabularies: a column for every feature of text, by feature
    candidate   the candidate's scores, shape (n_rows,); None where `lacking` names an input
    champion    scores by the version that answers now, asked again, shape (n_rows,); None where none answers now
    tolerance   how far the format of that version lets the same answer differ
    unscored    why that version could not be asked again, as the end of a sentence; "" where it was, or there is none
    slices      declared slice → its value in each row as text, shape (n_rows,), "" where missing
    lacking     input of the candidate that these requests do not carry, or carry as a hash only → why
    refused     input → rows that carry null where the candidate takes none; those rows are not among these
    incomplete  how many rows that makes together; a row may lack several inputs
    looked_at   answered requests that were found in these weeks, before some were chosen
    echoes      number among the inputs → how it follows what was answered before, in all of the newest requests; those
                of too few rows are left out
    none        why there is none of all this; "" where there is
    """

    asked_at: Ints
    units: Texts
    answered_by: Ints
    logged: Floats
    inputs: Batch
    encoded: Floats | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    states: Mapping[str, npt.NDArray[np.int8]] = field(default_factory=dict)
    cleaned: Batch | None = None
    candidate: Floats | None = None
    champion: Floats | None = None
    tolerance: float = 0.0
    unscored: str = ""
    slices: Mapping[str, Texts] = field(default_factory=dict)
    lacking: Mapping[str, str] = field(default_factory=dict)
    refused: Mapping[str, int] = field(default_factory=dict)
    incomplete: int = 0
    looked_at: int = 0
    echoes: Mapping[str, Echo] = field(default_factory=dict)
    none: str = ""

    @classmethod
    def nothing(cls, why: str = NEVER_SERVED) -> Traffic:
        """That there is positively no traffic."""
        whole = np.zeros(0, dtype=np.int64)
        texts = np.zeros(0, dtype=np.str_)
        return cls(
            asked_at=whole, units=texts, answered_by=whole, logged=np.zeros(0), inputs=Batch({}, 0), none=why
        )

    @property
    def n(self) -> int:
        """Number of rows."""
        return int(self.asked_at.size)

    @property
    def asked(self) -> int:
        """Number of rows together with those that the candidate would have refused."""
        return self.n + self.incomplete

    @property
    def days(self) -> Ints:
        """Days since 1970 (UTC) the rows were asked on, shape (n_rows,): the blocks of intervals."""
        days: Ints = self.asked_at // DAY_MICROS
        return days
