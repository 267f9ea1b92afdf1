"""Units that are being forgotten: what rolling leaves out until the last journal that may hold them is rolled.

Not here: the forgetting itself (forget).
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import msgspec

from roadworthy.predictionlog.record import Outcome, Prediction


class Forgetting(msgspec.Struct, frozen=True, kw_only=True):
    """One unit on its way out of the log.

    token            names it without saying it; the same unit and model have the same
    units            as it may be written: in clear, as long as this lasts, and hashed
    model            "" = of all models
    at               microseconds since 1970 by the real clock; what was logged later stays
    journals         that were not rolled when it began
    prediction_ids   of the predictions of this unit: outcomes that name them go too
    """

    token: str
    units: tuple[str, ...]
    namespace: str
    model: str = ""
    at: int
    journals: tuple[str, ...] = ()
    prediction_ids: tuple[str, ...] = ()

    def covers(self, record: Prediction | Outcome) -> bool:
        """Whether a record is one of those that go."""
        if record.namespace != self.namespace or self.model not in ("", record.model):
            return False
        if record.logged_at > self.at:
            return False
        if record.unit in self.units:
            return True
        return isinstance(record, Outcome) and record.prediction_id in self.prediction_ids


def forgetting_path(log: Path, token: str) -> Path:
    """Where a forgetting in progress is written down."""
    return log / "forgetting" / f"{token}.json"


def pending(log: Path) -> list[Forgetting]:
    """Everything that is being forgotten now."""
    found = []
    with suppress(FileNotFoundError):
        for path in sorted((log / "forgetting").iterdir()):
            if path.suffix == ".json" and not path.name.startswith("."):
                with suppress(FileNotFoundError):
                    found.append(msgspec.json.decode(path.read_bytes(), type=Forgetting))
    return found
