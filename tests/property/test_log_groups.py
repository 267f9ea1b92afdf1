"""A group of predictions is its predictions, whatever is in it and wherever the file is cut."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from roadworthy.predictionlog.columns import prediction_table
from roadworthy.predictionlog.grouped import group_table
from roadworthy.predictionlog.journal import Journal, JournalContents, journals_in, read_journal
from roadworthy.predictionlog.record import Group, LogField, LogSchema, Prediction
from roadworthy.predictionlog.tail import tail

SCHEMA = LogSchema("delay", (LogField("note", "string"), LogField("last", "strings")), ("wind", "rain"))

texts = st.text(max_size=12)
times = st.integers(-(2**55), 2**55)
rows = st.tuples(st.none() | texts | st.floats() | st.booleans() | times, st.lists(texts, max_size=2))


@st.composite
def groups(draw: st.DrawFn) -> Group:
    """A group of one to four rows."""
    n = draw(st.integers(1, 4))
    said = draw(st.booleans())

    def several(values: st.SearchStrategy[Any]) -> list[Any]:
        return draw(st.lists(values, min_size=n, max_size=n))

    return Group(
        namespace=draw(texts),
        model="delay",
        version=draw(st.integers(1, 9)),
        schema=SCHEMA.digest,
        logged_at=draw(times),
        plan=draw(st.integers(0, 9)),
        attempt=draw(texts),
        role="shadow",
        propensity=draw(st.floats(0, 1)),
        probabilities=tuple(draw(st.lists(st.floats(0, 1), max_size=3))),
        experiment=draw(texts),
        arm=draw(texts),
        decision=draw(texts),
        node=draw(texts),
        build=draw(texts),
        status="ok" if said else "error",
        error="" if said else draw(texts),
        ids=several(texts),
        request_ids=several(texts),
        rows=several(st.integers(0, 99)),
        units=several(texts),
        event_times=several(times),
        latencies=several(st.floats(0, 9)),
        inputs=several(rows | st.just(())),
        encoded=np.arange(2.0 * n).tobytes() if said else b"",
        outputs=several(st.floats()) if said else None,
    )


def journal_in(directory: str) -> Journal:
    """A journal that knows SCHEMA."""
    journal = Journal(Path(directory), 0)
    journal.declare(SCHEMA)
    return journal


def contents(directory: str) -> JournalContents:
    """Of the only journal there."""
    (path,) = journals_in([Path(directory)])
    return read_journal(path)


def texts_of(predictions: list[Prediction]) -> list[str]:
    """All fields of all records; as text, where NaN equals itself."""
    return [repr(record) for record in predictions]


@given(st.lists(st.lists(groups(), min_size=1, max_size=3), min_size=1, max_size=3))
def test_appended_groups_read_as_their_predictions_appended_one_by_one(batches: list[list[Group]]) -> None:
    """Same records, same numbers, and the same again from the tail."""
    with tempfile.TemporaryDirectory() as grouped, tempfile.TemporaryDirectory() as single:
        one, other = journal_in(grouped), journal_in(single)
        for batch in batches:
            other.append([record for group in batch for record in group.predictions()])
            one.append_groups(batch)
        found = contents(grouped)
        assert texts_of(found.predictions) == texts_of(contents(single).predictions)
        assert [record.journal_seq for record in found.predictions] == list(range(found.next_seq))
        seen = tail([Path(grouped)], Path(grouped) / "log")
        assert texts_of(seen.predictions) == texts_of(found.predictions)
        assert texts_of(
            [record for batch in batches for group in batch for record in group.predictions()]
        ) == (texts_of(found.predictions))


@given(st.lists(groups(), min_size=1, max_size=4))
def test_groups_roll_into_the_table_that_their_predictions_give(written: list[Group]) -> None:
    """Column by column, misfits included; only faster."""
    first = 0
    for group in written:
        group.journal_seq = first
        first += len(group.ids)
    table, misfits = group_table(SCHEMA, "j", written)
    records = [record for group in written for record in group.predictions()]
    other, others = prediction_table(SCHEMA, "j", records)
    assert misfits == others
    assert table.column_names == other.column_names
    for name in table.column_names:
        assert table.column(name).type == other.column(name).type, name
        assert repr(table.column(name).to_pylist()) == repr(other.column(name).to_pylist()), name


@given(st.lists(groups(), min_size=1, max_size=4), st.data())
def test_a_cut_takes_whole_groups_and_only_those_it_touches(
    written: list[Group], data: st.DataObject
) -> None:
    """A group that was acknowledged before the cut is there, and no group is there in part."""
    with tempfile.TemporaryDirectory() as directory:
        journal = journal_in(directory)
        ends = [0]
        for group in written:
            journal.append_groups([group])
            ends.append(journals_in([Path(directory)])[0].stat().st_size)
        (path,) = journals_in([Path(directory)])
        content = path.read_bytes()
        cut = data.draw(st.integers(0, len(content)))
        path.write_bytes(content[:cut])
        whole = sum(end <= cut for end in ends[1:])
        rows_after = [0, *itertools.accumulate(len(group.ids) for group in written)]
        found = read_journal(path)
        assert len(found.predictions) == rows_after[whole]
        assert found.end + found.torn == cut
