"""Keeps the tokens that workers know as the operator's file has them, without a restart.

Not here: the form of the file (roadworthy.tokens) and comparing a request's token (the workers do, in constant time).
"""

from __future__ import annotations

import logging
from pathlib import Path

import msgspec

from roadworthy.durable import write_whole
from roadworthy.node import NodeDirectory
from roadworthy.tokens import Token, read_tokens

logger = logging.getLogger("roadworthy.supervisor")


class TokenFollower:
    """Copies the digests of a tokens file into the node's directory, where the workers of the node look for them.

    The copy is what lets a worker start while the operator's file is half edited. A file that cannot be read or
    understood changes nothing: the tokens before go on working until it is mended.
    """

    def __init__(self, path: Path, node: NodeDirectory) -> None:
        self._path, self._node = path, node
        self._tokens: tuple[Token, ...] = ()

    def follow(self) -> None:
        """Look once. A whole file is read each time: a stamp could miss the second of two quick changes.

        raises   DefinitionError naming file and line when the file is broken; said once by whoever repeats this
        """
        tokens = read_tokens(self._path)
        if tokens == self._tokens:
            return
        write_tokens(self._node, tokens)
        names = ", ".join(f"{token.name} ({', '.join(token.scopes)})" for token in tokens)
        logger.info("tokens are %s: %s", "changed" if self._tokens else "read", names)
        self._tokens = tokens


def write_tokens(node: NodeDirectory, tokens: tuple[Token, ...]) -> None:
    """Put digests where the workers of a node find them, for its owner's eyes alone."""
    write_whole(node.tokens, msgspec.json.encode(tokens), mode=0o600)
