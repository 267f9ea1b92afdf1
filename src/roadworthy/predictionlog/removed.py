"""Says how many rows left the log on purpose, so that `gaps` does not take them for lost.

Not here: the removing (retain, forget). A record is published before the rows go; its name follows from where they
were, so that doing the same again after a crash counts it once.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from roadworthy.predictionlog.publishing import publish_json


class Removed(msgspec.Struct, frozen=True):
    """Rows that were removed.

    what   the file or partition they were in, below the log, and which state of it: one that it has once
    why    `retention` or `forgotten`
    rows   journal → how many of its rows
    """

    what: str
    why: str
    rows: Mapping[str, int]


def note_removed(log: Path, removed: Removed) -> None:
    """Put it on the disk, in the place of what was said of the same before; call before removing."""
    publish_json(_path(log, removed.what, removed.why), removed)


def is_noted(log: Path, what: str, why: str) -> bool:
    """Whether something was said of it."""
    return _path(log, what, why).exists()


def _path(log: Path, what: str, why: str) -> Path:
    return log / "removed" / f"{hashlib.sha256(f'{why} {what}'.encode()).hexdigest()[:32]}.json"


def removed_rows(log: Path, why: str = "") -> Counter[str]:
    """Journal → rows that were removed on purpose; only those of one reason, when it is given."""
    found: Counter[str] = Counter()
    with suppress(FileNotFoundError):
        for path in (log / "removed").iterdir():
            if path.suffix == ".json" and not path.name.startswith("."):
                removed = msgspec.json.decode(path.read_bytes(), type=Removed)
                found.update(removed.rows if why in ("", removed.why) else {})
    return found
