"""The seven tests of monitoring. Not here: how they are scored."""

from __future__ import annotations

from roadworthy.jobs.scorecard_found import Found
from roadworthy.jobs.scorecard_test import Evidence, Test, full, gate_again, half, none, reasons, watched


def _dependencies(found: Found) -> Evidence:
    if found.passed("reproducible"):
        told = (
            f"libraries of training and serving are compared at the gate: {reasons(found, 'reproducible')[0]}"
        )
        return half(told, "who is told of changes in the sources of data cannot be seen here")
    return none("nobody is told when a library or a source of data changes", gate_again(found))


def _invariants(found: Found) -> Evidence:
    missing = "no monitor judged the shares of missing and unknown inputs"
    return watched(found, missing, "missing", "unknown", "volume", "input_distance")


def _skew(found: Found) -> Evidence:
    live = watched(found, "", "encoding_parity", "source_parity")
    if live.points == 1.0:
        return full(*live.found, *reasons(found, "served_like_trained"))
    missing = "logged rows encoded and joined again, day by day (monitors encoding_parity and source_parity)"
    command = f"roadworthy monitor {found.row.model}"
    if live.points:
        return live
    if found.passed("served_like_trained"):
        return half(reasons(found, "served_like_trained")[0], missing, command)
    return none(missing, command)


def _stale(found: Found) -> Evidence:
    return none(
        "nothing here says how old a model may be and alarms when it is older; a person may vouch for it",
        f'roadworthy scorecard {found.row.model} --attest monitoring-4 --reason "the reason"',
    )


def _stable(found: Found) -> Evidence:
    live = watched(found, "no monitor judged the share of answers that are no numbers", "missing")
    if live.points == 1.0:
        return full(*live.found, *reasons(found, "weights"))
    if live.points:
        return live
    if found.passed("weights"):
        return half(reasons(found, "weights")[0], live.missing, live.command)
    return live


def _performance(found: Found) -> Evidence:
    missing = "latency and memory beside the champion or a fixed old version, in one run"
    beside = found.part("infrastructure", "champion", "reference")
    if beside and found.passed("infrastructure"):
        return full(beside)
    if found.passed("infrastructure"):
        return half(reasons(found, "infrastructure")[0], missing, "roadworthy train FILE, then gate it")
    return none(missing, gate_again(found))


def _quality(found: Found) -> Evidence:
    missing = "no monitor judged live quality by outcomes"
    return watched(found, missing, "performance", "calibration", "calibration_error")


TESTS = (
    Test("monitoring-1", "Dependency changes result in notification.", _dependencies),
    Test("monitoring-2", "Data invariants hold for inputs.", _invariants),
    Test("monitoring-3", "Training and serving are not skewed.", _skew),
    Test("monitoring-4", "Models are not too stale.", _stale),
    Test("monitoring-5", "Models are numerically stable.", _stable),
    Test("monitoring-6", "Computing performance has not regressed.", _performance),
    Test("monitoring-7", "Prediction quality has not regressed.", _quality),
)
