"""Artifacts: equal content has one name, and damage is found and named before anything is loaded."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import pytest

from roadworthy.errors import CorruptArtifact, DefinitionError, Refused
from roadworthy.registry.artifact import digest, publish, read_model, stage, verify

from .building import draft


def test_the_digest_is_pinned(tmp_path: Path) -> None:
    """Digests stand in control databases: the rule that makes them can never change.

    Witness: SHA-256 of the sorted JSON of paths and SHA-256 sums, by Python's json and hashlib alone.
    """
    made = draft(tmp_path / "draft")
    (made / "model.json").write_text("{}")
    assert digest(made) == "3461f02a12eeec7532bfb1b6a0369a071281063285f6f9c015630e790cc077bd"


def test_the_same_content_has_the_same_digest_wherever_and_whenever_it_was_written(tmp_path: Path) -> None:
    """Neither path nor time nor mode nor the order of writing counts."""
    first = draft(tmp_path / "one")
    second = tmp_path / "elsewhere" / "two"
    shutil.copytree(first, second)
    (second / "features.json").unlink()
    shutil.copyfile(first / "features.json", second / "features.json")
    os.utime(second / "model.json", (0, 0))
    (second / "model.json").chmod(0o640)
    assert digest(first) == digest(second)


def test_moving_bytes_from_one_file_to_another_changes_the_digest(tmp_path: Path) -> None:
    """Paths are part of the content, and boundaries between files cannot be shifted."""
    first = draft(tmp_path / "one", features="ab", goldens="c")
    second = draft(tmp_path / "two", features="a", goldens="bc")
    assert digest(first) != digest(second)


def test_publishing_puts_the_whole_artifact_under_its_digest(tmp_path: Path) -> None:
    """The store's directory carries the digest's name and verifies."""
    found, final = publish(draft(tmp_path / "draft"), tmp_path / "store")
    assert final == tmp_path / "store" / found
    assert digest(final) == found
    verify(final, found)
    assert [path.name for path in (tmp_path / "store").iterdir()] == [found]


def test_publishing_twice_is_publishing_once(tmp_path: Path) -> None:
    """Content that is there is left alone: it may be serving."""
    first = publish(draft(tmp_path / "one"), tmp_path / "store")
    inode = (first[1] / "model.json").stat().st_ino
    assert publish(draft(tmp_path / "two"), tmp_path / "store") == first
    assert (first[1] / "model.json").stat().st_ino == inode


def test_processes_that_publish_the_same_together_all_succeed(tmp_path: Path) -> None:
    """One rename wins; the others find their own content."""
    drafts = [draft(tmp_path / str(number)) for number in range(8)]
    results: list[tuple[str, Path]] = []
    threads = [
        threading.Thread(target=lambda made=made: results.append(publish(made, tmp_path / "store")))
        for made in drafts
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 8
    assert len(set(results)) == 1
    assert len(list((tmp_path / "store").iterdir())) == 1


def test_an_incomplete_draft_is_not_published(tmp_path: Path) -> None:
    """All missing parts are named at once."""
    made = draft(tmp_path / "draft")
    (made / "goldens.json").unlink()
    (made / "estimator" / "weights.json").unlink()
    with pytest.raises(DefinitionError, match=r"lacks goldens\.json, estimator/"):
        publish(made, tmp_path / "store")
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (
            lambda at: (at / "estimator" / "weights.json").write_text("[0.6]"),
            "changed estimator/weights.json",
        ),
        (lambda at: (at / "goldens.json").unlink(), "missing goldens.json"),
        (lambda at: (at / "functions.py").write_text(""), "unexpected functions.py"),
        (lambda at: (at / "estimator" / "more").write_text(""), "unexpected estimator/more"),
    ],
)
def test_damage_is_named_by_its_file(tmp_path: Path, damage: object, sentence: str) -> None:
    """Whoever has to restore an artifact knows which file to look at."""
    found, final = publish(draft(tmp_path / "draft"), tmp_path / "store")
    damage(final)  # type: ignore[operator]
    with pytest.raises(CorruptArtifact, match=sentence):
        verify(final, found)


def test_an_artifact_cannot_vouch_for_itself(tmp_path: Path) -> None:
    """Files changed together with their own list still differ from the digest in the control database."""
    expected, _ = publish(draft(tmp_path / "one"), tmp_path / "store")
    _, other = publish(draft(tmp_path / "two", weights="[9.9]"), tmp_path / "store")
    with pytest.raises(CorruptArtifact, match=rf"files\.json has digest .*expected {expected[:16]}"):
        verify(other, expected)


@pytest.mark.parametrize(
    "name", ["model.json", "features.json", "goldens.json", "files.json", "estimator/weights.json"]
)
def test_one_flipped_bit_anywhere_is_found(tmp_path: Path, name: str) -> None:
    """Every byte of every file counts, the list of files included."""
    found, final = publish(draft(tmp_path / "draft"), tmp_path / "store")
    content = bytearray((final / name).read_bytes())
    content[-2] ^= 1
    (final / name).write_bytes(content)
    with pytest.raises(CorruptArtifact, match=name):
        verify(final, found)


def test_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    """A link could point to another file tomorrow, and out of the artifact today."""
    made = draft(tmp_path / "draft")
    (made / "functions.py").symlink_to(made / "model.json")
    with pytest.raises(CorruptArtifact, match=r"functions\.py, which is a symbolic link"):
        publish(made, tmp_path / "store")


def test_a_linked_directory_is_refused(tmp_path: Path) -> None:
    """The estimator may not come from elsewhere."""
    made = draft(tmp_path / "draft")
    (made / "estimator").rename(tmp_path / "away")
    (made / "estimator").symlink_to(tmp_path / "away")
    with pytest.raises(CorruptArtifact, match="estimator, which is a symbolic link"):
        digest(made)


@pytest.mark.parametrize("name", ["notes.txt", "model.json.bak", "estimator.json", "code/run.py"])
def test_a_file_that_artifacts_do_not_have_is_refused(tmp_path: Path, name: str) -> None:
    """What nobody reads has no business in what is served."""
    made = draft(tmp_path / "draft")
    (made / name).parent.mkdir(exist_ok=True)
    (made / name).write_text("")
    with pytest.raises(CorruptArtifact, match="no part of an artifact"):
        publish(made, tmp_path / "store")


def test_a_device_or_pipe_is_refused(tmp_path: Path) -> None:
    """Reading it might never end."""
    made = draft(tmp_path / "draft")
    os.mkfifo(made / "estimator" / "pipe")
    with pytest.raises(CorruptArtifact, match="estimator/pipe"):
        digest(made)


def test_staging_copies_what_the_control_database_expects(tmp_path: Path) -> None:
    """A node ends up with a verified copy of its own, and staging again uses it."""
    found, final = publish(draft(tmp_path / "draft"), tmp_path / "store")
    staged = stage(final, tmp_path / "node", found)
    verify(staged, found)
    shutil.rmtree(tmp_path / "store")
    assert stage(final, tmp_path / "node", found) == staged == tmp_path / "node" / found


def test_a_damaged_source_is_not_staged(tmp_path: Path) -> None:
    """The node keeps no trace of it, and the message names the source, where the damage is."""
    found, final = publish(draft(tmp_path / "draft"), tmp_path / "store")
    (final / "features.json").write_text("[]")
    with pytest.raises(CorruptArtifact, match=rf"{final} is not what was registered: changed features\.json"):
        stage(final, tmp_path / "node", found)
    assert list((tmp_path / "node").iterdir()) == []


def test_a_missing_source_is_said_to_be_missing(tmp_path: Path) -> None:
    """A store that was not mounted reads as that."""
    with pytest.raises(CorruptArtifact, match="there is no artifact at"):
        stage(tmp_path / "nowhere", tmp_path / "node", "ab" * 32)


def test_a_damaged_copy_on_a_node_is_replaced_and_kept_for_a_look(tmp_path: Path) -> None:
    """A node heals from the store; the damaged bytes stay as evidence under another name."""
    found, final = publish(draft(tmp_path / "draft"), tmp_path / "store")
    staged = stage(final, tmp_path / "node", found)
    (staged / "features.json").write_text("[]")
    verify(stage(final, tmp_path / "node", found), found)
    aside = [path for path in (tmp_path / "node").iterdir() if path.name.startswith(f"{found}.damaged-")]
    assert [(path / "features.json").read_text() for path in aside] == ["[]"]


def test_a_digest_from_outside_cannot_lead_out_of_the_staging_directory(tmp_path: Path) -> None:
    """What becomes a path has the form of a digest."""
    with pytest.raises(DefinitionError, match="expected 64 hexadecimal digits"):
        stage(tmp_path, tmp_path / "node", "../../etc")


def test_a_model_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    """model.json is canonical: reading and writing again gives the same bytes."""
    made = draft(tmp_path / "draft")
    model = read_model(made)
    assert (model.model, model.unit, model.columns) == ("delay", "flight", ("hour",))
    assert msgspec.json.encode(model, order="sorted") + b"\n" == (made / "model.json").read_bytes()


def test_a_model_of_a_newer_format_is_refused_and_not_called_corrupt(tmp_path: Path) -> None:
    """An old node must be upgraded, the artifact is fine; unknown fields do not hide that."""
    made = draft(tmp_path / "draft")
    (made / "model.json").write_text('{"format": 2, "novelty": 1}')
    with pytest.raises(Refused, match="has artifact format 2, this Roadworthy reads up to 1"):
        read_model(made)


@pytest.mark.parametrize("content", ["", "{", '{"model": 3}', '{"model": "delay", "surprise": 1}'])
def test_a_model_that_cannot_be_read_is_corrupt(tmp_path: Path, content: str) -> None:
    """Nothing is guessed."""
    made = draft(tmp_path / "draft")
    (made / "model.json").write_text(content)
    with pytest.raises(CorruptArtifact, match="cannot be read as a model"):
        read_model(made)


def test_the_worker_that_reads_artifacts_loads_no_database() -> None:
    """Importing the module loads neither SQLAlchemy nor anything heavy."""
    heavy = "sqlalchemy alembic numpy pandas pyarrow duckdb scipy"
    program = f"import sys, roadworthy.registry.artifact; print(*(set({heavy.split()!r}) & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == ""
