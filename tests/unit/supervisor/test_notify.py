"""What the service manager hears, at a real datagram socket."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from roadworthy.supervisor.notify import Notifier


@pytest.fixture(params=["path", "abstract"])
def listening(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    """A manager's socket and its name, as it stands in NOTIFY_SOCKET."""
    name = str(tmp_path / "notify") if request.param == "path" else f"@roadworthy-{secrets.token_hex(4)}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(name.replace("@", "\0", 1) if name.startswith("@") else name)
        bound.setblocking(False)
        yield name, bound


def heard(bound: socket.socket) -> list[str]:
    """Everything that was said since the last time."""
    said = []
    while True:
        try:
            said.append(bound.recv(100).decode())
        except BlockingIOError:
            return said


def test_readiness_is_said_once_life_again_and_again(
    listening: tuple[str, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Life is said more often than the manager wants it, and not at every look."""
    name, bound = listening
    monkeypatch.setenv("NOTIFY_SOCKET", name)
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    notifier = Notifier.from_environment()
    for _ in range(3):
        notifier.ready()
        notifier.alive()
    assert heard(bound) == ["READY=1", "WATCHDOG=1"]
    notifier.stopping()
    assert heard(bound) == ["STOPPING=1"]


def test_a_watchdog_that_is_meant_for_another_process_is_not_fed(
    listening: tuple[str, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variables are inherited by every child."""
    name, bound = listening
    monkeypatch.setenv("NOTIFY_SOCKET", name)
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    monkeypatch.setenv("WATCHDOG_PID", "1")
    Notifier.from_environment().alive()
    assert heard(bound) == []


@pytest.mark.parametrize("name", ["", "/nowhere/notify"])
def test_without_a_manager_nothing_happens(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A node that a person started serves as well."""
    monkeypatch.setenv("NOTIFY_SOCKET", name)
    notifier = Notifier.from_environment()
    notifier.ready()
    notifier.stopping()
