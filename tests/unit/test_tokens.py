"""The file of bearer tokens."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from roadworthy.errors import Conflict, DefinitionError
from roadworthy.tokens import SCOPES, Token, add_token, configured_file, read_tokens

DIGEST = hashlib.sha256(b"secret").hexdigest()


def test_names_scopes_comments_and_empty_lines_are_read(tmp_path: Path) -> None:
    """One `name digest scopes` a line; without scopes a token has all of them, as before there were any."""
    path = tmp_path / "tokens"
    path.write_text(f"# ours\n\nbooking {DIGEST}  # since May\nlabels {DIGEST[::-1]} read,outcome\n")
    assert read_tokens(path) == (
        Token("booking", DIGEST, SCOPES),
        Token("labels", DIGEST[::-1], ("outcome", "read")),
    )


@pytest.mark.parametrize(
    "text",
    [
        "booking secret\n",
        f"{DIGEST}\n",
        f"a b {DIGEST}\n",
        f"a {DIGEST} secret\n",
        f"a {DIGEST} read,\n",
        f"a {DIGEST} read outcome\n",
    ],
)
def test_a_line_that_is_wrong_is_named_by_number_and_never_shown(text: str, tmp_path: Path) -> None:
    """A token put there by mistake does not reach a log."""
    path = tmp_path / "tokens"
    path.write_text(text)
    with pytest.raises(DefinitionError, match="line 1") as caught:
        read_tokens(path)
    assert "secret" not in str(caught.value)
    assert DIGEST not in str(caught.value)


def test_a_file_without_tokens_or_no_file_is_refused(tmp_path: Path) -> None:
    """Whoever names a file wants tokens: an empty one must not open the door."""
    path = tmp_path / "tokens"
    with pytest.raises(DefinitionError, match="cannot be read"):
        read_tokens(path)
    path.write_text("# none\n")
    with pytest.raises(DefinitionError, match="names no token"):
        read_tokens(path)


@pytest.mark.parametrize("mode", [0o602, 0o620])
def test_a_file_that_others_may_write_is_refused(mode: int, tmp_path: Path) -> None:
    """Whoever can add a line can let themselves in."""
    path = tmp_path / "tokens"
    path.write_text(f"booking {DIGEST}\n")
    path.chmod(mode)
    with pytest.raises(DefinitionError, match="chmod 600"):
        read_tokens(path)


def test_a_made_token_is_found_by_its_digest_and_kept_nowhere(tmp_path: Path) -> None:
    """The file, readable by its owner alone, holds name, digest and scopes; a second token is a second line."""
    path = tmp_path / "tokens"
    first = add_token(path, "booking", ["outcome", "predict"])
    path.write_bytes(path.read_bytes().rstrip(b"\n"))  # as an editor may leave it
    second = add_token(path, "grafana", ["read"])
    assert path.stat().st_mode & 0o777 == 0o600
    assert first not in path.read_text()
    assert len(first) >= 43
    assert read_tokens(path) == (
        Token("booking", hashlib.sha256(first.encode()).hexdigest(), ("predict", "outcome")),
        Token("grafana", hashlib.sha256(second.encode()).hexdigest(), ("read",)),
    )


def test_a_name_that_is_taken_or_none_and_no_scope_are_refused(tmp_path: Path) -> None:
    """Nothing is written then."""
    path = tmp_path / "tokens"
    add_token(path, "booking", ["predict"])
    before = path.read_bytes()
    with pytest.raises(Conflict, match="booking already"):
        add_token(path, "booking", ["read"])
    with pytest.raises(DefinitionError, match="cannot name a token"):
        add_token(path, "a b", ["read"])
    with pytest.raises(DefinitionError, match="without a scope"):
        add_token(path, "other", [])
    assert path.read_bytes() == before


def test_no_file_is_configured_without_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ROADWORTHY_TOKENS_FILE alone decides."""
    monkeypatch.delenv("ROADWORTHY_TOKENS_FILE", raising=False)
    assert configured_file() is None
    monkeypatch.setenv("ROADWORTHY_TOKENS_FILE", str(tmp_path / "tokens"))
    assert configured_file() == tmp_path / "tokens"
