"""What was appended since the last look, for guards that look every second.

Not here: windows and history (read). A cursor outlives rotation and rolling: what a journal held when it was rolled
away is read from Parquet instead, so every record is seen exactly once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from roadworthy.errors import CorruptArtifact
from roadworthy.predictionlog.columns import outcome_records, prediction_records, prediction_schema
from roadworthy.predictionlog.frames import journal_name
from roadworthy.predictionlog.journal import journals_in, read_journal
from roadworthy.predictionlog.partitions import (
    Run,
    folded_of,
    folded_streams,
    manifest_of,
    merged_in,
    owner_of,
    partitions_in,
    rolled_journals,
    schema_of,
)
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
    for stream in (*before, *folded_streams(log)):
        streams.setdefault(stream, [])
    for stream, sequences in sorted(streams.items()):
        position = before.get(stream)
        steps: list[tuple[int, Run | None]] = [(sequence, None) for sequence in sequences]
        folded = folded_of(log, stream)
        steps += [(run.first, run) for run in folded.runs] if folded is not None else []
        for sequence, run in sorted(steps, key=lambda step: (step[0], step[1] is None)):
            if run is not None:
                unseen = Position(run.last + 1) if since is None else Position(0)
                position = _catch_up(log, stream, run, position or unseen, seen)
                continue
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


def _catch_up(log: Path, stream: str, run: Run, position: Position, seen: Tail) -> Position:
    """Read what journals held whose manifests were folded since the cursor was taken: their rows are merged."""
    if run.last < position.sequence:
        return position
    if run.next_seq > position.next_seq:
        names = {
            journal_name(stream, number) for number in range(max(run.first, position.sequence), run.last + 1)
        }
        for directory in partitions_in(log):
            for file in merged_in(log, directory):
                _read_rolled(log, file.relative_to(log).as_posix(), position.next_seq, seen, names)
    return Position(run.last + 1, 0, max(position.next_seq, run.next_seq))


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
            if (log / file.path).exists():
                _read_rolled(log, file.path, position.next_seq, seen, None)
            else:
                directory = (log / file.path).parent
                for merged in merged_in(log, directory) or [log / file.path]:
                    _read_rolled(log, merged.relative_to(log).as_posix(), position.next_seq, seen, {name})
    return Position(position.sequence + 1, 0, max(position.next_seq, manifest.next_seq))


def _read_rolled(log: Path, path: str, next_seq: int, seen: Tail, journals: Collection[str] | None) -> None:
    """Add the records of one file from `next_seq` on; of a merged file only those of these journals."""
    owner = owner_of(path)
    try:
        table = pq.ParquetFile(log / path).read()
    except FileNotFoundError as error:
        raise CorruptArtifact(
            f"{log / path} is gone, but the manifest of its journal names it: restore it"
        ) from error
    wanted = pc.greater_equal(table.column("journal_seq"), next_seq)
    if journals is not None:
        wanted = pc.and_(wanted, pc.is_in(table.column("journal"), value_set=pa.array(sorted(journals))))
    table = table.filter(wanted).sort_by("journal_seq")
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
