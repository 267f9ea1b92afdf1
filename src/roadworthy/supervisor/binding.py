"""The listening socket, bound once and shared by all workers of the node.

Not here: what is answered on it. Binding beyond this machine wants tokens, because whoever can ask a model for
predictions can read much of what it learned.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence

from roadworthy.errors import NotReady, Refused
from roadworthy.tokens import TOKENS_FILE

BACKLOG = 2_048


def check_exposure(host: str, tokens: Sequence[object]) -> None:
    """Refused when others than this machine could reach `host` and no tokens are configured."""
    if not tokens and not is_loopback(host):
        raise Refused(
            f"{host!r} can be reached from other machines and no tokens are configured: bind 127.0.0.1, or name a "
            f"file of tokens in {TOKENS_FILE}"
        )


def bind(host: str, port: int) -> socket.socket:
    """A listening socket at `host:port`; port 0 takes a free one.

    raises  NotReady when the address is taken or is not one of this machine
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise NotReady(
            f"cannot listen on {host}:{port}: {error}. Choose another port, or stop what uses it"
        ) from error


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`; a name counts when all its addresses do.

    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("0.0.0.0"), is_loopback("")
    (True, True, False, False)
    """
    if not host:
        return False
    try:
        found = {entry[4][0] for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except OSError:
        return False
    return all(ipaddress.ip_address(str(address).partition("%")[0]).is_loopback for address in found)
