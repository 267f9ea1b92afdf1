"""The checks of the gate, in the order in which a report lists them. A new check is one file and one line here.

Not here: what any of them does; see the file of its name.
"""

from __future__ import annotations

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
