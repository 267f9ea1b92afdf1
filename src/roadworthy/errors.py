"""Every error a caller may want to tell apart, named by what the caller can do about it.

Not here: errors of libraries. They are translated where they enter, or they are bugs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

#: Exit statuses a script can rely on: it could not be done, wrong usage, a guard refused it.
FAILED, MISUSED, REFUSED = 1, 2, 3


class RoadworthyError(Exception):
    """Anything Roadworthy refuses to do, with a message that says what, where, got, expected and what to do."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with data, and how often.

    path        where, as a JSON path (`$.instances[3].carrier`) or a column (`$.carrier`)
    expected    what would have been right, in words
    got         what was there, already shortened and quoted for a person
    rows        how many rows have it
    first_row   number of the first such row, counted from 0; None where rows have no meaning
    """

    path: str
    expected: str
    got: str
    rows: int = 1
    first_row: int | None = None

    def __str__(self) -> str:
        where = (
            "" if self.first_row is None else f", {'row' if self.rows == 1 else 'first row'} {self.first_row}"
        )
        return f"{self.path}: expected {self.expected}, got {self.got} ({self.rows} row{'s' * (self.rows != 1)}{where})"


class SchemaError(RoadworthyError):
    """Data does not fit its schema: fix the data. Carries all faults at once; of none, the subject says what is wrong.

    >>> print(SchemaError("batch 2013-07-02 (431 rows)", [Fault("$.wind", "float >= 0", '"n/a"', 12, 118)],
    ...                   "Nothing was ingested."))
    1 fault in batch 2013-07-02 (431 rows)
      $.wind: expected float >= 0, got "n/a" (12 rows, first row 118)
    Nothing was ingested.
    """

    def __init__(self, subject: str, faults: Sequence[Fault], consequence: str = "") -> None:
        self.subject = subject
        self.faults = tuple(faults)
        self.consequence = consequence
        count = len(self.faults)
        headline = f"{count} fault{'s' * (count != 1)} in {subject}" if count else subject
        lines = [headline, *(f"  {fault}" for fault in self.faults)]
        super().__init__("\n".join([*lines, consequence] if consequence else lines))


class DefinitionError(RoadworthyError):
    """A model, feature, source or table is declared in a way that cannot work: fix the definition."""


class UnsupportedEstimator(DefinitionError):
    """The estimator has no registered safe format: choose one that has, or register a format."""


class UnknownName(RoadworthyError):
    """A model, version, table, check or prediction of that name does not exist: fix the request."""


class NotReady(RoadworthyError):
    """Something is not there yet (a node is still loading, a lock is held): retry later."""


class Conflict(RoadworthyError):
    """Somebody else changed the same thing first, or two facts contradict each other: look, then decide."""


class Refused(RoadworthyError):
    """A guard said no: read its reasons; overriding needs a reason that is kept in the ledger."""


class CorruptArtifact(RoadworthyError):
    """Stored bytes are not what was registered: restore them from a copy or register a new version."""


class TooFewSamples(RoadworthyError):
    """There is not enough evidence for the number asked for: collect more, or ask a coarser question."""
