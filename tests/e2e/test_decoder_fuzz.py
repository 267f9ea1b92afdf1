"""Requests as no client means them, at a real socket: nothing fails, and nothing of the inside is shown."""

from __future__ import annotations

import contextlib
import os
import random
import socket
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest

from processes import ROW, Server, Starter, Version, plan_of, wait_until
from roadworthy.node import NodeDirectory
from roadworthy.traffic import Route

#: An hour of a patient attacker on this machine is about as many.
REQUESTS = 200_000 if "ROADWORTHY_PROOF" in os.environ else 1_500
SEED = int(os.environ.get("ROADWORTHY_FUZZ_SEED", "1"))

INFER = {
    "inputs": [
        {"name": "carrier", "shape": [1], "datatype": "BYTES", "data": ["UA"]},
        {"name": "wind", "shape": [1], "datatype": "FP64", "data": [9.0]},
        {"name": "before", "shape": [1], "datatype": "BYTES", "data": ['["EWR"]']},
        {"name": "dest", "shape": [1, 1], "datatype": "BYTES", "data": ["IAH"]},
        {"name": "flight", "shape": [1], "datatype": "BYTES", "data": ["UA1"]},
    ]
}
MOMENT = "2026-01-01T00:00:00Z"
SENT = {"model": "elsewhere", "inputs": {"a": 1.5, "b": "x"}, "output": 0.5, "id": "x", "event_time": MOMENT}
OUTCOME = {"id": "o", "model": "delay", "name": "late", "value": 1.0, "unit": "UA1", "event_time": MOMENT}
#: Address, a request that is right, and the share of all requests.
RIGHT: list[tuple[str, Any, int]] = [
    ("/v1/models/delay:predict", {"instances": [ROW]}, 3),
    ("/v1/models/delay:predict", {"instances": [ROW, ROW], "request_id": "a"}, 2),
    ("/v1/models/delay:predict", {"inputs": {name: [value] for name, value in ROW.items()}}, 2),
    ("/v1/outcomes", {"outcomes": [OUTCOME]}, 1),
    ("/v1/log", {"predictions": [SENT]}, 1),
    ("/v2/models/delay/infer", INFER, 2),
]
PATHS = [
    "/", "//", "*", "", "/v1/models/delay", "/v1/models/:predict", "/v1/models/delay:predict/", "/v1/models/../x",
    "/v1/models/%ff%fe:predict", "/v1/models/delay%00:predict", "/v1/models/дelay:predict?x=1#y", "/metrics", "/v2",
    "/openapi.json", "/v2/health/ready", "/v2/models/delay", "/v2/models/delay/versions/1", "/v2/models//infer",
    "/v2/models/delay/versions/-1/infer", "http://host/v1/models/delay", "host:443", f"/v1/models/{'d' * 300}:predict",
]  # fmt: skip
#: What stands for a value: numbers, texts, then lists and what is no JSON.
NASTY: list[bytes] = [
    b"null", b"true", b"-0", b"0.0", b"1e999", b"-1e400", b"1e-400", b"-9223372036854775809", b"18446744073709551616",
    b"NaN", b"Infinity", b"0x10", b"01", b"9" * 400, b'""', b'"\\ud800"', b'"\\u0000"', b'"2026-13-45T99:99:99Z"',
    b'"0001-01-01T00:00:00Z"', b'"9999-12-31T23:59:59.999999999Z"', b'"\xff\xfe"', b'"\xf0\x9f\x92\xa9"',
    b'"' + b"x" * 5_000 + b'"', b"[]", b"{}", b"[[]]", b"[null]", b"[" * 200 + b"]" * 200, b"[" * 60_000,
    b'{"a":' * 3_000, b"\xef\xbb\xbf{}", b"'a'", b"1 2",
]  # fmt: skip
HEADERS: list[bytes] = [
    b"content-type: text/plain", b"content-type: application/json; charset=utf-16", b"content-type:", b"accept: */*",
    b"content-encoding: gzip", b"authorization: Bearer \xff\xff", b"authorization: Bearer", b"expect: 100-continue",
    b"expect: 200-maybe", b"connection: close", b"connection: upgrade\r\nupgrade: websocket", b"te: trailers",
    b"x-roadworthy-event-time: noon", b"x-roadworthy-event-time: 2013-07-01T14:00:00Z", b"x-roadworthy-deadline-ms: -1",
    b"x-roadworthy-deadline-ms: 1e999", b"x-roadworthy-deadline-ms: 0.001", b"content-type: application/octet-stream",
    b"inference-header-content-length: 5", b"inference-header-content-length: -1", b"x: " + b"y" * 3_000,
    b"inference-header-content-length: 99999999999999999999", b"traceparent: \x7f",
]  # fmt: skip


