"""Whether a column of inputs repeats what a model said before: a feature made from the model's own answers.

Not here: where the rows come from, and whether such a loop is stable. Two relations are looked for. A copy: the value
is, to nine digits, an answer that was given earlier. An echo: among the rows of one group (an aircraft, a campaign) the
value follows the last answer, the group's answers of the last day with any, or all its answers so far, beyond what the
inputs of the group's row before explain. That second half matters: an input that changes slowly follows every answer
that depends on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from roadworthy.clock import DAY_MICROS

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: A column of fewer distinct values meets earlier answers by chance, and so does an answer of so few digits; a single
#: answer that is met, such as a third, may be a rate on both sides.
DISTINCT, DIGITS, SEVERAL = 20, 4, 3
#: Shares from which on a column follows answers. Inputs of the demo reach 0.12, and none is a copy.
COPIED, FOLLOWED = 0.02, 0.5
#: Rows that have a row of their group before them; fewer show no relation.
MIN_ROWS = 200
#: Of the variance that is left of a column, less than this is rounding.
LEFT = 1e-6
BINS = 8
#: Means over fewer groups, or fewer days of groups, move together with anything that drifts.
GROUPS, GROUP_DAYS = 10, 60


@dataclass(frozen=True, slots=True)
class Echo:
    """The strongest relation of a column to earlier answers.

    how      `copy`, or which answers of the group it follows: `last`, `day` (its mean over the last day with any),
             `mean` (over all before)
    group    the column whose equal values make a group; "" for a copy
    share    of rows that are a copy, or of the variance that is left of the column once the inputs of the row before
             are accounted for; in [0, 1]
    slope    how much the column moves, all told, when the group's answers move by 1: by the closest of these ways
    n        rows that were looked at
    """

    how: str
    group: str
    share: float
    slope: float
    n: int

    @property
    def follows(self) -> bool:
        """Whether it is so close that chance and slowly changing inputs do not explain it."""
        return self.share >= (COPIED if self.how == "copy" else FOLLOWED)


def strongest_echo(
    columns: Mapping[str, Floats],
    answers: Floats,
    moments: Ints,
    groups: Mapping[str, Ints],
    known: Mapping[str, Floats] | None = None,
) -> dict[str, Echo]:
    """The strongest relation of every column to answers given earlier; columns that have too few rows are left out.

    columns   name → values of the inputs, shape (n,), NaN where missing; rows in the order of time
    answers   what was said to each row, shape (n,)
    moments   microseconds since 1970 of each row, shape (n,), ascending; rows of one moment do not see each other
    groups    name → number of each row's group, from 0, shape (n,)
    known     further columns of the row before that a legitimate input may follow, such as its outcome

    >>> chance = np.random.default_rng(1)
    >>> said, time = chance.random(2_000), np.arange(2_000) * 1_000_000
    >>> price = np.concatenate([[0.5], said[:-1] * 3 + chance.normal(0, 0.1, 1_999)])
    >>> found = strongest_echo({"price": price}, said, time, {"all": np.zeros(2_000, dtype=np.int64)})["price"]
    >>> found.how, found.share > 0.9, round(found.slope)
    ('last', True, 3)
    """
    best: dict[str, Echo] = {}
    for name, values in columns.items():
        copied = _copies(values, answers, moments)
        if copied is not None:
            best[name] = copied
    for group, numbers in groups.items():
        rows, before = _before(numbers, moments)
        if rows.size < MIN_ROWS:
            continue
        explained = _explaining([*columns.values(), *(known or {}).values()], before)
        said = dict(_said(numbers, moments, answers, rows, before))
        left = {how: _residual(given, explained) for how, given in said.items()}
        for name, values in columns.items():
            slope = max(
                *(_slope(values[rows], given) for given in said.values()), _between(values, answers, numbers)
            )[1]
            for echo in _echoes(values[rows], explained, left, group, slope):
                if name not in best or (echo.follows, echo.share) > (best[name].follows, best[name].share):
                    best[name] = echo
    return best


def _copies(values: Floats, answers: Floats, moments: Ints) -> Echo | None:
    """How many values are answers that were given earlier."""
    there = np.isfinite(values)
    rounded, said = np.round(values[there], 9), np.round(answers, 9)
    if there.sum() < MIN_ROWS or np.unique(rounded).size < DISTINCT:
        return None
    kinds, first = np.unique(said, return_index=True)  # of equal answers the first in time
    long = np.round(kinds, DIGITS) != kinds
    kinds, first = kinds[long], first[long]
    if not kinds.size:
        return None
    at = np.minimum(np.searchsorted(kinds, rounded), kinds.size - 1)
    copied = (kinds[at] == rounded) & (moments[first[at]] < moments[there])
    share = float(copied.mean()) if np.unique(at[copied]).size >= SEVERAL else 0.0
    return Echo("copy", "", share, 1.0, int(there.sum()))


def _before(numbers: Ints, moments: Ints) -> tuple[Ints, Ints]:
    """Rows that have an earlier row of their group, and the last such row of each; shape (k,) each."""
    order = np.lexsort((moments, numbers))
    group, time = numbers[order], moments[order]
    place = np.arange(order.size)
    new_group = np.diff(group, prepend=-1) != 0
    new_moment = (np.diff(time, prepend=-1) != 0) | new_group
    moment_start = np.maximum.accumulate(np.where(new_moment, place, 0))
    group_start = np.maximum.accumulate(np.where(new_group, place, 0))
    has = moment_start > group_start
    rows, before = order[has], order[moment_start[has] - 1]
    by_time = np.argsort(rows, kind="stable")
    return rows[by_time], before[by_time]


def _said(
    numbers: Ints, moments: Ints, answers: Floats, rows: Ints, before: Ints
) -> Iterator[tuple[str, Floats]]:
    """What the group had been told before each of `rows`, in the ways in which a feature may be made of it."""
    yield "last", answers[before]
    order = np.lexsort((moments, numbers))
    place = np.empty_like(order)
    place[order] = np.arange(order.size)
    total = np.concatenate([[0.0], np.cumsum(answers[order])])
    at = place[before]
    start = np.searchsorted(numbers[order], numbers[rows])
    if np.unique(numbers[rows]).size >= GROUPS:
        yield "mean", (total[at + 1] - total[start]) / (at + 1 - start)
    day = moments // DAY_MICROS
    days = numbers * (int(day.max()) + 2) + day  # ascending in the order of groups and time
    today = days[rows]
    end = np.searchsorted(days[order], today)
    earlier = end > start
    last_day = days[order][np.maximum(end - 1, 0)]
    begin = np.maximum(np.searchsorted(days[order], last_day), start)
    mean = (total[end] - total[begin]) / np.maximum(end - begin, 1)
    if earlier.sum() >= MIN_ROWS and np.unique(days[rows[earlier]]).size >= GROUP_DAYS:
        yield "day", np.where(earlier, mean, np.nan)


def _explaining(columns: list[Floats], before: Ints) -> Floats:
    """An orthonormal basis of what the inputs of the row before explain, shape (k, m)."""
    parts = [np.ones((before.size, 1))]
    for values in columns:
        lagged = values[before]
        there = np.isfinite(lagged)
        if not there.any():
            continue
        edges = np.unique(np.quantile(lagged[there], np.arange(1, BINS) / BINS))
        cell = np.where(there, 1 + np.searchsorted(edges, lagged, side="right"), 0)
        parts += [np.where(there, lagged, 0.0)[:, None], np.eye(edges.size + 2)[cell]]
    matrix = np.concatenate(parts, axis=1)
    matrix /= np.maximum(np.abs(matrix).max(axis=0), 1e-300)
    size, directions = np.linalg.eigh(matrix.T @ matrix)
    kept = size > size[-1] * 1e-12
    basis: Floats = matrix @ (directions[:, kept] / np.sqrt(size[kept]))
    return basis


def _residual(values: Floats, explained: Floats) -> Floats:
    """What the basis does not explain; NaN stays."""
    there = np.isfinite(values)
    filled = np.where(there, values, values[there].mean() if there.any() else 0.0)
    left: Floats = np.where(there, filled - explained @ (explained.T @ filled), np.nan)
    return left


def _echoes(
    values: Floats, explained: Floats, said: Mapping[str, Floats], group: str, slope: float
) -> Iterator[Echo]:
    left = _residual(values, explained)
    spread = float(np.nanvar(values)) if np.isfinite(values).any() else 0.0
    for how, answers in said.items():
        both = np.isfinite(left) & np.isfinite(answers)
        if both.sum() < MIN_ROWS:
            continue
        x, s = left[both] - left[both].mean(), answers[both] - answers[both].mean()
        if x @ x <= LEFT * spread * x.size or not s.any():
            continue
        share = min(float((x @ s) ** 2 / ((x @ x) * (s @ s))), 1.0)
        yield Echo(how, group, share, slope, x.size)


def _between(values: Floats, answers: Floats, numbers: Ints) -> tuple[float, float]:
    """As `_slope`, of the means of groups: what the values come to in the long run."""
    there = np.isfinite(values) & np.isfinite(answers)
    _, group = np.unique(numbers[there], return_inverse=True)
    rows = np.bincount(group)
    if rows.size < GROUPS:
        return 0.0, 0.0
    return _slope(
        *(np.repeat(np.bincount(group, weights=each[there]) / rows, rows) for each in (values, answers))
    )


def _slope(values: Floats, answers: Floats) -> tuple[float, float]:
    """How closely the values follow the answers, as a correlation, and by how much they rise with them."""
    both = np.isfinite(values) & np.isfinite(answers)
    if both.sum() < MIN_ROWS:
        return 0.0, 0.0
    s, x = answers[both] - answers[both].mean(), values[both] - values[both].mean()
    moved = float(s @ x)
    return (abs(moved) / float(np.sqrt((s @ s) * (x @ x))), moved / float(s @ s)) if moved else (0.0, 0.0)
