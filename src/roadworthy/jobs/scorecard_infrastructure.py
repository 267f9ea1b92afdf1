"""The seven tests of the infrastructure. Not here: how they are scored."""

from __future__ import annotations

from roadworthy.jobs.scorecard_found import Found
from roadworthy.jobs.scorecard_test import Evidence, Test, full, gate_again, half, none, reasons


def _reproducible(found: Found) -> Evidence:
    if found.passed("reproducible"):
        return full(*reasons(found, "reproducible"))
    return none("training twice on a sample gave no equal digests that the gate passed", gate_again(found))


def _unit_tested(found: Found) -> Evidence:
    if found.passed("weights", "learned"):
        return full(*reasons(found, "weights", "learned"))
    partly = [check for check in ("weights", "learned") if found.passed(check)]
    if partly:
        missing = "both that training touched every parameter (`weights`) and that it learned (`learned`)"
        return half(reasons(found, *partly)[0], missing, gate_again(found))
    return none("that training touched every parameter, and that it learned", gate_again(found))


def _integration(found: Found) -> Evidence:
    drill = "roadworthy drill FILE --json > drills.json, then roadworthy scorecard --drills drills.json"
    if found.rehearsal and found.rehearsal.done:
        done, caught = found.rehearsal.done, found.rehearsal.caught
        told = f"{done} faults were injected into a copy, from its data to its answers; {caught} were caught in time"
        return full(told) if caught == done else half(told, "every fault caught in time", drill)
    if found.passed("goldens"):
        return half(
            reasons(found, "goldens")[0], "the whole way from ingest to live answers, on purpose", drill
        )
    return none("the whole way from ingest to live answers was not tested", drill)


def _validated(found: Found) -> Evidence:
    if not found.answers:
        return none("no version answers", f"roadworthy release {found.reference} --promote")
    if forced := found.did("override", version=found.row.version):
        return none(
            f"it was released past the gate by {forced[-1].actor}: {forced[-1].reason}", gate_again(found)
        )
    if found.gate is not None and found.gate.decision.ruling == "pass":
        required = sum(note.required for note in found.gate.checks)
        return full(f"the gate passed it by {required} required checks on {found.gate.judged_at:%Y-%m-%d}")
    return none("the gate has not passed the version that answers", gate_again(found))


def _debuggable(found: Found) -> Evidence:
    if not found.logged:
        return none("no prediction is in the log that could be followed", "roadworthy serve")
    return full(
        f"{len(found.logged):,} days of predictions are logged with raw and encoded inputs; `trace` follows each to "
        "its version, its run and its training rows"
    )


def _canaried(found: Found) -> Evidence:
    version = found.row.version
    if tried := found.did("canary", version=version):
        return full(f"it was a canary since {tried[-1].event_time:%Y-%m-%d}")
    command = f"roadworthy release {found.row.model}@NEXT --canary 5%"
    if seen := found.did("shadow", version=version):
        return half(
            f"it was a shadow since {seen[-1].event_time:%Y-%m-%d}",
            "answering a share of the units first",
            command,
        )
    return none("the version that answers was never a canary", command)


def _rolled_back(found: Found) -> Evidence:
    command = f'roadworthy rollback {found.row.model} --reason "the reason"'
    if done := found.did("rollback"):
        return full(f"a version was rolled back on {done[-1].event_time:%Y-%m-%d}: {done[-1].reason}")
    if found.standby is not None:
        told = f"version {found.standby} is loaded and checked as standby"
        return half(told, "a rollback that was done once, as a rehearsal", command)
    return none("no version stands by to return to", f"roadworthy release {found.row.model}@NEXT --promote")


TESTS = (
    Test("infrastructure-1", "Training is reproducible.", _reproducible),
    Test("infrastructure-2", "Model specs are unit tested.", _unit_tested),
    Test("infrastructure-3", "The ML pipeline is integration tested.", _integration),
    Test("infrastructure-4", "Model quality is validated before serving.", _validated),
    Test("infrastructure-5", "The model is debuggable.", _debuggable),
    Test("infrastructure-6", "Models are canaried before serving.", _canaried),
    Test("infrastructure-7", "Serving models can be rolled back.", _rolled_back),
)
