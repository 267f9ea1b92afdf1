"""Where a workspace keeps its things, and the settings that come from the environment.

Not here: anything about a model; that stands in the user's definition.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from roadworthy.errors import DefinitionError

DEFAULT_NAMESPACE = "default"
DEFAULT_WORKSPACE = ".roadworthy"


@dataclass(frozen=True, slots=True)
class Settings:
    """One workspace: a directory that holds tables, artifacts, the log, the control database and reports.

    root           the directory (ROADWORTHY_WORKSPACE, `.roadworthy`)
    namespace      key of everything recorded (ROADWORTHY_NAMESPACE, `default`)
    database_url   control database as an SQLAlchemy URL (ROADWORTHY_DATABASE_URL, SQLite inside `root`)
    """

    root: Path
    namespace: str = DEFAULT_NAMESPACE
    database_url: str = ""

    @classmethod
    def load(cls, root: str | Path | None = None, namespace: str | None = None) -> Settings:
        """Settings from arguments, else the environment, else defaults."""
        directory = Path(root or os.environ.get("ROADWORTHY_WORKSPACE", DEFAULT_WORKSPACE)).resolve()
        name = namespace or os.environ.get("ROADWORTHY_NAMESPACE", DEFAULT_NAMESPACE)
        if not is_name(name):
            raise DefinitionError(
                f"namespace {name!r} is not a name: use lower-case letters, digits, '-' and '_'"
            )
        return cls(directory, name, os.environ.get("ROADWORTHY_DATABASE_URL", ""))

    @property
    def url(self) -> str:
        """The control database's URL."""
        return self.database_url or f"sqlite:///{self.root / 'control.db'}"

    @property
    def tables(self) -> Path:
        """Ingested history: one directory a table."""
        return self.root / "tables"

    @property
    def quarantine(self) -> Path:
        """Batches that were refused, with their faults."""
        return self.root / "quarantine"

    @property
    def artifacts(self) -> Path:
        """Registered versions: one directory each, named by digest."""
        return self.root / "artifacts"

    @property
    def evidence(self) -> Path:
        """What versions were trained and gated on: manifests of keys and held-out rows, named by artifact digest."""
        return self.root / "evidence"

    @property
    def log(self) -> Path:
        """Rolled predictions and outcomes as Parquet."""
        return self.root / "log"

    @property
    def statistics(self) -> Path:
        """What monitors counted: one file a version and day."""
        return self.root / "statistics" / self.namespace

    @property
    def elsewhere(self) -> Path:
        """What is known of models that are served elsewhere: how their outcomes are read, and what monitors counted."""
        return self.root / "elsewhere" / self.namespace

    @property
    def nodes(self) -> Path:
        """One directory a serving node: plan, staged artifacts, journals, worker states."""
        return self.root / "nodes"

    @property
    def reports(self) -> Path:
        """Gate reports and model reports as HTML."""
        return self.root / "reports" / self.namespace


def is_name(text: str) -> bool:
    """Whether `text` may name a model, table or namespace: it becomes a path, a key and a telemetry label.

    >>> is_name("flight-delay"), is_name("../etc"), is_name("")
    (True, False, False)
    """
    plain = text.replace("-", "").replace("_", "")
    return (
        0 < len(text) <= 64
        and text[0].isalpha()
        and plain.isascii()
        and plain.isalnum()
        and text == text.lower()
    )
