"""One serving worker: what it holds, how it follows the plan file, and what it does once a second.

Not here: HTTP (app, handlers), loading (loading) and the process itself (`__main__`). It never talks to the control
database: all it knows stands in the directory of its node.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
import random
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from roadworthy.clock import SystemClock
from roadworthy.durable import write_whole
from roadworthy.errors import DefinitionError, NotReady, RoadworthyError
from roadworthy.node import NodeDirectory, WorkerState
from roadworthy.predictionlog.cases import CaseFiles
from roadworthy.predictionlog.journal import Durability, Journal
from roadworthy.predictionlog.unlogged import FullLogPolicy, Unlogged
from roadworthy.sensitive import key_path
from roadworthy.serving import telemetry
from roadworthy.serving.access import Guard
from roadworthy.serving.admission import Admission
from roadworthy.serving.app import Application
from roadworthy.serving.batching import Executors, Lane, Lanes, Limits
from roadworthy.serving.caching import Cache
from roadworthy.serving.cases import Desk
from roadworthy.serving.committing import Committer
from roadworthy.serving.foreign import ForeignReader
from roadworthy.serving.foreign_schemas import ForeignSchemas
from roadworthy.serving.handlers import Handlers, Rules
from roadworthy.serving.loading import Versions
from roadworthy.serving.predicting import Predictor
from roadworthy.serving.recording import Recorder
from roadworthy.serving.shadowing import Shadows
from roadworthy.serving.table import Table, build_table
from roadworthy.serving.telemetry import Samples, Telemetry
from roadworthy.traffic import Plan

WATCH_SECONDS = 0.05
HOUSEKEEPING_SECONDS = 1.0
#: Answers of people that a worker took and did not log are looked for so often; it reads two directories.
CASES_SECONDS = 60.0
#: A batch that a model has had for so long will not come back.
STUCK_SECONDS = 60.0
#: A turn of the event loop that has taken requests for so long takes no more of them.
TURN_NS = 50_000_000
#: Slow models that can be asked at the same time; the interpreter lock is free while they work.
SCORING_THREADS = 2

logger = logging.getLogger("roadworthy.worker")


@dataclass(frozen=True, slots=True)
class Options:
    """How a worker is started.

    node_dir          directory of the node
    worker            number of the worker on its node
    durability        `process` or `disk`, see `predictionlog.journal`
    seed              seed of prediction ids, for a replay; None draws from the operating system
    tokens            whether requests need one of the tokens in the node's `tokens.json`
    hashed            requests carry hashes in place of sensitive texts, as golden requests do
    limits            sizes of batches and queues
    cache_rows        frequent predictions kept for each version; 0 = every row is scored
    cache_seconds     how long each of them is kept
    on_full_log       `stop`: no answer without a record; `continue`: answers go on, counted
    """

    node_dir: Path
    worker: int
    durability: Durability = "process"
    replay_clock: bool = False
    seed: str | None = None
    max_body_bytes: int = 4 << 20
    max_rows: int = 10_000
    limits: Limits = field(default_factory=Limits)
    cache_rows: int = 0
    cache_seconds: float = 60.0
    on_full_log: FullLogPolicy = "stop"
    tokens: bool = False
    hashed: bool = False
    release: str = ""


class Worker:
    """Everything one worker process holds."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._clock = SystemClock()
        self._started_at = self._clock.micros()
        self.node = NodeDirectory(options.node_dir)
        self.node.create()
        hash_key = None if options.hashed else key_path(options.node_dir.parent.parent)
        self._versions = Versions(self._new_cache, hash_key)
        self._plan: Plan | None = None
        self._plan_stamp: tuple[int, int, int] | None = None
        self._plan_error = ""
        self._loading: asyncio.Task[bool] | None = None
        self._cases_due = time.monotonic() + CASES_SECONDS / 10
        self.table: Table | None = None
        self.telemetry = Telemetry(telemetry.counters(telemetry.load(self.node.telemetry(options.worker))))
        name = options.node_dir.name
        self.journal = Journal(
            self.node.journals,
            options.worker,
            node=name,
            durability=options.durability,
            group_commit=True,
            clock=self._clock,
        )
        seed = os.urandom(16).hex() if options.seed is None else f"{options.seed}:{options.worker}"
        entropy = random.Random(seed)  # noqa: S311  # names predictions, guards nothing; its seed is 128 random bits
        recorder = Recorder(self._clock, entropy, name, options.release)
        self._unlogged = Unlogged(options.on_full_log)
        self._desk = Desk(CaseFiles(self.node.cases), name, entropy)
        to_disk = options.durability == "disk"
        predictor = Predictor(
            self.journal, self.telemetry, recorder, self._clock, self._unlogged, self._desk, to_disk=to_disk
        )
        committer = Committer(self.journal, ThreadPoolExecutor(1, "sync"), to_disk)
        self._lanes = Lanes(partial(self._new_lane, predictor, committer, _executors()))
        rules = Rules(options.replay_clock, options.max_rows, options.release)
        self._handlers = Handlers(
            rules,
            self.node,
            self.journal,
            committer,
            self._lanes,
            self.telemetry,
            self._clock,
            ForeignReader(ForeignSchemas(self.node.root / "foreign"), entropy),
            self._desk,
            lambda: self.table,
            self._merged,
        )
        self._guard = Guard.following(self.node.tokens if options.tokens else None)
        patience = 0 if options.replay_clock else TURN_NS  # a replay is to be answered, however long it takes
        admission = Admission(patience, options.limits.max_batch)
        self.app = Application(self._handlers, self._guard, self.telemetry, options.max_body_bytes, admission)

    def _new_lane(self, predictor: Predictor, committer: Committer, executors: Executors) -> Lane:
        shadows = Shadows(self.telemetry, executors.shadowing, at_once=self._options.replay_clock)
        return Lane(predictor, committer, self.telemetry, executors, self._options.limits, shadows)

    def _new_cache(self) -> Cache | None:
        rows = self._options.cache_rows
        return Cache(rows, self._options.cache_seconds) if rows else None

    async def start_grpc(self, port: int) -> Any:
        """Answer over gRPC too, on a port of the loopback address, until `stop` of what is returned.

        raises   DefinitionError without the extra `grpc`, NotReady when the port is taken
        """
        try:
            module = importlib.import_module(
                "roadworthy.serving.infer_grpc"
            )  # a worker without it stays small
        except ModuleNotFoundError as error:
            raise DefinitionError(
                f"gRPC needs {error.name}, which is not installed: pip install 'roadworthy[grpc]', or do not ask for it"
            ) from error
        limit = self._options.max_body_bytes
        server = module.GrpcServer(self._handlers, self._guard, self.telemetry, limit)
        bound = await server.start(port)
        try:
            write_whole(self.node.root / "grpc_address", f"{module.HOST}:{bound}\n".encode())
        except OSError as error:
            logger.error(
                "where gRPC is answered (%s:%d) cannot be written down: %s", module.HOST, bound, error
            )
        return server

    async def watch(self) -> None:
        """Follow the plan file until cancelled; what goes wrong once (a full disk) must not end that."""
        trouble = ""
        while True:
            try:
                self.follow()
                trouble = ""
            except Exception as error:
                if repr(error) != trouble:
                    logger.exception("following the plan failed, and is tried again")
                trouble = repr(error)
            await asyncio.sleep(WATCH_SECONDS)

    def follow(self) -> None:
        """Look at the plan file once: read what is new, adopt what is loaded, start to load what is not.

        Loading never stands between a plan and its adoption, so a rollback does not wait for a candidate that loads.
        """
        self._read_plan()
        if self._plan is not None and (self.table is None or self.table.plan is not self._plan):
            self._adopt(self._plan)
        if self._loading is not None and self._loading.done():
            # Before it is reported: that may fail, which must not be the end of loading.
            loaded, self._loading = self._loading, None
            if loaded.result():
                self.report()
        if self._plan is not None and self._loading is None:
            self._loading = asyncio.get_running_loop().create_task(self._versions.load_one(self._plan))

    def _read_plan(self) -> None:
        stamp = _stamp(self.node.plan)
        if stamp is None or stamp == self._plan_stamp:
            return
        self._plan_stamp = stamp
        try:
            self._plan = self.node.read_plan()
        except RoadworthyError as error:
            self._refuse(str(error))

    def _adopt(self, plan: Plan) -> None:
        try:
            table = build_table(plan, self._versions.loaded, self._options.max_rows)
        except NotReady as error:
            self._refuse(str(error))
            return
        for served in table.models.values():
            for loaded in served.versions.values():
                self.journal.declare(loaded.scorer.log_schema)
        self.table, self._plan_error = table, ""
        self._versions.keep_only(plan.staged)
        logger.info("serving plan %d: %s", plan.number, ", ".join(sorted(plan.routes)) or "no model yet")
        self._save_telemetry()
        self.report()

    def _refuse(self, reason: str) -> None:
        if reason != self._plan_error:
            self._plan_error = reason
            self.report()

    @property
    def may_answer(self) -> bool:
        """Whether to take requests: a plan is adopted, or waiting will not help and nobody else could answer."""
        if self.table is not None:
            return True
        waiting = self._plan is not None and not self._versions.tried(self._plan.staged)
        return not waiting and not self._others_serve()

    def _others_serve(self) -> bool:
        others = self.node.state(self._options.worker).parent.glob("[0-9]*.json")
        states = (self.node.read_state(int(path.stem)) for path in others if path.stem.isdigit())
        return any(state.plan_number is not None for state in states if state and state.pid != os.getpid())

    async def keep_house(self) -> None:
        """Once a second until cancelled: seal the journal, write state and telemetry; nothing must end that either."""
        trouble = ""
        while True:
            await asyncio.sleep(HOUSEKEEPING_SECONDS)
            try:
                self.tidy()
                trouble = ""
            except OSError as error:
                logger.error("cannot write the worker's state or telemetry: %s", error)
            except Exception as error:
                if repr(error) != trouble:
                    logger.exception("keeping house failed, and is tried again")
                trouble = repr(error)

    def tidy(self) -> None:
        """Take new tokens, seal the journal if it holds anything, and write state and telemetry."""
        self._guard.refresh()
        self._finish_cases()
        if self.journal.rows:
            self.journal.seal()
        self._save_telemetry()
        self.report()

    def _finish_cases(self) -> None:
        """Now and then look for answers of people that did not reach the log; what cannot be read must not end us."""
        if time.monotonic() < self._cases_due:
            return
        self._cases_due = time.monotonic() + CASES_SECONDS
        try:
            self._handlers.finish_cases()
        except (RoadworthyError, OSError) as error:
            logger.error("answers of people are not all in the log, which is tried again: %s", error)

    @property
    def is_stuck(self) -> bool:
        """Whether a model does not come back: the supervisor hears no more of this worker then, and replaces it."""
        return self._lanes.stuck_seconds >= STUCK_SECONDS

    def finish(self) -> None:
        """Leave nothing behind: the last shadows are asked, the journal is sealed."""
        self._lanes.finish_shadows()
        self.journal.seal()
        try:
            self.tidy()
        except OSError as error:
            logger.error("cannot write the worker's last state or telemetry: %s", error)

    def report(self) -> None:
        """Write the worker's state."""
        errors = {f"{key.model}@{key.version}": reason for key, reason in self._versions.errors.items()}
        if self._unlogged.alarm is not None:
            errors["log"] = self._unlogged.alarm.text
        if self._plan_error:
            errors["plan"] = self._plan_error
        state = WorkerState(
            worker=self._options.worker,
            pid=os.getpid(),
            plan_number=self.table.plan.number if self.table else None,
            prepared=tuple(sorted(self._versions.loaded)),
            errors=errors,
            rows=self.telemetry.journal_rows,
            journal=self.journal.name,
            libraries=self._versions.libraries,
            started_at=self._started_at,
            written_at=self._clock.micros(),
        )
        write_whole(self.node.state(self._options.worker), msgspec.json.encode(state))

    def _save_telemetry(self) -> None:
        telemetry.save(self.node.telemetry(self._options.worker), self._samples())

    def _samples(self) -> Samples:
        worker = str(self._options.worker)
        own = self.telemetry.samples()
        if self.table is not None:
            own["roadworthy_plan_number"] = telemetry.gauge(self.table.plan.number, worker=worker)
        own["roadworthy_worker_started_seconds"] = telemetry.gauge(self._started_at / 1e6, worker=worker)
        unwritable = float(self._unlogged.alarm is not None)
        own["roadworthy_log_unwritable"] = telemetry.gauge(unwritable, worker=worker)
        own["roadworthy_load_failures"] = telemetry.gauge(len(self._versions.errors), worker=worker)
        return own

    def _merged(self) -> Samples:
        """Telemetry of the node: this worker as it is now, the others and the supervisor as they last wrote."""
        mine = self.node.telemetry(self._options.worker)
        others = [telemetry.load(path) for path in sorted(mine.parent.glob("*.json")) if path != mine]
        age = self.node.plan_age_seconds(self._clock.now())
        node = {"roadworthy_plan_age_seconds": telemetry.gauge(round(age, 3))}
        return telemetry.merged([self._samples(), *others, node])


def _executors() -> Executors:
    score, rescue = (ThreadPoolExecutor(SCORING_THREADS, name) for name in ("score", "rescue"))
    return Executors(score, rescue, ThreadPoolExecutor(1, "shadow"))


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """What changes when a file is replaced; None when there is none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size
