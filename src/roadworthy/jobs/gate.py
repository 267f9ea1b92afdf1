"""Judges a version before it gets any traffic: measures everything the gate's checks look at, then asks them."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from roadworthy.data.split import day_number
from roadworthy.durable import write_whole
from roadworthy.errors import CorruptArtifact, Refused, TooFewSamples
from roadworthy.features.arrow import batch_from_arrow
from roadworthy.features.batch import Batch, Floats
from roadworthy.gate import cost, page
from roadworthy.gate.catalogue import checks_as
from roadworthy.gate.evidence import Approval, Evidence, Holdout, TrainingFacts
from roadworthy.gate.report import GateReport, judge
from roadworthy.gate.traffic_facts import Traffic
from roadworthy.jobs.approve import approvals_of
from roadworthy.jobs.gate_arrangements import arrangements
from roadworthy.jobs.gate_cost import feature_costs
from roadworthy.jobs.gate_data import data_facts
from roadworthy.jobs.gate_groups import groups_of
from roadworthy.jobs.gate_infrastructure import ask_servers
from roadworthy.jobs.gate_leakage import look_for_leakage
from roadworthy.jobs.gate_learned import rivals, sampling_of, weights_of
from roadworthy.jobs.gate_padding import padding
from roadworthy.jobs.gate_reproducible import reproducible
from roadworthy.jobs.gate_served_like_trained import served_like_trained
from roadworthy.jobs.gate_slices import lay_slices
from roadworthy.jobs.gate_sparse_categories import sparse_categories_of
from roadworthy.jobs.gate_traffic import served_lately
from roadworthy.jobs.gate_vocabulary import vocabulary_facts
from roadworthy.jobs.gate_weights import weight_facts
from roadworthy.jobs.hiding import hide_table
from roadworthy.jobs.history import champion_since
from roadworthy.jobs.ratings import ratings_of
from roadworthy.jobs.stores import Stores
from roadworthy.jobs.train import SEED, holdout_path, manifest_path
from roadworthy.registry.versions import VersionRow
from roadworthy.scorer import Scorer
from roadworthy.traffic import Route
from roadworthy.verdict import Limit

Progress = Callable[[str, int, int], None]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Gated:
    """The gate's report and the page that shows it."""

    report: GateReport
    page: Path


def gate(
    stores: Stores,
    reference: str,
    *,
    approve_first: str = "",
    actor: str = "",
    event_time: datetime | None = None,
    progress: Progress = lambda step, done, total: None,
) -> Gated:
    """Judge a version, keep the answer, and write its page.

    approve_first   a person's reason for releasing without a champion to compare with; kept in the ledger. Said again
                    of what was approved or serves already, it changes nothing
    event_time      virtual time in a replay; now by default
    raises          Refused for `approve_first` where another version answers, which is to be compared with
    """
    row = stores.versions.resolve(reference)
    now = stores.clock.now()
    moment = event_time or now
    who = actor or getpass.getuser()
    if approve_first:
        _approve(stores, row, approve_first, who, now, moment)
    evidence = measure(stores, row, moment, progress)
    progress("judge", 0, 1)
    report = judge(evidence, moment, checks_as(counts(row.run.details)))
    stores.gates.record_gate(
        row.model,
        row.version,
        report.decision.ruling,
        msgspec.to_builtins(report),
        actor=who,
        at=now,
        event_time=moment,
    )
    progress("judge", 1, 1)
    return Gated(report, write_page(stores, report))


def counts(details: Mapping[str, Any]) -> dict[str, str]:
    """How checks count by what was declared with a run; a budget on the cost makes that check one that must pass."""
    by_budget = {cost.NAME: "required"} if cost.required(details.get("budgets", {})) else {}
    return {**by_budget, **details.get("checks", {})}


def write_page(stores: Stores, report: GateReport) -> Path:
    """Write the report as HTML; a newer report on the same version replaces it."""
    stores.settings.reports.mkdir(parents=True, exist_ok=True)
    path = stores.gate_page(report.model, report.version)
    write_whole(path, page.render(report).encode())
    return path


