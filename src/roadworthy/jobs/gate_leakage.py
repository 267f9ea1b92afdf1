"""Finds out, for the gate, whether an input of a version could know what was not known when the question was asked.

Not here: judgement (gate.leakage, gate.too_good_alone), joining again (joined_again), relations to the time of the
outcome (outcome_times), scores of one input (scored_alone).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from msgspec.structs import replace

from roadworthy.clock import parse_duration
from roadworthy.data.manifest import read_manifest
from roadworthy.data.sources import Join, TimeExpression
from roadworthy.data.split import day_number
from roadworthy.data.tables import unit_texts
from roadworthy.errors import RoadworthyError
from roadworthy.features.arrow import batch_from_arrow, batch_to_arrow
from roadworthy.features.batch import Batch
from roadworthy.features.columns import Column, missing_rows
from roadworthy.features.schema import InputSchema
from roadworthy.gate.leakage_facts import Alone, Carried, Followed, KnownLater, Leakage, Replayed, Units
from roadworthy.gate.traffic_facts import Traffic
from roadworthy.jobs.declared_joins import DeclaredTimes, kept_times
from roadworthy.jobs.gate_traffic import read_answered
from roadworthy.jobs.joined_again import (
    LAGS,
    Sources,
    changed_when_later,
    compared_with_carried,
    keyed,
    word_of,
)
from roadworthy.jobs.outcome_times import OUTCOME_KNOWN_AT, followed, timed
from roadworthy.jobs.questions import ASKED_AT
from roadworthy.jobs.scored_alone import scored_alone
from roadworthy.jobs.stores import Stores
from roadworthy.registry.versions import VersionRow
from roadworthy.scorer import Scorer

#: Held-out questions and served requests that are joined again; held-out rows on which one input is scored alone.
JOINED, SCORED = 1_000, 5_000

#: A number with fewer values than this may well be the same in all that is served.
VARIED = 10

_OLD = "it was trained before Roadworthy kept {what}: train it again"


def look_for_leakage(
    stores: Stores,
    row: VersionRow,
    scorer: Scorer,
    table: pa.Table,
    manifest_of: Path,
    traffic: Traffic | None,
    champion: VersionRow | None,
    now: datetime,
) -> Leakage:
    """Everything the gate's leakage checks may look at.

    table        the held-out rows of the version
    manifest_of  path of the manifest of its training units
    traffic      what was served lately; None where it could not be read
    champion     the other version that answers; None without one
    now          event time of the gate: later requests are not looked at
    """
    times = kept_times(row.run.details)
    unknown: dict[str, str] = {}
    if times is None:
        unknown["known_at"] = _OLD.format(what="its joins")
    if traffic is None:
        unknown["served"] = "the requests that are served now could not be read: the gate's warning says why"
    if OUTCOME_KNOWN_AT not in table.column_names:
        unknown["outcome_time"] = _OLD.format(what="when outcomes became known")
    held = batch_from_arrow(table, scorer.features.schema)
    declared = () if times is None else tuple(each.join() for each in times.joins)
    own = [name for name in scorer.features.schema.names() if name not in {join.column for join in declared}]
    sources = Sources(stores.settings.tables)
    asked = _asked(table)
    found_later, found_served = [], []
    if times is not None:
        found_later = list(_known_later(stores, row, times, declared, table, scorer, sources, champion))
        found_served = list(_replayed(stores, row, declared, traffic, sources, scorer.schema, now))
    varied, relations = 0, tuple[Followed, ...]()
    if OUTCOME_KNOWN_AT in table.column_names:
        known = table.column(OUTCOME_KNOWN_AT).cast(pa.int64()).to_numpy()
        varied, relations = timed(known, asked), followed(held, known, asked)
    units = None
    try:
        units = _units(row, table, scorer.unit, manifest_of)
    except RoadworthyError as error:
        unknown["units"] = str(error)
    return Leakage(
        joined=len(declared),
        looked=min(table.num_rows, JOINED),
        held_out=table.num_rows,
        later=tuple(found_later),
        replayed=tuple(found_served),
        own=tuple(_carried(name, held.columns[name], traffic) for name in own if traffic is not None),
        served=0 if traffic is None or traffic.none else traffic.asked,
        timed=varied,
        followed=relations,
        units=units,
        alone=_alone(stores, scorer, table, held, champion),
        unknown=unknown,
    )


def _asked(table: pa.Table) -> np.ndarray:
    asked: np.ndarray = table.column(ASKED_AT).cast(pa.int64()).to_numpy()
    return asked


def _spread(n: int, most: int) -> np.ndarray:
    return np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(np.int64))


def _known_later(
    stores: Stores,
    row: VersionRow,
    times: DeclaredTimes,
    joins: tuple[Join, ...],
    table: pa.Table,
    scorer: Scorer,
    sources: Sources,
    champion: VersionRow | None,
) -> Iterator[KnownLater]:
    """Joined inputs that an outcome or the champion says to be known later, joined again by that."""
    sample = table.take(pa.array(_spread(table.num_rows, JOINED)))
    for join in joins:
        for otherwise, says, certain in _other_words(stores, row, times, join, champion):
            hashed = set(join.source.key) & set(scorer.schema.sensitive)
            there = set(join.source.key) <= set(table.column_names) and not hashed
            changed = changed_when_later(sample, join, otherwise, sources) if there else np.zeros(0)
            yield KnownLater(
                column=join.column, declared=word_of(join), otherwise=str(otherwise), says=says, certain=certain,
                rows=int(changed.size), changed=int(changed.sum()),
            )  # fmt: skip


def _other_words(
    stores: Stores, row: VersionRow, times: DeclaredTimes, join: Join, champion: VersionRow | None
) -> Iterator[tuple[TimeExpression, str, bool]]:
    """Since when a join's rows are known by another word: the instant, who says so, and whether it is certain."""
    told: dict[TimeExpression, tuple[str, bool]] = {}
    others = [kept_times(each.run.details) for each in _champions(stores, row)]
    for outcome in [times, *filter(None, others)]:
        if outcome.history == join.source.table and join.value == outcome.outcome:
            told.setdefault(
                TimeExpression.parse(outcome.known_at), (f"the outcome {outcome.outcome!r}", True)
            )
    if champion is not None and (before := kept_times(champion.run.details)) is not None:
        for earlier in before.joins:
            known = earlier.join().source.known_at
            if earlier.table == join.source.table and earlier.value == join.value and known is not None:
                told.setdefault(known, (f"version {champion.version}", False))
    for known, (says, certain) in told.items():
        own = join.source.known_at
        if own is None or own.column != known.column or own.offset < known.offset:
            yield known, says, certain


