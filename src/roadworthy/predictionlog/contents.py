"""What a journal holds, read back: whole, or what was appended since the last look.

Not here: writing (journal), frames and their damage (frames), tables (columns).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from roadworthy.errors import CorruptArtifact, Refused
from roadworthy.predictionlog import frames
from roadworthy.predictionlog.frames import OPEN, SEALED, Frames, Header, Seal
from roadworthy.predictionlog.record import FORMAT, Group, LogSchema, Outcome, Prediction

_decode_prediction = msgspec.msgpack.Decoder(Prediction).decode
_decode_group = msgspec.msgpack.Decoder(Group).decode
_decode_outcome = msgspec.msgpack.Decoder(Outcome).decode
_decode_header = msgspec.msgpack.Decoder(Header).decode
_decode_schema = msgspec.msgpack.Decoder(LogSchema).decode
_decode_seal = msgspec.msgpack.Decoder(Seal).decode


@dataclass(frozen=True, slots=True)
class JournalContents:
    """What one journal holds.

    header        None when the file ends within its first frame
    schemas       digest → schema
    predictions   in the order of appending; without those of `groups`
    groups        as they were written, where they were asked for; else they are among the predictions
    outcomes      in the order of appending
    next_seq      `journal_seq` after the last record; with `header.first_seq` it says how many there must be
    end           offset after the last whole frame
    torn          bytes after it, left by a crash in the middle of a write
    sealed        whether the journal was closed in order
    """

    header: Header | None
    schemas: dict[str, LogSchema] = field(default_factory=dict)
    predictions: list[Prediction] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    next_seq: int = 0
    end: int = 0
    torn: int = 0
    sealed: bool = False


def read_journal(path: Path, offset: int = 0, *, expand: bool = True) -> JournalContents:
    """Everything in the journal at `path`, open or sealed, or what follows `offset`, the end of an earlier read.

    expand  groups into predictions, in their order among the others
    raises  CorruptArtifact naming the offset, when the file is damaged anywhere but at its torn tail
            Refused when a newer Roadworthy wrote it
            FileNotFoundError when it is gone (rolled); an `.open` that was sealed meanwhile is found
    """
    data = _bytes_from(path, offset)
    found = Frames(data, path.name, offset)
    header: Header | None = None
    schemas: dict[str, LogSchema] = {}
    predictions: list[Prediction] = []
    groups: list[Group] = []
    outcomes: list[Outcome] = []
    next_seq, sealed = 0, False
    at = 0
    try:
        for kind, payload in found:
            if at == 0 and offset == 0:
                header = checked_header(path, kind, payload)
                next_seq = header.first_seq
            elif kind == frames.PREDICTION:
                predictions.append(_decode_prediction(payload))
                next_seq = predictions[-1].journal_seq + 1
            elif kind == frames.GROUP:
                group = _decode_group(payload)
                if expand:
                    predictions.extend(group.predictions())
                else:
                    groups.append(group)
                next_seq = group.journal_seq + len(group.ids)
            elif kind == frames.OUTCOME:
                outcomes.append(_decode_outcome(payload))
                next_seq = outcomes[-1].journal_seq + 1
            elif kind == frames.SCHEMA:
                schema = _decode_schema(payload)
                schemas[schema.digest] = schema
            elif kind == frames.SEAL:
                next_seq, sealed = _decode_seal(payload).next_seq, True
            at = found.end
    except (msgspec.DecodeError, ValueError) as error:
        raise CorruptArtifact(
            f"journal {path.name}: the frame at byte {offset + at} is whole but holds no record of format {FORMAT}: "
            f"{error}. Read it with the Roadworthy that wrote it"
        ) from error
    return JournalContents(
        header, schemas, predictions, groups, outcomes, next_seq, offset + found.end, found.torn, sealed
    )


def checked_header(path: Path, kind: int, payload: memoryview) -> Header:
    """The header in the first frame of the journal at `path`; CorruptArtifact or Refused as `read_journal` says."""
    if kind != frames.HEADER:
        raise CorruptArtifact(f"{path} is not a journal: its first frame is of type {kind}, not a header")
    header = _decode_header(payload)
    if header.magic != frames.MAGIC:
        raise CorruptArtifact(f"{path} is not a journal: its header says {header.magic!r}")
    if header.format > FORMAT:
        raise Refused(
            f"journal {path} has format {header.format}, this Roadworthy reads up to {FORMAT}: upgrade this node"
        )
    return header


def _bytes_from(path: Path, offset: int) -> bytes:
    try:
        file = path.open("rb")
    except FileNotFoundError:
        if path.suffix != OPEN:
            raise
        file = path.with_suffix(SEALED).open("rb")
    with file:
        file.seek(offset)
        return file.read()
