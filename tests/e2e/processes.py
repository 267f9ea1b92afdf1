"""Real processes for end-to-end tests: a small trained version, a worker, a node with its supervisor.

Not here: fixtures (conftest).
"""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from lightgbm import LGBMClassifier

from roadworthy.clock import SystemClock
from roadworthy.database.engine import connect, migrate
from roadworthy.errors import NotReady
from roadworthy.features.batch import Batch
from roadworthy.features.declare import Features, categories, category, number
from roadworthy.features.schema import Field, InputSchema
from roadworthy.node import NodeDirectory
from roadworthy.predictionlog.journal import journals_in, read_journal
from roadworthy.predictionlog.read import PredictionLog
from roadworthy.predictionlog.record import Prediction
from roadworthy.registry.artifact import publish, stage
from roadworthy.registry.nodes import Nodes
from roadworthy.registry.plans import Plans
from roadworthy.registry.versions import RunRecord, Versions
from roadworthy.settings import Settings
from roadworthy.traffic import Plan, Route, Staged
from roadworthy.training.fit import train
from roadworthy.training.pack import pack
from roadworthy.training.recipe import Recipe

PATIENCE_SECONDS = 40.0

ROW: dict[str, Any] = {"carrier": "UA", "wind": 9.0, "before": ["EWR"], "dest": "IAH", "flight": "UA1545"}


@dataclass(frozen=True)
class Answered:
    """What came back."""

    status: int
    content: Any
    headers: Mapping[str, str]

    @property
    def kind(self) -> str:
        """Kind of the error."""
        return str(self.content["error"]["kind"])


@dataclass
class Server:
    """A running process that answers at `port`, and its log."""

    process: subprocess.Popen[bytes]
    node: NodeDirectory
    log: Path
    port: int = 0
    headers: dict[str, str] = field(default_factory=dict)

    def ask(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Answered:
        """One request on a connection of its own; a body that is not bytes is sent as JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            return ask(connection, method, path, body, {**self.headers, **(headers or {})})
        finally:
            connection.close()

    def predict(self, *rows: Mapping[str, Any], model: str = "delay", **more: Any) -> Answered:
        """Predictions for rows."""
        return self.ask("POST", f"/v1/models/{model}:predict", {"instances": rows or [ROW], **more})

    def ready(self) -> dict[str, Any] | None:
        """What readiness says, None while nobody answers or the answer is no."""
        try:
            answered = self.ask("GET", "/v2/health/ready")
        except OSError:
            return None
        return dict(answered.content) if answered.status == 200 else None

    def serves(self, plan: int) -> bool:
        """Whether every worker answers by this plan."""
        states = [
            self.node.read_state(int(path.stem)) for path in (self.node.root / "workers").glob("[0-9]*.json")
        ]
        return bool(states) and all(state is not None and state.plan_number == plan for state in states)

    def stop(self) -> int:
        """SIGTERM, and the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_SECONDS)


def ask(
    connection: http.client.HTTPConnection, method: str, path: str, body: Any, headers: Mapping[str, str]
) -> Answered:
    """One request on an open connection."""
    encoded = body if body is None or isinstance(body, bytes) else msgspec.json.encode(body)
    kind = {"Content-Type": "application/json"} if body is not None else {}
    connection.request(method, path, encoded, {**kind, **headers})
    response = connection.getresponse()
    content = response.read()
    plain = "json" not in response.headers.get("Content-Type", "")
    return Answered(
        response.status, content.decode() if plain else msgspec.json.decode(content), dict(response.headers)
    )


