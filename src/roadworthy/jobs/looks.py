"""The pages for blind rating that were written: their seeds, the names of their rows, and which answer stands first.

Not here: what the pages show (look) and what people said (ratings). Nothing here holds a unit: a row is found again by
computing the names of all rows that are still there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import msgspec
import pyarrow as pa

from roadworthy.data.tables import unit_texts
from roadworthy.durable import write_whole
from roadworthy.errors import CorruptArtifact, UnknownName
from roadworthy.jobs.stores import Stores
from roadworthy.jobs.train import holdout_path
from roadworthy.registry.versions import VersionRow


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """One page that was written, as the workspace remembers it; it holds nothing about any row.

    id        what the page and the answers to it are called by
    seed      decides names and order of its rows; whoever knows it is not blind
    against   the version that the candidate is compared with
    """

    id: str
    seed: str
    model: str
    version: int
    against: int
    at: datetime

    def name(self, unit: str, asked_at: int) -> str:
        """What a row is called on the page: a keyed hash that tells nobody which row it is.

        >>> look = Look(id="l", seed="5eed", model="m", version=2, against=1, at=datetime(2013, 7, 1))
        >>> look.name("flight 7", 1_000) == look.name("flight 7", 1_000) != look.name("flight 8", 1_000)
        True
        """
        return hashed(self.seed, "row", unit, str(asked_at))[:16]

    def candidate_first(self, name: str) -> bool:
        """Whether answer A of the row of this name is the candidate's."""
        return int(hashed(self.seed, "order", name)[:2], 16) < 128


def hashed(seed: str, *parts: str) -> str:
    """Hexadecimal digits that only whoever has the seed can compute."""
    key = hashlib.sha256(seed.encode()).digest()
    return hashlib.blake2b("\x1f".join(parts).encode(), digest_size=16, key=key).hexdigest()


def names(look: Look, units: Sequence[str], asked_at: Sequence[int]) -> list[str]:
    """The names of rows, in their order."""
    return [look.name(unit, asked) for unit, asked in zip(units, asked_at, strict=True)]


def keys(table: pa.Table, unit: str) -> tuple[list[str], list[int]]:
    """Unit, as text, and instant of the question, in microseconds, of held-out rows."""
    units = [text or "" for text in unit_texts(table.column(unit)).to_pylist()]
    return units, table.column("asked_at").cast(pa.int64()).to_pylist()


def page_path(stores: Stores, row: VersionRow) -> Path:
    """Where the newest page for a version lies; it shows rows, so forgetting one of its units removes it."""
    return stores.settings.reports / f"look-{row.model}-{row.version}.html"


def remember(stores: Stores, row: VersionRow, look: Look) -> None:
    """Keep a page's seed, readable by its owner only."""
    path = _path(stores, row, look.id)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, msgspec.json.encode(look), mode=0o600)


def remembered(stores: Stores, row: VersionRow, identifier: str) -> Look:
    """The page of that name; UnknownName when this version has none, or its memory is gone."""
    path = _path(stores, row, identifier)
    if not (identifier.isalnum() and path.is_file()):
        raise UnknownName(
            f"{row.reference} has no page {identifier!r} for rating in this workspace: rate the page that "
            f"roadworthy look {row.reference} writes, and give the version that it was written for"
        )
    try:
        return msgspec.json.decode(path.read_bytes(), type=Look)
    except msgspec.DecodeError as error:
        raise CorruptArtifact(f"{path} cannot be read: {error}; write a new page and rate that") from error


def _path(stores: Stores, row: VersionRow, identifier: str) -> Path:
    return holdout_path(stores, row.digest).parent / "looks" / f"{identifier}.json"