def _approve(
    stores: Stores, row: VersionRow, reason: str, actor: str, now: datetime, event_time: datetime
) -> None:
    champion = stores.plans.route(row.model)[1].champion
    if champion == row.version:
        return
    if champion is not None:
        raise Refused(
            f"this is no first release: {row.model}@{champion} answers, and {row.reference} is compared with it. "
            f"Run: roadworthy gate {row.reference}"
        )
    given = stores.ledger.approvals(row.model, row.version)
    if not given or (given[-1].actor, given[-1].reason) != (actor, reason.strip()):
        stores.ledger.approve(
            row.model, row.version, actor=actor, reason=reason, at=now, event_time=event_time
        )


def measure(
    stores: Stores, row: VersionRow, now: datetime, progress: Progress = lambda step, done, total: None
) -> Evidence:
    """Fill the evidence: held-out rows and logged requests scored by everyone, golden requests through a server.

    now   event time: requests answered later than this are not looked at
    """
    scorer = stores.scorer(row)
    table = held_out(stores, row)
    _, route = stores.plans.route(row.model)
    champion = _other(stores, row, route)
    step = partial(_step, progress)
    batch = batch_from_arrow(table, scorer.schema)

    def serve() -> Traffic | None:
        answers = None if champion is None else stores.scorer(champion)
        itself = scorer if route.champion == row.version else None
        return served_lately(stores, row, scorer, answers or itself, now, row.run.details["slices"])

    holdout, encoded = step("score later rows", lambda: _scored(stores, row, table, batch, scorer, champion))
    traffic = step("score served requests", serve)
    compared = step(
        "compare served with trained",
        lambda: served_like_trained(stores, row, scorer, traffic, table, batch, SEED),
    )
    arranged = step("arrange rows otherwise", lambda: arrangements(scorer, batch, SEED))
    asked = step("ask real servers", lambda: ask_servers(stores, row, scorer, champion))
    leakage = step(
        "look for leakage",
        lambda: look_for_leakage(
            stores, row, scorer, table, manifest_path(stores, row.digest), traffic, champion, now
        ),
    )
    seen = (encoded, None if traffic is None else traffic.encoded)
    parameters = step("read the parameters", lambda: weight_facts(stores, row, scorer, seen, champion))
    kept = holdout_path(stores, row.digest).parent
    known = _known(stores, row, route, champion)
    texts = step("read the vocabularies", lambda: vocabulary_facts(kept, scorer.features, batch))
    return replace(
        known,
        holdout=holdout,
        arrangements=arranged + ((asked.together,) if asked.together else ()),
        padding=step("look at the padding", lambda: padding(scorer, batch)),
        tolerance=scorer.predictor.tolerance,
        staging=asked.staging,
        traffic=traffic,
        served_like_trained=compared,
        ratings=ratings_of(stores, row, table, scorer.unit, holdout, known.champion_version),
        leakage=leakage,
        groups=groups_of(row, table),
        vocabularies=texts,
        sparse_categories=step(
            "score rare categories", lambda: sparse_categories_of(scorer, encoded, texts, SEED)
        ),
        data=step("look at the data", lambda: data_facts(stores, row, kept)),
        learned=step("score its rivals", lambda: rivals(stores, row, table, batch)),
        sampling=sampling_of(row, scorer),
        slices=step("lay slices", lambda: lay_slices(row, table, batch, holdout)),
        infrastructure=asked.infrastructure,
        cost=step("weigh the features", lambda: feature_costs(row, scorer, batch, holdout, SEED)),
        reproducible=reproducible(kept, scorer.model.libraries, asked.libraries),
        parameters=parameters,
    )


def _known(stores: Stores, row: VersionRow, route: Route, champion: VersionRow | None) -> Evidence:
    """What stands in the control database about a version."""
    assert row.run.trained_until is not None, "a registered run has a training period"
    approved = stores.ledger.approvals(row.model, row.version)
    return Evidence(
        model=row.model,
        version=row.version,
        limits={name: Limit.parse(text) for name, text in row.run.details["limits"].items()},
        champion_version=None if champion is None else champion.version,
        serves_since=champion_since(stores, row.model) if route.champion == row.version else None,
        first_release=Approval(actor=approved[-1].actor, reason=approved[-1].reason) if approved else None,
        training=TrainingFacts(rows=row.run.rows, until=row.run.trained_until),
        approvals=approvals_of(stores, row),
        seed=SEED,
    )


