"""A worker's append-only file of predictions and outcomes: the answer leaves after its record is in here.

Not here: Parquet (roll), queries (read). Loads nothing heavy, because serving workers import it.
A journal is `<id>.open` while its worker holds it (and its lock), `<id>.sealed` when complete, and gone when rolled.
One journal belongs to one thread; nothing is ever appended to the file of another worker or of an earlier start.
"""

from __future__ import annotations

import fcntl
import os
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

import msgspec

from roadworthy.clock import Clock, SystemClock, micros
from roadworthy.durable import synced
from roadworthy.errors import Conflict, DefinitionError, NotReady
from roadworthy.predictionlog import frames
from roadworthy.predictionlog.contents import JournalContents, read_journal
from roadworthy.predictionlog.finding import adopt, journals_in, orphans
from roadworthy.predictionlog.frames import OPEN, SEALED, Header, Seal
from roadworthy.predictionlog.record import Group, LogSchema, Outcome, Prediction
from roadworthy.predictionlog.syncing import Unsynced, sync_all

Durability = Literal["process", "disk"]

__all__ = [
    "Durability",
    "Journal",
    "JournalContents",
    "JournalUnwritable",
    "adopt",
    "journals_in",
    "orphans",
    "read_journal",
]

_encode = msgspec.msgpack.Encoder().encode
_crc32 = zlib.crc32
_pack = frames.PREFIX.pack
_PREDICTION_SEED = frames.SEEDS[frames.PREDICTION]
_GROUP_SEED = frames.SEEDS[frames.GROUP]


class JournalUnwritable(NotReady):
    """A record could not be written (a full disk, a broken one): nothing of it was kept; make room, then retry."""


