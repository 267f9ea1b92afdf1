"""Ingests the tables that a user's file declares: checked against their schema, stored whole or set aside whole."""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from pathlib import Path

from roadworthy.data.schema import TableSchema
from roadworthy.data.tables import Ingested, ingest
from roadworthy.errors import DefinitionError, UnknownName
from roadworthy.jobs.stores import open_stores
from roadworthy.model import load_user_module, no_file
from roadworthy.settings import Settings


def ingest_file(
    settings: Settings,
    path: str | Path,
    *,
    only: Sequence[str] = (),
    batch: str = "initial",
    accept: str = "",
    actor: str = "",
) -> list[Ingested]:
    """Load every table the file declares with a `load` function, and ingest it.

    only     names of tables; all of them when empty
    batch    name of the batch; the same name with the same rows again changes nothing
    accept   a person's reason to take rows that do not go on as those before them; kept with the batch and, where it
             was needed, in the ledger
    raises   SchemaError for the first table with faults; tables before it stay ingested, this one not at all
    """
    file = Path(path).resolve()
    if not file.is_file():
        raise DefinitionError(f"{no_file(file, path)}: give the Python file that declares the tables")
    module, _ = load_user_module(file)
    declared = {
        value.name: value for value in vars(module).values() if isinstance(value, TableSchema) and value.load
    }
    unknown = sorted(set(only) - set(declared))
    if unknown or not declared:
        known = ", ".join(declared) or "none: declare roadworthy.table(..., load=function)"
        raise UnknownName(f"{path} has no tables {', '.join(unknown) or 'to load'}; it declares {known}")
    chosen = [schema for name, schema in declared.items() if not only or name in only]
    done = [_ingest_one(settings, schema, batch, accept) for schema in chosen]
    accepted = [item for item in done if item.accepted and not item.unchanged]
    if accepted:
        _record(settings, accepted, actor or getpass.getuser())
    return done


def _record(settings: Settings, accepted: Sequence[Ingested], actor: str) -> None:
    stores = open_stores(settings)
    try:
        for item in accepted:
            details = {
                "table": item.table,
                "batch": item.batch,
                "rows": item.rows,
                "fingerprint": item.fingerprint,
            }
            stores.ledger.append(
                "ingest", actor=actor, reason=item.accepted, at=stores.clock.now(), details=details
            )
    finally:
        stores.engine.dispose()


def _ingest_one(settings: Settings, schema: TableSchema, batch: str, accept: str) -> Ingested:
    if schema.load is None:
        raise DefinitionError(
            f"table {schema.name!r} has no load function: declare roadworthy.table(..., load=function)"
        )
    return ingest(settings.tables, settings.quarantine, schema, schema.load(), batch, accept=accept)
