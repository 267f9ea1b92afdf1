"""What serving was meant to reach, held to what was measured.

Not here: measuring. An aim that was not measured in this run is left out, never met.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from bench.results import Aim
from bench.serve_figures import ROADWORTHY, Measured

if TYPE_CHECKING:
    from bench.serve_report import Report

SHARES = ((16, 0.40), (64, 0.55))
LATENCY_RATE, LATENCY_MS = 1_000, 3.0
LOGGING_SHARE = 0.10

#: Work that is added cannot give time back: a share below this says only that the machine was busy.
NOISE = -0.01
READY_SECONDS = 3.0
WORKER_MEGABYTES = 100.0
FASTAPI_TIMES, PEER_TIMES = 3.0, 5.0

#: How long the clients of the overload say that they wait.
DEADLINE_MS = 50

#: Below this a line of memory is flat: an allocator's own movements are larger.
FLAT_MEGABYTES = 2.0


def judged(report: Report) -> list[Aim]:
    """Every aim that this run says something about."""
    own = report.measured.get(ROADWORTHY)
    if own is None:
        return []
    return [
        *_speed(own),
        *_latency(report, own),
        *_peers(report, own),
        *_cost(report, own),
        *_care(report, own),
    ]


def _speed(own: Measured) -> list[Aim]:
    found = []
    for connections, goal in SHARES:
        cell = own.closed[connections]
        found.append(
            Aim(
                f"share of the raw echo, {connections} connections",
                f">= {goal:.0%}",
                f"{cell.share:.1%} ({cell.rate:,.0f} of {cell.echo_rate:,.0f} req/s)",
                cell.share >= goal,
            )
        )
    return found


def _latency(report: Report, own: Measured) -> list[Aim]:
    bare = report.calls["encode + predict, Roadworthy"]["p99_us"] / 1e3
    seen = own.open.get(LATENCY_RATE)
    if seen is None:
        return []
    over = seen.p99 - bare
    return [
        Aim(
            f"p99 at {LATENCY_RATE:,} req/s open loop over that of the bare call",
            f"<= {LATENCY_MS:g} ms",
            f"{over:.2f} ms ({seen.p99:.2f} against {bare:.2f})",
            over <= LATENCY_MS,
        )
    ]


def _peers(report: Report, own: Measured) -> list[Aim]:
    """Ratios of the shares of the echo measured beside each, so that a busy minute of the machine cancels out."""
    found = []
    for peer in report.measured.values():
        if peer.kind != "peer":
            continue
        goal = FASTAPI_TIMES if peer.name.startswith("FastAPI") else PEER_TIMES
        times = {n: own.closed[n].share / peer.closed[n].share for n in (16, 64)}
        text = " and ".join(f"{value:.1f} at {n}" for n, value in times.items())
        found.append(Aim(f"times {peer.name}", f">= {goal:g} (expected)", text, min(times.values()) >= goal))
    return found


def _cost(report: Report, own: Measured) -> list[Aim]:
    found = [
        Aim(
            f"logging, of the worker's processor time, {connections} connections",
            f"< {LOGGING_SHARE:.0%}",
            f"{cost.processor:.1%} ({cost.microseconds:.1f} µs a request)"
            + ("" if cost.processor > NOISE else ": too noisy to tell"),
            NOISE < cost.processor < LOGGING_SHARE,
        )
        for connections, cost in report.logging_cost.items()
        if connections != 1
    ]
    ready = own.ready_seconds
    found.append(
        Aim(
            "from start to the first answer",
            f"< {READY_SECONDS:g} s",
            f"{ready:.2f} s",
            ready < READY_SECONDS,
        )
    )
    two = report.measured.get(f"{ROADWORTHY}, 2 workers")
    if two is not None:
        more = two.pss_worker_megabytes - own.pss_worker_megabytes
        found.append(
            Aim(
                "PSS of a second worker",
                f"< {WORKER_MEGABYTES:g} MB",
                f"{more:.0f} MB",
                more < WORKER_MEGABYTES,
            )
        )
    if report.memory is not None:
        grown = report.memory.growth_megabytes
        found.append(
            Aim(
                f"memory of the worker over {report.memory.predictions[-1]:,} predictions",
                f"flat (< {FLAT_MEGABYTES:g} MB)",
                f"{grown:+.1f} MB after the first quarter",
                grown < FLAT_MEGABYTES,
            )
        )
    return found


def _care(report: Report, own: Measured) -> list[Aim]:
    found = []
    if own.overload:
        calm, flooded = own.overload["half"], own.overload["three times, deadline"]
        found += [
            Aim(
                f"p99 of accepted requests at three times the sustainable rate, clients that wait {DEADLINE_MS} ms",
                f"<= {DEADLINE_MS} ms",
                f"{flooded.sent_p99:.1f} ms ({calm.sent_p99:.1f} at half of it)",
                0 < flooded.sent_p99 <= DEADLINE_MS,
            ),
            _refusals(own),
        ]
    checks = [(found.name, found.log) for found in report.measured.values() if found.log is not None]
    if report.memory is not None:
        checks.append(("soak", report.memory.log))
    rows = sum(check.rows for _, check in checks)
    wrong = [name for name, check in checks if not check.right]
    found.append(
        Aim(
            "every answer stands in the log exactly once",
            "all runs",
            f"not in {', '.join(wrong)}" if wrong else f"{rows:,} rows in {len(checks)} runs",
            not wrong,
        )
    )
    return found


def _refusals(own: Measured) -> Aim:
    """Everybody is answered or told to come back; who finds no free connection has not asked."""
    counts: Counter[str] = Counter()
    for name, seen in own.overload.items():
        if name != "half":
            counts.update(seen.statuses)
    refused = {status: counts.pop(status, 0) for status in ("429", "503", "504")}
    answered = counts.pop("200", 0)
    told = ", ".join(f"{n:,} times {status}" for status, n in refused.items())
    return Aim(
        "answers at three times the sustainable rate",
        "200, 429, 503, 504",
        f"{answered:,} times 200, {told}" + (f"; also {dict(counts)}" if counts else ""),
        not counts,
    )
