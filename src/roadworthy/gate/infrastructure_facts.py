"""What was measured of real servers in staging, one a version, all asked in turn.

Not here: judging it (infrastructure, cost) and starting them (jobs).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """One version, served by a worker process of its own.

    start_seconds   from starting the process until it was ready
    memory_bytes    resident memory (RSS) of the worker after all its answers, shared libraries counted whole
    seconds         how long single answers took, shape (n_blocks, n_requests); block i and request j of all versions
                    of one gate run were asked right after each other
    cpu_seconds     processor time per answer, that of HTTP included; None where the system does not say
    """

    version: int
    start_seconds: float
    memory_bytes: float
    seconds: Floats
    cpu_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Infrastructure:
    """The candidate's server, and those of others beside it.

    warmups     number of golden requests, which every worker sends to itself before it takes others
    mismatched  those that do not fit the version's own input schema: name → what is wrong
    size_bytes  of the artifact's files
    budgets     as declared; `latency_p99` may be there for the model's deadline
    own         the candidate; None where its server could not be asked
    champion    None where no other version answers, or could not be asked
    reference   the fixed old version; None where it is the candidate or the champion, or could not be asked
    errors      `own`, `champion` or `reference` → why it could not be asked
    """

    warmups: int
    size_bytes: float
    mismatched: Mapping[str, str] = field(default_factory=dict)
    budgets: Mapping[str, str] = field(default_factory=dict)
    own: Served | None = None
    champion: Served | None = None
    reference: Served | None = None
    errors: Mapping[str, str] = field(default_factory=dict)
