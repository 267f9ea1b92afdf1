"""The replay's connections: kept, and opened anew when the server has closed them meanwhile."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator

import pytest

from roadworthy.errors import NotReady, RoadworthyError
from roadworthy.jobs.sender import Post, Sender


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers with the length of what it got, and hangs up after every answer without saying so."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        answer = str(len(body)).encode()
        self.send_response(200 if self.path == "/ok" else 422)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def url() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_connection_that_was_closed_meanwhile_is_opened_anew(url: str) -> None:
    """A server hangs up on idle clients; after a long retraining every kept connection is stale, and none may fail."""
    posts = [Post("/ok", b"x" * size) for size in range(1, 13)]
    with Sender(url, connections=4) as sender:
        for _ in range(3):
            assert sender.send_all(posts) == [str(size).encode() for size in range(1, 13)]


def test_a_refusal_is_an_error_with_the_servers_words(url: str) -> None:
    """A replay does not go on past a request that was refused."""
    with Sender(url) as sender, pytest.raises(RoadworthyError, match="422"):
        sender.send_all([Post("/refused", b"{}")])


def test_no_server_is_said_so() -> None:
    """Where nothing listens, the message has the address."""
    with Sender("http://127.0.0.1:1") as sender, pytest.raises(NotReady, match=r"127\.0\.0\.1:1"):
        sender.get("/v2/health/live")


@pytest.mark.parametrize("url", ["127.0.0.1:8080", "https://a", "http://", "http://a:port", "http://[::1"])
def test_an_address_that_is_none_is_said_to_be_none(url: str) -> None:
    """Before anything is opened."""
    with pytest.raises(RoadworthyError, match="is not understood"):
        Sender(url)
