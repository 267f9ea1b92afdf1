"""What was appended since the last look, for guards that look every second.

Not here: windows and history (read). A cursor outlives rotation and rolling: what a journal held when it was rolled
away is read from Parquet instead, so every record is seen exactly once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pyarrow.parquet as pq

from roadworthy.errors import CorruptArtifact
from roadworthy.predictionlog.columns import outcome_records, prediction_records, prediction_schema
from roadworthy.predictionlog.frames import journal_name
from roadworthy.predictionlog.journal import journals_in, read_journal
from roadworthy.predictionlog.partitions import manifest_of, owner_of, rolled_journals, schema_of
from roadworthy.predictionlog.record import Outcome, Prediction


class Position(msgspec.Struct, frozen=True):
    """How far one worker's records were read: within which of its journals, to which byte and `journal_seq`."""

    sequence: int
    offset: int = 0
    next_seq: int = 0


class Cursor(msgspec.Struct, frozen=True):
    """How far everything was read: start of a worker (a journal's name without its sequence) → position."""

    positions: dict[str, Position] = {}


@dataclass(frozen=True, slots=True)
class Tail:
    """Records that are new since a cursor, each worker's in the order of appending, and the cursor after them."""

    predictions: list[Prediction]
    outcomes: list[Outcome]
    cursor: Cursor


def tail(journals: Sequence[Path], log: Path, since: Cursor | None = None) -> Tail:
    """Records appended since `since` in the journals of these directories; without a cursor, those not yet rolled.

    raises CorruptArtifact when a journal or a Parquet file that should hold new records is damaged or gone
    """
    seen = Tail([], [], Cursor())
    paths = {path.stem: path for path in journals_in(journals)}
    streams: dict[str, list[int]] = defaultdict(list)
    for name in {*paths, *rolled_journals(log)}:
        stream, _, digits = name.rpartition("-")
        if digits.isdigit():
            streams[stream].append(int(digits))
    before = since.positions if since is not None else {}
    after = dict(before)
    for stream, sequences in sorted(streams.items()):
        position = before.get(stream)
        for sequence in sorted(sequences):
            name = journal_name(stream, sequence)
            if position is not None and sequence < position.sequence:
                continue
            if since is None and name not in paths:
                position = Position(sequence + 1)
                continue
            if position is None or sequence > position.sequence:
                position = Position(sequence, 0, position.next_seq if position is not None else 0)
            position = _follow(paths.get(name), name, log, position, seen)
        if position is not None:
            after[stream] = position
    return Tail(seen.predictions, seen.outcomes, Cursor(after))


def _follow(path: Path | None, name: str, log: Path, position: Position, seen: Tail) -> Position:
    """Read what one journal holds after `position`, from itself or, once rolled, from Parquet."""
    if path is not None:
        try:
            contents = read_journal(path, position.offset)
        except FileNotFoundError:
            pass  # rolled since it was listed
        else:
            seen.predictions.extend(contents.predictions)
            seen.outcomes.extend(contents.outcomes)
            return Position(position.sequence, contents.end, max(position.next_seq, contents.next_seq))
    manifest = manifest_of(log, name)
    if manifest is None:
        raise CorruptArtifact(f"journal {name} is gone and was not rolled into {log}: its records are lost")
    if manifest.next_seq > position.next_seq:
        for file in manifest.files:
            _read_rolled(log, file.path, position.next_seq, seen)
    return Position(position.sequence + 1, 0, max(position.next_seq, manifest.next_seq))


def _read_rolled(log: Path, path: str, next_seq: int, seen: Tail) -> None:
    owner = owner_of(path)
    try:
        table = pq.ParquetFile(log / path).read()
    except FileNotFoundError as error:
        raise CorruptArtifact(
            f"{log / path} is gone, but the manifest of its journal names it: restore it"
        ) from error
    table = table.filter(pq.filters_to_expression([("journal_seq", ">=", next_seq)])).sort_by("journal_seq")
    if path.startswith("outcomes/"):
        seen.outcomes.extend(outcome_records(table, namespace=owner["namespace"], model=owner["model"]))
        return
    schema = schema_of(log, owner["schema"])
    for field in prediction_schema(schema):
        if field.name not in table.column_names and not field.name.startswith("clean_"):
            raise CorruptArtifact(f"{log / path} has no column {field.name}: restore it from a copy")
    seen.predictions.extend(
        prediction_records(
            table, namespace=owner["namespace"], model=owner["model"], digest=owner["schema"], schema=schema
        )
    )
