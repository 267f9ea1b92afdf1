"""Forgets one unit, everywhere: log, journals, cases, ingested tables, refused batches, frozen evidence, ratings.

Not here: how the log does it (predictionlog.forget). A version that learned from the rows is not changed: it is named,
so that a person replaces it. What stays is a keyed hash, so that the same question can be answered again.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from roadworthy.clock import instant, micros
from roadworthy.data.manifest import read_manifest
from roadworthy.data.tables import forget_rows, table_names, table_schema, without_units
from roadworthy.errors import DefinitionError
from roadworthy.jobs.history import known_model
from roadworthy.jobs.looks import page_path
from roadworthy.jobs.ratings import forget_ratings
from roadworthy.jobs.stores import Stores
from roadworthy.jobs.train import holdout_path, manifest_path
from roadworthy.node import NodeDirectory
from roadworthy.predictionlog.cases import CaseFiles
from roadworthy.predictionlog.forget import Forgetting, begin, finish, forget_rolled, unrolled
from roadworthy.predictionlog.frames import SEALED
from roadworthy.predictionlog.journal import journals_in, orphans
from roadworthy.predictionlog.publishing import publish, publish_json
from roadworthy.predictionlog.roll import roll
from roadworthy.registry.artifact import read_model
from roadworthy.registry.versions import VersionRow
from roadworthy.sensitive import hashed_text, key_path, read_key

#: How long a serving worker has to seal the journal that it writes; it does so every second.
WAIT_SECONDS = 15.0


class Forgotten(msgspec.Struct, frozen=True, kw_only=True):
    """The tombstone: what is left of a unit.

    unit        its keyed hash
    at, by      when, in microseconds since 1970, and who
    rows        place → how many rows went, such as `log predictions` or `table flights`
    learned     versions that were trained on it and still know what they learned
    vocabulary  versions whose vocabulary holds its text
    open        journals of living workers that may hold it still: left out when they are rolled
    """

    unit: str
    namespace: str
    model: str
    at: int
    by: str
    reason: str
    rows: Mapping[str, int]
    learned: tuple[str, ...] = ()
    vocabulary: tuple[str, ...] = ()
    open: tuple[str, ...] = ()

    def sentences(self) -> list[str]:
        """What a person wants to read."""
        total = sum(self.rows.values())
        lines = [f"{self.unit} is forgotten: {total:,} rows are gone"]
        if not (total or self.learned or self.vocabulary or self.open):
            lines = [
                f"no row of this unit was found; check its spelling. That it was asked for is kept as {self.unit}"
            ]
        lines += [f"  {place:<28}{rows:>8,}" for place, rows in sorted(self.rows.items()) if rows]
        if self.learned:
            lines.append(
                f"still learned from it: {', '.join(self.learned)}; retrain, and release the new version with "
                "--promote: an older one answers only if it is rolled back to"
            )
        if self.vocabulary:
            lines.append(
                f"its text is a word of the vocabulary of {', '.join(self.vocabulary)}: replace them likewise"
            )
        if self.open:
            lines.append(
                f"{len(self.open)} journals are still written and may hold it: it is left out when they are rolled; "
                "run this again to end it"
            )
        return [
            *lines,
            "Backups, exports and reports that were written before are not in reach of this command.",
        ]


def forget(
    stores: Stores,
    unit: str,
    *,
    model: str | None = None,
    actor: str,
    reason: str = "",
    wait_seconds: float = WAIT_SECONDS,
) -> Forgotten:
    """Remove every row of a unit; safe to interrupt, and to repeat until nothing is left.

    model    only what belongs to this model; None = all of the namespace
    raises   Refused without a key to hash with; NotReady while files of the log or a table are being replaced;
             UnknownName for a model that has neither versions nor predictions
    """
    if not unit:
        raise DefinitionError("the empty text is no unit: it stands for rows without one")
    if model is not None:
        known_model(stores, model)
    key = read_key(key_path(stores.settings.root))
    name, namespace = hashed_text(unit, key), stores.settings.namespace
    versions = stores.versions.all(model)
    at = micros(stores.clock.now())
    token = hashed_text(f"{namespace}\x1f{model or ''}\x1f{unit}", key)[1:]
    start = Forgetting(token=token, units=(unit, name), namespace=namespace, model=model or "", at=at)
    rows: Counter[str] = Counter()
    for journals in stores.journals():
        rows["cases"] += CaseFiles(NodeDirectory(journals.parent).cases).forget(
            namespace, model, (unit, name)
        )
    still_open = _forget_log(stores, start, rows, wait_seconds)
    _forget_tables(stores, versions, (unit, name), rows)
    learned = _forget_evidence(stores, versions, unit, name, rows)
    done = Forgotten(
        unit=name, namespace=namespace, model=model or "", at=at, by=actor, reason=reason, rows=dict(rows),
        learned=tuple(learned), vocabulary=tuple(_in_vocabulary(stores, versions, unit)), open=tuple(still_open),
    )  # fmt: skip
    publish_json(stores.settings.log / "forgotten" / f"{token}-{at}.json", done)
    details = {"unit": name, "rows": dict(rows), "learned": learned, "open": still_open}
    stores.ledger.append(
        "forget",
        actor=actor,
        reason=reason or "asked to forget",
        at=instant(at),
        model=model or "",
        details=details,
    )
    return done


def _forget_log(stores: Stores, start: Forgetting, rows: Counter[str], wait_seconds: float) -> list[str]:
    log, journals = stores.settings.log, stores.journals()
    forgetting = begin(log, journals, start)
    rows.update({f"log {what}": count for what, count in forget_rolled(log, forgetting).items()})
    if forgetting.journals:
        deadline = time.monotonic() + wait_seconds
        while left := unrolled(log, forgetting):
            roll([path for path in journals_in(journals) if path.suffix == SEALED], log)
            for directory in journals:
                roll(orphans(directory), log)
            if time.monotonic() > deadline:
                return left
            time.sleep(0.1)
        # A roll that had read its journal before all this began may have published rows since.
        rows.update({f"log {what}": count for what, count in forget_rolled(log, forgetting).items()})
    finish(log, forgetting)
    return []


def _forget_tables(
    stores: Stores, versions: Sequence[VersionRow], units: Sequence[str], rows: Counter[str]
) -> None:
    """Tables and refused batches with a column that is the unit of one of the models."""
    columns = {read_model(stores.settings.artifacts / row.digest).unit for row in versions}
    for name in table_names(stores.settings.tables):
        schema = table_schema(stores.settings.tables, name)
        for column in sorted(columns):
            if schema.column(column) is not None:
                rows[f"table {name}"] += forget_rows(stores.settings.tables, name, column, units)
    for path in sorted(stores.settings.quarantine.glob("*/*/rows.arrow")):
        with pa.OSFile(str(path)) as source:
            table = pa.ipc.open_file(source).read_all()
        kept = table
        for column in columns & set(table.column_names):
            kept = without_units(kept, column, units)
        if kept.num_rows < table.num_rows:
            publish(path, partial(_write_arrow, kept))
            rows[f"refused {path.parent.name}"] += table.num_rows - kept.num_rows


def _forget_evidence(
    stores: Stores, versions: Sequence[VersionRow], unit: str, name: str, rows: Counter[str]
) -> list[str]:
    """Held-out rows go, the key of a training row becomes its hash; returns the versions that were trained on it."""
    learned = []
    for row in versions:
        column = read_model(stores.settings.artifacts / row.digest).unit
        held_out, keys = holdout_path(stores, row.digest), manifest_path(stores, row.digest)
        if held_out.exists():
            table = pq.ParquetFile(held_out).read()
            kept = without_units(table, column, (unit, name))
            if kept.num_rows < table.num_rows:
                publish(held_out, partial(pq.write_table, kept, compression="zstd"))
                rows[f"evidence {row.reference}"] += table.num_rows - kept.num_rows
                page_path(stores, row).unlink(missing_ok=True)  # it shows held-out rows
        rows[f"ratings {row.reference}"] += forget_ratings(stores, row, (unit, name))
        if keys.exists():
            known = read_manifest(keys, row.run.manifest_digest or None)
            clear, hashed = known.contains(pa.array([unit, name]))
            if clear:
                known.replaced(unit, name).write(keys, before=row.run.manifest_digest)
                rows[f"manifest {row.reference}"] += 1
            if clear or hashed:
                learned.append(row.reference)
    return learned


def _in_vocabulary(stores: Stores, versions: Sequence[VersionRow], unit: str) -> list[str]:
    """Versions whose fitted features name the text: a category of units, or of something that is written alike."""
    quoted = msgspec.json.encode(unit)
    return [
        row.reference
        for row in versions
        if quoted in (stores.settings.artifacts / row.digest / "features.json").read_bytes()
    ]


def _write_arrow(table: pa.Table, path: Path) -> None:
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
