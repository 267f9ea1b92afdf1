"""Reads the requests that are served now from the log, as a candidate would read them, for the gate's checks.

Of the weeks before the gate's time whole days are taken, and of their rows at most `ROWS`, evenly spread: requests of
every weekday are among them. Rows of several versions stand in one table; each was logged in the schema of its own.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from msgspec.structs import replace

from roadworthy.clock import DAY_MICROS, instant, micros
from roadworthy.errors import CorruptArtifact, RoadworthyError
from roadworthy.features.arrow import batch_from_arrow
from roadworthy.features.batch import Batch, Floats
from roadworthy.features.columns import missing_rows
from roadworthy.features.schema import InputSchema
from roadworthy.gate.traffic_facts import Traffic
from roadworthy.jobs.days import ANSWERING
from roadworthy.jobs.hiding import hide_table
from roadworthy.jobs.stores import Stores
from roadworthy.predictionlog.repeats import told
from roadworthy.registry.artifact import read_model
from roadworthy.registry.versions import VersionRow
from roadworthy.scorer import Scorer
from roadworthy.stats.echo import Echo, strongest_echo

#: Days looked back, so that every weekday is there four times; rows scored; rows read to choose them from.
DAYS, ROWS, READ = 28, 5_000, 200_000

#: Newest requests, without gaps, in which what follows earlier answers is looked for.
FOLLOWED = 6_000

_COLUMNS = ("event_time", "unit", "version", "status", "decision", "output")

logger = logging.getLogger("roadworthy.gate")


def served_lately(
    stores: Stores,
    row: VersionRow,
    scorer: Scorer,
    champion: Scorer | None,
    now: datetime,
    slices: Sequence[str] = (),
) -> Traffic | None:
    """The requests that were answered before `now` (event time), as the candidate reads them; None where unreadable.

    champion   the version that answers now, which may be the candidate itself
    slices     declared slices, inputs or context
    """
    try:
        table = read_answered(stores, row.model, now)
        if table.num_rows == 0:
            return Traffic.nothing()
        return _traffic(stores, row, table, scorer, champion, slices)
    except (RoadworthyError, OSError, pa.ArrowException) as error:
        logger.warning("%s: the requests that are served now could not be read: %s", row.reference, error)
        return None


def read_answered(stores: Stores, model: str, now: datetime) -> pa.Table:
    """Answered rows of the newest days before that of `now`, all values as logged, in the order of time.

    Where nothing was answered before that day, what was answered on it before `now`.
    """
    log, namespace = stores.log(), stores.settings.namespace
    today = micros(now) // DAY_MICROS

    def read(start: int, end: int, columns: Sequence[str] | None) -> pa.Table:
        table = log.predictions(
            model,
            namespace=namespace,
            roles=ANSWERING,
            start=instant(start),
            end=instant(end),
            columns=columns,
        )
        return table.filter(pa.array(told(table)))

    days = [day for day in log.days(model, namespace=namespace) if day <= today]
    table = None
    for day in reversed([day for day in days if day < today]):  # a day may hold nothing but shadows' answers
        table = read(day * DAY_MICROS, (day + 1) * DAY_MICROS, None)
        if table.num_rows:
            break
    else:
        return read(today * DAY_MICROS, micros(now), None) if today in days else pa.table({})
    columns = [
        name for name in table.column_names if name in _COLUMNS or name.startswith(("in_", "ctx_", "unit_"))
    ]
    taken = min(max(READ // table.num_rows, 1), DAYS)
    return read((day - taken + 1) * DAY_MICROS, (day + 1) * DAY_MICROS, columns)


@dataclass(frozen=True)
class _Reader:
    """One version as it reads rows that other versions answered."""

    scorer: Scorer

    def lacking(self, carried: InputSchema | None, table: pa.Table) -> dict[str, str]:
        """Inputs that rows of a schema do not carry as this version reads them → why; None: any that are there."""
        found = {}
        for field in self.scorer.features.schema.fields:
            names = _names_of(table) if carried is None else carried.names()
            if field.name not in names or _column(table, field.name, carried) is None:
                found[field.name] = "requests do not carry it"
            elif (
                carried and field.name in carried.sensitive and field.name not in self.scorer.schema.sensitive
            ):
                found[field.name] = "the log holds its hash only"
        return found

    def read(
        self, stores: Stores, pieces: Sequence[_Piece], but: Mapping[str, str]
    ) -> tuple[Batch, dict[str, int]]:
        """The inputs of rows, those in `but` left out, and how many rows are null where none may be."""
        schema = self.scorer.features.schema
        fields = tuple(field for field in schema.fields if field.name not in but)
        nullable = InputSchema(tuple(replace(field, nullable=field.kind != "strings") for field in fields))
        hashes = [name for name in self.scorer.schema.sensitive if name in nullable.names()]
        batches = []
        for piece in pieces:
            columns = {field.name: _column(piece.table, field.name, piece.schema) for field in fields}
            hidden = [] if piece.schema is None else piece.schema.sensitive
            table = hide_table(stores, [name for name in hashes if name not in hidden], pa.table(columns))
            batches.append(batch_from_arrow(table, nullable))
        batch = Batch.concat(batches)
        nulls = {
            field.name: int(missing_rows(batch.columns[field.name]).sum())
            for field in fields
            if not field.nullable
        }
        return batch, {name: count for name, count in nulls.items() if count}


@dataclass(frozen=True)
class _Piece:
    """Rows that one version answered, and the schema they were logged in; None for a version not registered here."""

    table: pa.Table
    schema: InputSchema | None


def _traffic(
    stores: Stores,
    row: VersionRow,
    table: pa.Table,
    scorer: Scorer,
    champion: Scorer | None,
    slices: Sequence[str],
) -> Traffic:
    readers = [_Reader(scorer), *([_Reader(champion)] if champion is not None else [])]
    schemas = _schemas(stores, row.model, table)
    lacks = {
        version: [reader.lacking(schema, _of(table, [version])) for reader in readers]
        for version, schema in schemas.items()
    }
    complete = [version for version, lacking in lacks.items() if not any(lacking)]
    newest = table.column("version")[-1].as_py()  # where each lacks something, say so of what is asked today
    kept = complete or [version for version, lacking in lacks.items() if lacking == lacks[newest]]
    table = _of(table, kept)
    looked_at = table.num_rows
    echoes = echoes_in(table.slice(max(looked_at - FOLLOWED, 0)), scorer, lacks[kept[0]][0])
    table = table.take(pa.array(_spread(looked_at)))
    order = np.argsort(table.column("version").to_numpy(), kind="stable")
    back = np.argsort(order, kind="stable")
    by_version = table.take(pa.array(order))
    pieces = [_Piece(_of(by_version, [version]), schemas[version]) for version in sorted(kept)]
    read = [
        reader.read(stores, pieces, lacking) for reader, lacking in zip(readers, lacks[kept[0]], strict=True)
    ]
    batches = [batch.take(back) for batch, _ in read]
    whole = _complete(batches[0], scorer.features.schema)
    rows = np.flatnonzero(whole)
    lacking = lacks[kept[0]][0]
    table = table.take(pa.array(rows))
    inputs = batches[0].take(rows)
    encoded = None if lacking else scorer.features.encode(inputs)
    again, why = _asked_again(champion, batches[1:], rows, lacks[kept[0]][1:])
    return Traffic(
        asked_at=table.column("event_time").cast(pa.int64()).to_numpy(),
        units=np.array(table.column("unit").to_pylist(), dtype=np.str_),
        answered_by=table.column("version").to_numpy().astype(np.int64),
        logged=table.column("output").cast(pa.float64()).to_numpy(zero_copy_only=False),
        inputs=inputs,
        encoded=encoded,
        columns={column.name: column.feature for column in scorer.features.columns},
        states={} if lacking else scorer.features.states(inputs),
        cleaned=None if lacking else scorer.features.clean(inputs),
        candidate=None if encoded is None else scorer.predictor.predict(encoded),
        champion=again,
        tolerance=0.0 if champion is None else champion.predictor.tolerance,
        unscored=why,
        slices={name: _texts(table, name) for name in slices if _present(table, name)},
        lacking=lacking,
        refused=read[0][1],
        incomplete=int((~whole).sum()),
        looked_at=looked_at,
        echoes=echoes,
    )


def _asked_again(
    champion: Scorer | None, batches: Sequence[Batch], rows: np.ndarray, lacks: Sequence[Mapping[str, str]]
) -> tuple[Floats | None, str]:
    """Scores of the champion, or why there are none."""
    if champion is None:
        return None, ""
    if lacks[0]:
        return None, f"of {', '.join(lacks[0])} these requests carry nothing it can read"
    batch = batches[0].take(rows)
    complete = _complete(batch, champion.features.schema)
    if not complete.all():
        return None, f"{int((~complete).sum()):,} of these rows are null where it takes no null"
    return champion.score(batch).output, ""


def echoes_in(table: pa.Table, scorer: Scorer, but: Mapping[str, str]) -> dict[str, Echo]:
    """How each number among the inputs follows what was answered before, by every text that requests carry."""
    answers = table.column("output").cast(pa.float64()).to_numpy(zero_copy_only=False)
    table, answers = table.filter(pa.array(np.isfinite(answers))), answers[np.isfinite(answers)]
    numbers = {}
    for field in scorer.features.schema.fields:
        column = None if field.name in but else _column(table, field.name, None)
        if field.kind == "number" and column is not None:
            numbers[field.name] = pc.fill_null(column.cast(pa.float64()), float("nan")).to_numpy()
    groups = {"": np.zeros(table.num_rows, dtype=np.int64)}
    for name in table.column_names:
        if name.startswith(("in_", "ctx_", "unit")) and pa.types.is_string(table.schema.field(name).type):
            groups[name.removeprefix("in_").removeprefix("ctx_")] = _codes(table.column(name))
    moments = table.column("event_time").cast(pa.int64()).to_numpy()
    return strongest_echo(numbers, answers, moments, groups)


def _codes(column: pa.ChunkedArray) -> np.ndarray:
    """A number for every text, from 0; missing is one of its own."""
    codes = column.combine_chunks().dictionary_encode("encode")
    codes = codes.combine_chunks() if isinstance(codes, pa.ChunkedArray) else codes
    found: np.ndarray = codes.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return found


def _schemas(stores: Stores, model: str, table: pa.Table) -> dict[int, InputSchema | None]:
    """The schema in which each version's rows were logged; None for one that is not registered here, or is gone."""
    registered = {row.version: row for row in stores.versions.all(model)}
    found: dict[int, InputSchema | None] = {}
    for version in sorted(pc.unique(table.column("version")).to_pylist()):
        found[version] = None
        if version in registered:
            try:
                written = read_model(stores.settings.artifacts / registered[version].digest)
            except CorruptArtifact:
                continue
            found[version] = msgspec.convert(written.input_schema, InputSchema)
    return found


