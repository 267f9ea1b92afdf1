"""The command as a person or a script runs it: one small workspace, from a table to a trace."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import roadworthy
from roadworthy.jobs.stores import Stores
from roadworthy.predictionlog.journal import Journal
from small_workspace import (
    MODEL,
    PROMOTED,
    TRAFFIC,
    Small,
    answer,
    define,
    questions_of,
)

REASON = "nothing serves [yet]"


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, parsed."""
        return json.loads(self.out)


Run = Callable[..., Ran]


def runner(directory: Path) -> Run:
    """Runs the real command in a directory that holds its workspace."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("ROADWORTHY_") and name != "COLUMNS"
    }
    environment = {**kept, "USER": "anna", "OMP_WAIT_POLICY": "passive"}

    def run(*arguments: str) -> Ran:
        command = [sys.executable, "-m", "roadworthy.cli", *arguments]
        done = subprocess.run(
            command, cwd=directory, env=environment, capture_output=True, text=True, check=False
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


@dataclass(frozen=True)
class Lived:
    """A workspace in which everything has happened once, and what each command said to it."""

    run: Run
    small: Small
    stores: Stores
    said: dict[str, Ran]


@pytest.fixture(scope="session")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lived]:
    """Ingest, train, gate, release, then traffic of March that version 1 answered."""
    directory = tmp_path_factory.mktemp("cli")
    named = define(directory)
    small = Small(directory / ".roadworthy", named.definition)
    run = runner(directory)
    said = {
        "ingest": run("ingest", "trips.py"),
        "train": run("train", "trips.py", "--until", "2013-03-01", "--holdout", "14d"),
        "retrain": run("train", "trips.py", "--until", "2013-03-15", "--holdout", "14d", "--json"),
        "gate": run("gate", f"{MODEL}@1"),
        "refused": run("release", f"{MODEL}@1", "--promote", "--json"),
        "approved": run("gate", f"{MODEL}@1", "--first-release", REASON, "--json"),
        "promoted": run("release", f"{MODEL}@1", "--promote", "--event-time", "2013-03-01", "--json"),
    }
    stores = small.stores()
    answer(
        stores,
        Journal(stores.settings.nodes / "n" / "journals", 0),
        1,
        questions_of(stores, small, TRAFFIC, PROMOTED),
    )
    yield Lived(run, small, stores, said)
    stores.engine.dispose()


def test_a_table_becomes_a_version(lived: Lived) -> None:
    """Ingest tells rows and fingerprint, train tells metrics with intervals and what to do next."""
    ingested, trained = lived.said["ingest"], lived.said["train"]
    assert (ingested.status, trained.status) == (0, 0)
    assert "trips" in ingested.out
    assert "3,300" in ingested.out
    assert trained.out.startswith(f"{MODEL}@1 is registered: trained on 1,313 rows")
    assert trained.out.rstrip().endswith(f"Next: roadworthy gate {MODEL}@1")
    assert lived.said["retrain"].json["version"] == 2
    again = lived.run("ingest", "trips.py", "--json")
    assert [item["unchanged"] for item in again.json] == [True]


def test_a_first_release_needs_a_person(lived: Lived) -> None:
    """Without an approval the gate blocks and the release is refused, both with status 3; with one it passes."""
    gated, refused = lived.said["gate"], lived.said["refused"]
    assert gated.status == 3
    assert "--first-release" in gated.out
    assert refused.status == 3
    assert refused.out == ""
    assert json.loads(refused.err)["error"]["kind"] == "Refused"
    approved = lived.said["approved"]
    assert (approved.status, approved.json["decision"]["ruling"]) == (0, "pass")
    assert lived.said["promoted"].json["sentence"] == f"{MODEL}@1 is champion (route number 1)"


def test_versions_and_history_say_what_serves_and_why(lived: Lived) -> None:
    """In text and as JSON; what a person wrote is shown as written."""
    text, parsed = lived.run("versions", MODEL), lived.run("versions", MODEL, "--json").json
    assert "2013-01-01 to 2013-02-15" in text.out
    assert [(row["version"], row["gate"], row["serves"]) for row in parsed] == [
        (1, "pass", "champion"),
        (2, "never asked", ""),
    ]
    assert lived.run("versions").out == text.out
    history = lived.run("history")
    assert REASON in history.out
    assert "for 2013-03-01 00:00" in history.out
    assert history.out.count("for 2013") == 3, "two registrations and the promotion"
    entries = lived.run("history", MODEL, "--json").json
    assert [entry["action"] for entry in entries][-3:] == ["approve", "gate", "promote"]
    assert {entry["actor"] for entry in entries} >= {"anna", "train"}
    at = lived.run("history", MODEL, "--at", "2013-03-02")
    assert at.out == f"{MODEL}@1 was champion at 2013-03-02 00:00:00 UTC (route number 1)\n"


def test_a_file_is_scored(lived: Lived, tmp_path: Path) -> None:
    """CSV in, CSV out; a faulty one is refused with its faults as data."""
    header, row = "trip,origin,wind,heavy,before,gate,leaves", "T1,EWR,3,true,[],A,2013-03-01T10:00:00Z"
    (tmp_path / "in.csv").write_text(f"{header}\n{row}\n")
    scored = lived.run("score", f"{MODEL}@1", str(tmp_path / "in.csv"), "--output", str(tmp_path / "out.csv"))
    assert scored.status == 0
    assert scored.out.startswith(f"1 row scored by {MODEL}@1 into ")
    assert (tmp_path / "out.csv").read_text().splitlines()[0].endswith('"prediction"')
    as_json = lived.run("score", MODEL, str(tmp_path / "in.csv"), "--json").json
    assert (as_json["version"], as_json["rows"]) == (f"{MODEL}@2", 1)
    (tmp_path / "bad.csv").write_text(f"{header}\n{row.replace('3', 'calm', 1)}\n")
    bad = lived.run("score", MODEL, str(tmp_path / "bad.csv"), "--json")
    assert bad.status == 1
    assert json.loads(bad.err)["error"]["faults"][0]["path"] == "$.wind"


def test_the_log_leads_to_a_version_and_a_row_leads_to_the_log(lived: Lived) -> None:
    """`log` shows an identifier, `trace` takes it; and the other way round."""
    assert "2013-03-31" in lived.run("log", MODEL, "--limit", "2").out
    (row,) = lived.run("log", MODEL, "--limit", "1", "--json").json
    assert row["in_origin"] in {"EWR", "JFK"}  # a script gets the whole record
    assert row["ctx_gate"] in {"A", "B"}
    assert row["decision"] == ""
    assert f"{MODEL}@1 said {row['output']:.4f}" in lived.run("trace", row["id"]).out
    traced = lived.run("trace", row["id"], "--json").json
    assert traced["trained_on_unit"] is False
    assert traced["unseen"] is not None
    early = lived.run("log", "--as-of", "2013-03-02", "--json").json
    assert {row["label"] for row in early} == {None}
    assert lived.run("trace", f"{MODEL}:T00005").out.rstrip().endswith("Affected in all: 930 answers")
    assert lived.run("trace", f"{MODEL}:T00005", "--json").json["affected"] == 930
    nothing = lived.run("log", MODEL, "--from", "2014-01-01")
    assert nothing.out == f"no predictions of {MODEL} are logged then\n"


def test_two_versions_are_compared_by_month(lived: Lived) -> None:
    """Months, a total, and what was left out."""
    text = lived.run("compare", MODEL, "1", "2")
    assert "2013-03" in text.out
    assert "Left out: " in text.out
    assert all(len(line.rstrip()) <= 80 for line in text.out.split("Left out")[0].splitlines())
    assert lived.run("compare", "1", "2").out == text.out
    early = lived.run("compare", "1", "2", "--as-of", "2013-03-20", "--json").json
    months = lived.run("compare", MODEL, "1", "2", "--json").json
    assert early[-1]["n"] < months[-1]["n"]
    assert [row["period"] for row in months] == ["2013-03", "total"]


MISTAKES = {
    ("versions", "trips"): (1, "there is no model 'trips'"),
    ("gate", f"{MODEL}@9"): (1, f"{MODEL}@9 does not exist"),
    ("train", "none.py"): (1, "none.py"),
    ("trace", "T99999"): (1, "and not the identifier of a prediction"),
    ("history", MODEL, "--at", "yesterday"): (1, "time 'yesterday' is not understood"),
    ("rollback", MODEL, "--reason", "it is bad"): (1, "nothing"),
    ("nope",): (2, "No such command 'nope'"),
    ("versions", MODEL, "--frobnicate"): (2, "No such option"),
    ("compare", MODEL, "1"): (2, "expected [MODEL] OLD NEW"),
    ("unbar", f"{MODEL}@1", "--reason", "why not"): (1, "is not barred"),
    ("release", f"{MODEL}@1"): (2, "one of --shadow, --canary 5%, --promote"),
    ("release", f"{MODEL}@2", "--promote"): (3, "the gate was never asked about it"),
}  # fmt: skip


@pytest.mark.parametrize("arguments", MISTAKES, ids=" ".join)
def test_a_mistake_is_answered_with_a_sentence_and_a_status(arguments: tuple[str, ...], lived: Lived) -> None:
    """1 could not be done, 2 wrong usage, 3 refused; standard output stays empty, and nobody sees a traceback."""
    status, said = MISTAKES[arguments]
    done = lived.run(*arguments)
    assert (done.status, done.out) == (status, "")
    assert done.err.startswith("roadworthy: ")
    assert said in done.err
    assert "Traceback" not in done.err
    assert len(done.err.splitlines()) == 1


def test_wrong_usage_is_json_where_json_was_asked_for(lived: Lived) -> None:
    """A script reads one kind of error."""
    done = lived.run("compare", MODEL, "--json")
    assert (done.status, json.loads(done.err)["error"]["kind"]) == (2, "UsageError")


def test_a_command_without_arguments_shows_what_there_is(tmp_path: Path) -> None:
    """Help, and no workspace made by looking at it."""
    done = runner(tmp_path)()
    assert done.status == 0
    assert all(
        name in done.out for name in ("ingest", "train", "gate", "release", "score", "trace", "compare")
    )
    assert list(tmp_path.iterdir()) == []


def test_the_version_is_printed_and_nothing_made(tmp_path: Path) -> None:
    """For bug reports and scripts."""
    done = runner(tmp_path)("--version")
    assert (done.status, done.out) == (0, f"roadworthy {roadworthy.__version__}\n")
    assert list(tmp_path.iterdir()) == []


def test_help_loads_nothing_heavy() -> None:
    """`roadworthy --help` must answer at once, so no library of data or databases is imported for it."""
    code = (
        "import sys\n"
        "from roadworthy.cli import main\n"
        "sys.argv = ['roadworthy', '--help']\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n    assert not end.code\n"
        "heavy = {'numpy', 'sqlalchemy', 'pyarrow', 'duckdb', 'scipy', 'lightgbm'} & set(sys.modules)\n"
        "sys.exit(f'imported {sorted(heavy)}' if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
