"""Imports a table of old predictions, made by whatever system, so that monitors can look at them.

Not here: what the columns become (predictionlog.importing) and the monitors (elsewhere).
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv
import pyarrow.parquet as pq

from roadworthy.clock import DAY_MICROS, ReplayClock, instant, micros
from roadworthy.durable import alone
from roadworthy.errors import Conflict, DefinitionError, Refused, TooFewSamples
from roadworthy.jobs.elsewhere import Elsewhere, declare
from roadworthy.jobs.stores import Stores
from roadworthy.node import NodeDirectory
from roadworthy.predictionlog.importing import IMPORTED, Meaning, records, shaped
from roadworthy.predictionlog.journal import Journal, journals_in
from roadworthy.predictionlog.partitions import is_rolled
from roadworthy.predictionlog.publishing import publish_json
from roadworthy.predictionlog.record import LogSchema
from roadworthy.predictionlog.removed import removed_rows
from roadworthy.predictionlog.roll import roll
from roadworthy.settings import is_name


class ImportedLog(msgspec.Struct, frozen=True, kw_only=True):
    """What an import gave.

    known      whether exactly this table was imported before, with the same meaning of its columns
    outcomes   rows whose outcome is known
    turn       how often it was imported before and then dropped by retention, wholly or in part
    """

    model: str
    version: int
    rows: int
    outcomes: int
    first: datetime
    last: datetime
    inputs: tuple[str, ...]
    known: bool = False
    turn: int = 0

    def sentences(self) -> list[str]:
        """What a person wants to read."""
        span = f"{self.first:%Y-%m-%d} to {self.last:%Y-%m-%d}"
        if self.known:
            head = f"these {self.rows:,} predictions of {self.model}@{self.version} ({span}) are in the log already"
        else:
            head = (
                f"imported {self.rows:,} predictions of {self.model}@{self.version}, {span}, with {self.outcomes:,} "
                f"outcomes and {len(self.inputs)} inputs: {', '.join(self.inputs)}"
            )
        return [head, f"Next: roadworthy monitor {self.model}"]


def import_log(stores: Stores, file: Path, meaning: Meaning) -> ImportedLog:
    """Put the predictions of a Parquet or CSV file into the log, with their outcomes; the same file again adds nothing.

    raises  DefinitionError for a file of another kind or a name that cannot be one; Refused for a model that is
            registered here; SchemaError with every column that does not fit; TooFewSamples for an empty table;
            NotReady while another import runs, or when the log's disk is full: then do it again
    """
    if not is_name(meaning.model):
        raise DefinitionError(
            f"model {meaning.model!r} is not a name: use lower-case letters, digits, '-' and '_', a letter first"
        )
    if any(row.model == meaning.model for row in stores.versions.all()):
        raise Refused(
            f"{meaning.model} is registered here, and its own predictions are logged as it answers: import old ones "
            f"under another name, such as {meaning.model}-before"
        )
    table, schema = shaped(_read(file), meaning, file.name)
    if not table.num_rows:
        raise TooFewSamples(f"{file} has no rows: nothing was imported")
    home = stores.settings.root / "elsewhere"
    home.mkdir(parents=True, exist_ok=True)
    with alone(home / ".importing", "another import runs in this workspace: try again when it has ended"):
        return _import(stores, table, schema, meaning)


def _import(stores: Stores, table: pa.Table, schema: LogSchema, meaning: Meaning) -> ImportedLog:
    log = stores.settings.log
    digest = _digest(table, meaning)
    done_path = log / "imported" / f"{digest}.json"
    turn = 0
    if done_path.exists():
        done = msgspec.json.decode(done_path.read_bytes(), type=ImportedLog)
        if not _dropped(log, f"{IMPORTED}-{digest[:16]}-{done.turn}-"):
            return msgspec.structs.replace(done, known=True)
        turn = done.turn + 1
    node = NodeDirectory(stores.settings.nodes / IMPORTED)
    node.journals.mkdir(parents=True, exist_ok=True)
    for left in journals_in([node.journals]):  # of an import that did not end: in the log, or written again
        left.unlink()
    # Journals of imports are named by what is in them, not by when they were written.
    journal = Journal(node.journals, digest[:16], node=IMPORTED, clock=ReplayClock(instant(turn)))
    journal.declare(schema)
    rows = outcomes = 0
    for group, facts in records(table, schema, meaning, micros(stores.clock.now())):
        journal.append_groups([group])
        journal.append_outcomes(facts)
        rows, outcomes = rows + len(group.ids), outcomes + len(facts)
    journal.seal()
    for path in journals_in([node.journals]):
        # The import that did not end rolled it; as its header named another process, the sizes may differ.
        if is_rolled(log, path.stem):
            path.unlink()
    refused = roll(journals_in([node.journals]), log).refused
    if refused:
        raise Conflict(f"the import did not reach the log: {refused[0][1]}")
    times = pc.min_max(table.column(meaning.time)).as_py()
    inputs = tuple(field.name for field in schema.fields if field.role == "input")
    done = ImportedLog(
        model=meaning.model, version=meaning.version, rows=rows, outcomes=outcomes,
        first=times["min"], last=times["max"], inputs=inputs, turn=turn,
    )  # fmt: skip
    until = micros(times["max"]) // DAY_MICROS
    declare(stores, Elsewhere(meaning.model, meaning.outcome, _window(table, meaning), until))
    publish_json(done_path, done)
    return done


def _dropped(log: Path, journals: str) -> bool:
    """Whether retention took rows of journals whose names begin like that."""
    return any(name.startswith(journals) for name in removed_rows(log, "retention"))


def _read(file: Path) -> pa.Table:
    readers = {".parquet": pq.read_table, ".csv": csv.read_csv}
    if file.suffix not in readers:
        raise DefinitionError(f"{file}: a table of old predictions is a .parquet or a .csv file")
    try:
        return readers[file.suffix](file)
    except FileNotFoundError as error:
        raise DefinitionError(f"there is no file {file}") from error
    except pa.ArrowException as error:
        raise DefinitionError(f"{file} cannot be read: {' '.join(str(error).split())}") from error


def _digest(table: pa.Table, meaning: Meaning) -> str:
    """Of the rows in their order and of what their columns mean."""
    found = hashlib.sha256(msgspec.json.encode(meaning))
    with pa.ipc.new_stream(_Hashing(found), table.schema) as writer:
        writer.write_table(table.combine_chunks())
    return found.hexdigest()


class _Hashing:
    """A file that only hashes what is written to it."""

    closed = False

    def __init__(self, digest: hashlib._Hash) -> None:
        self._digest = digest

    def write(self, data: bytes) -> int:
        """Take the bytes in."""
        self._digest.update(data)
        return len(data)

    def flush(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """Nothing is open."""


def _window(table: pa.Table, meaning: Meaning) -> int:
    """Whole days after which the outcomes of the table were known."""
    if not meaning.outcome_time:
        return 1
    known, asked = (table.column(name).cast(pa.int64()) for name in (meaning.outcome_time, meaning.time))
    late = pc.max(pc.subtract(known, asked)).as_py()
    return 1 if late is None else max(-(-late // DAY_MICROS), 1)
