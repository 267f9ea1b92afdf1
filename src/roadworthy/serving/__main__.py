"""`python -m roadworthy.serving`: one worker as a process, behind a socket that it binds or is given.

Not here: starting several of them and speaking to the control database; the supervisor does that.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import resource
import signal
import socket
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import uvicorn
import uvloop

from roadworthy.durable import write_whole
from roadworthy.errors import RoadworthyError
from roadworthy.serving.batching import Limits as BatchLimits
from roadworthy.serving.connections import SPARE_CONNECTIONS, Limits, close_overdue, connection_class
from roadworthy.serving.express import express_class
from roadworthy.serving.pulse import pulse
from roadworthy.serving.worker import WATCH_SECONDS, Options, Worker

KEEP_ALIVE_SECONDS = 75
DRAIN_SECONDS = 25
BACKLOG = 2_048

#: Files that a worker has open besides connections: journals, libraries, artifacts while they load.
OTHER_FILES = 100

logger = logging.getLogger("roadworthy.worker")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a worker until SIGTERM, SIGINT or the end of its supervisor; returns the exit status."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO,
        format=f"%(asctime)s worker {options.worker} %(levelname)s %(message)s",
    )
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    worker = Worker(
        Options(
            node_dir=options.node_dir.resolve(),
            worker=options.worker,
            durability=options.durability,
            replay_clock=options.replay_clock,
            hashed=options.hashed,
            seed=options.seed,
            max_body_bytes=options.max_body_bytes,
            max_rows=options.max_rows,
            tokens=options.tokens,
            limits=BatchLimits(options.max_batch, options.max_waiting),
            cache_rows=options.cache_rows,
            cache_seconds=options.cache_seconds,
            on_full_log=options.on_full_log,
            release=version("roadworthy"),
        )
    )
    # Requests leave no cycles behind: looking for them after every few hundred objects costs 4 % of the time.
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(worker, options))
    except RoadworthyError as error:
        logger.error("%s", error)
        return 1
    return 0


async def _serve(worker: Worker, options: argparse.Namespace) -> None:
    limits = Limits(connections=_room_for(options.max_connections))
    config = uvicorn.Config(
        worker.app,
        loop="none",
        http=express_class(connection_class(limits, worker.telemetry.error), worker.app),
        ws="none",
        lifespan="off",
        proxy_headers=False,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        ssl_certfile=options.tls_certificate,
        ssl_keyfile=options.tls_key,
    )
    server = uvicorn.Server(config)
    stopping = _stop_with_supervisor(server, options.parent_fd)
    tasks = [asyncio.create_task(worker.watch()), asyncio.create_task(worker.keep_house())]
    tasks.append(asyncio.create_task(close_overdue(server.server_state)))
    if options.pulse_fd is not None:
        tasks.append(
            asyncio.create_task(pulse(options.pulse_fd, lambda: server.started, lambda: worker.is_stuck))
        )
    try:
        if await _until_settled(worker, stopping, options.patience):
            if options.grpc_port is not None:
                tasks.append(asyncio.create_task(_grpc_beside(worker, options.grpc_port, server)))
            await server.serve(sockets=[_socket(worker, options)])
            if options.grpc_port is not None:
                await tasks.pop()  # it ends by itself, once the calls in flight have
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        worker.finish()


async def _grpc_beside(worker: Worker, port: int, server: uvicorn.Server) -> None:
    """Answer over gRPC for as long as HTTP does; a worker that cannot is stopped, since that was asked for."""
    try:
        grpc = await worker.start_grpc(port)
    except RoadworthyError:
        server.should_exit = True
        raise
    while not server.should_exit:
        await asyncio.sleep(WATCH_SECONDS)
    await grpc.stop(DRAIN_SECONDS)


def _stop_with_supervisor(server: uvicorn.Server, parent_fd: int | None) -> asyncio.Event:
    """Let the end of the supervisor, or a signal, be the end of the worker.

    uvicorn puts its own signal handlers before these while it serves, and raises what it caught once more at the end.
    """
    stopping = asyncio.Event()

    def stop() -> None:
        server.should_exit = True
        stopping.set()

    loop = asyncio.get_running_loop()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a closed terminal is for the supervisor to judge
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    if parent_fd is not None:

        def ended() -> None:
            loop.remove_reader(parent_fd)
            stop()

        loop.add_reader(parent_fd, ended)
    return stopping


async def _until_settled(worker: Worker, stopping: asyncio.Event, patience: float) -> bool:
    """Wait with taking requests until there is a plan to answer by, at most `patience` seconds; False when stopped.

    A respawned worker shares its socket with workers that can answer: it must not take requests that it cannot.
    """
    deadline = asyncio.get_running_loop().time() + patience
    await asyncio.sleep(WATCH_SECONDS / 10)
    while not stopping.is_set() and asyncio.get_running_loop().time() < deadline:
        if worker.may_answer:
            break
        await asyncio.sleep(WATCH_SECONDS / 5)
    try:
        worker.report()
    except OSError as error:
        logger.error("the worker's state cannot be written, which is tried again: %s", error)
    return not stopping.is_set()


def _room_for(connections: int) -> int:
    """How many connections this process may have, as many as wanted where the operating system lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + SPARE_CONNECTIONS + OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        if soft < wanted:
            room = max(1, soft - SPARE_CONNECTIONS - OTHER_FILES)
            logger.warning("the limit of open files (ulimit -n) leaves room for %d connections", room)
            return room
    return connections


