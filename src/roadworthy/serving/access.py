"""Who may ask for what: bearer tokens with scopes, known only by their SHA-256, compared in constant time.

Not here: where the digests come from (the supervisor reads the operator's file and puts them into the node's directory)
and which address wants which scope (app).
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Iterable
from pathlib import Path

import msgspec

from roadworthy.errors import DefinitionError
from roadworthy.serving.exchange import Rejected
from roadworthy.tokens import Token, TokenScope

logger = logging.getLogger("roadworthy.worker")


class Guard:
    """Lets a request pass when its token is known and may do what it asks, or when no tokens are configured.

    tokens   what is known of each token; a digest alone may do everything
    file     the node's file of digests, which `refresh` reads again when it changed; None for tokens that stay

    >>> Guard([Token("booking", hashlib.sha256(b"secret").hexdigest(), ("predict",))]).check(b"Bearer secret")
    >>> Guard().check(None, "operate")
    """

    def __init__(self, tokens: Iterable[Token | str] = (), file: Path | None = None) -> None:
        self._file = file
        self._stamp: tuple[int, int, int] | None = None
        self._complaint = ""
        self.replace(tokens)

    @classmethod
    def following(cls, file: Path | None) -> Guard:
        """A guard with the tokens of the node's file, followed from then on; open to all for None.

        raises   DefinitionError when the file is not there or cannot be read: whoever names one wants tokens
        """
        if file is None:
            return cls()
        # Without a stamp, so that `refresh` sees what came meanwhile.
        return cls(read_node_tokens(file), file)

    def replace(self, tokens: Iterable[Token | str]) -> None:
        """From now on these tokens alone are known.

        raises   DefinitionError for no tokens in the place of some: that would open the door
        """
        kept = [Token("", token) if isinstance(token, str) else token for token in tokens]
        known = tuple((bytes.fromhex(token.digest), frozenset(token.scopes)) for token in kept)
        if not known and self._file is not None:
            raise DefinitionError(f"{self._file} names no token: nobody could be let in, or everybody")
        self._known = known

    def refresh(self) -> None:
        """Look whether the node's file changed, and take its tokens if it is whole; costs one stat.

        A file that is gone or broken changes nothing: the tokens before stay, and the log says so once.
        """
        if self._file is None:
            return
        try:
            stamp = _stamp(self._file)
            if stamp == self._stamp and not self._complaint:
                return
            self.replace(read_node_tokens(self._file))
        except (DefinitionError, OSError) as error:
            if str(error) != self._complaint:
                logger.error("the tokens stay as they were: %s", error)
            self._complaint = str(error)
        else:
            self._stamp, self._complaint = stamp, ""

    def check(self, authorization: bytes | None, scope: TokenScope = "predict") -> None:
        """Rejected: 401 for a request without a known token, 403 for one whose token has not this scope."""
        if not self._known:
            return
        scheme, _, token = (authorization or b"").partition(b" ")
        found = hashlib.sha256(token.strip()).digest()
        # All are compared, so that the time tells neither which one matched nor whether one did.
        matches = [scopes for digest, scopes in self._known if hmac.compare_digest(found, digest)]
        if scheme.lower() != b"bearer" or not matches:
            raise Rejected(
                401,
                "unauthorized",
                "this server wants a known token: send `Authorization: Bearer <token>`",
                headers=((b"www-authenticate", b"Bearer"),),
            )
        if not any(scope in scopes for scopes in matches):
            held = ", ".join(sorted({one for scopes in matches for one in scopes}))
            raise Rejected(
                403,
                "forbidden",
                f"this needs a token with the scope `{scope}`; yours has: {held}",
                headers=(
                    (b"www-authenticate", f'Bearer error="insufficient_scope", scope="{scope}"'.encode()),
                ),
            )


def read_node_tokens(file: Path) -> tuple[Token, ...]:
    """Tokens as the supervisor put them into the node's directory; DefinitionError when they cannot be read."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=tuple[Token, ...])
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DefinitionError(f"the node's tokens {file} cannot be read: {error}") from error


def _stamp(file: Path) -> tuple[int, int, int]:
    """What changes when the file is replaced."""
    status = file.stat()
    return status.st_mtime_ns, status.st_ino, status.st_size
