"""The seven tests of model development. Not here: how they are scored."""

from __future__ import annotations

from roadworthy.jobs.scorecard_found import Found
from roadworthy.jobs.scorecard_test import Evidence, Test, full, gate_again, half, judged, none, reasons


def _reviewed(found: Found) -> Evidence:
    if found.passed("approvals"):
        return half(reasons(found, "approvals")[0], "review and versions in a repository cannot be seen here")
    return none(
        "no owner approved this version; name owners who must: Model(owners=[...])",
        f'roadworthy approve {found.reference} --as OWNER --reason "the reason"',
    )


def _correlate(found: Found) -> Evidence:
    if not (seen := judged(found, "performance")):
        return none(
            "no monitor compared live quality with what training promised",
            f"roadworthy monitor {found.row.model}",
        )
    return half(seen, "whether better offline was better online, release by release, is not counted")


def _tuned(found: Found) -> Evidence:
    return none(
        "nothing here searches hyperparameters; a person may vouch for it",
        f'roadworthy scorecard {found.row.model} --attest model-3 --reason "the reason"',
    )


def _staleness(found: Found) -> Evidence:
    if not found.did("promote") or found.versions < 2:
        return none(
            "a retraining that was compared with an older version on the same later rows",
            "roadworthy train FILE",
        )
    # The champion itself has nobody to be compared with: that it once was the candidate is in its report of then.
    compared = [verdict for verdict in found.verdicts("champion") if verdict.n]
    if compared:
        return full(
            f"gate check champion compared it with an older version on the same rows: {compared[0].reason}"
        )
    return none(
        "this version was not compared with an older one at the gate", "roadworthy train FILE, then gate it"
    )


def _simpler(found: Found) -> Evidence:
    if not found.passed("better_than_baseline"):
        return none("a comparison with the trivial baseline", gate_again(found))
    if found.declared("heuristic") and found.passed("learned"):
        return full(*reasons(found, "better_than_baseline", "learned"))
    return half(
        reasons(found, "better_than_baseline")[0], "a simple rule that it must beat: Model(heuristic=...)",
        "roadworthy train FILE",
    )  # fmt: skip


def _slices(found: Found) -> Evidence:
    declare = "which slices are important, in Model(slices=[...]), found no worse than before"
    declared = found.declared("slices")
    if found.passed("slices") and declared:
        return full(f"slices are declared: {', '.join(declared)}", *reasons(found, "slices"))
    if found.passed("slices"):
        return half(reasons(found, "slices")[0], declare, "roadworthy train FILE")
    if said := found.failing("slices"):
        return none(said, gate_again(found))
    if declared:
        return none("a version before it, that the declared slices are no worse than", gate_again(found))
    return none(declare, "roadworthy train FILE, then gate it")


def _inclusion(found: Found) -> Evidence:
    if found.declared("protected") and found.passed("groups"):
        return full(*reasons(found, "groups"))
    return none("groups that are compared: Model(protected=[...])", "roadworthy train FILE")


TESTS = (
    Test("model-1", "Model specs are reviewed and submitted.", _reviewed),
    Test("model-2", "Offline and online metrics correlate.", _correlate),
    Test("model-3", "All hyperparameters have been tuned.", _tuned),
    Test("model-4", "The impact of model staleness is known.", _staleness),
    Test("model-5", "A simpler model is not better.", _simpler),
    Test("model-6", "Model quality is sufficient on important data slices.", _slices),
    Test("model-7", "The model is tested for considerations of inclusion.", _inclusion),
)
