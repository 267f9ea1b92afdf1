"""The file of bearer tokens: names and SHA-256 digests, never the tokens themselves.

Not here: comparing a request's token (the workers do, in constant time).
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from roadworthy.errors import DefinitionError

TOKENS_FILE = "ROADWORTHY_TOKENS_FILE"

_DIGEST = re.compile(r"[0-9a-f]{64}")


def read_tokens(path: Path) -> tuple[str, ...]:
    """Digests of the tokens in a file with one `name digest` a line; `#` begins a comment.

    A digest is what `printf %s "$TOKEN" | sha256sum` says.
    raises   DefinitionError naming file and line; no message ever shows what the line holds
    """
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DefinitionError(f"the tokens file {path} cannot be read: {error}") from error
    digests = []
    for number, line in enumerate(lines, 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        if len(words) != 2 or not _DIGEST.fullmatch(words[1]):
            raise DefinitionError(
                f"{path}, line {number}: expected a name and 64 lower-case hexadecimal digits (SHA-256 of the token)"
            )
        digests.append(words[1])
    if not digests:
        raise DefinitionError(f"the tokens file {path} names no token: add one, or do not set {TOKENS_FILE}")
    return tuple(digests)


def configured_tokens() -> tuple[str, ...]:
    """Digests from the file that ROADWORTHY_TOKENS_FILE names; none when it is not set."""
    named = os.environ.get(TOKENS_FILE, "")
    return read_tokens(Path(named)) if named else ()
