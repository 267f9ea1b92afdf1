"""How a changed file of tokens reaches the workers."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from roadworthy.errors import DefinitionError
from roadworthy.node import NodeDirectory
from roadworthy.serving.access import Guard
from roadworthy.serving.exchange import Rejected
from roadworthy.supervisor.tokens import TokenFollower


def _line(name: str, token: str) -> str:
    return f"{name} {hashlib.sha256(token.encode()).hexdigest()}\n"


@pytest.fixture
def node(tmp_path: Path) -> NodeDirectory:
    """A node's directory."""
    made = NodeDirectory(tmp_path / "n")
    made.create()
    return made


def test_tokens_rotate_without_a_restart(node: NodeDirectory, tmp_path: Path) -> None:
    """Old and new beside each other, then the new one alone: each step is known at the workers' next look."""
    file = tmp_path / "tokens"
    file.write_text(_line("old", "first"))
    follower = TokenFollower(file, node)
    follower.follow()
    guard = Guard.following(node.tokens)
    guard.check(b"Bearer first")
    file.write_text(_line("old", "first") + _line("new", "second"))
    follower.follow()
    guard.refresh()
    guard.check(b"Bearer first")
    guard.check(b"Bearer second")
    file.write_text(_line("new", "second"))
    follower.follow()
    guard.refresh()
    guard.check(b"Bearer second")
    with pytest.raises(Rejected, match="known token"):
        guard.check(b"Bearer first")


@pytest.mark.parametrize("broken", ["new nonsense\n", "", None])
def test_a_broken_new_file_keeps_the_old_tokens_and_is_said(
    broken: str | None, node: NodeDirectory, tmp_path: Path
) -> None:
    """A slip of an editor locks nobody out and lets nobody in."""
    file = tmp_path / "tokens"
    file.write_text(_line("old", "first"))
    follower = TokenFollower(file, node)
    follower.follow()
    guard = Guard.following(node.tokens)
    if broken is None:
        file.unlink()
    else:
        file.write_text(broken)
    with pytest.raises(DefinitionError, match=str(file)):
        follower.follow()
    guard.refresh()
    guard.check(b"Bearer first")
    with pytest.raises(Rejected):
        guard.check(None)
    file.write_text(_line("new", "second"))
    follower.follow()
    guard.refresh()
    guard.check(b"Bearer second")


def test_what_workers_read_is_for_their_owner_alone(node: NodeDirectory, tmp_path: Path) -> None:
    """Mode 0600, also when it is replaced, and no token's text in it."""
    file = tmp_path / "tokens"
    follower = TokenFollower(file, node)
    for name in ("first", "second"):
        file.write_text(_line("old", name))
        follower.follow()
        assert node.tokens.stat().st_mode & 0o777 == 0o600
        assert name.encode() not in node.tokens.read_bytes()
