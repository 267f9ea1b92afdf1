"""Bearer tokens as they are kept: a name, the SHA-256 of the token, and what it may do; never the token itself.

Not here: comparing a request's token (serving.access) and noticing that the file changed (supervisor.tokens).
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, get_args

import msgspec

from roadworthy.errors import Conflict, DefinitionError

#: What a request does: ask for predictions, report outcomes, look at models and telemetry, change how it is served.
TokenScope = Literal["predict", "outcome", "read", "operate"]
SCOPES: tuple[TokenScope, ...] = get_args(TokenScope)

#: Names the file of tokens that a node reads.
TOKENS_FILE = "ROADWORTHY_TOKENS_FILE"

#: Begins every token made here, so that a scanner of sources finds one that was committed by mistake.
PREFIX = "rw_"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_LINE = (
    "a name, 64 lower-case hexadecimal digits (SHA-256 of the token) and, optionally, scopes separated by commas "
    f"({', '.join(SCOPES)})"
)


class Token(msgspec.Struct, frozen=True):
    """What is known of one token.

    name     who has it; for people
    digest   SHA-256 of the token, 64 lower-case hexadecimal digits
    scopes   what it may do
    """

    name: str
    digest: str
    scopes: tuple[TokenScope, ...] = SCOPES


def parse_tokens(text: str, where: str) -> tuple[Token, ...]:
    """Tokens from lines of `name digest scope,scope`; `#` begins a comment, a line without scopes has all of them.

    A digest is what `printf %s "$TOKEN" | sha256sum` says.
    raises   DefinitionError naming `where` and the line; no message ever shows what the line holds

    >>> [token.scopes for token in parse_tokens(f"booking {'ab' * 32} predict,outcome", "tokens")]
    [('predict', 'outcome')]
    """
    tokens: list[Token] = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        scopes = words[2].split(",") if len(words) == 3 else list(SCOPES)
        if len(words) not in (2, 3) or not _DIGEST.fullmatch(words[1]) or not set(scopes) <= set(SCOPES):
            raise DefinitionError(f"{where}, line {number}: expected {_LINE}")
        known = tuple(scope for scope in SCOPES if scope in scopes)
        tokens.append(Token(words[0], words[1], known))
    if not tokens:
        raise DefinitionError(f"the tokens file {where} names no token: add one, or do not set {TOKENS_FILE}")
    return tuple(tokens)


def read_tokens(path: Path) -> tuple[Token, ...]:
    """Tokens of a file.

    raises   DefinitionError when it cannot be read or understood, or when others than its owner may write it: they
             could let themselves in
    """
    try:
        mode = path.stat().st_mode
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise DefinitionError(f"the tokens file {path} cannot be read: {error}") from error
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise DefinitionError(
            f"the tokens file {path} can be written by others than its owner: run chmod 600 {path}"
        )
    return parse_tokens(text, str(path))


def configured_file() -> Path | None:
    """The file that ROADWORTHY_TOKENS_FILE names; None when it is not set."""
    named = os.environ.get(TOKENS_FILE, "")
    return Path(named) if named else None


def add_token(path: Path, name: str, scopes: Iterable[TokenScope]) -> str:
    """Make a token of 256 random bits, append its digest to the file, and return it: it is kept nowhere.

    A file that is not there yet is made so that its owner alone can read it.
    raises   DefinitionError for a name or file that cannot be; Conflict when a token of that name is there already
    """
    wanted = tuple(scope for scope in SCOPES if scope in set(scopes))
    if not wanted:
        raise DefinitionError(
            f"a token without a scope may do nothing: give one or more of {', '.join(SCOPES)}"
        )
    if not _NAME.fullmatch(name):
        raise DefinitionError(
            f"{name!r} cannot name a token: use at most 64 letters, digits, '.', '_', '@' and '-', "
            "a letter or digit first"
        )
    present = path.read_text() if path.exists() else ""
    if any(token.name == name for token in (read_tokens(path) if present.strip() else ())):
        raise Conflict(
            f"{path} has a token named {name} already: choose another name, or remove its line first"
        )
    secret = PREFIX + secrets.token_urlsafe(32)
    line = f"{name} {hashlib.sha256(secret.encode()).hexdigest()} {','.join(wanted)}\n"
    ended = present.endswith("\n") or not present
    try:
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            # One write at the end: a node that reads meanwhile sees the line or does not.
            os.write(handle, (line if ended else f"\n{line}").encode())
        finally:
            os.close(handle)
    except OSError as error:
        raise DefinitionError(f"the tokens file {path} cannot be written: {error}") from error
    return secret
