"""Connections to one server that are kept and lent to one thread at a time: one request, one reply.

Not here: repeating (retries, client). The standard library's HTTP: it is there wherever Python is, and a request
costs a fraction of what the popular libraries add to it.
"""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from roadworthy.errors import DefinitionError, Refused

#: A host that does not take a connection within so long is treated as absent, and tried again.
CONNECT_SECONDS = 3.0

_PIECE = 1 << 16


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back; names of headers in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Unreachable(Exception):  # not an error yet: whether to ask again is for the client to decide
    """No reply came. `kept`: the connection had been used before, and was probably closed while it lay idle."""

    def __init__(self, reason: str, kept: bool = False) -> None:
        super().__init__(reason)
        self.kept = kept


class Connections:
    """A pool of connections.

    url       `http://host:port` or `https://host:port`
    token     sent as a bearer token when not empty; never logged
    idle      how many connections are kept while nobody uses them
    context   how https is trusted; None = as this machine trusts
    """

    def __init__(self, url: str, token: str, idle: int, context: ssl.SSLContext | None = None) -> None:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            parts, host, port = urlsplit(""), None, None
        if parts.scheme not in {"http", "https"} or not host or parts.path.strip("/") or parts.query:
            raise DefinitionError(
                f"server address {url!r} is not understood: write it as http://127.0.0.1:8080 or https://host:443"
            )
        secure = parts.scheme == "https"
        if any(letter in token for letter in "\r\n\0") or not token.isascii():
            raise DefinitionError(
                "the token has letters that no header can hold: copy it again, without line ends"
            )
        self.url = url.rstrip("/")
        self._host, self._port = host, port or (443 if secure else 80)
        self._context = (context or ssl.create_default_context()) if secure else None
        self._headers = {"authorization": f"Bearer {token}"} if token else {}
        self._idle: deque[http.client.HTTPConnection] = deque()
        self._most_idle, self._pid = idle, os.getpid()
        self._closed = False

    def exchange(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], until: float
    ) -> Reply:
        """Send one request and read its whole reply.

        until    when to give up, on the monotonic clock
        raises   Unreachable when there is no whole reply by then, Refused for a certificate that is not trusted
        """
        connection = self._borrow()
        kept = connection.sock is not None
        try:
            if connection.sock is None:
                connection.timeout = min(CONNECT_SECONDS, _left(until))
                connection.connect()
            connection.sock.settimeout(_left(until))
            connection.request(method, path, body, {**self._headers, **headers})
            reply = _read(connection, until)
        except ssl.SSLCertVerificationError as error:
            connection.close()
            raise Refused(
                f"{self.url} shows a certificate that is not trusted here ({error.verify_message}): give the client an "
                "SSL context that trusts who signed it"
            ) from error
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise Unreachable(_reason(error), kept) from error
        except BaseException:  # an interrupted exchange leaves half a reply on the connection
            connection.close()
            raise
        self._give_back(connection)
        return reply

    def close(self) -> None:
        """Close what is kept; what is lent is closed when it comes back."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    def _borrow(self) -> http.client.HTTPConnection:
        if self._pid != os.getpid():  # a fork shares its parent's sockets, and would mix up their replies
            self._pid = os.getpid()
            while self._idle:
                self._idle.pop().close()
        try:
            return self._idle.pop()
        except IndexError:
            if self._context is None:
                return http.client.HTTPConnection(self._host, self._port)
            return http.client.HTTPSConnection(self._host, self._port, context=self._context)

    def _give_back(self, connection: http.client.HTTPConnection) -> None:
        if self._closed or len(self._idle) >= self._most_idle:
            connection.close()
        elif connection.sock is not None:
            self._idle.append(connection)


def _read(connection: http.client.HTTPConnection, until: float) -> Reply:
    """The reply, piece by piece, so that one that trickles in ends at the deadline too."""
    response = connection.getresponse()
    pieces = []
    while piece := response.read1(_PIECE):
        pieces.append(piece)
        if connection.sock is not None:  # None once the server has said that it closes
            connection.sock.settimeout(_left(until))
    response.close()  # `read1` does not, and the connection takes no further request before
    headers = {name.lower(): value for name, value in response.getheaders()}
    body = b"".join(pieces)
    if "content-length" in headers and len(body) != int(headers["content-length"]):
        raise http.client.IncompleteRead(body)
    return Reply(response.status, headers, body)


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError("the deadline passed")
    return left


def _reason(error: OSError | http.client.HTTPException) -> str:
    """Why no reply came, in words.

    >>> _reason(ConnectionRefusedError(111, "Connection refused")), _reason(TimeoutError("timed out"))
    ('Connection refused', 'it did not reply in time')
    """
    if isinstance(error, TimeoutError):
        return "it did not reply in time"
    if isinstance(error, socket.gaierror):
        return f"its name is not known ({error.strerror})"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return "it closed the connection in the middle" if not str(error) else str(error)