class Journal:
    """Appends records to one file at a time.

    directory     where journals lie until they are rolled; made if need be
    worker        number or name of the worker on its node: letters, digits and '_'
    node          name of the node
    durability    `process`: a record survives the death of the process once `append` returns; `disk`: of the machine
    group_commit  with `disk`: an append only writes, and whoever answers waits for `sync_later` first
    rotate_rows   a journal is sealed by itself when it holds that many records
    clock         real time, also in a replay: it names the journal

    >>> import tempfile
    >>> from roadworthy.predictionlog.record import LogField
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     journal = Journal(Path(directory), 0)
    ...     schema = journal.declare(LogSchema("delay", (LogField("wind", "number"),)))
    ...     journal.append([Prediction(id="1", model="delay", version=1, schema=schema, unit="UA1545",
    ...                                event_time=0, logged_at=0, inputs=(9.2,))])
    ...     read_journal(journal.seal()).predictions[0].inputs
    (9.2,)
    """

    def __init__(
        self,
        directory: Path,
        worker: int | str,
        *,
        node: str = "node",
        durability: Durability = "process",
        group_commit: bool = False,
        rotate_rows: int = 100_000,
        clock: Clock | None = None,
    ) -> None:
        if not str(worker).replace("_", "").isalnum() or "/" in node or not node or node.startswith("."):
            raise DefinitionError(
                f"journal of worker {worker!r} on node {node!r}: name a worker with letters, digits and '_', and a "
                "node with anything that can begin a file name"
            )
        self.directory = directory
        self.rows = 0
        self._node, self._worker = node, str(worker)
        self._rotate_rows = rotate_rows
        self._sync = durability == "disk" and not group_commit
        self._group_commit = durability == "disk" and group_commit
        self._unsynced: list[Unsynced] = []
        self._file: Unsynced | None = None
        self._started_at = micros((clock or SystemClock()).now())
        self._schemas: dict[str, tuple[LogSchema, int, int]] = {}
        self._written: set[str] = set()
        self._fd = -1
        self._size = self._sequence = self._next_seq = 0
        directory.mkdir(parents=True, exist_ok=True)

    @property
    def name(self) -> str:
        """Identifier of the journal in writing; "" when none is open."""
        return self._name() if self._fd >= 0 else ""

    def declare(self, schema: LogSchema) -> str:
        """Make known what records with this schema hold, before the first of them; returns the schema's digest."""
        self._schemas[schema.digest] = (schema, len(schema.fields), 8 * len(schema.encoded))
        return schema.digest

    def append(self, records: Sequence[Prediction]) -> None:
        """Write predictions in one system call and set their `journal_seq`; when it returns they are in the log.

        raises  JournalUnwritable when the disk is full or broken: none of `records` is in the log then
                DefinitionError for an undeclared schema, or values that do not fit it in number
        """
        self._leave_failed()
        parts: list[bytes] = []
        seq = self._next_seq
        declared: set[str] = set()
        for record in records:
            digest = record.schema
            if digest not in self._written and digest not in declared:
                parts.append(self._schema_frame(digest))
                declared.add(digest)
            _, values, encoded = self._schemas[digest]
            if (len(record.inputs) != values and record.inputs) or (
                len(record.encoded) != encoded and record.encoded
            ):
                raise self._misfit(record)
            record.journal_seq = seq
            seq += 1
            payload = _encode(record)
            parts.append(_pack(len(payload), _crc32(payload, _PREDICTION_SEED), frames.PREDICTION))
            parts.append(payload)
        if parts:
            self._write(b"".join(parts), len(records))
            if self._fd >= 0:  # else the file was full and is sealed: the next one says its schemas again
                self._written |= declared

    def append_groups(self, groups: Sequence[Group]) -> None:
        """Write predictions as `append` does, a frame a group: for rows that were answered together, at a fraction.

        raises  JournalUnwritable, and DefinitionError also for lists of unequal length
        """
        self._leave_failed()
        parts: list[bytes] = []
        first = seq = self._next_seq
        declared: set[str] = set()
        for group in groups:
            digest, rows = group.schema, len(group.ids)
            if digest not in self._written and digest not in declared:
                parts.append(self._schema_frame(digest))
                declared.add(digest)
            _, values, encoded = self._schemas[digest]
            widths = set(map(len, group.inputs))
            if not (
                rows
                == len(group.inputs)
                == len(group.request_ids)
                == len(group.rows)
                == len(group.units)
                == len(group.event_times)
                == len(group.latencies)
                and (group.outputs is None or len(group.outputs) == rows)
                and (len(group.encoded) == rows * encoded or not group.encoded)
                and rows
                and (widths == {values} or widths <= {values, 0})
            ):
                raise self._misfit_group(group)
            group.journal_seq = seq
            seq += rows
            payload = _encode(group)
            parts.append(_pack(len(payload), _crc32(payload, _GROUP_SEED), frames.GROUP))
            parts.append(payload)
        if parts:
            self._write(b"".join(parts), seq - first)
            if self._fd >= 0:
                self._written |= declared

    def append_outcomes(self, records: Sequence[Outcome]) -> None:
        """Write outcomes as `append` writes predictions."""
        self._leave_failed()
        for number, record in enumerate(records):
            record.journal_seq = self._next_seq + number
        if records:
            self._write(b"".join(frames.frame(frames.OUTCOME, record) for record in records), len(records))

    def sync_later(self) -> Callable[[], None] | None:
        """What brings everything written until now to the disk, to be run on another thread; None when it is there.

        Only with `group_commit`. The function raises JournalUnwritable when the disk failed: what was written since
        the last sync may be in the log or not, so nobody may be told that it is, and the next append opens a new file.
        Ask in the step that appended, before anything else is appended. Any number of these functions may run at
        once, and each fsync serves all that was written before it.
        """
        files = [(file, file.written) for file in self._unsynced if file.waits or self._is_lost(file)]
        self._unsynced = [file for file in self._unsynced if file.waits or file is self._file]
        if not files:
            return None
        for file, written in files:
            file.told = written
        directory = self.directory

        def sync() -> None:
            try:
                sync_all(files)
            except OSError as error:
                raise JournalUnwritable(
                    f"journals in {directory} could not be brought to the disk: {error.strerror or error}. What was "
                    "written since the last sync may be lost, and nobody was told otherwise; send it again"
                ) from error

        return sync

    def seal(self) -> Path | None:
        """Close the file in writing, so that it can be rolled; the next record opens another. None when none is open.

        Works on a full disk too, because rolling is what makes room: then the seal's own frame is left out.
        """
        self._leave_failed()
        if self._fd < 0:
            return None
        with suppress(JournalUnwritable):
            if self._size:
                self._write(frames.frame(frames.SEAL, Seal(self._next_seq)), 0)
        return self._close() if self._fd >= 0 else None

    def _name(self) -> str:
        return frames.journal_name(f"{self._node}-{self._worker}-{self._started_at}", self._sequence)

    def _schema_frame(self, digest: str) -> bytes:
        if digest not in self._schemas:
            raise DefinitionError(
                f"journal {self._name()}: a record has schema {digest!r}, which was not declared: call `declare` first"
            )
        return frames.frame(frames.SCHEMA, self._schemas[digest][0])

    def _misfit(self, record: Prediction) -> DefinitionError:
        _, values, encoded = self._schemas[record.schema]
        return DefinitionError(
            f"journal {self._name()}: prediction {record.id} of {record.model}@{record.version} has "
            f"{len(record.inputs)} values and {len(record.encoded)} encoded bytes, its schema has {values} and "
            f"{encoded}: log a row with the schema of the version that scored it"
        )

    def _misfit_group(self, group: Group) -> DefinitionError:
        _, values, encoded = self._schemas[group.schema]
        rows = len(group.ids)
        return DefinitionError(
            f"journal {self._name()}: a group of {rows} predictions of {group.model}@{group.version} does not fit: its "
            f"lists must have {rows} entries and at least one, every row {values} values or none, and `encoded` "
            f"{rows * encoded} bytes or none; log rows with the schema of the version that scored them"
        )

    def _is_lost(self, file: Unsynced) -> bool:
        return file is self._file and file.failed

    def _leave_failed(self) -> None:
        """Append nothing more to a file that a sync failed for: the kernel may call the next sync a success."""
        if self._file is not None and self._is_lost(self._file):
            self._close()

    def _open(self) -> None:
        """Create the file under another name, so that it is locked before anyone can see it."""
        path = self.directory / f"{self._name()}{OPEN}"
        if path.exists() or path.with_suffix(SEALED).exists():
            raise Conflict(
                f"journal {path} exists: two workers of one node have the same name, or the real clock was set back"
            )
        unseen = path.with_name(f".{path.name}")
        fd = os.open(unseen, os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_TRUNC, 0o644)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            file = Unsynced(fd, self.directory) if self._group_commit else None
            unseen.rename(path)
            if self._sync:
                synced(self.directory)
        except OSError:
            os.close(fd)
            path.unlink(missing_ok=True)
            raise
        self._fd, self._size, self.rows = fd, 0, 0
        self._file = file
        if file is not None:
            self._unsynced.append(file)
        self._written.clear()

    def _header(self) -> bytes:
        header = Header(
            journal=self._name(),
            node=self._node,
            worker=self._worker,
            pid=os.getpid(),
            started_at=self._started_at,
            sequence=self._sequence,
            first_seq=self._next_seq,
        )
        return frames.frame(frames.HEADER, header)

    def _write(self, data: bytes, rows: int) -> None:
        try:
            if self._fd < 0:
                self._open()
            if not self._size:
                data = self._header() + data
            written = os.write(self._fd, data)
            while written < len(data):  # a nearly full disk takes a part, and says why at the next call
                written += os.write(self._fd, memoryview(data)[written:])
        except OSError as error:
            raise self._failure(error, rows) from error
        if self._sync:
            try:
                os.fsync(self._fd)
            except OSError as error:
                failure = self._failure(error, rows)
                if self._fd >= 0:
                    # After a failed fsync the kernel may drop what it could not write and call the next one a success.
                    self._close()
                raise failure from error
        self._size += len(data)
        if self._file is not None:
            self._file.written = self._size
        self._next_seq += rows
        self.rows += rows
        if self.rows >= self._rotate_rows and rows:
            self.seal()

    def _failure(self, error: OSError, rows: int) -> JournalUnwritable:
        """Take back what was written in part; when even that fails, never append to this file again."""
        if self._fd >= 0:
            try:
                os.ftruncate(self._fd, self._size)
            except OSError:
                self._close()
        return JournalUnwritable(
            f"journal {self._name()} in {self.directory} cannot take {rows} records: {error.strerror or error}. None "
            "of them was kept and all earlier ones were; make room on that disk, then send them again"
        )

    def _close(self) -> Path | None:
        path = self.directory / f"{self._name()}{OPEN}"
        sealed = path.with_suffix(SEALED)
        if self._size:
            path.rename(sealed)
        else:
            path.unlink()
        if self._sync:
            with suppress(OSError):
                synced(self.directory)
        os.close(self._fd)  # releases the lock: only now may others take the file for an orphan
        found = sealed if self._size else None
        self._fd, self._size, self.rows, self._file = -1, 0, 0, None
        self._sequence += 1
        self._written.clear()
        return found
