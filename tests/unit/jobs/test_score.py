"""Files scored through the code that answers requests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from roadworthy.errors import DefinitionError, Refused, SchemaError, UnknownName
from roadworthy.features.arrow import batch_from_arrow
from roadworthy.jobs.score import score_file
from roadworthy.jobs.stores import Stores
from roadworthy.scorer import Scored, Scorer
from small_workspace import MODEL, PROMOTED, TRAFFIC, Small, questions_of


@pytest.fixture(scope="module")
def questions(small_stores: Stores, small: Small) -> pa.Table:
    """Questions of March: 930 rows, and a column `asked_at` that no version knows."""
    return questions_of(small_stores, small, TRAFFIC, PROMOTED).table


@pytest.fixture(scope="module")
def expected(small_stores: Stores, questions: pa.Table) -> list[float]:
    """What version 2 says, all rows in one batch."""
    scorer = small_stores.scorer(small_stores.versions.get(MODEL, 2))
    return scorer.score(batch_from_arrow(questions, scorer.schema)).output.tolist()


def stored(table: pa.Table, path: Path) -> Path:
    """The table as a file of the kind that the suffix tells."""
    if path.suffix == ".parquet":
        pq.write_table(table, path)
    elif path.suffix == ".jsonl":
        path.write_text(
            "".join(json.dumps(row, default=lambda at: at.isoformat()) + "\n" for row in table.to_pylist())
        )
    else:
        lists = [None if value is None else json.dumps(value) for value in table.column("before").to_pylist()]
        place = table.column_names.index("before")
        pyarrow.csv.write_csv(table.set_column(place, "before", pa.array(lists)), path)
    return path


@pytest.mark.parametrize("suffix", [".parquet", ".jsonl", ".csv"])
def test_every_kind_of_file_gives_the_same_bits_in_pieces_of_any_size(
    suffix: str, small_stores: Stores, questions: pa.Table, expected: list[float], tmp_path: Path
) -> None:
    """Parquet, JSON lines and CSV; 930 rows in pieces of 100 and in one."""
    file = stored(questions, tmp_path / f"march{suffix}")
    for piece_rows in (100, 50_000):
        done = score_file(small_stores, f"{MODEL}@2", file, piece_rows=piece_rows)
        assert done.output == tmp_path / f"march{suffix}.scored.parquet"
        written = pq.read_table(done.output)
        assert written.column("prediction").to_pylist() == expected
        assert (done.version, done.rows, done.mean) == (f"{MODEL}@2", 930, pytest.approx(np.mean(expected)))
        assert written.column_names == [*questions.column_names, "prediction"]
        assert written.column("wind").to_pylist() == questions.column("wind").to_pylist()
        assert written.column("before").to_pylist() == questions.column("before").to_pylist()


def test_a_csv_that_was_written_can_be_scored_again(
    small_stores: Stores, questions: pa.Table, expected: list[float], tmp_path: Path
) -> None:
    """Lists and times survive CSV; the newest version is meant when no number is given."""
    first = score_file(small_stores, MODEL, stored(questions, tmp_path / "a.parquet"), tmp_path / "b.csv")
    text = first.output.read_text().replace('"prediction"', '"said"', 1)
    (tmp_path / "c.csv").write_text(text)
    second = score_file(small_stores, MODEL, tmp_path / "c.csv", tmp_path / "d.parquet")
    assert pq.read_table(second.output).column("prediction").to_pylist() == expected


def test_all_faults_of_all_pieces_are_told_at_once_and_nothing_is_written(
    small_stores: Stores, questions: pa.Table, tmp_path: Path
) -> None:
    """Faults are named by file, column and first row, the row counted over the whole file."""
    rows = stored(questions, tmp_path / "march.jsonl").read_text().splitlines()
    for number, name, value in (
        (150, "wind", "n/a"),
        (820, "wind", "calm"),
        (430, "leaves", "2013-03-01T10:00"),
    ):
        rows[number] = json.dumps({**json.loads(rows[number]), name: value})
    rows[5] = json.dumps({name: value for name, value in json.loads(rows[5]).items() if name != "heavy"})
    (tmp_path / "bad.jsonl").write_text("\n".join(rows))
    with pytest.raises(SchemaError, match=r"bad\.jsonl \(930 rows\)") as caught:
        score_file(small_stores, MODEL, tmp_path / "bad.jsonl", piece_rows=100)
    assert {(fault.path, fault.got, fault.rows, fault.first_row) for fault in caught.value.faults} == {
        ("$.wind", '"n/a"', 2, 150),
        ("$.leaves", "2013-03-01T10:00:00 without an offset", 1, 430),
        ("$.heavy", "nothing: the key is absent", 1, 5),
    }
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.jsonl", "march.jsonl"]


def test_a_file_that_was_there_before_survives_a_failed_run(
    small_stores: Stores, questions: pa.Table, tmp_path: Path
) -> None:
    """The output appears whole or not at all."""
    (tmp_path / "out.parquet").write_text("yesterday")
    wind = pa.array([float("inf"), *[1.0] * 929])
    bad = questions.set_column(questions.column_names.index("wind"), "wind", wind)
    with pytest.raises(SchemaError, match="an infinite number"):
        score_file(small_stores, MODEL, stored(bad, tmp_path / "in.parquet"), tmp_path / "out.parquet")
    assert (tmp_path / "out.parquet").read_text() == "yesterday"


CSV = "trip,origin,wind,heavy,before,gate,leaves\n"
GOOD = 'T1,EWR,3,true,"[""JFK""]",A,2013-03-01T10:00:00Z\n'


def test_cells_of_csv_mean_what_they_say(small_stores: Stores, tmp_path: Path) -> None:
    """An empty cell is null, a quoted empty one is text, other columns stay text; blanks in a list are refused."""
    (tmp_path / "x.csv").write_text(
        "note," + CSV + "007," + GOOD + "," + GOOD.replace(",3,", ",,").replace(",A,", ',"",')
    )
    done = score_file(small_stores, MODEL, tmp_path / "x.csv")
    written = pq.read_table(done.output)
    assert written.column("note").to_pylist() == ["007", None]
    assert written.column("wind").to_pylist() == [3.0, None]
    assert written.column("gate").to_pylist() == ["A", ""]


@pytest.mark.parametrize(
    ("content", "faults"),
    [
        (CSV + GOOD.replace('"[""JFK""]"', "JFK EWR"), {("$.before", "a list of strings", '"JFK EWR"', 0)}),
        (CSV + GOOD.replace(",3,", ",3 mph,"), {("$.wind", "a finite number", '"3 mph"', 0)}),
        (CSV + GOOD.replace("true", "1"), {("$.heavy", "true or false", '"1"', 0)}),
        (CSV + GOOD.replace("true", ""), {("$.heavy", "true or false", "null", 0)}),
        (
            CSV + GOOD + "T2,EWR\n" + GOOD.replace("true", "yes"),
            {("$", "7 cells", "2", 1), ("$.heavy", "true or false", '"yes"', 2)},
        ),
        (CSV, {("$", "at least one row", "none", None)}),
        ("trip,trip\n1,2\n", {("$.trip", "one column of that name", "several", None)}),
        ("prediction," + CSV + "1," + GOOD, {("$.prediction", "no such column, because it is added", "one", None)}),
    ],
)  # fmt: skip
def test_a_csv_that_does_not_fit_is_refused_with_its_rows(
    content: str, faults: set[Any], small_stores: Stores, tmp_path: Path
) -> None:
    """Rows are counted from 0 without the header, ragged ones too."""
    (tmp_path / "x.csv").write_text(content)
    with pytest.raises(SchemaError) as caught:
        score_file(small_stores, MODEL, tmp_path / "x.csv")
    assert {(f.path, f.expected, f.got, f.first_row) for f in caught.value.faults} == faults
    assert [path.name for path in tmp_path.iterdir()] == ["x.csv"]


def test_lines_that_are_not_json_objects_and_late_keys_are_refused(
    small_stores: Stores, tmp_path: Path
) -> None:
    """A key that appears later would need a column that is not in the part already written."""
    row = {"trip": "T", "origin": "EWR", "wind": 1, "heavy": True, "before": [], "gate": "A"}
    row["leaves"] = "2013-03-01T10:00:00Z"
    lines = [json.dumps(row)] * 3 + [json.dumps({**row, "note": 1}), "{"]
    (tmp_path / "x.jsonl").write_text("\n".join(lines))
    with pytest.raises(SchemaError) as caught:
        score_file(small_stores, MODEL, tmp_path / "x.jsonl", piece_rows=2)
    found = {(fault.path, fault.first_row) for fault in caught.value.faults}
    assert {("$.note", 3), ("$", 4)} <= found


def test_files_that_are_not_what_they_claim_are_refused(small_stores: Stores, tmp_path: Path) -> None:
    """A cut Parquet file, bytes that are not text, an unknown suffix, no file, no directory, the file itself."""
    (tmp_path / "x.parquet").write_bytes(b"PAR1 and then nothing")
    (tmp_path / "x.csv").write_bytes(b"trip,wind\n\xff\xfe,2\n")
    (tmp_path / "x.txt").write_text(CSV + GOOD)
    (tmp_path / "good.csv").write_text(CSV + GOOD)
    for name in ("x.parquet", "x.csv"):
        with pytest.raises(SchemaError, match="Nothing was written"):
            score_file(small_stores, MODEL, tmp_path / name)
    for name, output, said in (
        ("x.txt", None, "suffix must be one of .csv"),
        ("none.csv", None, "there is no file"),
        ("good.csv", "out.txt", "suffix must be one of .parquet"),
        ("good.csv", "no/out.csv", "there is no directory"),
        ("good.csv", "good.csv", "the file that is read"),
    ):
        with pytest.raises(DefinitionError, match=said):
            score_file(small_stores, MODEL, tmp_path / name, output and tmp_path / output)
    with pytest.raises(UnknownName, match="trip-delay@9"):
        score_file(small_stores, f"{MODEL}@9", tmp_path / "good.csv")


def test_numbers_that_no_server_would_let_pass_are_not_written(
    small_stores: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A version that says NaN is refused, not averaged."""
    (tmp_path / "x.csv").write_text(CSV + GOOD)
    monkeypatch.setattr(
        Scorer, "score", lambda self, batch: Scored(np.empty((batch.n, 1)), np.full(batch.n, np.nan))
    )
    with pytest.raises(Refused, match="1 of 1 numbers that are not finite"):
        score_file(small_stores, MODEL, tmp_path / "x.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["x.csv"]


def test_scoring_a_file_logs_nothing(small_stores: Stores, tmp_path: Path) -> None:
    """The log holds what was asked online, and nothing else."""
    before = small_stores.log().predictions(MODEL).num_rows
    (tmp_path / "x.csv").write_text(CSV + GOOD)
    score_file(small_stores, MODEL, tmp_path / "x.csv")
    assert small_stores.log().predictions(MODEL).num_rows == before
