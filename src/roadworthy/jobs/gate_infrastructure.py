"""Starts real servers on a candidate, its champion and a fixed old version, and measures them beside each other.

One server a version serves all that the gate wants to know: golden answers, one request with all of them, start time,
memory, processor time and latency. Not here: what may come out (gate.goldens, gate.infrastructure, gate.cost).
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from roadworthy.budgets import parse_reference
from roadworthy.errors import NotReady, RoadworthyError, SchemaError
from roadworthy.features.batch import Batch, Floats
from roadworthy.gate.evidence import Arrangement, Staging
from roadworthy.gate.infrastructure import LOOKS, settled
from roadworthy.gate.infrastructure_facts import Infrastructure, Served
from roadworthy.jobs.latency import post, time_each
from roadworthy.jobs.staging import ComputesAnother, Server, body_of, serving
from roadworthy.jobs.stores import Stores
from roadworthy.registry.versions import VersionRow
from roadworthy.scorer import Scorer

#: A block asks for every kind of request, and for so many at least.
BLOCK = 64

#: How many earlier versions are tried as reference, oldest first, where none is named.
TRIED = 3


@dataclass(frozen=True)
class Asked:
    """What servers in staging said.

    together    the golden answers alone and all in one request; None where they could not be asked
    libraries   what the candidate's server says it runs with, by name; empty where it said nothing
    """

    staging: Staging
    infrastructure: Infrastructure
    together: Arrangement | None
    libraries: Mapping[str, str]


def ask_servers(stores: Stores, row: VersionRow, scorer: Scorer, champion: VersionRow | None) -> Asked:
    """Serve the candidate and those it is compared with, and ask them; what cannot be asked is evidence too."""
    started = time.monotonic()
    staging = Staging(
        expected=np.array([float(golden.prediction) for golden in scorer.goldens]),
        answered=np.array([]),
        names=tuple(golden.name for golden in scorer.goldens),
    )
    facts = Infrastructure(
        warmups=len(scorer.goldens),
        mismatched=_mismatched(scorer),
        size_bytes=_size(stores.settings.artifacts / row.digest),
        budgets=_budgets(row, scorer),
    )
    asked = Asked(staging, facts, None, {})
    try:
        with serving(row, stores.settings.artifacts) as server:
            asked = _ask(stores, server, scorer, asked, champion)
    except RoadworthyError as refusal:
        failed = replace(asked.infrastructure, own=None, errors={"own": str(refusal)})
        if isinstance(refusal, ComputesAnother):
            unasked = replace(asked.staging, refused=str(refusal))
        else:
            unasked = replace(asked.staging, error=str(refusal))
        asked = replace(asked, staging=unasked, infrastructure=failed, together=None)
    seconds = time.monotonic() - started
    return replace(asked, staging=replace(asked.staging, seconds=seconds))


def _ask(stores: Stores, server: Server, scorer: Scorer, asked: Asked, champion: VersionRow | None) -> Asked:
    requests = [golden.request for golden in scorer.goldens]
    alone = np.array([found[0] for found in server.answers([[request] for request in requests])])
    together = np.array(server.answers([requests])[0])
    facts = asked.infrastructure
    errors: dict[str, str] = {}
    with ExitStack() as stack:
        others: dict[str, tuple[Server, Scorer]] = {}
        for role, candidates in _beside(stores, server.version, facts, champion):
            try:
                others[role] = _first(stack, stores, server.version.model, candidates)
            except RoadworthyError as refusal:
                errors[role] = str(refusal)
        own = {"own": (server, scorer)}
        try:
            measured = _measured({**own, **others}, facts)
        except RoadworthyError as refusal:
            if not others:
                raise
            errors |= dict.fromkeys(others, str(refusal))
            measured = _measured(own, facts)  # where the candidate itself is gone, this says so
    return Asked(
        staging=replace(asked.staging, answered=alone),
        infrastructure=replace(
            facts,
            errors=errors,
            own=measured["own"],
            champion=measured.get("champion"),
            reference=measured.get("reference"),
        ),
        together=Arrangement(name="in one request to the server", expected=alone, got=together),
        libraries=server.libraries(),
    )


def _first(stack: ExitStack, stores: Stores, model: str, candidates: Sequence[int]) -> tuple[Server, Scorer]:
    """A server on the first of these versions that can be started; NotReady with the reason of the first."""
    reasons = []
    for version in candidates:
        try:
            row = stores.versions.get(model, version)
            scorer = stores.scorer(row)
            return stack.enter_context(serving(row, stores.settings.artifacts)), scorer
        except RoadworthyError as refusal:
            reasons.append(f"{model}@{version}: {refusal}")
    raise NotReady(reasons[0])


def _beside(
    stores: Stores, row: VersionRow, facts: Infrastructure, champion: VersionRow | None
) -> Iterator[tuple[str, list[int]]]:
    """Who is measured beside the candidate, each with those that may stand for it, the best first."""
    if champion is not None:
        yield "champion", [champion.version]
    known = {row.version} | ({champion.version} if champion else set())
    named = parse_reference(facts.budgets)
    if named is not None:
        if named not in known:
            yield "reference", [named]
        return
    flips = [entry.route.champion for entry in stores.plans.history(row.model) if entry.route]
    released = list(dict.fromkeys(version for version in flips if version is not None))
    if released and released[0] not in known:
        yield "reference", [version for version in released if version not in known][:TRIED]


def _measured(servers: Mapping[str, tuple[Server, Scorer]], facts: Infrastructure) -> dict[str, Served]:
    """All servers, asked in turn for the golden requests that they have in common."""
    requests = _paired(servers)
    before = {role: _cpu(server.pid) for role, (server, _) in servers.items()}
    roles = list(servers)

    def enough(found: Floats) -> bool:
        return settled(facts.budgets, dict(zip(roles, found, strict=True)))

    found = time_each(
        [server.port for server, _ in servers.values()],
        [requests[role] for role in roles],
        LOOKS,
        enough,
    )
    answers = (
        len(requests["own"]) + found.shape[1] * found.shape[2]
    )  # all of them once before the stopwatch ran
    measured = {}
    for role, seconds in zip(roles, found, strict=True):
        server = servers[role][0]
        since, now = before[role], _cpu(server.pid)
        measured[role] = Served(
            version=server.version.version,
            start_seconds=server.start_seconds,
            memory_bytes=_memory(server.pid),
            seconds=seconds,
            cpu_seconds=None if since is None or now is None else (now - since) / answers,
        )
    return measured


def _paired(servers: Mapping[str, tuple[Server, Scorer]]) -> dict[str, list[bytes]]:
    """The same kinds of golden requests for every server, each with the values of its own version."""
    by_name = {
        role: {golden.name: golden.request for golden in scorer.goldens}
        for role, (_, scorer) in servers.items()
    }
    common = [name for name in by_name["own"] if all(name in requests for requests in by_name.values())]
    repeated = common * -(-BLOCK // max(1, len(common)))
    return {
        role: [post(server.path, body_of([by_name[role][name]])) for name in repeated]
        for role, (server, _) in servers.items()
    }


def _mismatched(scorer: Scorer) -> dict[str, str]:
    """Golden requests that do not fit the schema of the version that carries them."""
    names = set(scorer.schema.names())
    found = {}
    for golden in scorer.goldens:
        try:
            Batch.from_rows([golden.request], scorer.schema)
        except SchemaError as fault:
            found[golden.name] = " ".join(str(fault).split())
            continue
        strange: list[Any] = sorted(set(golden.request) - names)
        if strange:
            found[golden.name] = f"it carries {', '.join(strange)}, which the version does not read"
    return found


def _budgets(row: VersionRow, scorer: Scorer) -> dict[str, str]:
    """As declared; where only a deadline is, that is the budget of the latency."""
    declared = dict(row.run.details.get("budgets", {}))
    deadline = scorer.model.serving.deadline_ms
    if deadline and "latency_p99" not in declared:
        declared["latency_p99"] = f"<= {deadline:g}ms"
    return declared


def _size(directory: Path) -> float:
    return float(sum(path.stat().st_size for path in directory.rglob("*") if path.is_file()))


def _memory(pid: int) -> float:
    """Resident memory of a process in bytes."""
    try:
        status = Path(f"/proc/{pid}/status").read_text().splitlines()
        kilobytes = next(line.split()[1] for line in status if line.startswith("VmRSS:"))
    except (OSError, StopIteration):
        asked = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, check=False)  # noqa: S603, S607  # our own process, no shell
        kilobytes = asked.stdout.decode().strip()
    if not kilobytes.isdigit():
        raise NotReady("the memory of the staging worker cannot be read: its process is gone")
    return float(kilobytes) * 1024


def _cpu(pid: int) -> float | None:
    """Processor time of a process so far, in seconds; None where the system has no /proc."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