def _champions(stores: Stores, row: VersionRow) -> list[VersionRow]:
    """The versions of other models that answer now."""
    found = []
    for model in sorted({each.model for each in stores.versions.all()} - {row.model}):
        _, route = stores.plans.route(model)
        if route.champion is not None:
            found.append(stores.versions.get(model, route.champion))
    return found


def _replayed(
    stores: Stores,
    row: VersionRow,
    joins: tuple[Join, ...],
    traffic: Traffic | None,
    sources: Sources,
    schema: InputSchema,
    now: datetime,
) -> Iterator[Replayed]:
    """Joined inputs as requests carried them, beside what the join gives now."""
    if traffic is None or traffic.n == 0:
        return
    sent = {name for name in schema.names() if name not in traffic.lacking} - set(schema.sensitive)
    there = [join for join in joins if {join.column, *join.source.key} <= sent]
    wanted = dict.fromkeys(name for join in there for name in (join.column, *join.source.key))
    if not there:
        return
    requests, asked_at = _requests(stores, row, traffic, _nullable(schema, wanted), now)
    best: dict[str, timedelta] = {}
    for join in there:
        keys = batch_to_arrow(requests, _nullable(schema, join.source.key))
        name = join.source.name
        lags = (best[name],) if name in best else LAGS
        carried = requests.columns[join.column]
        found = compared_with_carried(keyed(keys, asked_at), join, carried, sources, lags)
        if found is not None:
            # a lag that explains little is no reason to stop looking: another column may lag for one of its own
            if found.lag and found.remaining <= found.differing / 2:
                best.setdefault(name, parse_duration(found.lag))
            yield found


