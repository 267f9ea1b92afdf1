"""Telemetry series of a worker, and the Prometheus text merged over all workers of a node.

Not here: metrics of model quality; those are questions to the prediction log. Model names become labels only when they
stand in the plan, so a stranger cannot make series.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from roadworthy.durable import write_whole

#: Upper ends of the latency histogram, in seconds.
BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)

#: Series → (type, help). What is not here is not exported.
SERIES: Mapping[str, tuple[str, str]] = {
    "roadworthy_requests_total": ("counter", "Requests answered, by model (empty without one) and HTTP status."),
    "roadworthy_rows_total": ("counter", "Rows logged as predictions, by model, version, role and status."),
    "roadworthy_errors_total": ("counter", "Requests refused or failed, by kind."),
    "roadworthy_cache_hit_rows_total": ("counter", "Rows answered from the cache, by model and version."),
    "roadworthy_unlogged_rows_total": ("counter", "Predictions answered without a record, because the log was full."),
    "roadworthy_log_unwritable": ("gauge", "1 while a worker cannot write the prediction log."),
    "roadworthy_batches_total": ("counter", "Batches scored, by model; rows by batches is the mean size."),
    "roadworthy_shadow_shed_rows_total": ("counter", "Rows that shadows were not asked, because answers came late."),
    "roadworthy_cases_total": ("counter", "Cases for people, by model and event: opened, answered, no_room."),
    "roadworthy_outcomes_total": ("counter", "Outcomes accepted, by model."),
    "roadworthy_journal_rows_total": ("counter", "Records written to journals: predictions and outcomes."),
    "roadworthy_predict_seconds": ("histogram", "Time from a predict request being read to its answer, by model."),
    "roadworthy_worker_restarts_total": ("counter", "Workers replaced, by reason: died, hung, rolling."),
    "roadworthy_plan_number": ("gauge", "Number of the plan each worker answers by."),
    "roadworthy_worker_started_seconds": ("gauge", "Start of each worker in seconds since 1970."),
    "roadworthy_load_failures": ("gauge", "Versions that each worker was told to load and could not."),
    "roadworthy_plan_age_seconds": ("gauge", "Seconds since the control database last agreed with the local plan."),
}  # fmt: skip

#: Series name (with suffix) → labels as they are written → value.
Samples = dict[str, dict[str, float]]


class Telemetry:
    """Counts of one worker. Counters go on from `before`, so that a respawned worker does not set them back."""

    def __init__(self, before: Samples | None = None) -> None:
        self._before = before or {}
        self._requests: defaultdict[tuple[str, int], int] = defaultdict(int)
        self._rows: defaultdict[tuple[str, int, str, str], int] = defaultdict(int)
        self._errors: defaultdict[str, int] = defaultdict(int)
        self._outcomes: defaultdict[str, int] = defaultdict(int)
        self._batches: defaultdict[str, int] = defaultdict(int)
        self._hits: defaultdict[tuple[str, int], int] = defaultdict(int)
        self._cases: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._shadow_shed = 0
        self._unlogged = 0
        self._buckets: defaultdict[str, list[int]] = defaultdict(lambda: [0] * (len(BUCKETS) + 1))
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self.journal_rows = 0

    def request(self, model: str, status: int) -> None:
        """Count an answered request."""
        self._requests[model, status] += 1

    def latency(self, model: str, seconds: float) -> None:
        """Count how long a predict request took."""
        self._buckets[model][bisect_left(BUCKETS, seconds)] += 1
        self._seconds[model] += seconds

    def error(self, kind: str) -> None:
        """Count a refusal or failure."""
        self._errors[kind] += 1

    def rows(self, model: str, version: int, role: str, status: str, count: int) -> None:
        """Count rows that were logged as predictions."""
        self._rows[model, version, role, status] += count
        self.journal_rows += count

    def batch(self, model: str) -> None:
        """Count a batch."""
        self._batches[model] += 1

    def hits(self, model: str, version: int, rows: int) -> None:
        """Count rows that the cache answered."""
        self._hits[model, version] += rows

    def cases(self, model: str, event: Literal["opened", "answered", "no_room"], count: int) -> None:
        """Count cases for people."""
        self._cases[model, event] += count

    def unlogged(self, rows: int) -> None:
        """Count predictions that were answered without a record."""
        self._unlogged += rows

    def shadow_shed(self, rows: int) -> None:
        """Count rows that a shadow was not asked."""
        self._shadow_shed += rows

    def outcomes(self, model: str, count: int) -> None:
        """Count outcomes that were accepted."""
        self._outcomes[model] += count
        self.journal_rows += count

    def samples(self) -> Samples:
        """All counters as they are exported."""
        own: Samples = {
            "roadworthy_requests_total": {
                _labels(model=model, code=str(status)): count
                for (model, status), count in self._requests.items()
            },
            "roadworthy_rows_total": {
                _labels(model=model, version=str(version), role=role, status=status): count
                for (model, version, role, status), count in self._rows.items()
            },
            "roadworthy_errors_total": {_labels(kind=kind): count for kind, count in self._errors.items()},
            "roadworthy_cases_total": {
                _labels(model=model, event=event): count for (model, event), count in self._cases.items()
            },
            "roadworthy_outcomes_total": {
                _labels(model=model): count for model, count in self._outcomes.items()
            },
            "roadworthy_batches_total": {
                _labels(model=model): count for model, count in self._batches.items()
            },
            "roadworthy_cache_hit_rows_total": {
                _labels(model=model, version=str(version)): count
                for (model, version), count in self._hits.items()
            },
            "roadworthy_unlogged_rows_total": {"": self._unlogged} if self._unlogged else {},
            "roadworthy_shadow_shed_rows_total": {"": self._shadow_shed} if self._shadow_shed else {},
            "roadworthy_journal_rows_total": {"": self.journal_rows},
        }
        return merged([self._before, own, self._histogram()])

    def _histogram(self) -> Samples:
        counts: dict[str, float] = {}
        totals: dict[str, float] = {}
        for model, buckets in self._buckets.items():
            below = 0
            for end, count in zip((*map(str, BUCKETS), "+Inf"), buckets, strict=True):
                below += count
                counts[_labels(model=model, le=end)] = below
            totals[_labels(model=model)] = below
        name = "roadworthy_predict_seconds"
        sums = {_labels(model=model): seconds for model, seconds in self._seconds.items()}
        return {f"{name}_bucket": counts, f"{name}_sum": sums, f"{name}_count": totals}


def merged(parts: Iterable[Samples]) -> Samples:
    """Samples of several workers together: same name and labels add up.

    >>> merged([{"a": {"": 1}}, {"a": {"": 2, 'x="1"': 5}}])
    {'a': {'': 3, 'x="1"': 5}}
    """
    total: Samples = {}
    for samples in parts:
        for name, values in samples.items():
            series = total.setdefault(name, {})
            for labels, value in values.items():
                series[labels] = series.get(labels, 0) + value
    return total


def render(samples: Samples) -> bytes:
    """The Prometheus text format, version 0.0.4."""
    lines = []
    for name, (kind, text) in SERIES.items():
        lines += [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]
        names = [f"{name}_bucket", f"{name}_sum", f"{name}_count"] if kind == "histogram" else [name]
        for full in names:
            for labels, value in samples.get(full, {}).items():
                written = f"{full}{{{labels}}}" if labels else full
                lines.append(f"{written} {value!r}")
    return ("\n".join(lines) + "\n").encode()


def save(path: Path, samples: Samples) -> None:
    """Put the samples where the other workers of the node find them."""
    write_whole(path, msgspec.json.encode(samples))


def load(path: Path) -> Samples:
    """Samples that a worker saved; none when there are none that can be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Samples)
    except (OSError, msgspec.DecodeError):
        return {}


def counters(samples: Samples) -> Samples:
    """Only what keeps counting over a restart: no gauges.

    >>> counters({"roadworthy_plan_number": {"": 1.0}, "roadworthy_journal_rows_total": {"": 2.0}})
    {'roadworthy_journal_rows_total': {'': 2.0}}
    """
    gauges = {name for name, (kind, _) in SERIES.items() if kind == "gauge"}
    return {name: values for name, values in samples.items() if name not in gauges}


def gauge(value: float, **labels: str) -> dict[str, float]:
    """One value of a gauge.

    >>> gauge(3, worker="0")
    {'worker="0"': 3}
    """
    return {_labels(**labels): value}


def _labels(**labels: str) -> str:
    """Labels as the text format writes them; values are names, numbers and kinds, so nothing needs escaping."""
    return ",".join(f'{name}="{value}"' for name, value in labels.items())
