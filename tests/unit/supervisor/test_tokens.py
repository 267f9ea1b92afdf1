"""The file of tokens."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from roadworthy.errors import DefinitionError
from roadworthy.supervisor.tokens import configured_tokens, read_tokens

DIGEST = hashlib.sha256(b"secret").hexdigest()


def test_names_comments_and_empty_lines_are_read(tmp_path: Path) -> None:
    """One `name digest` a line."""
    path = tmp_path / "tokens"
    path.write_text(f"# ours\n\nbooking {DIGEST}  # since May\n")
    assert read_tokens(path) == (DIGEST,)


@pytest.mark.parametrize("text", ["booking secret\n", f"{DIGEST}\n", f"a b {DIGEST}\n"])
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


def test_no_tokens_are_configured_without_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ROADWORTHY_TOKENS_FILE alone decides."""
    monkeypatch.delenv("ROADWORTHY_TOKENS_FILE", raising=False)
    assert configured_tokens() == ()
    path = tmp_path / "tokens"
    path.write_text(f"booking {DIGEST}\n")
    monkeypatch.setenv("ROADWORTHY_TOKENS_FILE", str(path))
    assert configured_tokens() == (DIGEST,)
