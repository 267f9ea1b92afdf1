"""Version numbers: one for each content, never given twice, never lost."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine

from roadworthy.errors import DefinitionError, Refused, UnknownName
from roadworthy.registry.ledger import Ledger
from roadworthy.registry.versions import Measured, RunRecord, Versions, parse_reference

from .building import NOON, after, digest_of, registered

RUN = RunRecord(
    parameters={"n_estimators": 200},
    metrics={"auc": Measured(0.71, 0.69, 0.73, 48_210)},
    data_fingerprint="f" * 32,
    manifest_digest="m" * 64,
    source_digest="s" * 64,
    build="roadworthy 0.1.0",
    libraries={"lightgbm": "4.7.0"},
    seed=7,
    as_of=datetime(2013, 7, 1, tzinfo=UTC),
    trained_from=datetime(2013, 1, 1, tzinfo=UTC),
    trained_until=datetime(2013, 6, 1, tzinfo=UTC),
    rows=150_000,
)


def test_a_version_keeps_how_it_came_to_be(engine: Engine) -> None:
    """Everything needed to train it again, with times and intervals intact."""
    versions = Versions(engine, "default")
    number = versions.register("delay", digest_of(1), "store/1", RUN, NOON)
    row = versions.get("delay", number)
    assert (row.reference, row.digest, row.directory, row.registered_at) == (
        "delay@1",
        digest_of(1),
        "store/1",
        NOON,
    )
    assert row.run == RUN


def test_numbers_count_up_for_each_model_and_namespace(engine: Engine) -> None:
    """Another model and another namespace begin at 1."""
    registered(engine, 2)
    registered(engine, 1, model="cancelled")
    registered(engine, 1, namespace="staging")
    found = [row.reference for row in Versions(engine, "default").all()]
    assert found == ["cancelled@1", "delay@1", "delay@2"]
    assert [row.reference for row in Versions(engine, "staging").all("delay")] == ["delay@1"]


def test_training_the_same_twice_is_one_version(engine: Engine) -> None:
    """The same digest gives the same number; the first record stays and the ledger has one entry."""
    versions = Versions(engine, "default")
    first = versions.register("delay", digest_of(1), "store/1", RUN, NOON)
    versions.register("delay", digest_of(2), "store/2", RUN, NOON)
    assert versions.register("delay", digest_of(1), "elsewhere", RunRecord(seed=8), after(9)) == first
    assert versions.get("delay", first).run.seed == 7
    assert [entry.version for entry in Ledger(engine, "default").entries("delay", action="register")] == [
        1,
        2,
    ]


def test_trainings_that_end_together_draw_different_numbers(engine: Engine) -> None:
    """Eight threads register eight contents, each of them twice: eight numbers, none missing."""
    versions = Versions(engine, "default")
    drawn: list[int] = []

    def register(content: int) -> None:
        drawn.append(versions.register("delay", digest_of(content), "store", RunRecord(), NOON))

    threads = [threading.Thread(target=register, args=(number // 2,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(drawn) == sorted([*range(1, 9)] * 2)
    assert len({row.digest for row in versions.all("delay")}) == 8


def test_an_unknown_version_says_which_there_are(engine: Engine) -> None:
    """The reader sees whether the number or the model is wrong."""
    versions = registered(engine, 2)
    with pytest.raises(
        UnknownName, match=r"delay@9 does not exist in namespace default: its newest version is 2"
    ):
        versions.get("delay", 9)
    with pytest.raises(UnknownName, match="no version of that model is registered"):
        versions.get("dealy", 1)


def test_a_reference_is_a_version_or_the_newest_of_a_model(engine: Engine) -> None:
    """`delay@1` and `delay` are both understood where a person names a version."""
    versions = registered(engine, 12)
    assert versions.resolve("delay@2").version == 2
    assert versions.resolve("delay").version == 12
    with pytest.raises(UnknownName, match="has no version in namespace default: train one first"):
        versions.resolve("cancelled")


@pytest.mark.parametrize(
    "text", ["delay", "delay@", "delay@0", "delay@-1", "delay@two", "@1", "../x@1", "delay@1@2", "delay@²"]
)
def test_what_names_no_version_is_refused(text: str) -> None:
    """A reference becomes a path, a key and a label."""
    with pytest.raises(UnknownName, match="write model@number"):
        parse_reference(text)


@pytest.mark.parametrize(
    ("model", "digest"), [("Delay", digest_of(1)), ("../x", digest_of(1)), ("delay", "abc")]
)
def test_only_a_name_and_a_digest_are_registered(engine: Engine, model: str, digest: str) -> None:
    """Nothing else may become a directory."""
    with pytest.raises(DefinitionError, match="cannot register"):
        Versions(engine, "default").register(model, digest, "store", RunRecord(), NOON)


def test_a_bar_holds_until_it_is_lifted_and_both_stand_in_the_ledger(engine: Engine) -> None:
    """A retraining that gives the same content gives the same barred version."""
    versions = registered(engine, 1)
    versions.bar("delay", 1, "NaN for every third row", actor="controller", at=after(5))
    again = versions.register("delay", digest_of(("delay", 1)), "store/1", RunRecord(), after(6))
    row = versions.get("delay", again)
    assert (row.barred_reason, row.barred_at) == ("NaN for every third row", after(5))
    versions.unbar("delay", 1, "the fault was in the input, see incident 12", actor="anna", at=after(7))
    assert (versions.get("delay", 1).barred_reason, versions.get("delay", 1).barred_at) == ("", None)
    told = [(entry.action, entry.actor) for entry in Ledger(engine, "default").entries("delay")]
    assert told == [("register", "train"), ("bar", "controller"), ("unbar", "anna")]


@pytest.mark.parametrize("action", ["bar", "unbar"])
def test_a_bar_needs_a_reason_and_a_version(engine: Engine, action: str) -> None:
    """Without either nothing changes."""
    versions = registered(engine, 1)
    change = getattr(versions, action)
    with pytest.raises(Refused, match=f"{action} needs a reason"):
        change("delay", 1, "  ", actor="anna", at=NOON)
    with pytest.raises(UnknownName, match="delay@2 does not exist"):
        change("delay", 2, "why not", actor="anna", at=NOON)
    assert len(Ledger(engine, "default").entries()) == 1
