"""The checks of the gate, in the order in which a report lists them. A new check is one file and one line here.

Not here: what any of them does; see the file of its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from roadworthy.errors import DefinitionError
from roadworthy.gate import (
    batch_invariance,
    better_than_baseline,
    calibration,
    champion,
    champion_rows,
    constant_output,
    goldens,
    later_rows,
    limits,
)
from roadworthy.gate.check import Check

CHECKS: tuple[Check, ...] = (
    later_rows.CHECK,
    constant_output.CHECK,
    better_than_baseline.CHECK,
    limits.CHECK,
    champion.CHECK,
    batch_invariance.CHECK,
    goldens.CHECK,
    calibration.CHECK,
    champion_rows.CHECK,
)


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
