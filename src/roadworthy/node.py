"""The directory through which the processes of one node talk: where each file lies and what a worker reports.

Not here: what a plan means (traffic). The supervisor writes `plan.json`, `tokens.json`, `confirmed` and `staged/`;
each worker writes its own state, telemetry and journals. Every file but a journal is replaced whole: nobody ever reads
half of one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from roadworthy.durable import write_whole
from roadworthy.errors import CorruptArtifact, Refused
from roadworthy.traffic import PLAN_FORMAT, Plan


class Prepared(msgspec.Struct, frozen=True, order=True):
    """A version that a worker has loaded, verified and whose golden requests it answered as recorded."""

    model: str
    version: int
    digest: str


class WorkerState(msgspec.Struct, frozen=True, kw_only=True):
    """What one worker says of itself, at least once a second.

    worker        number of the worker on its node, from 0
    pid           its process
    plan_number   number of the plan it answers by; None before the first
    prepared      versions it could switch to now
    errors        `model@version` or `plan` → why it was not loaded or adopted
    rows          predictions logged since it started, shadows included
    journal       name of the journal it is writing; "" when it has none open
    libraries     distribution name → version installed here, of those that the versions it loaded were trained with
    started_at    microseconds since 1970
    written_at    microseconds since 1970
    """

    worker: int
    pid: int
    plan_number: int | None = None
    prepared: tuple[Prepared, ...] = ()
    errors: Mapping[str, str] = {}
    rows: int = 0
    journal: str = ""
    libraries: Mapping[str, str] = {}
    started_at: int = 0
    written_at: int = 0


class Restarted(msgspec.Struct, frozen=True):
    """How a request to replace the workers ended.

    request   its name
    error     why they are not all replaced; "" when they are
    """

    request: str
    error: str = ""


@dataclass(frozen=True, slots=True)
class NodeDirectory:
    """Paths of one node below `root`.

    >>> NodeDirectory(Path("nodes/a")).state(0).as_posix()
    'nodes/a/workers/0.json'
    """

    root: Path

    @property
    def plan(self) -> Path:
        """What every worker of the node is to serve."""
        return self.root / "plan.json"

    @property
    def confirmed(self) -> Path:
        """An empty file; its modification time is when the control database last agreed with the plan."""
        return self.root / "confirmed"

    @property
    def lock(self) -> Path:
        """Held by the supervisor and its workers, so that a second supervisor cannot adopt journals in use."""
        return self.root / "lock"

    @property
    def address(self) -> Path:
        """Where the node answers, as `http://host:port`."""
        return self.root / "address"

    @property
    def staged(self) -> Path:
        """Verified copies of artifacts, one directory each, named by digest."""
        return self.root / "staged"

    @property
    def journals(self) -> Path:
        """Journals of the workers until they are rolled."""
        return self.root / "journals"

    @property
    def tokens(self) -> Path:
        """Names, digests and scopes of the bearer tokens that workers accept; there only when tokens are configured."""
        return self.root / "tokens.json"

    @property
    def cases(self) -> Path:
        """Predictions that wait for a person, and what people answered."""
        return self.root / "cases"

    def state(self, worker: int) -> Path:
        """State of one worker."""
        return self.root / "workers" / f"{worker}.json"

    def telemetry(self, worker: int) -> Path:
        """Telemetry series of one worker."""
        return self.root / "metrics" / f"{worker}.json"

    @property
    def restart(self) -> Path:
        """Somebody asks that the workers be replaced: a name for the request; the supervisor takes the file away."""
        return self.root / "restart"

    @property
    def restarted(self) -> Path:
        """How the last such request ended: `Restarted` as JSON."""
        return self.root / "restarted.json"

    @property
    def supervisor_telemetry(self) -> Path:
        """Telemetry series of the supervisor, beside those of the workers, which export all of them."""
        return self.root / "metrics" / "supervisor.json"

    def create(self) -> None:
        """Make the directories."""
        for path in (self.staged, self.journals, self.root / "workers", self.root / "metrics"):
            path.mkdir(parents=True, exist_ok=True)

    def read_plan(self) -> Plan | None:
        """The plan on disk, None without one.

        raises CorruptArtifact when it cannot be read, Refused when a newer Roadworthy wrote it
        """
        try:
            plan = msgspec.json.decode(self.plan.read_bytes(), type=Plan)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as error:
            raise CorruptArtifact(f"{self.plan} cannot be read as a plan: {error}") from error
        if plan.format > PLAN_FORMAT:
            raise Refused(
                f"{self.plan} has plan format {plan.format}, this Roadworthy reads up to {PLAN_FORMAT}: "
                "upgrade this node"
            )
        return plan

    def write_plan(self, plan: Plan) -> None:
        """Replace the plan; it survives a power failure from then on."""
        write_whole(self.plan, msgspec.json.format(msgspec.json.encode(plan), indent=1) + b"\n", sync=True)

    def read_state(self, worker: int) -> WorkerState | None:
        """What the worker last said, None when it said nothing readable."""
        try:
            return msgspec.json.decode(self.state(worker).read_bytes(), type=WorkerState)
        except (OSError, msgspec.DecodeError):
            return None

    def plan_age_seconds(self, now: datetime) -> float:
        """Seconds since the control database last agreed with the local plan; 0 without a plan."""
        for path in (self.confirmed, self.plan):
            try:
                return max(0.0, now.timestamp() - path.stat().st_mtime)
            except FileNotFoundError:
                continue
        return 0.0
