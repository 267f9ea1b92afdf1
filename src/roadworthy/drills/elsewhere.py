"""A scorer that serves elsewhere and only logs to us: a process of its own, which may be patched like any other.

It is asked the golden requests of a version, as anybody is who writes a version again in another language, and sends
its answers to a node by the client (`POST /v1/log`) under a name of its own. Whether they are the version's is for
`roadworthy vectors --logged` to say.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from roadworthy.client import Client
from roadworthy.drills.deployment import Deployment
from roadworthy.drills.launcher import launched
from roadworthy.drills.result import Catch
from roadworthy.drills.server import Server, write_patches
from roadworthy.errors import RoadworthyError
from roadworthy.features.batch import Batch
from roadworthy.jobs.stores import Stores
from roadworthy.jobs.vectors import CHECK, Vector, compare_logged, vectors
from roadworthy.scorer import Scorer
from roadworthy.verdict import Verdict

#: How long it may take to answer.
PATIENCE_SECONDS = 90.0


def answered_elsewhere(deployment: Deployment, stores: Stores, reference: str) -> list[Catch]:
    """Let the other scorer answer and log, and say how its answers differ from the version's, if they do."""
    row = stores.versions.resolve(reference)
    name = f"{row.model}-elsewhere"
    asked = deployment.home / "vectors.json"
    asked.write_bytes(msgspec.json.encode(vectors(stores, reference)))
    artifact = stores.settings.artifacts / row.digest
    patches = write_patches(deployment.home, deployment.patches)
    with Server(stores.settings, deployment.home, replaying=False) as server:
        command = [sys.executable, "-m", "roadworthy.drills.elsewhere", str(artifact), row.digest, str(asked)]
        done = subprocess.run(  # noqa: S603  # our own module, no shell
            launched([*command, server.url, name], patches, "elsewhere"),
            capture_output=True, check=False, timeout=PATIENCE_SECONDS,
        )  # fmt: skip
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise RoadworthyError(
            f"the scorer elsewhere ended with status {done.returncode}: {said[-1] if said else ''}"
        )
    return catches_of(compare_logged(stores, reference, name))


def catches_of(verdict: Verdict) -> list[Catch]:
    """What the comparison caught; RoadworthyError where it could not compare, because then it caught nothing."""
    if verdict.ruling not in ("pass", "fail"):
        raise RoadworthyError(f"what the scorer elsewhere logged could not be compared: {verdict.reason}")
    caught = Catch(stage="gate", guard=CHECK, how="refused", sentence=verdict.reason)
    return [caught] if verdict.ruling == "fail" else []


def main(arguments: Sequence[str]) -> None:
    """Answer every vector with the artifact in a directory, and log that: ARTIFACT DIGEST VECTORS URL NAME."""
    artifact, digest, asked, url, name = arguments
    scorer = Scorer.load(Path(artifact), digest)
    found = msgspec.json.decode(Path(asked).read_bytes(), type=list[Vector])
    answers = scorer.score(Batch.from_rows([golden.request for golden in scorer.goldens], scorer.schema))
    with Client(url, timeout=PATIENCE_SECONDS) as client:
        client.log(
            [
                {"model": name, "inputs": vector.inputs, "output": float(output)}
                for vector, output in zip(found, answers.output, strict=True)
            ],
            wait=True,
        )


if __name__ == "__main__":
    main(sys.argv[1:])
