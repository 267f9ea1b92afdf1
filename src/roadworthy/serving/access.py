"""Who may ask: bearer tokens, known only by their SHA-256, compared in constant time.

Not here: where the digests come from (the supervisor reads the file and hands them over) and scopes of tokens.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

from roadworthy.serving.exchange import Rejected


class Guard:
    """Lets a request pass when its token is known, or when no tokens are configured.

    >>> Guard([hashlib.sha256(b"secret").hexdigest()]).check(b"Bearer secret")
    >>> Guard([]).check(None)
    """

    def __init__(self, digests: Sequence[str]) -> None:
        self._digests = [bytes.fromhex(digest) for digest in digests]

    def check(self, authorization: bytes | None) -> None:
        """Rejected (401) for a request without a known token."""
        if not self._digests:
            return
        scheme, _, token = (authorization or b"").partition(b" ")
        found = hashlib.sha256(token.strip()).digest()
        matches = [hmac.compare_digest(found, digest) for digest in self._digests]
        if scheme.lower() != b"bearer" or not any(matches):
            raise Rejected(
                401,
                "unauthorized",
                "this server wants a known token: send `Authorization: Bearer <token>`",
                headers=((b"www-authenticate", b"Bearer"),),
            )
