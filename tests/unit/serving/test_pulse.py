"""What a worker tells its supervisor of its life."""

from __future__ import annotations

import asyncio
import contextlib
import os

import pytest

from roadworthy.serving import pulse as pulsing
from roadworthy.serving.pulse import pulse


def heard(accepts: bool, stuck: bool, *, closed: bool = False) -> bytes:
    """What arrives within a few beats."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    if closed:
        os.close(reading)

    async def beat() -> None:
        task = asyncio.create_task(pulse(writing, lambda: accepts, lambda: stuck))
        await asyncio.sleep(0.1)
        assert not task.done()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    asyncio.run(beat())
    os.close(writing)
    if closed:
        return b""
    try:
        return os.read(reading, 1_000)
    finally:
        os.close(reading)


def test_a_worker_says_that_it_lives_and_whether_it_accepts(monkeypatch: pytest.MonkeyPatch) -> None:
    """One letter a beat; none while a model does not come back."""
    monkeypatch.setattr(pulsing, "PULSE_SECONDS", 0.01)
    assert set(heard(accepts=False, stuck=False)) == set(b".")
    assert set(heard(accepts=True, stuck=False)) == set(b"a")
    assert heard(accepts=True, stuck=True) == b""


def test_a_supervisor_that_is_gone_is_no_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of the supervisor reaches a worker another way."""
    monkeypatch.setattr(pulsing, "PULSE_SECONDS", 0.01)
    heard(accepts=True, stuck=False, closed=True)
