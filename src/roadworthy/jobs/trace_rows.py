"""Follows many rows at once, given as a file of units: which versions were trained on them, and what those answered.

For rows that turned out wrong, such as a list of fraudsters that was no such list. Not here: single units (`trace`).
"""

from __future__ import annotations

import csv
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from roadworthy.data.manifest import read_manifest
from roadworthy.data.tables import unit_texts
from roadworthy.errors import DefinitionError, RoadworthyError
from roadworthy.jobs.hiding import workspace_key
from roadworthy.jobs.history import require_model
from roadworthy.jobs.stores import Stores
from roadworthy.jobs.trace import TracedVersion, answers_by, hides_units, traced, version_lines
from roadworthy.jobs.train import manifest_path
from roadworthy.registry.versions import VersionRow
from roadworthy.sensitive import hashed


class TouchedVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A version that was trained on some of the rows.

    units     how many of the units of the file were among its training rows
    answers   answers of it that reached somebody
    answering whether it answers now, as champion or canary
    """

    version: TracedVersion
    units: int
    answers: int
    answering: bool


class RowsTrace(msgspec.Struct, frozen=True, kw_only=True):
    """What rows of many units went into.

    units        different units in the file
    versions     trained on rows of any of them
    without      versions that were trained on none
    unrecorded   versions of which nobody knows, because their training keys were not recorded
    affected     answers by all touched versions together
    """

    model: str
    file: str
    units: int
    versions: tuple[TouchedVersion, ...]
    without: tuple[int, ...]
    unrecorded: tuple[int, ...]
    affected: int

    def sentences(self) -> list[str]:
        """The trace for a person, from the rows forward to the answers."""
        lines = [f"{self.units:,} units in {self.file}"]
        for touched in self.versions:
            now = ", and answers now" if touched.answering else ""
            lines.append(
                f"{touched.version.reference} was trained on {touched.units:,} of them; it gave {touched.answers:,} "
                f"answers{now}"
            )
            lines += version_lines(touched.version)
        for versions, what in (
            (self.without, "Trained on none of them"),
            (self.unrecorded, "Not known, because training keys were not recorded"),
        ):
            if versions:
                lines.append(f"{what}: {', '.join(f'{self.model}@{version}' for version in versions)}")
        if not self.versions:
            return [*lines, "Affected in all: no answer"]
        answering = [touched.version.reference for touched in self.versions if touched.answering]
        advice = (
            "Next: take the rows out of the history (roadworthy forget removes single units), train again, and release "
            f"that in the place of {', '.join(answering)}; versions trained on none of them can be promoted at once"
            if answering
            else "None of these versions answers now"
        )
        return [*lines, f"Affected in all: {self.affected:,} answers", advice]


def trace_rows(stores: Stores, model: str, file: str | Path, column: str = "") -> RowsTrace:
    """Follow the rows of all units in a file to versions and their answers.

    file     .csv with a header, .parquet, or any other with a unit on each line
    column   which holds the units; by default that of the model's unit, or the only one
    raises   DefinitionError for a file that cannot be read so; CorruptArtifact for keys that were changed
    """
    rows = stores.versions.all(require_model(stores, model))
    units = read_units(Path(file), column or _unit_of(stores, rows))
    route = stores.plans.route(model)[1]
    found: dict[int, int | None] = {row.version: _hits(stores, row, units) for row in rows}
    hit = [row for row in rows if found[row.version]]
    answers = answers_by(stores, model, [row.version for row in hit])
    return RowsTrace(
        model=model,
        file=str(file),
        units=len(units),
        versions=tuple(
            TouchedVersion(
                version=traced(stores, row),
                units=found[row.version] or 0,
                answers=answers[row.version],
                answering=row.version in (route.champion, route.canary),
            )
            for row in hit
        ),
        without=tuple(version for version, hits in found.items() if hits == 0),
        unrecorded=tuple(version for version, hits in found.items() if hits is None),
        affected=sum(answers.values()),
    )


def read_units(file: Path, column: str) -> list[str]:
    """The different units of a file, as the log writes them, in the order in which they first come.

    raises   DefinitionError where the file is none, has no unit, or several columns and none of this name
    """
    if not file.is_file():
        raise DefinitionError(f"there is no file {file}: give one with the units of the rows")
    try:
        if file.suffix == ".parquet":
            table = pq.read_table(file)
        elif file.suffix == ".csv":
            table = _of_csv(file)
        else:
            table = pa.table(
                {"unit": [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]}
            )
    except (OSError, ValueError, csv.Error, pa.ArrowException) as error:
        raise DefinitionError(
            f"{file} cannot be read as {file.suffix or 'lines of text'}: {error}"
        ) from error
    names = table.column_names
    chosen = column if column in names else names[0] if len(names) == 1 else None
    if chosen is None:
        raise DefinitionError(
            f"{file} has the columns {', '.join(names)} and none is {column!r}: name one (--column)"
        )
    texts = unit_texts(table.column(chosen)).to_pylist()
    units = list(dict.fromkeys(text for text in texts if text))
    if not units:
        raise DefinitionError(
            f"{file} holds no unit in {chosen!r}: give the units of the rows, as the history has them"
        )
    return units


def _of_csv(file: Path) -> pa.Table:
    with file.open(newline="", encoding="utf-8") as lines:
        rows = [row for row in csv.reader(lines) if row]
    if not rows:
        raise ValueError("it is empty")
    header, *cells = rows
    short = next((row for row in cells if len(row) < len(header)), None)
    if short is not None:
        raise ValueError(f"the header names {len(header)} columns, and a row has {len(short)}: {short}")
    return pa.table({name: [row[at] for row in cells] for at, name in enumerate(header)})


def _unit_of(stores: Stores, rows: tuple[VersionRow, ...]) -> str:
    for row in reversed(rows):
        try:
            return stores.scorer(row).unit
        except (RoadworthyError, OSError):
            continue
    return ""


def _hits(stores: Stores, row: VersionRow, units: list[str]) -> int | None:
    """How many of the units a version was trained on; None where that cannot be told."""
    hides = hides_units(stores, row)
    if not row.run.manifest_digest or hides is None:
        return None
    names = units + (hashed(units, workspace_key(stores)) if hides else [])
    kept = read_manifest(manifest_path(stores, row.digest), row.run.manifest_digest)
    return int(kept.contains(pa.array(names, pa.string())).sum())
