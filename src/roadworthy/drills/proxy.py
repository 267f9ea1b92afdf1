"""An HTTP proxy between client and server that changes what clients ask, as their own code would have.

It forwards everything else as it is: paths, headers, answers, statuses.
"""

from __future__ import annotations

import http.client
import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from urllib.parse import urlsplit

import msgspec

from roadworthy.drills.deployment import ChangeRow

_NOT_FORWARDED = {"host", "content-length", "connection", "transfer-encoding"}


class Proxy:
    """A proxy on a port of its own; use it as a context manager.

    url       of the server behind it
    changes   what happens to each row of a request for predictions, in turn
    """

    def __init__(self, url: str, changes: Sequence[ChangeRow]) -> None:
        self._server = _Forwarding(urlsplit(url).netloc, changes)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

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

    def __init__(self, behind: str, changes: Sequence[ChangeRow]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behind, self.changes = behind, changes


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
        self._forward(changed(body, self.server.changes) if self.path.endswith(":predict") else body)

    def _forward(self, body: bytes) -> None:
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _NOT_FORWARDED}
        self._onwards.request(self.command, self.path, body or None, headers)
        answer = self._onwards.getresponse()
        content = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in _NOT_FORWARDED:
                self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *said: object) -> None:
        """Say nothing: the server behind logs."""


def changed(body: bytes, changes: Sequence[ChangeRow]) -> bytes:
    """The body of a request for predictions with every row changed.

    >>> changed(b'{"instances":[{"wind":1.0}]}', [lambda row: {**row, "wind": row["wind"] * 2}])
    b'{"instances":[{"wind":2.0}]}'
    """
    request = msgspec.json.decode(body)
    for change in changes:
        request["instances"] = [change(row) for row in request["instances"]]
    return msgspec.json.encode(request)
