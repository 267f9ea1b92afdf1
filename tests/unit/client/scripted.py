"""A server that answers as it is told, and remembers what it was asked.

Not here: tests.
"""

from __future__ import annotations

import socket
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec


@dataclass(frozen=True)
class Asked:
    """One request; `client` is the address it came from, so the same one means the same connection."""

    method: str
    path: str
    headers: Mapping[str, str]
    content: Any
    client: tuple[str, int]


@dataclass(frozen=True)
class Say:
    """One answer. `hang_up`: close the connection instead."""

    status: int = 200
    content: Any = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    hang_up: bool = False


def error(status: int, kind: str = "busy", faults: Any = (), **headers: str) -> Say:
    """A refusal in Roadworthy's form."""
    content = {"error": {"kind": kind, "message": "said so", "faults": list(faults)}}
    return Say(status, content, {name.replace("_", "-"): value for name, value in headers.items()})


class Scripted:
    """Says what is in the script, in that order, then what `otherwise` makes of a request."""

    def __init__(self, *script: Say, otherwise: Callable[[Asked], Say] | None = None) -> None:
        self.asked: list[Asked] = []
        self._script = deque(script)
        self._otherwise = otherwise or (lambda asked: Say())
        self._lock = threading.Lock()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                owner._answer(self)

            def do_POST(self) -> None:
                owner._answer(self)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def __enter__(self) -> Scripted:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        content = msgspec.json.decode(body) if body else None
        headers = {name.lower(): value for name, value in handler.headers.items()}
        asked = Asked(handler.command, handler.path, headers, content, handler.client_address)
        with self._lock:
            self.asked.append(asked)
            say = self._script.popleft() if self._script else None
        say = say or self._otherwise(asked)
        if say.hang_up:
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)
            return
        reply = say.content if isinstance(say.content, bytes) else msgspec.json.encode(say.content)
        handler.send_response(say.status)
        for name, value in {"Content-Length": str(len(reply)), **say.headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        with suppress(ConnectionError):
            handler.wfile.write(reply)


def predictions(asked: Asked) -> Say:
    """Half for every row, as version 1."""
    rows = asked.content.get("instances") or next(iter(asked.content["inputs"].values()))
    key = "predictions" if "instances" in asked.content else "outputs"
    ids = [f"p{number}" for number in range(len(rows))]
    return Say(
        content={
            key: [0.5] * len(rows),
            "ids": ids,
            "versions": [1] * len(rows),
            "model": "delay",
            "extra": 1,
        }
    )
