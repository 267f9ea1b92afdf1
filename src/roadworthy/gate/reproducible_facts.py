"""Whether training gives the same again, and whether the server runs with what it was trained with.

Not here: judging it (reproducible), training and asking (training, jobs).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproducible:
    """Two trainings on a sample, and two environments.

    rows           of the sample that was trained on twice
    digests        of what each training gave; () where it was skipped
    skipped        why it was; "" where it was not
    trained_with   distribution name → version, as recorded in the artifact
    served_with    the same as the server in staging found it installed; empty where it did not say
    """

    rows: int
    digests: tuple[str, ...] = ()
    skipped: str = ""
    trained_with: Mapping[str, str] = field(default_factory=dict)
    served_with: Mapping[str, str] = field(default_factory=dict)
