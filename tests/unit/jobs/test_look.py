"""Two versions side by side for people who do not know which is which, and what becomes of their ratings."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from roadworthy.errors import DefinitionError, Refused, UnknownName
from roadworthy.jobs.forget import forget
from roadworthy.jobs.gate import compared_rows
from roadworthy.jobs.look import write_look
from roadworthy.jobs.looks import Look, keys, names, page_path, remembered
from roadworthy.jobs.ratings import ratings_of, ratings_path, read_ratings
from roadworthy.jobs.stores import Stores
from roadworthy.sensitive import key_path, make_key
from small_workspace import MODEL

REFERENCE = f"{MODEL}@2"
SEED = "5eed" * 8


@pytest.fixture
def looked(own_stores: Stores) -> Stores:
    """A workspace with a page of version 2 beside version 1."""
    write_look(own_stores, REFERENCE, seed=SEED, against=1)
    return own_stores


def page(stores: Stores) -> str:
    """The source of the page."""
    return page_path(stores, stores.versions.get(MODEL, 2)).read_text()


def look(stores: Stores) -> Look:
    """What the workspace remembers of the page."""
    (identifier,) = re.findall(r'look: "(\w+)"', page(stores))
    return remembered(stores, stores.versions.get(MODEL, 2), identifier)


def answers(stores: Stores, path: Path, rater: str = "anna", prefers: str = "candidate", **more: Any) -> Path:
    """A file as the page saves it, of a rater who always prefers the same version (and must know the seed for it)."""
    known = look(stores)
    shown = list(dict.fromkeys(re.findall(r'name="([0-9a-f]{16})"', page(stores))))
    first = {name: known.candidate_first(name) for name in shown}
    letters = {name: "A" if first[name] == (prefers == "candidate") else "B" for name in shown}
    path.write_text(json.dumps({"format": 1, "look": known.id, "rater": rater, "ratings": letters} | more))
    return path


def counted(stores: Stores, champion: int | None = 1) -> Any:
    """The ratings as the gate counts them."""
    row = stores.versions.get(MODEL, 2)
    table, holdout, scorer = compared_rows(stores, row, stores.versions.get(MODEL, 1))
    return ratings_of(stores, row, table, scorer.unit, holdout, champion)


def test_the_page_shows_the_rows_that_differ_most(looked: Stores) -> None:
    """Thirty of them, each with both answers."""
    row = looked.versions.get(MODEL, 2)
    table, holdout, scorer = compared_rows(looked, row, looked.versions.get(MODEL, 1))
    assert holdout.champion is not None
    most = np.argsort(-np.abs(holdout.candidate - holdout.champion), kind="stable")[:30]
    expected = names(look(looked), *keys(table.take(most), scorer.unit))
    assert set(re.findall(r'name="([0-9a-f]{16})"', page(looked))) == set(expected)
    shown = set(re.findall(r'"probability">([\d.]+) %', page(looked)))
    both = np.concatenate([holdout.candidate[most], holdout.champion[most]])
    assert shown == {f"{100 * value:.1f}" for value in both}


def test_the_page_tells_neither_whose_an_answer_is_nor_whom_a_row_is_about(looked: Stores) -> None:
    """No unit, no seed, no word for either version; who stands first changes from row to row."""
    text = page(looked)
    units = pq.read_table(looked.settings.evidence / looked.versions.get(MODEL, 2).digest / "holdout.parquet")
    assert not any(unit in text for unit in units.column("trip").to_pylist())
    assert SEED not in text
    assert not re.search("candidate|champion", text)
    shown = set(re.findall(r'name="([0-9a-f]{16})"', text))
    first = [look(looked).candidate_first(name) for name in shown]
    assert 5 < sum(first) < 25


def test_another_page_is_shuffled_anew(looked: Stores) -> None:
    """Whoever learned the order of one page is as blind as before on the next."""
    before = look(looked)
    write_look(looked, REFERENCE, seed="other" * 4, against=1)
    after = look(looked)
    assert before.name("T1", 5) != after.name("T1", 5)
    assert remembered(looked, looked.versions.get(MODEL, 2), before.id) == before, (
        "its ratings are still understood"
    )


def test_ratings_come_back_as_preferences_for_a_version(looked: Stores, tmp_path: Path) -> None:
    """Whichever letter it was; reading a file again changes nothing, another rater adds."""
    done = read_ratings(looked, REFERENCE, answers(looked, tmp_path / "a.json"))
    assert (done.kept, done.gone, done.against) == (30, 0, 1)
    assert counted(looked).choices.tolist() == [1.0] * 30
    read_ratings(looked, REFERENCE, answers(looked, tmp_path / "a.json"))
    read_ratings(looked, REFERENCE, answers(looked, tmp_path / "b.json", "ben", "champion"))
    found = counted(looked)
    assert found.choices.tolist() == [1.0] * 30 + [0.0] * 30
    assert np.unique(found.raters).size == 2
    assert [entry.actor for entry in looked.ledger.entries(MODEL, action="rate")] == ["anna", "anna", "ben"]


def test_no_preference_counts_half_and_a_changed_mind_replaces(looked: Stores, tmp_path: Path) -> None:
    """Of one person on one row the newest rating counts."""
    read_ratings(looked, REFERENCE, answers(looked, tmp_path / "a.json"))
    given = json.loads((tmp_path / "a.json").read_text())
    undecided = dict.fromkeys(given["ratings"], "neither")
    read_ratings(looked, REFERENCE, answers(looked, tmp_path / "a.json", ratings=undecided))
    assert counted(looked).choices.tolist() == [0.5] * 30


def test_which_answer_was_nearer_is_taken_from_the_outcome(looked: Stores, tmp_path: Path) -> None:
    """By distance from 0 or 1, row by row."""
    read_ratings(looked, REFERENCE, answers(looked, tmp_path / "a.json"))
    row = looked.versions.get(MODEL, 2)
    _, holdout, _ = compared_rows(looked, row, looked.versions.get(MODEL, 1))
    assert holdout.champion is not None
    found = counted(looked)
    for place, nearer in zip(found.rows, found.nearer, strict=True):
        ours, theirs = (
            abs(scores[place] - holdout.labels[place]) for scores in (holdout.candidate, holdout.champion)
        )
        assert nearer == (1.0 if ours < theirs else 0.0 if ours > theirs else 0.5)


def test_ratings_against_another_version_do_not_count(looked: Stores, tmp_path: Path) -> None:
    """The champion has changed: people did not look at its answers."""
    read_ratings(looked, REFERENCE, answers(looked, tmp_path / "a.json"))
    assert counted(looked, champion=7).rows.size == 0
    assert counted(looked, champion=None).rows.size == 0


def test_a_forgotten_unit_leaves_ratings_and_page(looked: Stores, tmp_path: Path) -> None:
    """What people said about it, and the page that shows it; a file that comes later says nothing of it either."""
    make_key(key_path(looked.settings.root))
    file = answers(looked, tmp_path / "a.json")
    read_ratings(looked, REFERENCE, file)
    row = looked.versions.get(MODEL, 2)
    unit = pq.read_table(ratings_path(looked, row.digest)).column("unit")[0].as_py()
    done = forget(looked, unit, actor="anna")
    assert done.rows[f"ratings {REFERENCE}"] == 1
    assert not page_path(looked, row).exists()
    for path in (looked.settings.evidence / row.digest).rglob("*"):
        assert path.is_dir() or unit.encode() not in path.read_bytes(), path
    again = read_ratings(looked, REFERENCE, file)
    assert (again.kept, again.gone) == (29, 1)
    assert counted(looked).rows.size == 29


def test_a_file_that_no_page_saved_is_refused_with_what_to_do(looked: Stores, tmp_path: Path) -> None:
    """Each says what is wrong; nothing is kept."""
    odd = tmp_path / "odd.json"
    for more, says in (
        ({"rater": " "}, "does not say who rated"),
        ({"ratings": {}}, "holds no rating"),
        ({"ratings": {"a" * 16: "C"}}, r"no file of ratings: Invalid enum value 'C' - at `\$\.ratings"),
    ):
        with pytest.raises(DefinitionError, match=says):
            read_ratings(looked, REFERENCE, answers(looked, odd, **more))
    with pytest.raises(DefinitionError, match="cannot be read: No such file"):
        read_ratings(looked, REFERENCE, tmp_path / "none.json")
    with pytest.raises(UnknownName, match=r"no page '\.\./x' for rating"):
        read_ratings(looked, REFERENCE, answers(looked, odd, look="../x"))
    assert not ratings_path(looked, looked.versions.get(MODEL, 2).digest).exists()


def test_there_must_be_another_version_to_look_at(own_stores: Stores) -> None:
    """Nothing answers yet, or it would be compared with itself."""
    with pytest.raises(
        Refused, match="no version of trip-delay answers yet; name one to compare with: --against 1"
    ):
        write_look(own_stores, REFERENCE, seed=SEED)
    with pytest.raises(Refused, match="would be compared with itself"):
        write_look(own_stores, REFERENCE, seed=SEED, against=2)


def test_the_memory_of_a_page_holds_nothing_of_its_rows(looked: Stores) -> None:
    """A seed and versions: forgetting has nothing to look for there."""
    known = look(looked)
    assert {type(value) for value in (known.id, known.seed, known.model)} == {str}
    assert set(known.__struct_fields__) == {"id", "seed", "model", "version", "against", "at"}
