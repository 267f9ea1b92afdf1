"""The peers: each the same model.txt and the same hand-written encoding behind another server, pinned, one process.

Not here: Roadworthy and the echo (serve_servers). What each is configured to do stands in bench/peers/NAME_app.py.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.results import ROOT
from bench.serve_environments import environment, version
from bench.serve_model import Reference
from bench.serve_process import DidNotStart, free_port
from bench.serve_servers import QUIET, Echo, Row, Server


class Peer(Server):
    """A server in an environment of its own."""

    def __init__(self, label: str, package: str, path: str, reference: Reference, note: str = "") -> None:
        super().__init__(f"{label} {version(package, package)}", path, note)
        self.label, self.package = label.lower(), package
        self._shared = reference.shared
        self._home: Path | None = None

    @property
    def home(self) -> Path:
        """Where its programs lie; installed at first use."""
        self._home = self._home or environment(self.package)
        return self._home

    def prepare(self) -> None:
        """Install it, and whatever it needs before it starts."""
        environment(self.package)

    def environment(self) -> Mapping[str, str]:
        """Where the model lies, and nothing sent to anybody."""
        return {
            **QUIET, "BENCH_SHARED": str(self._shared), "PYTHONPATH": str(ROOT), "BENTOML_DO_NOT_TRACK": "True",
            "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "PATH": f"{self.home}:/usr/bin:/bin",
        }  # fmt: skip

    def python(self, *arguments: str) -> list[str]:
        """Its interpreter."""
        return [str(self.home / "python"), *arguments]


class FastAPI(Peer):
    """Hand-written."""

    def __init__(self, reference: Reference) -> None:
        super().__init__("FastAPI", "fastapi", "/predict", reference, "hand-written")

    def command(self) -> Sequence[str]:
        """On the same uvicorn as Roadworthy."""
        options = "--loop uvloop --http httptools --no-access-log --log-level warning"
        return self.python(
            "-m", "uvicorn", "bench.peers.fastapi_app:app", "--port", str(self.port), *options.split()
        )


class LitServe(Peer):
    """With its batching."""

    def __init__(self, reference: Reference) -> None:
        super().__init__("LitServe", "litserve", "/predict", reference, "max_batch_size 64, no wait")

    def command(self) -> Sequence[str]:
        """Its own main."""
        return self.python("-m", "bench.peers.litserve_app", str(self.port))


class BentoML(Peer):
    """With adaptive batching."""

    def __init__(self, reference: Reference) -> None:
        super().__init__("BentoML", "bentoml", "/predict", reference, "adaptive batching")

    def command(self) -> Sequence[str]:
        """`bentoml serve`."""
        options = ["--host", "127.0.0.1", "--port", str(self.port), "--quiet"]
        return [str(self.home / "bentoml"), "serve", "bench.peers.bentoml_app:Delay", *options]

    def answer(self, content: Any) -> float:
        """A bare list."""
        return float(content[0])


class MLServer(Peer):
    """A custom runtime."""

    def __init__(self, reference: Reference) -> None:
        super().__init__(
            "MLServer",
            "mlserver",
            "/v2/models/delay/infer",
            reference,
            "uvloop < 0.22: it ends at start with 0.23",
        )

    def prepare(self) -> None:
        """Its folder of settings."""
        super().prepare()
        folder = self._shared / "mlserver"
        folder.mkdir(exist_ok=True)
        settings = {"debug": False, "parallel_workers": 0, "host": "127.0.0.1"}
        (folder / "settings.json").write_text(json.dumps(settings))
        model = {"name": "delay", "implementation": "bench.peers.mlserver_app.Delay"}
        (folder / "model-settings.json").write_text(json.dumps(model))

    def command(self) -> Sequence[str]:
        """`mlserver start`."""
        return [str(self.home / "mlserver"), "start", str(self._shared / "mlserver")]

    def environment(self) -> Mapping[str, str]:
        """With its ports."""
        ports = {"MLSERVER_GRPC_PORT": free_port(), "MLSERVER_METRICS_PORT": free_port()}
        return {
            **super().environment(), "MLSERVER_HTTP_PORT": str(self.port),
            **{name: str(port) for name, port in ports.items()},
        }  # fmt: skip

    def body(self, row: Row) -> bytes:
        """A tensor a column."""
        return json.dumps({"inputs": [_tensor(name, value) for name, value in row.items()]}).encode()

    def answer(self, content: Any) -> float:
        """The first value of the only output."""
        return float(content["outputs"][0]["data"][0])


class MLflow(Peer):
    """`mlflow models serve`."""

    def __init__(self, reference: Reference) -> None:
        super().__init__("MLflow", "mlflow", "/invocations", reference, "pyfunc, one data frame a request")

    def prepare(self) -> None:
        """Save the model as MLflow keeps it."""
        super().prepare()
        if not (self._shared / "mlflow").exists():
            command = self.python("-m", "bench.peers.mlflow_app", str(self._shared / "mlflow"))
            done = subprocess.run(
                command, check=False, capture_output=True, text=True, env=dict(self.environment()), cwd=ROOT
            )
            if done.returncode:
                raise DidNotStart(f"the model cannot be saved: {done.stderr.strip().splitlines()[-1]}")

    def command(self) -> Sequence[str]:
        """One worker, in the environment as it is."""
        options = [
            "--env-manager",
            "local",
            "--workers",
            "1",
            "--host",
            "127.0.0.1",
            "--port",
            str(self.port),
        ]
        return [str(self.home / "mlflow"), "models", "serve", "-m", str(self._shared / "mlflow"), *options]

    def body(self, row: Row) -> bytes:
        """Records of a data frame."""
        return json.dumps({"dataframe_records": [row]}).encode()


class KServe(Peer):
    """The Python server of KServe, without Kubernetes."""

    def __init__(self, reference: Reference) -> None:
        super().__init__("KServe", "kserve", "/v1/models/delay:predict", reference, "protocol v1, REST only")

    def command(self) -> Sequence[str]:
        """Its own main."""
        options = [
            "--http_port",
            str(self.port),
            "--enable_grpc",
            "false",
            "--enable_latency_logging",
            "false",
        ]
        return self.python("-m", "bench.peers.kserve_app", *options)


class GranianEcho(Echo):
    """The same echo on another ASGI server, for information."""

    def __init__(self) -> None:
        super().__init__()
        self.name = f"raw ASGI echo on Granian {version('granian', 'granian')}"
        self.note, self.label = "one worker, uvloop", "granian"

    def prepare(self) -> None:
        """Install it."""
        environment("granian")

    def command(self) -> Sequence[str]:
        """One worker."""
        options = "--interface asginl --host 127.0.0.1 --workers 1 --loop uvloop --no-ws --no-access-log"
        return [
            str(environment("granian") / "granian"),
            *options.split(),
            "--port",
            str(self.port),
            "bench.serve_echo:app",
        ]


#: In the order of the table.
PEERS: tuple[Callable[[Reference], Peer], ...] = (FastAPI, KServe, MLServer, MLflow, LitServe, BentoML)


def _tensor(name: str, value: Any) -> dict[str, Any]:
    values = value if isinstance(value, list) else [] if value is None else [value]
    kind = "FP64" if isinstance(value, float) else "BYTES"
    return {"name": name, "shape": [len(values)], "datatype": kind, "data": values}
