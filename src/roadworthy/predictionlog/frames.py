"""The bytes of a journal: checksummed, length-prefixed frames, and how damage is told from a torn tail.

Not here: files, their names and their life (journal). Frozen: a frame is u32 length of the payload, u32 CRC-32 of
type and payload, u8 type, payload in MessagePack; all little-endian.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Final

import msgspec

from roadworthy.errors import CorruptArtifact
from roadworthy.predictionlog.record import FORMAT

MAGIC: Final = "roadworthy-journal"

#: A journal is `<id>.open` while its worker holds it and `<id>.sealed` when complete.
OPEN: Final = ".open"
SEALED: Final = ".sealed"

HEADER: Final = 1
SCHEMA: Final = 2
PREDICTION: Final = 3
OUTCOME: Final = 4
SEAL: Final = 5
GROUP: Final = 6

PREFIX = struct.Struct("<IIB")
PREFIX_SIZE: Final = PREFIX.size

#: CRC-32 continues from here, so that a flipped type is as much a fault as a flipped payload.
SEEDS: Final = {
    kind: zlib.crc32(bytes((kind,))) for kind in (HEADER, SCHEMA, PREDICTION, OUTCOME, SEAL, GROUP)
}

_encode = msgspec.msgpack.Encoder().encode
_crc32 = zlib.crc32
_pack = PREFIX.pack


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """The first frame of a journal: what wrote it, so that it can be read, adopted and placed without a registry.

    journal      `<node>-<worker>-<start>-<sequence>`, also the name of the file
    started_at   microseconds since 1970 UTC when the worker started
    sequence     number of this journal since the worker started, from 0
    first_seq    `journal_seq` of its first record
    """

    magic: str = MAGIC
    format: int = FORMAT
    journal: str
    node: str
    worker: str
    pid: int
    started_at: int
    sequence: int
    first_seq: int


class Seal(msgspec.Struct, frozen=True):
    """The last frame of a journal that was closed in order: the `journal_seq` that comes after its last record."""

    next_seq: int


def journal_name(stream: str, sequence: int) -> str:
    """Name of a journal: `<node>-<worker>-<start>` and its number; names sort as numbers do (for 30 years of seconds).

    >>> journal_name("node-0-1763690000000000", 7)
    'node-0-1763690000000000-000000007'
    """
    return f"{stream}-{sequence:09d}"


def frame(kind: int, record: object) -> bytes:
    """One record as a frame."""
    payload = _encode(record)
    return _pack(len(payload), _crc32(payload, SEEDS[kind]), kind) + payload


class Frames(Iterator[tuple[int, memoryview]]):
    """Iterates (type, payload) over the whole frames in `data`, and stops at the tail that a crash tore.

    name    what the bytes are called in an error
    first   offset of `data` in the file, for an error
    end     after the last whole frame, counted from the start of `data`
    raises  CorruptArtifact where whole frames follow a broken one: then the damage is not a torn tail
    """

    def __init__(self, data: bytes, name: str, first: int = 0) -> None:
        self._data, self._view = data, memoryview(data)
        self._name, self._first = name, first
        self.end = 0

    def __next__(self) -> tuple[int, memoryview]:
        found = _frame_at(self._view, self.end)
        if found is not None:
            self.end += PREFIX_SIZE + len(found[1])
            return found
        intact = _next_frame(self._data, self._view, self.end + 1)
        if intact is not None:
            raise CorruptArtifact(
                f"journal {self._name} is damaged at byte {self._first + self.end}: the frame there does not match its "
                f"checksum, and whole frames follow from byte {self._first + intact}. Restore the file from a copy, or "
                "move it aside: its records are then missing from the log, and `gaps` will say which"
            )
        raise StopIteration

    @property
    def torn(self) -> int:
        """Bytes after the last whole frame."""
        return len(self._view) - self.end


def _frame_at(view: memoryview, offset: int) -> tuple[int, memoryview] | None:
    start = offset + PREFIX_SIZE
    if start > len(view):
        return None
    length, checksum, kind = PREFIX.unpack_from(view, offset)
    payload = view[start : start + length]
    seed = SEEDS.get(kind)
    if len(payload) != length or seed is None or _crc32(payload, seed) != checksum:
        return None
    return kind, payload


def _next_frame(data: bytes, view: memoryview, offset: int) -> int | None:
    """Where the next whole frame of records starts at or after `offset`; looks only where a type byte could be."""
    for kind in (GROUP, PREDICTION, OUTCOME, SEAL):
        at = data.find(kind, offset + PREFIX_SIZE - 1)
        while at >= 0:
            if _frame_at(view, at - PREFIX_SIZE + 1) is not None:
                return at - PREFIX_SIZE + 1
            at = data.find(kind, at + 1)
    return None