def wait_until(condition: Callable[[], Any], what: str, seconds: float = PATIENCE_SECONDS) -> Any:
    """Wait for something that must come; fails saying what did not."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"{what} did not happen within {seconds:.0f} s")


@dataclass(frozen=True)
class Version:
    """A published artifact."""

    digest: str
    directory: Path


def trained(store: Path, draft: Path, seed: int) -> Version:
    """A tiny LightGBM version on random rows."""
    chance = np.random.default_rng(seed)
    n = 400
    rows = [
        {
            "carrier": carrier,
            "wind": None if wind > 28 else float(wind),
            "before": list(before),
            "dest": "IAH",
            "flight": f"UA{number}",
        }
        for number, (carrier, wind, before) in enumerate(
            zip(
                chance.choice(["UA", "AA", "B6"], n),
                chance.uniform(0, 30, n),
                chance.choice(["EWR", "JFK", "LGA"], (n, 2)),
                strict=True,
            )
        )
    ]
    schema = InputSchema(
        (
            Field("carrier", "string"),
            Field("wind", "number", nullable=True),
            Field("before", "strings"),
            Field("dest", "string", role="context"),
            Field("flight", "string", role="unit"),
        )
    )
    batch = Batch.from_rows([{**row, "carrier": str(row["carrier"])} for row in rows], schema)
    late = (batch.columns["wind"] + chance.normal(0, 6, n) > 15 + seed).astype(float)  # type: ignore[operator]  # an array
    recipe = Recipe(
        model="delay",
        unit="flight",
        context=("dest",),
        features=Features(
            carrier=category("carrier"),
            wind=number("wind", missing=-1.0),
            before=categories("before", length=2),
        ),
        estimator=LGBMClassifier(n_estimators=5, num_leaves=7, random_state=seed, n_jobs=1, verbose=-1),
        threads=1,
    )
    pack(train(recipe, schema, batch, late), draft)
    return Version(*publish(draft, store))


class Workspace:
    """A workspace with a control database, and what a person would do to its routes."""

    def __init__(self, root: Path) -> None:
        self.settings = Settings(root)
        self.engine = connect(self.settings.url)
        migrate(self.engine)
        self.plans = Plans(self.engine, self.settings.namespace)
        self.nodes = Nodes(self.engine, self.settings.namespace)

    def register(self, version: Version, model: str = "delay") -> int:
        """Give an artifact a number; the artifact is copied into the workspace's store first."""
        directory = stage(version.directory, self.settings.artifacts, version.digest)
        registry = Versions(self.engine, self.settings.namespace)
        return registry.register(model, version.digest, str(directory), RunRecord(), SystemClock().now())

    def flip(self, route: Route, model: str = "delay") -> int:
        """Change the route, once all live nodes are ready for it."""
        number, _ = self.plans.route(model)

        def flipped() -> int | None:
            try:
                return self.plans.flip(
                    model,
                    number,
                    route,
                    actor="test",
                    reason="test",
                    action="promote",
                    at=SystemClock().now(),
                )
            except NotReady:
                return None

        return int(wait_until(flipped, f"the flip of {model} to {route}"))

    def logged(self) -> list[dict[str, Any]]:
        """Every prediction in the log, rolled or not."""
        log = PredictionLog(self.settings.log, [self.settings.nodes / "n" / "journals"])
        return list(log.predictions("delay").to_pylist())


class Starter:
    """Starts processes of ours, waits until they say where they answer, and ends them."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._started: list[Server] = []

    def __call__(
        self, module: str, node: NodeDirectory, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> Server:
        """`python -m module arguments`, once it listens."""
        node.create()
        node.address.unlink(missing_ok=True)
        log = self._directory / f"{module}-{len(self._started)}.log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                stderr=file,
                env={**os.environ, **(environment or {})},
            )
        server = Server(process, node, log)
        self._started.append(server)
        wait_until(lambda: node.address.exists() or process.poll() is not None, "an address")
        assert process.poll() is None, log.read_text()
        server.port = int(node.address.read_text().rsplit(":", 1)[1])
        return server

    def worker(self, node: NodeDirectory, *arguments: str, **more: Any) -> Server:
        """One serving worker without a supervisor."""
        return self("roadworthy.serving", node, "--node-dir", str(node.root), *arguments, **more)

    def supervisor(self, workspace: Workspace, *arguments: str, **more: Any) -> Server:
        """A serving node of two workers; the health of each is known once `serves` says so."""
        options = ["--workspace", str(workspace.settings.root), "--node", "n", "--port", "0", *arguments]
        return self("roadworthy.supervisor", NodeDirectory(workspace.settings.nodes / "n"), *options, **more)

    def end(self) -> None:
        """End whatever still runs."""
        for server in self._started:
            if server.process.poll() is None:
                server.process.terminate()
        for server in self._started:
            server.process.wait(PATIENCE_SECONDS)


def plan_of(number: int, route: Route, *versions: Version, model: str = "delay") -> Plan:
    """A plan with these versions staged, numbered from 1."""
    staged = tuple(
        Staged(model=model, version=version, directory=str(one.directory), digest=one.digest)
        for version, one in enumerate(versions, 1)
    )
    return Plan(number=number, routes={model: route}, staged=staged)


def logged(*directories: Path) -> list[Prediction]:
    """Every prediction in the journals of a node, in the order of journals."""
    return [record for path in journals_in(directories) for record in read_journal(path).predictions]
