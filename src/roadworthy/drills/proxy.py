"""An HTTP proxy between client and server that changes what clients ask, as their own code would have.

It forwards everything else as it is: paths, headers, answers. A client whose question was refused goes on, as callers
do: the proxy counts the rows and tells the replay that no version answered them.
"""

from __future__ import annotations

import http.client
import sys
import threading
from collections import Counter
from collections.abc import Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from urllib.parse import urlsplit

import msgspec

from roadworthy.drills.deployment import ChangeRow, HearAnswers

#: What the replay hears of questions that were refused.
_UNANSWERED = b'{"versions":[]}'

_NOT_FORWARDED = {"host", "content-length", "connection", "transfer-encoding"}


class Proxy:
    """A proxy on a port of its own; use it as a context manager.

    url       of the server behind it
    changes   what happens to each row of a request for predictions, in turn
    heard     what is told the answers of a request
    """

    def __init__(self, url: str, changes: Sequence[ChangeRow], heard: Sequence[HearAnswers] = ()) -> None:
        self._server = _Forwarding(urlsplit(url).netloc, changes, heard)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._counts = self._server.counts
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def asked(self) -> int:
        """Rows that clients asked about so far."""
        return self._counts["asked"]

    @property
    def refused(self) -> int:
        """Rows among them that the server did not answer."""
        return self._counts["refused"]

    def __enter__(self) -> Proxy:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Forwarding(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, behind: str, changes: Sequence[ChangeRow], heard: Sequence[HearAnswers]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behind, self.changes, self.heard = behind, changes, heard
        self.counts: Counter[str] = Counter()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hung up is nothing to tell; anything else is."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]  # as it was given


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Forwarding

    def setup(self) -> None:
        super().setup()
        self._onwards = http.client.HTTPConnection(self.server.behind, timeout=60)

    def finish(self) -> None:
        self._onwards.close()
        super().finish()

    def do_GET(self) -> None:
        self._forward(b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if not self.path.endswith(":predict"):
            self._forward(body)
            return
        body, rows = changed(body, self.server.changes)
        self.server.counts["asked"] += rows
        self._forward(body, rows)

    def _forward(self, body: bytes, rows: int = 0) -> None:
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _NOT_FORWARDED}
        self._onwards.request(self.command, self.path, body or None, headers)
        answer = self._onwards.getresponse()
        content = answer.read()
        status = answer.status
        if rows and status != HTTPStatus.OK:
            self.server.counts["refused"] += rows
            status, content = HTTPStatus.OK, _UNANSWERED
        elif rows and self.server.heard:
            answers = [value for value in msgspec.json.decode(content)["predictions"] if value is not None]
            for hear in self.server.heard:
                hear(answers)
        self.send_response(status)
        for name, value in answer.getheaders():
            if name.lower() not in _NOT_FORWARDED:
                self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *said: object) -> None:
        """Say nothing: the server behind logs."""


def changed(body: bytes, changes: Sequence[ChangeRow]) -> tuple[bytes, int]:
    """The body of a request for predictions with every row changed, and the number of rows.

    >>> changed(b'{"instances":[{"wind":1.0}]}', [lambda row: {**row, "wind": row["wind"] * 2}])
    (b'{"instances":[{"wind":2.0}]}', 1)
    """
    request = msgspec.json.decode(body)
    for change in changes:
        request["instances"] = [change(row) for row in request["instances"]]
    return msgspec.json.encode(request), len(request["instances"])