class Chance(random.Random):
    """Makes requests that are nearly right."""

    def body(self, value: Any) -> bytes:
        """A valid body, changed in one to three places: as a value, as text or as bytes."""
        text = msgspec.json.encode(self.changed(value) if self.random() < 0.7 else value)
        return self.torn(text) if self.random() < 0.5 else text

    def changed(self, value: Any) -> Any:
        """The value with one of its parts replaced, removed, doubled or renamed."""
        if isinstance(value, dict) and value and self.random() < 0.8:
            key = self.choice(list(value))
            kept = {name: item for name, item in value.items() if name != key}
            kind = self.randrange(5)
            if kind == 0:
                return kept
            if kind == 1:
                return {**kept, self.choice(["", "id", "\u0000", key.upper(), "instances"]): value[key]}
            return {**value, key: self.changed(value[key])}
        if isinstance(value, list) and value and self.random() < 0.8:
            place = self.randrange(len(value))
            if self.random() < 0.2:
                return value * self.choice([0, 2, 300])
            return [*value[:place], self.changed(value[place]), *value[place + 1 :]]
        return msgspec.Raw(self.choice(NASTY[:27]))

    def torn(self, text: bytes) -> bytes:
        """Bytes removed, doubled, flipped, or something else put between them."""
        at, to = sorted((self.randrange(len(text) + 1), self.randrange(len(text) + 1)))
        kind = self.randrange(5)
        if kind == 0:
            return text[:at]
        if kind == 1:
            return text[:at] + text[min(to, at + 20) :]
        if kind == 2:
            return text[:at] + self.choice(NASTY) + text[min(to, at + 20) :]
        if kind == 3 and text:
            place = min(at, len(text) - 1)
            return text[:place] + bytes([text[place] ^ (1 << self.randrange(8))]) + text[place + 1 :]
        return text[:at] + self.randbytes(self.randrange(8)) + text[at:]

    def request(self) -> bytes:
        """A whole request."""
        path, value, _ = self.choices(RIGHT, [share for *_, share in RIGHT])[0]
        body = self.body(value)
        method = (
            b"POST"
            if self.random() < 0.9
            else self.choice([b"GET", b"PUT", b"HEAD", b"OPTIONS", b"DELETE", b"TRACE"])
        )
        where = path.encode()
        if self.random() < 0.15:
            where = self.choice(PATHS).encode()
            body = body if self.random() < 0.3 else b""
        elif self.random() < 0.05:
            where = self.torn(where).replace(b" ", b"+").replace(b"\r", b"").replace(b"\n", b"") or b"/"
        lines = [method + b" " + where + b" HTTP/1.1", b"host: a"]
        if self.random() < 0.95:
            lines.append(b"content-type: application/json")
        lines += self.sample(HEADERS, self.randrange(3)) if self.random() < 0.3 else []
        if self.random() < 0.1:
            cut = self.randrange(len(body) + 1)
            parts = [part for part in (body[:cut], body[cut:]) if part]
            framed = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
            return b"\r\n".join([*lines, b"transfer-encoding: chunked", b"", framed])
        whole = b"\r\n".join([*lines, b"content-length: %d" % len(body), b"", body])
        return self.torn(whole) if self.random() < 0.01 else whole


class Line:
    """A connection that is opened again whenever the server closes it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None
        self._buffer = b""

    def ask(self, request: bytes) -> tuple[int, bytes]:
        """Status and whole text of the answer; (0, …) when the connection was closed without one."""
        if self._socket is None:
            self._socket, self._buffer = socket.create_connection(("127.0.0.1", self._port), timeout=1), b""
        try:
            self._socket.sendall(request)
            answer = self._answer(head_only=request.startswith(b"HEAD"))
            while answer.startswith(b"HTTP/1.1 100"):
                answer = self._answer(head_only=False)
        except (ConnectionError, TimeoutError) as error:
            answer = b"" if isinstance(error, ConnectionError) else b"HTTP/1.1 1 waits for the rest"
            self.close()
        status = int(answer.split(b" ", 2)[1]) if answer else 0
        if b"\r\nconnection: close" in answer.lower():
            self.close()
        return status, answer

    def _answer(self, *, head_only: bool) -> bytes:
        while b"\r\n\r\n" not in self._buffer:
            self._more()
        head, _, rest = self._buffer.partition(b"\r\n\r\n")
        named = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length: ")]
        length = int(named[0].split()[1]) if named and not head_only else 0
        while len(rest) < length:
            self._more()
            rest = self._buffer[len(head) + 4 :]
        self._buffer = rest[length:]
        return head + b"\r\n\r\n" + rest[:length]

    def _more(self) -> None:
        assert self._socket is not None
        piece = self._socket.recv(1 << 16)
        if not piece:
            raise ConnectionResetError
        self._buffer += piece

    def close(self) -> None:
        """Begin anew with the next request."""
        if self._socket is not None:
            self._socket.close()
        self._socket = None


@pytest.fixture
def server(start: Starter, versions: list[Version], tmp_path: Path) -> Server:
    """A worker with one version."""
    node = NodeDirectory(tmp_path / "n")
    node.create()
    node.write_plan(plan_of(1, Route(champion=1), versions[0]))
    made = start.worker(node)
    wait_until(made.ready, "readiness")
    return made


def test_no_request_makes_a_worker_fail_or_tell_of_its_inside(server: Server) -> None:
    """No 500, no traceback in an answer or in the log, every refusal in the one form; afterwards as before."""
    for path, value, _ in RIGHT:
        assert server.ask("POST", path, value).status in {200, 202}, path
    before = server.predict().content["predictions"]
    chance, line = Chance(SEED), Line(server.port)
    seen: Counter[int] = Counter()
    with contextlib.closing(line):
        for number in range(REQUESTS):
            request = chance.request()
            status, answer = line.ask(request)
            seen[status] += 1
            shown = f"seed {SEED}, request {number}: {request[:3_000]!r} → {answer[:3_000]!r}"
            assert status < 500 or status in {503, 504}, shown  # too much at once, or later than it wished
            assert b"Traceback" not in answer, shown
            assert b'.py"' not in answer, shown
            if status >= 400 and not request.startswith(b"HEAD"):
                assert b'{"error":' in answer, shown
            if status < 200:
                line.close()
    assert seen[200] + seen[202] > REQUESTS / 10, seen
    assert seen[400] + seen[422] > REQUESTS / 4, seen
    assert server.predict().content["predictions"] == before
    assert "Traceback" not in server.log.read_text()
