"""Bearer tokens at the door of a worker."""

from __future__ import annotations

import hashlib

import pytest

from roadworthy.serving.access import Guard
from roadworthy.serving.exchange import Rejected

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
