"""Where a node listens."""

from __future__ import annotations

import socket

import pytest

from roadworthy.errors import NotReady, Refused
from roadworthy.supervisor.binding import bind, check_exposure, is_loopback


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.0.2.1"])
def test_an_address_that_others_reach_is_refused_without_tokens(host: str) -> None:
    """Nobody exposes a model by accident."""
    with pytest.raises(Refused, match="ROADWORTHY_TOKENS_FILE"):
        check_exposure(host, [])
    check_exposure(host, ["ab"])


@pytest.mark.parametrize(
    ("addresses", "loopback"),
    [
        (["127.0.0.1", "::1"], True),
        (["127.0.0.2"], True),
        (["127.0.0.1", "192.0.2.7"], False),
        (["fe80::1%eth0"], False),
        (["::ffff:192.0.2.7"], False),
        ([], False),
    ],
)
def test_a_name_is_as_open_as_its_most_open_address(
    addresses: list[str], loopback: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One address that others reach is enough; a name that nobody knows is no loopback."""

    def resolved(*_: object, **__: object) -> list[tuple[int, int, int, str, tuple[str, int]]]:
        if not addresses:
            raise socket.gaierror(-2, "Name or service not known")
        return [(0, 0, 0, "", (address, 0)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    assert is_loopback("node.example") is loopback
    if not loopback:
        with pytest.raises(Refused, match=r"'node\.example' can be reached from other machines"):
            check_exposure("node.example", [])


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
def test_loopback_of_ipv6_is_bound_without_tokens() -> None:
    """And says where it listens."""
    check_exposure("::1", [])
    try:
        bound = bind("::1", 0)
    except NotReady:
        pytest.skip("this machine has no IPv6 loopback")
    with bound:
        assert is_loopback(bound.getsockname()[0])


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
