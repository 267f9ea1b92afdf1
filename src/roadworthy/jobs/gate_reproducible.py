"""Reads what training kept of its two runs on a sample, beside what the server in staging runs with.

Not here: the two runs (training.twice) and judging them (gate.reproducible).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from roadworthy.gate.reproducible_facts import Reproducible
from roadworthy.training.twice import Twice

#: Beside the held-out rows of a version.
TWICE_FILE = "twice.json"


def reproducible(
    kept: Path, trained_with: Mapping[str, str], served_with: Mapping[str, str]
) -> Reproducible | None:
    """What is known; None for a version that was trained before anything was kept.

    kept   directory with the evidence of the version
    """
    try:
        twice = msgspec.json.decode((kept / TWICE_FILE).read_bytes(), type=Twice)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        twice = Twice(rows=0, skipped=f"{TWICE_FILE} cannot be read: {error}")
    return Reproducible(
        rows=twice.rows,
        digests=twice.digests,
        skipped=twice.skipped,
        trained_with=trained_with,
        served_with=served_with,
    )
