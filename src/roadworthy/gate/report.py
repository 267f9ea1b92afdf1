"""The gate's report as data: everything a page or a terminal shows, stored as JSON with the version.

Not here: how it looks (`terminal`, `page`). A report of years ago reads without the code of its checks, because their
questions are in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
import numpy as np

from roadworthy.errors import TooFewSamples
from roadworthy.gate.catalogue import CHECKS, GROUP_OF
from roadworthy.gate.check import Check
from roadworthy.gate.decision import GateDecision, Override, decide
from roadworthy.gate.evidence import Evidence, Floats, Holdout
from roadworthy.stats.resampling import METRICS, Interval, Metric, metric_intervals, paired_intervals
from roadworthy.verdict import Verdict

REPORT_FORMAT = 1


class CheckNote(msgspec.Struct, frozen=True, kw_only=True):
    """What a check asked when this report was made.

    group   what it asks about, such as `data`; "" in a report of before there were groups
    """

    name: str
    required: bool
    question: str
    remedy: str
    group: str = ""


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """A number with its interval over resampled days."""

    value: float
    low: float
    high: float


class MetricRow(msgspec.Struct, frozen=True, kw_only=True):
    """One metric of everyone on the same rows; None for who is not there.

    difference  candidate minus champion, with its paired interval
    """

    metric: str
    candidate: Measured | None = None
    champion: Measured | None = None
    baseline: Measured | None = None
    difference: Measured | None = None


class DataNote(msgspec.Struct, frozen=True, kw_only=True):
    """What was judged on, and what was trained on."""

    rows: int
    days: int
    rate: float
    asked_from: datetime
    asked_until: datetime
    trained_rows: int | None = None
    trained_until: datetime | None = None


class GateReport(msgspec.Struct, frozen=True, kw_only=True):
    """One run of the gate on one version.

    champion_version   the other version it was compared with; None where there was none
    serves_since       event time since which the version is itself the champion; None where it is not
    """

    format: int = REPORT_FORMAT
    model: str
    version: int
    champion_version: int | None
    serves_since: datetime | None = None
    judged_at: datetime
    decision: GateDecision
    verdicts: tuple[Verdict, ...]
    checks: tuple[CheckNote, ...]
    metrics: tuple[MetricRow, ...] = ()
    data: DataNote | None = None

    @property
    def subject(self) -> str:
        """What was judged, such as `flight-delay@2`."""
        return f"{self.model}@{self.version}"

    def to_json(self) -> bytes:
        """The report as JSON; `from_json` reads it."""
        return msgspec.json.encode(self)

    @classmethod
    def from_json(cls, content: bytes | str) -> GateReport:
        """The report that `to_json` wrote; msgspec.ValidationError names the path of what does not fit."""
        return msgspec.json.decode(content, type=cls)

    def overridden(self, override: Override) -> GateReport:
        """The same report after a person let the version advance nevertheless."""
        decision = msgspec.structs.replace(self.decision, override=override)
        return msgspec.structs.replace(self, decision=decision)

    def note(self, check: str) -> CheckNote:
        """What the check of that name asked."""
        return next(note for note in self.checks if note.name == check)


def judge(evidence: Evidence, at: datetime, checks: Sequence[Check] = CHECKS) -> GateReport:
    """Run the whole gate on evidence; pure, the same evidence gives the same report.

    evidence  what a job measured
    at        when the gate is run; only noted
    checks    those to run; the catalogue unless told otherwise
    """
    verdicts = tuple(verdict for check in checks for verdict in check.judge(evidence))
    return GateReport(
        model=evidence.model,
        version=evidence.version,
        champion_version=evidence.champion_version,
        serves_since=evidence.serves_since,
        judged_at=at,
        decision=decide(verdicts, {check.name for check in checks if check.required}),
        verdicts=verdicts,
        checks=tuple(
            CheckNote(
                name=check.name,
                required=check.required,
                question=check.question,
                remedy=check.remedy,
                group=GROUP_OF.get(check.name, ""),
            )
            for check in checks
        ),
        metrics=_metric_rows(evidence),
        data=_data_note(evidence),
    )


def _metric_rows(evidence: Evidence) -> tuple[MetricRow, ...]:
    data = evidence.holdout
    if data is None:
        return ()
    who = {"candidate": data.candidate, "champion": data.champion, "baseline": data.baseline}
    columns = {name: _intervals(scores, data, evidence) for name, scores in who.items()}
    columns["difference"] = _differences(data, evidence)
    return tuple(
        MetricRow(metric=metric, **{name: column.get(metric) for name, column in columns.items()})
        for metric in METRICS
        if any(metric in column for column in columns.values())
    )


def _intervals(scores: Floats | None, data: Holdout, evidence: Evidence) -> dict[Metric, Measured]:
    if scores is None:
        return {}
    try:
        return _measured(
            metric_intervals(scores, data.labels, data.days, evidence.chance(), weights=data.weights)
        )
    except (TooFewSamples, ValueError):
        return {}  # the checks say why; a table has nothing to show


def _differences(data: Holdout, evidence: Evidence) -> dict[Metric, Measured]:
    if data.champion is None:
        return {}
    try:
        return _measured(
            paired_intervals(
                data.candidate, data.champion, data.labels, data.days, evidence.chance(), weights=data.weights
            )
        )
    except (TooFewSamples, ValueError):
        return {}  # as above


def _measured(intervals: Mapping[Metric, Interval]) -> dict[Metric, Measured]:
    return {
        name: Measured(value=found.value, low=found.low, high=found.high) for name, found in intervals.items()
    }


def _data_note(evidence: Evidence) -> DataNote | None:
    data, training = evidence.holdout, evidence.training
    if data is None or data.n == 0:
        return None
    return DataNote(
        rows=data.n,
        days=np.unique(data.days).size,
        rate=float(np.average(data.labels, weights=data.weights)),
        asked_from=data.asked_from,
        asked_until=data.asked_until,
        trained_rows=None if training is None else training.rows,
        trained_until=None if training is None else training.until,
    )
