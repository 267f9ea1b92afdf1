"""How far a healthy daily number wanders: a threshold learned from the reference's own days.

Not here: what the number is. Every check that watches a daily series (a gap, a share, a distance) asks this module.

Days differ, and bad weather lasts: the error of a week is not the binomial error of its rows. So the series is
described by its between-day variance and its autocorrelation, and one year of healthy days is drawn many times over
from that description, each time together with a reference period as short as the real one, from which mean and
spread are estimated again. The threshold is what the highest score of such a year exceeds as often as the budget
allows. So daily looking, overlapping windows, few reference days and skewed days are all paid for.

The autoregression is short, so slow swings escape it; means of fortnights see them but are few. The long-run
variance is the geometric mean of both where the fortnights show more.

Innovations are drawn from the reference's own residuals; beyond their outer tenths, where the days run out, from a
generalised Pareto tail. Rare quantiles of the yearly maximum come from a generalised extreme value distribution.

Bühlmann (1997), Bernoulli 3(2), sieve bootstrap; Pickands (1975), Annals of Statistics 3(1), tails;
Hosking (1990), Journal of the Royal Statistical Society B 52(1), L-moments.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.special import gamma as _gamma
from scipy.special import ndtri

Floats = npt.NDArray[np.float64]
Side = Literal["both", "above", "below"]

YEAR = 365
YEARS = 480
BLOCK = 14
WARM_UP = 60
HIGHEST_ORDER = 8
MEMORIES = 12
STEPS = 100
TAIL = 0.10
GRID = 4_096
LEAST_REFERENCE_DAYS = 28
#: Above this share of a window's days there is enough of it to judge.
ENOUGH = 0.5
#: Standard errors of sampling beyond which chance is out of the question.
CERTAIN = 5.0
SEED = 20_130_701


@dataclass(frozen=True, slots=True)
class Series:
    """A daily number and the sampling variance it would have in a world where every day is the same.

    days       days since 1970, ascending, shape (n,)
    value      shape (n,), finite
    variance   shape (n,), above 0; what few rows alone make the value vary by
    """

    days: npt.NDArray[np.int64]
    value: Floats
    variance: Floats

    def until(self, day: int, window: int) -> Series:
        """The days of the trailing window that ends with `day`."""
        inside = (self.days > day - window) & (self.days <= day)
        return Series(self.days[inside], self.value[inside], self.variance[inside])


@dataclass(frozen=True, slots=True)
class Score:
    """One window compared with the reference.

    window          days in the window; `days` of them hold a value
    mean            weighted mean of the value over the window
    usual           mean of the reference
    low, high       the reference's own windows stay within; infinite where the side is not watched
    beyond          |distance from the reference's mean| over the allowed one: above 1 the threshold is crossed
    """

    window: int
    days: int
    mean: float
    usual: float
    low: float
    high: float
    beyond: float


@dataclass(frozen=True, slots=True)
class Null:
    """What healthy looks like for one series.

    mean, between   mean of the reference days; variance between days beyond sampling
    limits          per window length: how far its mean may be from `mean`, in standard errors of that many
                    independent days, before a healthy year would get there less often than the budget allows
    side            which deviations count
    days            reference days learned from
    inflation       long-run variance over day-to-day variance: above 1 where bad days come together
    cap             a deviation beyond this counts, however far out the threshold was extrapolated
    """

    mean: float
    between: float
    limits: tuple[tuple[int, float], ...]
    side: Side
    days: int
    inflation: float
    cap: float = np.inf

    def score(self, series: Series, day: int) -> list[Score]:
        """Each window that ends with `day` and has enough days, shortest first."""
        scores = []
        for window, limit in self.limits:
            held = series.until(day, window)
            if held.days.size < max(1.0, ENOUGH * window):
                continue
            weight = 1.0 / (self.between + held.variance)
            mean = float(weight @ held.value / weight.sum())
            chance = CERTAIN / float(np.sqrt((1.0 / held.variance).sum()))
            allowed = min(limit / float(np.sqrt(weight.sum())), self.cap + chance)
            away = mean - self.mean
            signed = {"both": abs(away), "above": away, "below": -away}[self.side]
            low = -np.inf if self.side == "above" else self.mean - allowed
            high = np.inf if self.side == "below" else self.mean + allowed
            scores.append(
                Score(window, held.days.size, mean, self.mean, float(low), float(high), signed / allowed)
            )
        return scores


def learn(
    series: Series, *, windows: tuple[int, ...], side: Side, per_year: float, cap: float = np.inf
) -> Null | None:
    """What healthy looks like, from a reference's series; None when it has too few days to say.

    windows    trailing windows in days, looked at every day
    side       which deviations count: both, above or below
    per_year   how often a healthy year is expected to cross the thresholds of all windows together
    cap        a deviation of which no person would ask for a threshold, in units of the value

    A series of constants is given the sampling variance: never seen is not the same as impossible.
    """
    if series.days.size < LEAST_REFERENCE_DAYS:
        return None
    mean, between = _moments(series)
    unit = (series.value - mean) / np.sqrt(between + series.variance)
    if unit.std() < 0.5:  # less than sampling allows for: the bound on the variance decides, not the days
        limits = _plain(series.days.size, windows, side, per_year)
        return Null(mean, between, limits, side, series.days.size, 1.0, cap)
    unit = (unit - unit.mean()) / unit.std()
    coefficients = autoregression(unit)
    surprises = np.convolve(np.concatenate([[1.0], -coefficients]), unit)[: unit.size]
    residuals = surprises[len(coefficients) :]
    draws = _innovations(residuals, WARM_UP + unit.size + YEAR)
    fitted = max(float(residuals.var() / (1.0 - coefficients.sum()) ** 2), 1.0)
    long_run = float(np.sqrt(fitted * max(fitted, _fortnights(unit))))
    more = _memory(long_run) - _memory(fitted)
    worlds = _worlds(coefficients, draws, unit.size, more)[:, WARM_UP:]
    limits = _limits(worlds, unit.size, windows, side, per_year)
    return Null(mean, between, limits, side, series.days.size, long_run, cap)


def autoregression(unit: Floats) -> Floats:
    """Coefficients of the autoregressive model of a centred series, by Yule and Walker, order by BIC; shape (order,).

    >>> autoregression(np.tile([1.0, -1.0], 50)).round(1).tolist()[0]
    -1.0
    """
    n = unit.size
    most = min(HIGHEST_ORDER, n // 10)
    moments = np.array([unit[lag:] @ unit[: n - lag] for lag in range(most + 1)]) / n
    best, coefficients, error = np.zeros(0), np.zeros(0), float(moments[0])
    lowest = n * np.log(error)
    for order in range(1, most + 1):  # Levinson and Durbin
        partial = (moments[order] - coefficients @ moments[order - 1 : 0 : -1]) / error
        coefficients = np.concatenate([coefficients - partial * coefficients[::-1], [partial]])
        error *= 1.0 - partial**2
        if error <= 1e-12:
            return coefficients
        criterion = n * np.log(error) + order * np.log(n)
        if criterion < lowest:
            lowest, best = criterion, coefficients
    return best


def _fortnights(unit: Floats) -> float:
    """Long-run variance from means of 14 days: it sees the slow part that an autoregression of few lags misses."""
    blocks = unit.size // BLOCK
    means = unit[: blocks * BLOCK].reshape(blocks, BLOCK).mean(axis=1)
    return BLOCK * float(means.var(ddof=1)) if blocks > 2 else 1.0


def _memory(long_run: float) -> float:
    """The memory of a first-order autoregression with this long-run over day-to-day variance."""
    return (long_run - 1.0) / (long_run + 1.0)


def _worlds(coefficients: Floats, draws: Floats, days: int, more: float) -> Floats:
    """Healthy worlds, each with the memory that a reference of `days` days leaves possible; shape of `draws`.

    more   memory to add to the fitted one, for the slow part that it missed

    The estimated memory is too short by about (1 + 4 memory) / days (Kendall 1954) and uncertain by
    sqrt((1 - memory^2) / days), so groups of worlds take it at evenly spaced quantiles of that.
    """
    memory = float(coefficients.sum())
    error = float(np.sqrt(max(1.0 - memory**2, 0.01) / days))
    quantiles = ndtri((np.arange(MEMORIES) + 0.5) / MEMORIES)
    longer = np.clip(memory + more + (1.0 + 4.0 * memory) / days + error * quantiles, -0.5, 0.97)
    changed = np.tile(coefficients if coefficients.size else np.zeros(1), (MEMORIES, 1))
    changed[:, 0] += longer - memory
    sizes = [len(group) for group in np.array_split(draws, MEMORIES)]
    return autoregressive(draws, np.repeat(changed, sizes, axis=0))


def autoregressive(draws: Floats, coefficients: Floats) -> Floats:
    """What every row becomes with a memory of its own: y[t] = draw[t] + sum of coefficient[lag] y[t - lag].

    draws          shape (n_rows, n_days)
    coefficients   shape (n_rows, order), of the day before first

    Day by day for all rows at once; `scipy.signal.lfilter` says the same to the bit, and costs a second to import.

    >>> autoregressive(np.array([[1.0, 0.0, 0.0], [1.0, 1.0, 1.0]]), np.array([[0.5], [0.0]])).tolist()
    [[1.0, 0.5, 0.25], [1.0, 1.0, 1.0]]
    """
    by_day, memory = np.array(draws.T, order="C"), np.array(coefficients.T, order="C")
    for day in range(1, len(by_day)):
        lags = min(day, len(memory))
        remembered = memory[lags - 1] * by_day[day - lags]
        for lag in range(lags - 1, 0, -1):
            remembered += memory[lag - 1] * by_day[day - lag]
        by_day[day] += remembered
    return np.array(by_day.T, order="C")


def _moments(series: Series) -> tuple[float, float]:
    """Mean and between-day variance: DerSimonian and Laird's moments, raised until no more than chance is left.

    Days of few rows may be hundreds of times less sure than others. Their average sampling variance may leave nothing
    between the sure days, all of which would look impossible; so the days divided by what they are expected to vary
    by have at most unit variance (Paule and Mandel 1982).
    """
    between = max(float(series.value.var(ddof=1) - series.variance.mean()), 0.0)
    for _ in range(STEPS):  # Newton's; the excess is convex and falls, so it is never overshot
        weight = 1.0 / (between + series.variance)
        mean = float(weight @ series.value / weight.sum())
        squared = (series.value - mean) ** 2
        excess = float(weight @ squared) - (series.days.size - 1)
        if excess <= 1e-6 * series.days.size:
            break
        between += excess / float(weight**2 @ squared)
    return mean, between


def _innovations(residuals: Floats, days: int) -> Floats:
    """Draws from the residuals' distribution, its outer tenths replaced by generalised Pareto tails; centred.

    returns shape (YEARS, days)
    """
    centred = np.sort(residuals - residuals.mean())
    chance = _chance(days)
    grid = (np.arange(GRID) + 0.5) / GRID
    draws: Floats = np.interp(grid, (np.arange(centred.size) + 0.5) / centred.size, centred)[chance.cell]
    flat = draws.reshape(-1)
    for sign, (where, log_left) in zip((-1.0, 1.0), chance.tails, strict=True):
        ordered = np.sort(sign * centred)
        edge = float(np.quantile(ordered, 1.0 - TAIL))
        shape, scale = _pareto(ordered[ordered > edge] - edge)
        beyond = scale * np.expm1(-shape * log_left) / shape if shape > 1e-6 else -scale * log_left
        flat[where] = sign * (edge + beyond)
    flat -= flat.mean()
    return draws


@dataclass(frozen=True, slots=True)
class _Chance:
    """The same chance for every series: cells of a grid of probabilities, and what lies in the two tails.

    cell    shape (YEARS, days), the probability drawn, as a cell of the grid
    tails   lower, upper: flat positions, and the log of the share of the tail that lies further out
    """

    cell: npt.NDArray[np.int64]
    tails: tuple[tuple[npt.NDArray[np.int64], Floats], ...]


@lru_cache(maxsize=4)
def _chance(days: int) -> _Chance:
    u = np.random.default_rng(SEED).random((YEARS, days))
    flat = u.reshape(-1)
    low, high = np.flatnonzero(flat < TAIL), np.flatnonzero(flat > 1.0 - TAIL)
    tiny = np.finfo(np.float64).tiny
    tails = (
        (low, np.log(np.maximum(flat[low], tiny) / TAIL)),
        (high, np.log(np.maximum(1.0 - flat[high], tiny) / TAIL)),
    )
    return _Chance((u * GRID).astype(np.int64), tails)


def _pareto(excess: Floats) -> tuple[float, float]:
    """Shape and scale of a generalised Pareto tail by L-moments.

    A shape from twenty values is mostly noise, so it is drawn half-way to 0.1 and kept in [0, 0.5]; at 0 the tail
    is exponential, already heavier than a normal one.
    """
    if excess.size < 5 or excess.mean() <= 0:
        return 0.0, float(max(excess.mean() if excess.size else 0.0, 1e-9))
    ordered = np.sort(excess)
    first = float(ordered.mean())
    second = float((np.arange(ordered.size) @ ordered) / (ordered.size * (ordered.size - 1)) * 2 - first)
    shape = float(np.clip((2.1 - first / second) / 2, 0.0, 0.5)) if second > 0 else 0.0
    return shape, first * (1.0 - shape)


@lru_cache(maxsize=256)
def _plain(days: int, windows: tuple[int, ...], side: Side, per_year: float) -> tuple[tuple[int, float], ...]:
    draws = np.random.default_rng(SEED).standard_normal((YEARS, days + YEAR))
    return _limits(draws, days, windows, side, per_year)


def _limits(
    worlds: Floats, days: int, windows: tuple[int, ...], side: Side, per_year: float
) -> tuple[tuple[int, float], ...]:
    """The limit of each window, from healthy worlds of a reference and a year each; the budget shared evenly."""
    past = worlds[:, :days]
    unit = (worlds - past.mean(axis=1, keepdims=True)) / past.std(axis=1, keepdims=True)
    total = np.cumsum(unit, axis=1)
    chance = -float(np.expm1(-per_year / len(windows)))  # of at least one, where so many are expected
    limits = []
    for window in windows:
        start = max(days, window)
        mean = (total[:, start:] - total[:, start - window : worlds.shape[1] - window]) / np.sqrt(window)
        watched = {"both": np.abs(mean), "above": mean, "below": -mean}[side]
        limits.append((window, rare_quantile(watched.max(axis=1), chance)))
    return tuple(limits)


def rare_quantile(highest: Floats, probability: float) -> float:
    """What a yearly maximum exceeds with `probability`, beyond what the drawn years reach where need be.

    highest   one maximum a year, shape (years,)

    Counted where at least 20 drawn years lie beyond, else from a generalised extreme value distribution fitted by
    L-moments, its tail never taken for bounded.
    """
    if probability * highest.size >= 20:
        return float(np.quantile(highest, 1.0 - probability))
    ordered, n = np.sort(highest), highest.size
    at = np.arange(n)
    b0 = ordered.mean()
    b1 = (at @ ordered) / (n * (n - 1))
    b2 = ((at * (at - 1)) @ ordered) / (n * (n - 1) * (n - 2))
    second, third = 2 * b1 - b0, 6 * b2 - 6 * b1 + b0
    c = 2.0 / (3.0 + third / second) - np.log(2) / np.log(3)
    k = float(np.clip(7.8590 * c + 2.9554 * c**2, -0.3, -1e-4))
    gamma = float(_gamma(1.0 + k))
    scale = second * k / ((1.0 - 2.0**-k) * gamma)
    location = b0 - scale * (1.0 - gamma) / k
    return float(location + scale / k * (1.0 - (-np.log1p(-probability)) ** k))
