"""What to say to a person whose training set is small, unevenly split or suddenly large; nothing of it blocks.

Not here: the checks of the gate, which do. Each sentence begins with what it is about, and a colon.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln

from roadworthy.jobs.gate_data import kept_days
from roadworthy.jobs.stores import Stores
from roadworthy.registry.versions import VersionRow

#: With so many rows or fewer, clean labels and even splits matter most.
SMALL = 10_000
#: A set so many times as large as the last one is another set.
LARGER = 10.0
#: How improbable a split may be before it is called uneven.
CHANCE = 0.05


def advice_on(stores: Stores, row: VersionRow) -> tuple[str, ...]:
    """What there is to say of the rows that a version was trained on; nothing where they were not counted."""
    days = kept_days(stores.settings.evidence / row.digest)
    if days is None:
        return ()
    before = [other.run.rows for other in stores.versions.all(row.model) if other.version < row.version]
    return tuple(advice(days.training, days.held_out, before[-1] if before else None))


def advice(training: tuple[int, int], held_out: tuple[int, int], before: int | None) -> list[str]:
    """Sentences on the rows of a training; none where there is nothing to say.

    training, held_out   labelled rows, and those of them with the outcome
    before               labelled rows of the version trained before; None for the first

    >>> advice((80, 28), (20, 2), None)[1]
    'Uneven split: 35.0% of 80 training rows have the outcome and 10.0% of 20 held-out rows (2, even would be 6)'
    """
    rows, hits = training[0] + held_out[0], training[1] + held_out[1]
    said = []
    if before is not None and training[0] > LARGER * before:
        said.append(
            f"Another set: {training[0]:,} rows are more than {LARGER:g} times the {before:,} of the version before. "
            "Look where they are from, and at the labels of a sample, before you trust what is measured on them"
        )
    if rows > SMALL:
        return said
    said.append(
        f"Few rows: at most {SMALL:,} labelled ones are few, and these are {rows:,}. A clean label gains more than "
        "another model, and the held-out rows decide by luck unless outcomes are shared out evenly"
    )
    if held_out[0] and hits and _luck(rows, hits, *held_out) < CHANCE:
        shares = f"{training[1] / max(training[0], 1):.1%} of {training[0]:,} training rows have the outcome"
        said.append(
            f"Uneven split: {shares} and {held_out[1] / held_out[0]:.1%} of {held_out[0]:,} held-out rows "
            f"({held_out[1]:,}, even would be {hits * held_out[0] / rows:.0f})"
        )
    return said


def about(sentence: str) -> str:
    """What a sentence of advice is about.

    >>> about("Uneven split: 35.0% of 80 training rows")
    'Uneven split'
    """
    return sentence.partition(":")[0]


def _luck(rows: int, hits: int, drawn: int, drawn_hits: int) -> float:
    """How probable it is that a split by chance is at least as uneven, in either direction (hypergeometric)."""
    drawn_of = np.arange(max(0, drawn - (rows - hits)), min(hits, drawn) + 1)
    ways = (
        _log_ways(hits, drawn_of)
        + _log_ways(rows - hits, drawn - drawn_of)
        - _log_ways(rows, np.array([drawn]))
    )
    chances = np.exp(ways)
    return float(chances[chances <= chances[drawn_of == drawn_hits] * (1 + 1e-9)].sum())


def _log_ways(rows: int, drawn: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    found: npt.NDArray[np.float64] = gammaln(rows + 1) - gammaln(drawn + 1) - gammaln(rows - drawn + 1)
    return found