def _requests(
    stores: Stores, row: VersionRow, traffic: Traffic, schema: InputSchema, now: datetime
) -> tuple[Batch, np.ndarray]:
    """Served requests with these columns, evenly spread, and when they were asked; of the log where one is context."""
    if set(schema.names()) <= set(traffic.inputs.columns):
        rows = _spread(traffic.n, JOINED)
        return traffic.inputs.select(schema.names()).take(rows), traffic.asked_at[rows]
    table = read_answered(stores, row.model, now)
    versions = pa.array(np.unique(traffic.answered_by), table.column("version").type)
    table = table.filter(pc.is_in(table.column("version"), value_set=versions))
    table = table.take(pa.array(_spread(table.num_rows, JOINED)))
    named = pa.table({name: table.column(_place(table, name)) for name in schema.names()})
    return batch_from_arrow(named, schema), table.column("event_time").cast(pa.int64()).to_numpy()


def _place(table: pa.Table, name: str) -> str:
    """The column of the log that holds what requests carried by this name."""
    named = (f"in_{name}", f"ctx_{name}", f"unit_{name}")
    return next((each for each in named if each in table.column_names), "unit")


def _nullable(schema: InputSchema, names: Iterable[str]) -> InputSchema:
    """The fields of these names, each of which may be missing: a missing value is a difference to count."""
    fields = [field for field in schema.fields if field.name in set(names)]
    return InputSchema(tuple(replace(field, nullable=field.kind != "strings") for field in fields))


def _carried(name: str, held: Column, traffic: Traffic) -> Carried:
    """How often the history and the requests hold an input."""
    there = ~missing_rows(held)
    usual, constant, sent = 0, False, 0
    served = traffic.asked
    if name in traffic.inputs.columns:
        column = traffic.inputs.columns[name]
        sent = served - traffic.refused.get(name, 0) - int(missing_rows(column).sum())
        if isinstance(held, np.ndarray) and isinstance(column, np.ndarray) and sent:
            kinds = np.unique(held[there])
            given = np.unique(column[~missing_rows(column)])
            if kinds.size > VARIED and given.size == 1:
                constant, usual = True, int((held == given[0]).sum())
    unsent = traffic.lacking.get(name, "")
    return Carried(
        column=name, trained=int(there.size), there=int(there.sum()), usual=usual, served=served, sent=sent,
        constant=constant, unsent=unsent,
    )  # fmt: skip


def _units(row: VersionRow, table: pa.Table, unit: str, path: Path) -> Units | None:
    """Units of the held-out rows that stand among those of the training rows as well."""
    questions = row.run.details.get("questions")
    if questions is None:
        return None
    trained = read_manifest(path, row.run.manifest_digest)
    known = trained.contains(unit_texts(table.column(unit)))
    return Units(
        questions=int(questions), trained=len(trained), held_out=table.num_rows, shared=int(known.sum())
    )


def _alone(
    stores: Stores, scorer: Scorer, table: pa.Table, held: Batch, champion: VersionRow | None
) -> Alone:
    """Every input's score by itself, on rows spread over the held-out ones."""
    rows = _spread(table.num_rows, SCORED)
    labels = table.column("label").to_numpy()[rows]
    days = day_number(_asked(table)[rows])
    known = None if champion is None else set(stores.scorer(champion).features.schema.names())
    scores = scored_alone(held.take(rows), labels, days)
    new = frozenset() if known is None else frozenset(set(scores) - known)
    return Alone(labels=labels, days=days, scores=scores, new=new)
