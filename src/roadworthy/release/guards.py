"""The hard guards: faults so gross that no statistics are needed, judged on the answers since an attempt began.

Not here: what happens then (`decision`), and slower questions such as calibration (monitoring). A guard must not
wait, so it needs few rows; and it may roll back by itself, so it fires only where no healthy model has ever been:
every answer the same, answers that are no numbers, a mean that is off by a factor.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

from roadworthy.verdict import Ruling, Verdict

Floats = npt.NDArray[np.float64]


class GuardLimits(msgspec.Struct, frozen=True):
    """When a hard guard fires.

    constant_rows      answers needed before p50 = p99 means anything
    invalid_rows       so many failed or non-finite answers are needed, and
    invalid_share      they must be more than this share of all
    mean_rows          answers needed before their mean is compared
    champion_factor    odds of the mean may differ from the champion's, on the same stretch of traffic, by this factor
    reference_factor   and from the reference's, whose days and hours differ, by this one
    """

    constant_rows: int = 30
    invalid_rows: int = 3
    invalid_share: float = 0.01
    mean_rows: int = 100
    champion_factor: float = 4.0
    reference_factor: float = 20.0


class Answers(msgspec.Struct, frozen=True, kw_only=True):
    """What the guards look at, of all answers of a version since its attempt began.

    given      answers with an output, whatever it was
    finite     those among them that are finite numbers
    errors     requests that ended in an exception and have no output
    total      sum of the finite answers
    constant   the one number that is both their median and their 99th percentile; None where these differ
    """

    given: int = 0
    finite: int = 0
    errors: int = 0
    total: float = 0.0
    constant: float | None = None

    @classmethod
    def of(cls, outputs: Floats, errors: int = 0) -> Answers:
        """Of outputs, float64 (n,), NaN and infinity included.

        >>> Answers.of(np.array([0.2, 0.2, np.nan])).constant
        0.2
        """
        finite = np.sort(outputs[np.isfinite(outputs)])
        median, last = (float(finite[rank]) for rank in ranks(len(finite))) if len(finite) else (0.0, 1.0)
        return cls(
            given=len(outputs), finite=len(finite), errors=errors, total=float(finite.sum()),
            constant=median if median == last else None,
        )  # fmt: skip

    @property
    def mean(self) -> float:
        """Of the finite answers; NaN without any."""
        return self.total / self.finite if self.finite else float("nan")


def ranks(n: int) -> tuple[int, int]:
    """Ranks, from 0, of the median and of the 99th percentile of n > 0 numbers: those that lie just below.

    >>> ranks(200), ranks(1)
    ((99, 197), (0, 0))
    """
    return (n - 1) // 2, 99 * (n - 1) // 100


class Expected(msgspec.Struct, frozen=True):
    """The mean answer to compare with, over how many rows, and whose it is."""

    mean: float
    rows: int
    whose: Literal["champion", "reference"]


DEFAULT_LIMITS = GuardLimits()


def hard_guards(
    answers: Answers,
    *,
    expected: Sequence[Expected] = (),
    subject: str = "model",
    limits: GuardLimits = DEFAULT_LIMITS,
) -> list[Verdict]:
    """One verdict each on constant output, failed answers and the mean, from all answers since the attempt began.

    answers    probabilities; NaN and infinity count as failed answers
    expected   means to compare with; those of fewer than `mean_rows` rows are not used
    """
    return [
        constant_output(answers, subject, limits),
        invalid_output(answers, subject, limits),
        *(mean_off(answers, other, subject, limits) for other in expected),
    ]


def constant_output(answers: Answers, subject: str, limits: GuardLimits = DEFAULT_LIMITS) -> Verdict:
    """Fails when the median and the 99th percentile of the finite answers are the same number."""
    n = answers.finite
    if n < limits.constant_rows:
        return _waiting("constant_output", subject, n, limits.constant_rows)
    if answers.constant is None:
        return _verdict("constant_output", subject, "pass", f"p50 < p99 (n={n:,})", None, "> 0", n)
    reason = f"p50 {answers.constant:.6g} = p99 {answers.constant:.6g} (n={n:,})"
    return _verdict("constant_output", subject, "fail", reason, 0.0, "> 0", n)


def invalid_output(answers: Answers, subject: str, limits: GuardLimits = DEFAULT_LIMITS) -> Verdict:
    """Fails when too many requests ended in an exception, NaN or infinity. One bad row among many does not."""
    invalid, errors = answers.given - answers.finite, answers.errors
    n, bad = answers.given + errors, invalid + errors
    if n < limits.invalid_rows:
        return _waiting("invalid_output", subject, n, limits.invalid_rows)
    share = bad / n
    gone = bad >= limits.invalid_rows and share > limits.invalid_share
    reason = f"{bad:,} of {n:,} answers failed ({invalid:,} not finite, {errors:,} exceptions)"
    limit = f"<= {limits.invalid_share:g}"
    return _verdict("invalid_output", subject, "fail" if gone else "pass", reason, share, limit, n)


def mean_off(
    answers: Answers, expected: Expected, subject: str, limits: GuardLimits = DEFAULT_LIMITS
) -> Verdict:
    """Fails when the odds of the mean answer are further than a factor from the expected odds, in either direction.

    Odds, so that 0.3 → 0.97 is as far as 0.03 → 0.003. A mean outside [0, 1] is infinitely far.
    """
    n = min(answers.finite, expected.rows)
    if n < limits.mean_rows:
        return _waiting("mean_output", subject, n, limits.mean_rows)
    factor = limits.champion_factor if expected.whose == "champion" else limits.reference_factor
    mean = answers.mean
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = float(abs(np.log(_odds(mean)) - np.log(_odds(expected.mean))))
    measured = float(np.exp(min(np.inf if np.isnan(ratio) else ratio, 50.0)))
    gone = measured > factor
    reason = (
        f"mean answer {mean:.4g} against the {expected.whose}'s {expected.mean:.4g}: odds differ by a factor of "
        f"{measured:.3g}, {'more' if gone else 'not more'} than {factor:g} (n={n:,})"
    )
    return _verdict("mean_output", subject, "fail" if gone else "pass", reason, measured, f"<= {factor:g}", n)


def _odds(mean: float) -> np.float64:
    inside = np.float64(mean)
    return inside / (1.0 - inside) if 0.0 <= mean <= 1.0 else np.float64(np.nan)


def _waiting(check: str, subject: str, n: int, needed: int) -> Verdict:
    reason = f"{check} needs {needed} rows, got {n}"
    return Verdict(check=check, subject=subject, ruling="insufficient", reason=reason, n=n)


def _verdict(
    check: str, subject: str, ruling: Ruling, reason: str, measured: float | None, limit: str, n: int
) -> Verdict:
    return Verdict(
        check=check, subject=subject, ruling=ruling, reason=reason, measured=measured, limit=limit, n=n
    )
