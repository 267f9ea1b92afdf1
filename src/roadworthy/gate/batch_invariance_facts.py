"""Whether what stands for missing and padding is a number of its own, as the candidate's encoders use it.

Not here: judging it (batch_invariance) and finding it out (jobs).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Padding:
    """What known texts are encoded as, against what a missing value, an unknown text and an empty list are.

    texts        number of known texts that were encoded; 0 where the model reads no text
    lists        features that read lists
    collisions   feature → a sentence part that names a known text and what it cannot be told from
    """

    texts: int
    lists: tuple[str, ...] = ()
    collisions: Mapping[str, str] = field(default_factory=dict)
