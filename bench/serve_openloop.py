"""A client that keeps to its timetable: requests are due at fixed times, and latency counts from when they were due.

A process of its own (`python -m bench.serve_openloop`): reads its orders as JSON from standard input and prints what it
saw as JSON. One request at a time on each connection. With rate 0 it asks in a closed loop instead, which tells how
fast the client itself is. Not here: what the answers mean.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import math
import os
import sys
import time
from array import array
from collections import Counter, deque

import msgspec
import uvloop

#: Requests that are due at one moment are sent together; more often than this the clock is not looked at.
FINEST_SECONDS = 0.0002

_ABSOLUTE = 1

#: How long to wait for answers after the last request was due.
PATIENCE_SECONDS = 5.0


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """What to send.

    rate      requests a second; 0 = as fast as the connections allow
    warmup    first seconds whose latencies are not kept
    give_up   a request that is due while all connections wait is given up instead of sent later
    headers   further ones
    """

    port: int
    path: str
    body: str
    rate: float
    seconds: float
    warmup: float = 0.5
    connections: int = 64
    give_up: bool = False
    headers: dict[str, str] = {}


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What came back; latencies in milliseconds, of answers with status 200.

    due          requests that were due
    statuses     answers by status; "broken" for connections that ended instead
    unsent       given up, since every connection was waiting
    p50 …        from when the request was due
    sent_p50 …   from when it was sent
    seconds      from the first to the last answer
    """

    due: int
    answered: int
    statuses: dict[str, int]
    unsent: int
    p50: float
    p99: float
    p999: float
    longest: float
    sent_p50: float
    sent_p99: float
    seconds: float
    cpu_seconds: float


class Connection(asyncio.Protocol):
    """One connection: sends a request, collects its answer."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._received = b""
        self.due = self.sent = 0.0
        self.waiting = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ready."""
        self.transport = transport

    def ask(self, due: float) -> None:
        """Send the request."""
        self.due, self.sent, self.waiting = due, time.perf_counter(), True
        self.transport.write(self._client.request)  # type: ignore[attr-defined]  # TCP transports write

    def data_received(self, data: bytes) -> None:
        """Collect until the answer is whole."""
        data = self._received + data if self._received else data
        head = data.find(b"\r\n\r\n")
        if head >= 0:
            start = data.find(b"ontent-length:", 0, head)
            start = data.find(b"ontent-Length:", 0, head) if start < 0 else start
            if start < 0:
                raise RuntimeError(f"an answer without Content-Length: {data[:head]!r}")
            length = int(data[start + 14 : data.find(b"\r", start)])
            if len(data) >= head + 4 + length:
                self._received = b""
                self.waiting = False
                self._client.answered(self, data[9:12])
                return
        self._received = data

    def connection_lost(self, error: Exception | None) -> None:
        """The server ended it."""
        if not self._client.over:
            self._client.lost(self)


