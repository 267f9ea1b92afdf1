"""Bearer tokens at the door of a worker."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import msgspec
import pytest

from roadworthy.durable import write_whole
from roadworthy.errors import DefinitionError
from roadworthy.serving import access
from roadworthy.serving.access import Guard, read_node_tokens
from roadworthy.serving.exchange import Rejected
from roadworthy.tokens import SCOPES, Token, TokenScope

DIGESTS = [hashlib.sha256(token).hexdigest() for token in (b"first", b"second")]


@pytest.mark.parametrize("header", [b"Bearer first", b"bearer second", b"Bearer  first"])
def test_a_known_token_passes(header: bytes) -> None:
    """Any of the configured ones."""
    Guard(DIGESTS).check(header)


@pytest.mark.parametrize("header", [None, b"", b"Bearer", b"Bearer third", b"Basic first", b"first"])
def test_anything_else_is_refused_without_saying_why(header: bytes | None) -> None:
    """401 with the scheme that is wanted."""
    with pytest.raises(Rejected) as caught:
        Guard(DIGESTS).check(header)
    assert (caught.value.status, caught.value.headers) == (401, ((b"www-authenticate", b"Bearer"),))


@pytest.mark.parametrize("held", SCOPES)
@pytest.mark.parametrize("wanted", SCOPES)
def test_a_token_may_do_what_its_scopes_say_and_nothing_else(held: TokenScope, wanted: TokenScope) -> None:
    """403, naming the scope that is wanted: the caller is known, so it may be told."""
    guard = Guard([Token("a", DIGESTS[0], (held,)), Token("b", DIGESTS[1])])
    guard.check(b"Bearer second", wanted)
    if held == wanted:
        guard.check(b"Bearer first", wanted)
        return
    with pytest.raises(Rejected, match=f"scope `{wanted}`; yours has: {held}") as caught:
        guard.check(b"Bearer first", wanted)
    assert caught.value.status == 403
    assert caught.value.headers == (
        (b"www-authenticate", f'Bearer error="insufficient_scope", scope="{wanted}"'.encode()),
    )


def test_an_unknown_token_is_not_told_which_scope_is_missing() -> None:
    """401, whatever was asked."""
    with pytest.raises(Rejected) as caught:
        Guard([Token("a", DIGESTS[0], ("predict",))]).check(b"Bearer third", "operate")
    assert caught.value.status == 401


def test_a_file_of_tokens_that_is_gone_or_empty_opens_no_door(tmp_path: Path) -> None:
    """At the start it is refused; later the tokens before stay, and one sentence says why."""
    file = tmp_path / "tokens.json"
    with pytest.raises(DefinitionError, match=r"tokens\.json cannot be read"):
        Guard.following(file)
    file.write_bytes(b"[]")
    with pytest.raises(DefinitionError, match="names no token"):
        Guard.following(file)
    file.write_bytes(msgspec.json.encode([Token("a", DIGESTS[0])]))
    guard = Guard.following(file)
    for content in (b"[]", b"{", b'[{"name": "\xff"}]', None):
        if content is None:
            file.unlink()
        else:
            write_whole(file, content)
        guard.refresh()
        guard.check(b"Bearer first")
        with pytest.raises(Rejected):
            guard.check(None)


def test_a_broken_file_is_complained_of_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A look every second does not fill the log."""
    file = tmp_path / "tokens.json"
    file.write_bytes(msgspec.json.encode([Token("a", DIGESTS[0])]))
    guard = Guard.following(file)
    write_whole(file, b"{")
    for _ in range(3):
        guard.refresh()
    assert len(caplog.records) == 1
    write_whole(file, msgspec.json.encode([Token("b", DIGESTS[1])]))
    guard.refresh()
    guard.check(b"Bearer second")


def test_a_file_that_did_not_change_is_not_read_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The look costs a stat: with content it could not parse but an unchanged stamp, nothing happens."""
    file = tmp_path / "tokens.json"
    file.write_bytes(msgspec.json.encode([Token("a", DIGESTS[0])]))
    guard = Guard.following(file)
    guard.refresh()
    stamp = file.stat()
    with file.open("r+b") as opened:
        opened.write(b"!")
    os.utime(file, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    file.chmod(0)
    caplog.clear()
    guard.refresh()
    guard.check(b"Bearer first")
    assert caplog.messages == []


def test_tokens_that_came_while_the_first_ones_were_read_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token that is revoked at that moment does not stay valid until the next change."""
    file = tmp_path / "tokens.json"
    file.write_bytes(msgspec.json.encode([Token("a", DIGESTS[0])]))

    def replaced_meanwhile(path: Path) -> tuple[Token, ...]:
        read = read_node_tokens(path)
        write_whole(path, msgspec.json.encode([Token("b", DIGESTS[1])]))
        return read

    with monkeypatch.context() as patched:
        patched.setattr(access, "read_node_tokens", replaced_meanwhile)
        guard = Guard.following(file)
    guard.refresh()
    guard.check(b"Bearer second")
    with pytest.raises(Rejected):
        guard.check(b"Bearer first")


def test_without_tokens_everybody_may_do_everything() -> None:
    """The default on loopback."""
    guard = Guard.following(None)
    guard.refresh()
    guard.check(None, "operate")