def _socket(worker: Worker, options: argparse.Namespace) -> socket.socket:
    if options.fd is not None:
        return socket.socket(fileno=options.fd)
    # Never another address: whether one may be exposed is for the supervisor to judge, which binds and hands it over.
    bound = socket.create_server(("127.0.0.1", options.port), backlog=BACKLOG)
    host, port = bound.getsockname()[:2]
    scheme = "http" if options.tls_certificate is None else "https"
    write_whole(worker.node.address, f"{scheme}://{host}:{port}\n".encode())
    return bound


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m roadworthy.serving", description="One serving worker.")
    parser.add_argument(
        "--node-dir", type=Path, required=True, help="directory of the node: plan.json, staged/, journals/"
    )
    parser.add_argument("--worker", type=int, default=0, help="number of this worker on its node")
    parser.add_argument("--fd", type=int, help="listening socket that was inherited")
    parser.add_argument(
        "--port",
        type=int,
        default=0,
        help="port of 127.0.0.1 to bind without --fd; 0 takes a free one (see `address`)",
    )
    parser.add_argument("--parent-fd", type=int, help="pipe whose end means that the supervisor is gone")
    parser.add_argument("--pulse-fd", type=int, help="pipe that is told of the life of this worker")
    parser.add_argument("--durability", choices=("process", "disk"), default="process")
    parser.add_argument("--replay-clock", action="store_true", help="event time comes with every request")
    parser.add_argument(
        "--hashed", action="store_true", help="sensitive texts come hashed already, as in golden requests"
    )
    parser.add_argument("--seed", help="seed of prediction ids, for a replay")
    parser.add_argument(
        "--tokens", action="store_true", help="requests need one of the tokens in the node's tokens.json"
    )
    parser.add_argument(
        "--tls-certificate", help="file of the certificate and its chain, PEM; needs --tls-key"
    )
    parser.add_argument("--tls-key", help="file of the private key, PEM")
    parser.add_argument(
        "--grpc-port", type=int, help="port of 127.0.0.1 for gRPC; 0 takes a free one; off without"
    )
    parser.add_argument("--max-connections", type=int, default=Limits().connections)
    parser.add_argument("--max-body-bytes", type=int, default=4 << 20)
    parser.add_argument("--max-rows", type=int, default=10_000)
    parser.add_argument("--max-batch", type=int, default=128, help="most rows scored together")
    parser.add_argument("--max-waiting", type=int, default=20_000, help="most rows that wait for one model")
    parser.add_argument(
        "--cache-rows", type=int, default=0, help="frequent predictions kept for each version"
    )
    parser.add_argument("--cache-seconds", type=float, default=60.0)
    parser.add_argument("--on-full-log", choices=("stop", "continue"), default="stop")
    parser.add_argument(
        "--patience", type=float, default=30.0, help="seconds to wait for the plan before taking requests"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
