"""Times servers against each other: the same kinds of requests to all of them in turn, one at a time.

Turn by turn, because a machine that is busy for a second is then busy for all of them. Not here: what the times mean
(gate.infrastructure) and starting servers (staging).
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from types import TracebackType

import numpy as np

from roadworthy.errors import NotReady, RoadworthyError
from roadworthy.features.batch import Floats

#: How long one answer may take before the measuring is given up.
ASK_SECONDS = 30.0

#: A block takes no longer than this where it need not: of slow servers fewer requests are asked, but so many at least.
BLOCK_SECONDS, LEAST = 1.0, 12

#: After so long the next look is the last.
PATIENCE_SECONDS = 15.0

_END_OF_HEAD = b"\r\n\r\n"
_LENGTH = b"content-length:"


class Line:
    """One kept connection to a server of this machine, and the stopwatch on it; use it as a context manager."""

    def __init__(self, port: int, timeout_seconds: float = ASK_SECONDS) -> None:
        self._where = f"127.0.0.1:{port}"
        try:
            self._socket = socket.create_connection(("127.0.0.1", port), timeout_seconds)
        except OSError as error:
            raise NotReady(f"no server answers at {self._where}: {error}") from error
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Line:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def seconds(self, request: bytes) -> float:
        """From the first byte sent to the last byte of the answer.

        raises   NotReady when the server is gone, RoadworthyError when it does not answer with 200
        """
        started = time.perf_counter()
        try:
            self._socket.sendall(request)
            answer = self._read()
        except OSError as error:
            raise NotReady(f"no server answers at {self._where}: {str(error) or 'it hung up'}") from error
        passed = time.perf_counter() - started
        if not answer.startswith(b"HTTP/1.1 200 "):
            raise RoadworthyError(
                f"the server at {self._where} answered with {answer[:300].decode(errors='replace')}"
            )
        return passed

    def _read(self) -> bytes:
        answer = b""
        while _END_OF_HEAD not in answer:
            answer += self._more()
        head, _, body = answer.partition(_END_OF_HEAD)
        fields = head.lower().split(b"\r\n")
        length = next((int(one.split(b":")[1]) for one in fields if one.startswith(_LENGTH)), 0)
        while len(body) < length:
            body += self._more()
        return head + _END_OF_HEAD + body

    def _more(self) -> bytes:
        received = self._socket.recv(1 << 16)
        if not received:
            raise ConnectionResetError("it closed the connection")
        return received


def post(path: str, body: bytes) -> bytes:
    """A request as it goes over the wire.

    >>> post("/v1/x", b"{}").splitlines()[0]
    b'POST /v1/x HTTP/1.1'
    """
    head = f"POST {path} HTTP/1.1\r\nhost: staging\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
    return head.encode() + _END_OF_HEAD + body


def time_each(
    ports: Sequence[int],
    requests: Sequence[Sequence[bytes]],
    looks: Sequence[int],
    enough: Callable[[Floats], bool] = lambda found: False,
) -> Floats:
    """Seconds of every answer, shape (n_servers, n_blocks, n_requests).

    requests   for each server as many; the requests of one place are of one kind and are asked right after each other
    looks      after how many blocks `enough` is asked whether that suffices, ascending; the last is the end
    enough     told what was found so far
    """
    with ExitStack() as stack:
        lines = [stack.enter_context(Line(port)) for port in ports]
        started = time.monotonic()
        for line, asked in zip(lines, requests, strict=True):
            for request in asked:  # what is done once, at the first request, is no latency
                line.seconds(request)
        places = _chosen(len(requests[0]), time.monotonic() - started)
        found = np.zeros((len(ports), looks[-1], len(places)))
        for block in range(looks[-1]):
            for at, place in enumerate(places):
                for turn in range(len(lines)):
                    server = (block + at + turn) % len(lines)
                    found[server, block, at] = lines[server].seconds(requests[server][place])
            late = time.monotonic() - started > PATIENCE_SECONDS
            if block + 1 in looks and (late or enough(found[:, : block + 1])):
                return found[:, : block + 1]
    return found


def _chosen(requests: int, seconds: float) -> list[int]:
    """Which requests a block asks, evenly spread, when asking all took so long.

    >>> _chosen(4, 0.1), len(_chosen(72, 2.0)), len(_chosen(72, 60.0))
    ([0, 1, 2, 3], 36, 12)
    """
    share = min(1.0, BLOCK_SECONDS / seconds) if seconds else 1.0
    wanted = min(requests, max(LEAST, int(requests * share)))
    return [int(place) for place in np.linspace(0, requests - 1, wanted)]
