"""Reads what people answered on a page for blind rating, keeps it with the version, and counts it for the gate.

Not here: the page (look). Ratings name units, so they lie in the evidence of the version, where `forget` reaches them;
a rating of a row that is gone is not kept.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from roadworthy.data.split import day_number
from roadworthy.data.tables import without_units
from roadworthy.durable import publish
from roadworthy.errors import CorruptArtifact, DefinitionError
from roadworthy.gate.blind_ratings_facts import BlindRatings
from roadworthy.gate.evidence import Holdout
from roadworthy.jobs.looks import keys, names, remembered
from roadworthy.jobs.stores import Stores
from roadworthy.jobs.train import holdout_path
from roadworthy.registry.versions import VersionRow

Choice = Literal["A", "B", "neither"]

#: What a rating says, as a number: the share of the candidate in the preference.
_CANDIDATE, _OTHER, _NEITHER = 1.0, 0.0, 0.5

_SCHEMA = pa.schema(
    {
        "unit": pa.string(), "asked_at": pa.int64(), "rater": pa.string(), "choice": pa.float64(),
        "against": pa.int64(), "look": pa.string(), "rated_at": pa.timestamp("us", "UTC"),
    }
)  # fmt: skip


class RatingsFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the page saves.

    look      name of the page
    rater     who rated, in the person's own words
    ratings   name of a row → which answer was preferred
    """

    format: Literal[1]
    look: str
    rater: str
    ratings: Mapping[str, Choice]


class Rated(msgspec.Struct, frozen=True, kw_only=True):
    """What reading a file gave.

    kept   ratings that are kept; those of the same rater on the same rows are replaced
    gone   ratings of rows that are not there any more
    """

    reference: str
    rater: str
    kept: int
    gone: int
    against: int

    def sentences(self) -> list[str]:
        """What a person wants to read."""
        gone = f"; {self.gone} are about rows that are not there any more" if self.gone else ""
        return [
            f"{self.rater} rated {self.kept} rows of {self.reference} beside version {self.against}{gone}",
            f"Next: roadworthy gate {self.reference}",
        ]


def read_ratings(stores: Stores, reference: str, file: Path) -> Rated:
    """Keep the ratings in a file that the page saved; reading it again changes nothing.

    raises   DefinitionError for a file that no page saved or without ratings, UnknownName for a page that was not
             written for this version
    """
    row = stores.versions.resolve(reference)
    given = _read(file)
    look = remembered(stores, row, given.look)
    unit = stores.scorer(row).unit
    table = pq.read_table(holdout_path(stores, row.digest), columns=[unit, "asked_at"])
    units, asked_at = keys(table, unit)
    places = {name: at for at, name in enumerate(names(look, units, asked_at))}
    now = stores.clock.now()
    found = [
        {
            "unit": units[places[name]], "asked_at": asked_at[places[name]], "rater": given.rater.strip(),
            "choice": _share(choice, look.candidate_first(name)), "against": look.against, "look": look.id,
            "rated_at": now,
        }
        for name, choice in given.ratings.items()
        if name in places
    ]  # fmt: skip
    _keep(stores, row, pa.Table.from_pylist(found, schema=_SCHEMA))
    details = {"look": look.id, "rows": len(found), "against": look.against}
    stores.ledger.append(
        "rate", actor=given.rater, reason=f"rated {len(found)} rows blind", at=now, model=row.model,
        version=row.version, details=details,
    )  # fmt: skip
    return Rated(
        reference=row.reference, rater=given.rater.strip(), kept=len(found), gone=len(given.ratings) - len(found),
        against=look.against,
    )  # fmt: skip


def ratings_path(stores: Stores, digest: str) -> Path:
    """Where the ratings of a version lie: one row a unit, question and rater."""
    return stores.settings.evidence / digest / "ratings.parquet"


def ratings_of(
    stores: Stores, row: VersionRow, table: pa.Table, unit: str, holdout: Holdout, champion: int | None
) -> BlindRatings:
    """The ratings against the champion of rows that are still held out.

    table, holdout   the held-out rows and what was scored on them, in the same order
    """
    wanted = row.run.details.get("checks", {}).get("blind_ratings") == "required"
    kept = _kept(stores, row)
    if champion is None or holdout.champion is None or kept.num_rows == 0:
        empty = np.zeros(0)
        none = np.zeros(0, dtype=np.int64)
        return BlindRatings(rows=none, raters=none, choices=empty, nearer=empty, days=none, wanted=wanted)
    units, asked_at = keys(table, unit)
    places = {key: at for at, key in enumerate(zip(units, asked_at, strict=True))}
    found = [
        (places[each["unit"], each["asked_at"]], each["rater"], each["choice"])
        for each in kept.to_pylist()
        if each["against"] == champion and (each["unit"], each["asked_at"]) in places
    ]
    at = np.array([place for place, _, _ in found], dtype=np.int64)
    raters = sorted({rater for _, rater, _ in found})
    distance = np.abs(holdout.champion - holdout.labels) - np.abs(holdout.candidate - holdout.labels)
    return BlindRatings(
        rows=at,
        raters=np.array([raters.index(rater) for _, rater, _ in found], dtype=np.int64),
        choices=np.array([choice for _, _, choice in found], dtype=np.float64),
        nearer=(np.sign(distance[at]) + 1.0) / 2.0,
        days=day_number(np.array(asked_at, dtype=np.int64)[at]),
        wanted=wanted,
    )


def forget_ratings(stores: Stores, row: VersionRow, units: Collection[str]) -> int:
    """Remove the ratings of these units; returns how many they were."""
    kept = _kept(stores, row)
    left = without_units(kept, "unit", units)
    gone = int(kept.num_rows - left.num_rows)
    if gone:
        publish(ratings_path(stores, row.digest), lambda path: pq.write_table(left, path, compression="zstd"))
    return gone


def _read(file: Path) -> RatingsFile:
    try:
        given = msgspec.json.decode(file.read_bytes(), type=RatingsFile)
    except OSError as error:
        raise DefinitionError(
            f"{file} cannot be read: {error.strerror}: give the file that the page saved"
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DefinitionError(
            f"{file} is no file of ratings: {error}; give the file that the page saved"
        ) from error
    if not given.rater.strip() or not given.ratings:
        lacks = "does not say who rated" if given.ratings else "holds no rating"
        raise DefinitionError(f"{file} {lacks}: fill in the page and save it again")
    return given


def _share(choice: Choice, candidate_first: bool) -> float:
    """The candidate's share of a preference between A and B."""
    if choice == "neither":
        return _NEITHER
    return _CANDIDATE if (choice == "A") == candidate_first else _OTHER


def _kept(stores: Stores, row: VersionRow) -> pa.Table:
    path = ratings_path(stores, row.digest)
    if not path.exists():
        return _SCHEMA.empty_table()
    try:
        return pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise CorruptArtifact(
            f"the ratings of {row.reference} cannot be read from {path}: {error}"
        ) from error


def _keep(stores: Stores, row: VersionRow, added: pa.Table) -> None:
    """Add ratings; of the same rater on the same row against the same version the newest counts."""
    newest = {
        (each["unit"], each["asked_at"], each["rater"], each["against"]): each
        for each in [*_kept(stores, row).to_pylist(), *added.to_pylist()]
    }
    table = pa.Table.from_pylist(list(newest.values()), schema=_SCHEMA)
    publish(ratings_path(stores, row.digest), lambda path: pq.write_table(table, path, compression="zstd"))
