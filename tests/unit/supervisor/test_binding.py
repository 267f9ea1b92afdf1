"""Where a node listens."""

from __future__ import annotations

import pytest

from roadworthy.errors import NotReady, Refused
from roadworthy.supervisor.binding import bind, check_exposure, is_loopback


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.0.2.1"])
def test_an_address_that_others_reach_is_refused_without_tokens(host: str) -> None:
    """Nobody exposes a model by accident."""
    with pytest.raises(Refused, match="ROADWORTHY_TOKENS_FILE"):
        check_exposure(host, [])
    check_exposure(host, ["ab"])


def test_loopback_needs_no_tokens() -> None:
    """The default is open to this machine alone."""
    assert is_loopback("localhost")
    check_exposure("127.0.0.1", [])


def test_a_port_that_is_taken_is_said_so() -> None:
    """With the address and what to do."""
    with bind("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(NotReady, match=f"127.0.0.1:{port}.*another port"):
            bind("127.0.0.1", port)
