"""Rows that turned out wrong, given as a file, lead to every version trained on them and to what those answered."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from roadworthy.errors import DefinitionError
from roadworthy.jobs.stores import Stores
from roadworthy.jobs.trace import trace
from roadworthy.jobs.trace_rows import read_units, trace_rows
from small_workspace import MODEL

#: Trips of 1 January, which both versions were trained on, and of 20 February, which only the second was.
OLD, NEW, LATER = "T00003", "T01505", "T02900"


def test_a_list_that_turned_out_wrong_leads_to_versions_and_to_the_count_of_their_answers(
    small_stores: Stores, tmp_path: Path
) -> None:
    """As many units as each was trained on, and the same answers as for each of them alone."""
    file = tmp_path / "blacklist.csv"
    file.write_text(f"reason,trip\nfraud,{OLD}\nfraud,{NEW}\nfraud,{NEW}\nfraud,{LATER}\nfraud,nobody\n")
    found = trace_rows(small_stores, MODEL, file)
    assert found.units == 4
    assert [(each.version.version, each.units) for each in found.versions] == [(1, 1), (2, 2)]
    alone = trace(small_stores, OLD)
    assert {each.version.version: each.answers for each in found.versions} == alone.answers  # type: ignore[union-attr]  # rows of a unit
    assert found.affected == sum(each.answers for each in found.versions) > 1_000
    said = found.sentences()
    assert said[0].startswith("4 units in ")
    assert any(line.startswith(f"{MODEL}@2 was trained on 2 of them; it gave ") for line in said)
    assert f"Affected in all: {found.affected:,} answers" in said


def test_rows_that_no_version_was_trained_on_affect_nobody(small_stores: Stores, tmp_path: Path) -> None:
    """Which is an answer and no error."""
    (tmp_path / "later.txt").write_text(f"{LATER}\n\n")
    found = trace_rows(small_stores, MODEL, tmp_path / "later.txt")
    assert (found.versions, found.without, found.affected) == ((), (1, 2), 0)
    assert found.sentences()[-1] == "Affected in all: no answer"


def test_units_are_read_from_columns_of_any_name_and_type(tmp_path: Path) -> None:
    """As the log writes them: a whole float is a whole number."""
    pq.write_table(pa.table({"trip": [7.0, 8.0, 7.0], "why": ["a", "b", "c"]}), tmp_path / "rows.parquet")
    assert read_units(tmp_path / "rows.parquet", "trip") == ["7", "8"]
    (tmp_path / "one.csv").write_text("card\n0047\n")
    assert read_units(tmp_path / "one.csv", "trip") == ["0047"]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("none.csv", None, "there is no file"),
        ("two.csv", "card,why\n1,a\n", "has the columns card, why and none is 'trip': name one"),
        ("empty.txt", "\n", "holds no unit in 'unit'"),
        ("short.csv", "trip,why\n1\n", r"as \.csv: the header names 2 columns, and a row has 1: \['1'\]"),
        ("nothing.csv", "", r"cannot be read as \.csv: it is empty"),
        ("long.csv", f"trip\n{'x' * 200_000}\n", r"cannot be read as \.csv: field larger than"),
        ("torn.parquet", "nothing", "cannot be read as .parquet"),
    ],
)
def test_a_file_that_is_no_list_of_units_is_refused_with_what_to_give(
    name: str, text: str | None, said: str, tmp_path: Path
) -> None:
    """Nothing traced would look like nothing affected."""
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(DefinitionError, match=said):
        read_units(tmp_path / name, "trip")
