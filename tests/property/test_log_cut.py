"""A journal that is cut anywhere loses nothing that was acknowledged before the cut."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from roadworthy.errors import CorruptArtifact
from roadworthy.predictionlog.journal import Journal, JournalContents, journals_in, read_journal
from roadworthy.predictionlog.record import LogField, LogSchema, Outcome, Prediction

SCHEMA = LogSchema("delay", (LogField("note", "string"),))


def prediction(number: int, note: str) -> Prediction:
    """A prediction whose size varies with its note."""
    return Prediction(
        id=str(number),
        model="delay",
        version=1,
        schema=SCHEMA.digest,
        unit="u",
        event_time=0,
        logged_at=0,
        inputs=(note,),
    )


def outcome(number: int, note: str) -> Outcome:
    """An outcome whose size varies with its note."""
    return Outcome(
        id=str(number), model="delay", name=note, value=1.0, event_time=0, arrival_time=0, logged_at=0
    )


appends = st.lists(
    st.tuples(st.booleans(), st.lists(st.text(max_size=20), min_size=1, max_size=3)), min_size=1, max_size=5
)


def numbers(contents: JournalContents) -> list[int]:
    """`journal_seq` of all records."""
    return sorted(record.journal_seq for record in (*contents.predictions, *contents.outcomes))


@given(appends, st.data())
def test_a_log_cut_at_any_byte_loses_at_most_what_was_not_acknowledged(
    batches: list[tuple[bool, list[str]]], data: st.DataObject
) -> None:
    """Every record of every append that ended before the cut is there, in order, and at most the rest is not."""
    with tempfile.TemporaryDirectory() as directory:
        journal = Journal(Path(directory), 0)
        journal.declare(SCHEMA)
        acknowledged = []
        for is_prediction, notes in batches:
            if is_prediction:
                journal.append([prediction(number, note) for number, note in enumerate(notes)])
            else:
                journal.append_outcomes([outcome(number, note) for number, note in enumerate(notes)])
            (path,) = journals_in([Path(directory)])
            acknowledged.append((path.stat().st_size, len(notes)))
        content = path.read_bytes()
        cut = data.draw(st.integers(0, len(content)))
        path.write_bytes(content[:cut])
        found = read_journal(path)
        assert numbers(found) == list(range(len(numbers(found))))
        whole = sum(rows for size, rows in acknowledged if size <= cut)
        torn = next((rows for size, rows in acknowledged if size > cut), 0)
        assert whole <= len(numbers(found)) <= whole + max(0, torn - 1)
        assert found.end + found.torn == cut


@given(appends, st.data())
def test_a_flipped_bit_is_never_read_as_a_record(
    batches: list[tuple[bool, list[str]]], data: st.DataObject
) -> None:
    """It is an error, or, in the last frame, a torn tail; what is read was written."""
    with tempfile.TemporaryDirectory() as directory:
        journal = Journal(Path(directory), 0)
        journal.declare(SCHEMA)
        notes = [note for _, batch in batches for note in batch]
        for number, note in enumerate(notes):
            journal.append([prediction(number, note)])
        (path,) = journals_in([Path(directory)])
        content = bytearray(path.read_bytes())
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] ^= 1 << data.draw(st.integers(0, 7))
        path.write_bytes(content)
        try:
            found = read_journal(path)
        except CorruptArtifact:
            return
        assert len(found.predictions) == len(notes) - 1
        assert [record.inputs for record in found.predictions] == [(note,) for note in notes[:-1]]
