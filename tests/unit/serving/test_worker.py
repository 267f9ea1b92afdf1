"""One worker and its plan file, without HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import errno
from pathlib import Path

import pytest

from roadworthy.serving import worker as module
from roadworthy.serving.loading import Versions
from roadworthy.serving.worker import Options, Worker
from roadworthy.traffic import Plan


def test_a_disk_that_was_full_for_a_moment_does_not_stop_a_worker_from_following_plans(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would go on with its old plan for ever, and no rollback would reach it."""
    worker = Worker(Options(node_dir=tmp_path / "node", worker=0))
    write_whole = module.write_whole
    full = True

    def write(path: Path, content: bytes, *, sync: bool = False) -> None:
        if full:
            raise OSError(errno.ENOSPC, "No space left on device")
        write_whole(path, content, sync=sync)

    async def number_after(plan: Plan) -> int | None:
        worker.node.write_plan(plan)
        for _ in range(100):
            await asyncio.sleep(module.WATCH_SECONDS / 10)
            if worker.table is not None and worker.table.plan.number == plan.number:
                break
        return worker.table.plan.number if worker.table else None

    async def follow() -> tuple[int | None, int | None, bool]:
        nonlocal full
        watching = asyncio.create_task(worker.watch())
        first = await number_after(Plan(number=1))
        await asyncio.sleep(module.WATCH_SECONDS * 2)
        full = False
        second = await number_after(Plan(number=2))
        ended = watching.done()
        watching.cancel()
        return first, second, ended

    monkeypatch.setattr(module, "write_whole", write)
    assert asyncio.run(follow()) == (1, 2, False)


def test_a_full_disk_does_not_keep_the_next_version_from_being_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That one is loaded cannot be said then; the next one is all the same, or no later plan could be served."""
    worker = Worker(Options(node_dir=tmp_path / "node", worker=0))
    worker.node.write_plan(Plan(number=1))
    loaded = 0

    async def load_one(self: Versions, plan: Plan) -> bool:
        nonlocal loaded
        loaded += 1
        return True

    def full(path: Path, content: bytes, *, sync: bool = False) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    async def follow() -> None:
        for _ in range(10):
            with contextlib.suppress(OSError):
                worker.follow()
            await asyncio.sleep(0)

    monkeypatch.setattr(module.Versions, "load_one", load_one)
    monkeypatch.setattr(module, "write_whole", full)
    asyncio.run(follow())
    assert loaded > 1


def test_whatever_goes_wrong_a_worker_goes_on_keeping_house(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Else a revoked token would stay valid, and the journal would never be sealed; the log says it once."""
    monkeypatch.setattr(module, "HOUSEKEEPING_SECONDS", 0.0)
    rounds = 0

    async def rounds_of(wanted: int) -> None:
        worker = Worker(Options(node_dir=tmp_path / "node", worker=0))
        enough = asyncio.Event()

        def tidy() -> None:
            nonlocal rounds
            rounds += 1
            if rounds == wanted:
                enough.set()
            raise ValueError("nobody foresaw this")

        monkeypatch.setattr(worker, "tidy", tidy)
        keeping = asyncio.create_task(worker.keep_house())
        async with asyncio.timeout(10):
            await asyncio.wait([keeping, asyncio.create_task(enough.wait())], return_when="FIRST_COMPLETED")
        assert not keeping.done()
        keeping.cancel()

    asyncio.run(rounds_of(3))
    assert caplog.messages == ["keeping house failed, and is tried again"]
