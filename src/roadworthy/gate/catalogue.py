"""The checks of the gate, grouped by what they ask about. A new check is one file and one line here, in its group.

Not here: what any of them does; see the file of its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from roadworthy.errors import DefinitionError
from roadworthy.gate import (
    approvals,
    batch_invariance,
    better_than_baseline,
    blind_ratings,
    calibration,
    carried,
    champion,
    champion_rows,
    constant_output,
    cost,
    data,
    feedback,
    goldens,
    groups,
    infrastructure,
    later_rows,
    leakage,
    learned,
    limits,
    reproducible,
    sampling,
    served_like_trained,
    slices,
    sparse_categories,
    too_good_alone,
    vocabulary,
    weights,
)
from roadworthy.gate.check import Check

#: What the gate asks about, in the order in which a report lists it, each with its checks.
GROUPS: Mapping[str, tuple[Check, ...]] = {
    "data": (
        later_rows.CHECK,
        data.CHECK,
        vocabulary.CHECK,
        leakage.CHECK,
        too_good_alone.CHECK,
    ),
    "learned": (
        constant_output.CHECK,
        better_than_baseline.CHECK,
        learned.CHECK,
        weights.CHECK,
        limits.CHECK,
        sampling.CHECK,
        calibration.CHECK,
        sparse_categories.CHECK,
        groups.CHECK,
    ),
    "compared": (
        champion.CHECK,
        champion_rows.CHECK,
        slices.CHECK,
    ),
    "served": (
        served_like_trained.CHECK,
        feedback.CHECK,
        carried.CHECK,
    ),
    "infrastructure": (
        batch_invariance.CHECK,
        goldens.CHECK,
        infrastructure.CHECK,
        reproducible.CHECK,
        cost.CHECK,
    ),
    "people": (
        approvals.CHECK,
        blind_ratings.CHECK,
    ),
}

CHECKS: tuple[Check, ...] = tuple(check for checks in GROUPS.values() for check in checks)

#: Name of a check → its group.
GROUP_OF: Mapping[str, str] = {check.name: group for group, checks in GROUPS.items() for check in checks}


def checks_as(declared: Mapping[str, str]) -> tuple[Check, ...]:
    """All checks, those named in `declared` counting as `required` or `advisory`, the others as by default.

    raises DefinitionError for a name that no check has

    >>> [check.name for check in checks_as({"champion": "advisory"}) if check.name == "champion" and check.required]
    []
    """
    unknown = sorted(set(declared) - {check.name for check in CHECKS})
    if unknown:
        known = ", ".join(check.name for check in CHECKS)
        raise DefinitionError(f"the gate has no check {', '.join(map(repr, unknown))}; it has {known}")
    return tuple(
        replace(check, required=declared[check.name] == "required") if check.name in declared else check
        for check in CHECKS
    )
