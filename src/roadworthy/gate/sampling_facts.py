"""What `sampling` may look at: what is declared about it, and what the version does about it.

Not here: the days of rows, which `data_facts` holds, and the weights of held-out rows.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How rows were sampled.

    declared   as a person reads it, such as `negative rows kept at 0.1`; "" where nothing is declared
    odds       what the version multiplies the odds of its outputs by; 1.0 where nothing
    """

    declared: str
    odds: float = 1.0