def _other(stores: Stores, row: VersionRow, route: Route) -> VersionRow | None:
    """The champion, where that is another version."""
    number = None if route.champion == row.version else route.champion
    return None if number is None else stores.versions.get(row.model, number)


def compared_rows(stores: Stores, row: VersionRow, other: VersionRow) -> tuple[pa.Table, Holdout, Scorer]:
    """The held-out rows of a version, scored by it and, as `champion`, by another; and what scores them."""
    scorer, table = stores.scorer(row), held_out(stores, row)
    batch = batch_from_arrow(table, scorer.schema)
    return table, _scored(stores, row, table, batch, scorer, other)[0], scorer


def _scored(
    stores: Stores, row: VersionRow, table: pa.Table, batch: Batch, scorer: Scorer, other: VersionRow | None
) -> tuple[Holdout, Floats]:
    """The held-out rows scored, by another version too where one is given; and as the version sees them."""
    scored = scorer.score(batch)
    found = _holdout(row, table, scored.output)
    if other is not None:
        found = _beside(stores, found, table, scorer, stores.scorer(other))
    return found, scored.encoded


def _step(progress: Progress, name: str, work: Callable[[], T]) -> T:
    """Do one step of the measuring, so that whoever watches knows which takes how long."""
    progress(name, 0, 1)
    found = work()
    progress(name, 1, 1)
    return found


def held_out(stores: Stores, row: VersionRow) -> pa.Table:
    """The held-out rows of a version, in the order of time.

    raises   CorruptArtifact where they cannot be read, TooFewSamples where each was forgotten
    """
    path = holdout_path(stores, row.digest)
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise CorruptArtifact(
            f"the held-out rows of {row.reference} cannot be read from {path}: {error}; train it again"
        ) from error
    if table.num_rows == 0:
        raise TooFewSamples(f"no held-out row of {row.reference} is left to look at: train it again")
    return table


def _holdout(row: VersionRow, table: pa.Table, scores: Floats) -> Holdout:
    asked = table.column("asked_at")
    return Holdout(
        labels=table.column("label").to_numpy(),
        days=day_number(asked.cast(pa.int64()).to_numpy()),
        candidate=scores,
        baseline=np.full(table.num_rows, float(row.run.details["baseline_rate"])),
        slices={name: _texts(table, name) for name in row.run.details["slices"]},
        weights=weights_of(row, table),
        asked_from=asked[0].as_py(),
        asked_until=asked[-1].as_py(),
    )


def _beside(
    stores: Stores, holdout: Holdout, table: pa.Table, candidate: Scorer, champion: Scorer
) -> Holdout:
    """The held-out rows with what the champion says of them: hashed where it wants hashes, nothing where it wants
    texts and the candidate's rows hold hashes, or columns that they do not hold.
    """
    absent = [name for name in champion.schema.names() if name not in table.column_names]
    if absent:
        why = (
            f"it reads {', '.join(absent)}, which these rows do not hold; name them as context of the model and train "
            'again, or to release this version nevertheless, give --force "a reason"'
        )
        return replace(holdout, unscored=why)
    hashed, wanted = candidate.schema.sensitive, champion.schema.sensitive
    lost = [name for name in champion.features.schema.names() if name in hashed and name not in wanted]
    if lost:
        why = (
            f"it reads {', '.join(lost)} as text, of which these rows hold hashes; to release this version "
            'nevertheless, give --force "a reason"'
        )
        return replace(holdout, unscored=why)
    # a column that the candidate does not know was left out of it, and hashed with the rest
    clear = set(candidate.schema.names()) - set(hashed)
    table = hide_table(stores, [name for name in wanted if name in clear], table)
    return replace(holdout, champion=champion.score(batch_from_arrow(table, champion.schema)).output)


def _texts(table: pa.Table, name: str) -> np.ndarray:
    values = ["" if value is None else str(value) for value in table.column(name).to_pylist()]
    return np.array(values, dtype=np.str_)