class Client:
    """All connections, the timetable and the tally."""

    def __init__(self, orders: Orders) -> None:
        self.orders = orders
        body = orders.body.encode()
        more = "".join(f"{name}: {value}\r\n" for name, value in orders.headers.items())
        self.request = (
            f"POST {orders.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"{more}Content-Length: {len(body)}\r\n\r\n"
        ).encode() + body
        self.over = False
        self._idle: list[Connection] = []
        self._late: deque[float] = deque()
        self._due = self._unsent = self._open = 0
        self._statuses: Counter[str] = Counter()
        self._latencies, self._service = array("d"), array("d")
        self._first = self._last = 0.0

    async def run(self) -> Seen:
        """Connect, keep to the timetable, wait for the last answers."""
        loop = asyncio.get_running_loop()
        for _ in range(self.orders.connections):
            _, connection = await loop.create_connection(
                lambda: Connection(self), "127.0.0.1", self.orders.port
            )
            self._idle.append(connection)
        gc.collect()
        gc.disable()
        self._done = loop.create_future()
        before = time.process_time()
        self._start = time.perf_counter() + 0.01
        self._end = self._start + self.orders.seconds
        if self.orders.rate:
            alarm = Alarm()
            loop.add_reader(alarm.descriptor, self._tick, alarm)
            alarm.ring(self._start)
        else:
            for connection in list(self._idle):
                self._next(connection)
        try:
            await asyncio.wait_for(self._done, self.orders.seconds + PATIENCE_SECONDS)
        except TimeoutError:
            self._statuses["unanswered"] += self._open + len(self._late)
        self.over = True
        return self._seen(time.process_time() - before)

    def answered(self, connection: Connection, status: bytes) -> None:
        """Count an answer, and use the connection again."""
        now = time.perf_counter()
        self._open -= 1
        self._statuses[status.decode()] += 1
        if status == b"200" and connection.due >= self._start + self.orders.warmup:
            self._latencies.append(now - connection.due)
            self._service.append(now - connection.sent)
        self._first = self._first or now
        self._last = now
        if self.orders.rate == 0:
            self._next(connection)
        elif self._late:
            self._send(connection, self._late.popleft())
        else:
            self._idle.append(connection)
            self._finish()

    def lost(self, connection: Connection) -> None:
        """Count a broken connection; the others go on."""
        self._statuses["broken"] += 1
        if connection.waiting:
            self._open -= 1
        if connection in self._idle:
            self._idle.remove(connection)
        self._finish()

    def _next(self, connection: Connection) -> None:
        now = time.perf_counter()
        if now < self._end:
            self._due += 1
            self._send(connection, now)
        else:
            self._finish()

    def _send(self, connection: Connection, due: float) -> None:
        self._open += 1
        connection.ask(due)

    def _tick(self, alarm: Alarm) -> None:
        os.read(alarm.descriptor, 8)
        rate = self.orders.rate
        now = min(time.perf_counter(), self._end)
        until = min(math.floor((now - self._start) * rate) + 1, int(self.orders.seconds * rate))
        while self._due < until:
            due = self._start + self._due / rate
            self._due += 1
            if self._idle:
                self._send(self._idle.pop(), due)
            elif self.orders.give_up:
                self._unsent += 1
            else:
                self._late.append(due)
        if now < self._end:
            following = max(self._start + self._due / rate, time.perf_counter() + FINEST_SECONDS)
            alarm.ring(min(following, self._end))
        else:
            asyncio.get_running_loop().remove_reader(alarm.descriptor)
            os.close(alarm.descriptor)
            self._finish()

    def _finish(self) -> None:
        if time.perf_counter() >= self._end and not self._open and not self._late and not self._done.done():
            self._done.set_result(None)

    def _seen(self, cpu_seconds: float) -> Seen:
        due, sent = sorted(self._latencies), sorted(self._service)
        return Seen(
            due=self._due, answered=sum(n for name, n in self._statuses.items() if name.isdigit()),
            statuses=dict(self._statuses), unsent=self._unsent, p50=_at(due, 0.5), p99=_at(due, 0.99),
            p999=_at(due, 0.999), longest=_at(due, 1.0), sent_p50=_at(sent, 0.5), sent_p99=_at(sent, 0.99),
            seconds=self._last - self._first, cpu_seconds=cpu_seconds,
        )  # fmt: skip


def _at(ordered: list[float], share: float) -> float:
    """A quantile in milliseconds; NaN is not JSON, so nothing at all is -1."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1e3 if ordered else -1.0


class Alarm:
    """A descriptor that becomes readable at a moment: event loops time to a millisecond, the kernel to microseconds."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self.descriptor: int = self._libc.timerfd_create(time.CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        self._setting = (ctypes.c_long * 4)()
        if self.descriptor < 0:
            raise OSError(ctypes.get_errno(), "this system has no timerfd")

    def ring(self, at: float) -> None:
        """Become readable at a time of the performance counter, which on Linux is the monotonic clock."""
        self._setting[2], self._setting[3] = divmod(int(at * 1e9), 1_000_000_000)
        self._libc.timerfd_settime(self.descriptor, _ABSOLUTE, ctypes.byref(self._setting), None)


def main() -> None:
    """Do what standard input says."""
    orders = msgspec.json.decode(sys.stdin.buffer.read(), type=Orders)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        seen = runner.run(Client(orders).run())
    sys.stdout.buffer.write(msgspec.json.encode(seen))


if __name__ == "__main__":
    main()
