"""A stream of requests to a server, from several connections, and everything that came back."""

from __future__ import annotations

import contextlib
import http.client
import secrets
import threading
from collections.abc import Iterator
from typing import Any

import msgspec

from processes import ROW, Server, wait_until


class Stream:
    """A client that asks without pause on `connections` connections, and keeps what came back."""

    def __init__(self, server: Server, connections: int = 2) -> None:
        self._server = server
        self._stop = threading.Event()
        self._name = secrets.token_hex(4)  # a request identifier that comes again is read once
        self.answers: list[dict[str, Any]] = []
        self.failures: list[str] = []
        self.broken: list[str] = []
        self._threads = [
            threading.Thread(target=self._run, args=(number,), daemon=True) for number in range(connections)
        ]

    def _run(self, number: int) -> None:
        with contextlib.closing(
            http.client.HTTPConnection("127.0.0.1", self._server.port, timeout=20)
        ) as connection:
            self._ask(connection, number)

    def _ask(self, connection: http.client.HTTPConnection, number: int) -> None:
        asked = 0
        while not self._stop.is_set():
            asked += 1
            name = f"{self._name}-{number}-{asked}"
            body = msgspec.json.encode({"instances": [{**ROW, "flight": name}], "request_id": name})
            try:
                connection.request(
                    "POST", "/v1/models/delay:predict", body, {"Content-Type": "application/json"}
                )
                response = connection.getresponse()
                content = msgspec.json.decode(response.read())
            except (OSError, http.client.HTTPException) as error:
                self.broken.append(f"{name}: {error!r}")
                connection.close()
                continue
            if response.status == 200:
                self.answers.append(content)
            else:
                self.failures.append(f"{name}: {response.status} {content}")

    def answered(self, more: int) -> None:
        """Wait for that many further answers."""
        goal = len(self.answers) + more
        wait_until(lambda: len(self.answers) >= goal, f"{more} more answers; failures: {self.failures[:3]}")

    def end(self) -> None:
        """Stop asking."""
        self._stop.set()
        for thread in self._threads:
            thread.join(20)


@contextlib.contextmanager
def stream(server: Server, connections: int = 2) -> Iterator[Stream]:
    """A stream of requests around what happens inside."""
    client = Stream(server, connections)
    for thread in client._threads:
        thread.start()
    try:
        yield client
    finally:
        client.end()