def _complete(batch: Batch, schema: InputSchema) -> np.ndarray:
    """Which rows hold no null where the schema takes none; shape (n,)."""
    whole = np.ones(batch.n, dtype=np.bool_)
    for field in schema.fields:
        if not field.nullable and field.name in batch.columns:
            whole &= ~missing_rows(batch.columns[field.name])
    return whole


def _spread(n: int) -> np.ndarray:
    return np.unique(np.linspace(0, n - 1, min(n, ROWS)).round().astype(np.int64))


def _of(table: pa.Table, versions: Sequence[int]) -> pa.Table:
    column = table.column("version")
    return table.filter(pc.is_in(column, value_set=pa.array(list(versions), column.type)))


def _column(table: pa.Table, name: str, schema: InputSchema | None) -> pa.ChunkedArray | None:
    """A value of the requests, whatever its role was in their schema; the first that is there where none is known."""
    places = [f"in_{name}", f"ctx_{name}", f"unit_{name}"]
    field = None if schema is None else schema.field(name)
    if field is not None:
        places = [{"input": places[0], "context": places[1], "unit": places[2]}[field.role]]
        if field.role == "unit" and field.kind == "string":
            places = ["unit"]
    there = [place for place in places if place in table.column_names]
    return table.column(there[0]) if there else None


def _names_of(table: pa.Table) -> list[str]:
    """What the rows of a version hold that says anything in one of them."""
    return [
        name.partition("_")[2]
        for name in table.column_names
        if name.startswith(("in_", "ctx_", "unit_")) and table.column(name).null_count < table.num_rows
    ]


def _present(table: pa.Table, name: str) -> bool:
    return _column(table, name, None) is not None


def _texts(table: pa.Table, name: str) -> np.ndarray:
    column = _column(table, name, None)
    assert column is not None, "looked up before"
    return np.array(["" if value is None else str(value) for value in column.to_pylist()], dtype=np.str_)
