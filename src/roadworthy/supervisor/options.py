"""What a serving node is told when it is started.

Not here: where the workspace is (settings) and the tokens, which may change while the node runs (tokens).
"""

from __future__ import annotations

import argparse
import re
import socket
from dataclasses import dataclass
from pathlib import Path

from roadworthy.errors import DefinitionError
from roadworthy.predictionlog.journal import Durability
from roadworthy.predictionlog.unlogged import FullLogPolicy

#: A node's name becomes a directory and the beginning of its journals' names.
_NODE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """How to serve.

    port              0 takes a free one; the address stands in the file `address` of the node's directory
    workers           worker processes
    replay_clock      every request brings its event time
    node              name of this node, by default that of the machine; it names a directory that outlives the process
    seed              makes prediction ids of a replay repeatable
    tls_certificate   file of the certificate with its chain, PEM; with `tls_key`, or neither
    behind_proxy      something in front does TLS: tokens in clear text between it and here are meant
    max_connections   open at a time in one worker; None leaves it to the worker
    grpc_port         port of the loopback address for gRPC, which all workers share; None = no gRPC
    hang_seconds      a worker that says nothing for so long is killed
    max_batch         most rows that a worker scores together
    max_waiting       most rows that wait for one slow model in one worker; beyond them the oldest are refused
    cache_rows        frequent predictions that each worker keeps for each version; 0 = every row is scored
    cache_seconds     how long it keeps them
    on_full_log       while the log cannot be written: `stop` answering, or `continue` without records, counted

    raises  DefinitionError for what cannot work
    """

    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = 2
    replay_clock: bool = False
    durability: Durability = "process"
    node: str = ""
    seed: str | None = None
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    behind_proxy: bool = False
    max_connections: int | None = None
    grpc_port: int | None = None
    hang_seconds: float = 30.0
    max_batch: int = 128
    max_waiting: int = 20_000
    cache_rows: int = 0
    cache_seconds: float = 60.0
    on_full_log: FullLogPolicy = "stop"

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65_535:
            raise DefinitionError(
                f"{self.port} is no port: choose one from 1 to 65535, or 0 for any that is free"
            )
        if self.workers < 1:
            raise DefinitionError(f"{self.workers} workers cannot serve: start at least one")
        if not _NODE_NAME.fullmatch(self.name):
            raise DefinitionError(
                f"{self.name!r} cannot name a node: use at most 64 letters, digits, '.', '_' and '-', a letter or "
                "digit first"
            )
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise DefinitionError("TLS takes two files: give both --tls-certificate and --tls-key")
        if self.max_connections is not None and self.max_connections < 1:
            raise DefinitionError(f"{self.max_connections} connections let nobody in: allow at least one")
        if self.max_batch < 1 or self.cache_rows < 0 or self.cache_seconds <= 0:
            raise DefinitionError(
                f"a batch of {self.max_batch} rows, a cache of {self.cache_rows} rows for {self.cache_seconds:g} "
                "seconds cannot be: batches have at least one row, a cache has none or more and keeps them for a while"
            )
        if self.max_waiting < self.max_batch:
            raise DefinitionError(
                f"at most {self.max_waiting} rows may wait, but a batch takes {self.max_batch}: let at least a "
                "batch wait"
            )
        if self.grpc_port is not None and not 1 <= self.grpc_port <= 65_535:
            raise DefinitionError(
                f"{self.grpc_port} is no port that several workers can share for gRPC: choose one from 1 to 65535"
            )
        if self.hang_seconds < 5.0:
            raise DefinitionError(
                f"a worker speaks once a second: {self.hang_seconds:g} seconds of silence are no sign of a hung one, "
                "allow at least 5"
            )

    @property
    def name(self) -> str:
        """Name of the node."""
        return self.node or node_name()


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of a node, with the defaults of ServeOptions."""
    default = ServeOptions(node="n")
    add = parser.add_argument
    add("--node", default="", help="name of this node; by default that of the machine")
    add("--host", default=default.host, help="address to listen on; any other than loopback needs tokens")
    add("--port", type=int, default=default.port, help="port to listen on; 0 takes a free one")
    add("--workers", type=int, default=default.workers, help="number of worker processes")
    add("--durability", choices=("process", "disk"), default=default.durability)
    add("--replay-clock", action="store_true", help="event time comes with every request")
    add("--seed", help="seed of prediction ids, for a replay")
    add("--tls-certificate", type=Path, help="certificate and its chain, PEM; with --tls-key")
    add(
        "--tls-key",
        type=Path,
        help="private key, PEM, which only its owner may write and others may not read",
    )
    add("--behind-proxy", action="store_true", help="a proxy in front does TLS")
    add("--max-connections", type=int, help="connections open at a time in one worker")
    add("--max-batch", type=int, default=default.max_batch, help="most rows scored together")
    add("--max-waiting", type=int, default=default.max_waiting, help="most rows that wait for one slow model")
    add("--cache-rows", type=int, default=default.cache_rows, help="frequent predictions kept; 0 keeps none")
    add("--cache-seconds", type=float, default=default.cache_seconds, help="how long they are kept")
    add("--on-full-log", choices=("stop", "continue"), default=default.on_full_log)
    add("--grpc-port", type=int, help="port of the loopback address for gRPC; without it there is none")
    add(
        "--hang-seconds",
        type=float,
        default=default.hang_seconds,
        help="silence after which a worker is killed",
    )


def node_name() -> str:
    """The name of this machine, as a node is named.

    >>> all(letter.isalnum() or letter == "-" for letter in node_name())
    True
    """
    name = re.sub(r"[^a-z0-9]", "-", socket.gethostname().lower())[:64].strip("-")
    return name or "node"
