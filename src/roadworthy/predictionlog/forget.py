"""Removes one unit from the log: rolled files at once, journals as they are rolled.

Not here: tables and evidence (jobs.forget), and the keyed hash that stays behind. While it goes on, a file in
`forgetting/` says in clear what is to go, readable by its owner only; it is deleted when everything is gone. Any step
may be interrupted, and all of it may be done again.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from roadworthy.predictionlog.compact import alone
from roadworthy.predictionlog.journal import journals_in, read_journal
from roadworthy.predictionlog.partitions import counting, is_rolled, owner_of, partitions_in
from roadworthy.predictionlog.pending import Forgetting, forgetting_path, pending
from roadworthy.predictionlog.publishing import clear_drafts, publish, publish_json
from roadworthy.predictionlog.removed import Removed, note_removed

__all__ = ["Forgetting", "begin", "finish", "forget_rolled", "pending", "unrolled"]


def begin(log: Path, journals: Sequence[Path], forgetting: Forgetting) -> Forgetting:
    """Write down what is to go, and return it with the journals that may hold it and the predictions it made.

    An earlier call that did not end is taken up again. From now on nothing of it is rolled into the log any more.
    """
    path = forgetting_path(log, forgetting.token)
    with suppress(FileNotFoundError):
        earlier = msgspec.json.decode(path.read_bytes(), type=Forgetting)
        forgetting = msgspec.structs.replace(
            forgetting, journals=earlier.journals, prediction_ids=earlier.prediction_ids
        )
    names, ids = set(forgetting.journals), set(forgetting.prediction_ids)
    for journal in journals_in(journals):
        if not is_rolled(log, journal.stem):
            names.add(journal.stem)
            with suppress(FileNotFoundError):
                contents = read_journal(journal)
                ids |= {record.id for record in contents.predictions if forgetting.covers(record)}
    for directory in partitions_in(log):
        if _concerns(log, directory, forgetting) and "schema" in _owner(log, directory):
            for file in directory.glob("[!.]*.parquet"):
                table = pq.read_table(file, columns=["id", "unit", "logged_at"])
                ids |= set(table.filter(_mask(table, forgetting, ())).column("id").to_pylist())
    found = msgspec.structs.replace(
        forgetting, journals=tuple(sorted(names)), prediction_ids=tuple(sorted(ids))
    )
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    previous = os.umask(0o077)
    try:
        publish_json(path, found)
    finally:
        os.umask(previous)
    return found


def forget_rolled(log: Path, forgetting: Forgetting) -> Counter[str]:
    """Remove its rows from every Parquet file of the log; returns how many, `predictions` and `outcomes`.

    Outcomes first: as long as its predictions are there, an interrupted call finds out again what belongs to them.
    Rows logged after `forgetting.at` stay: they are of a unit that came back.
    raises  NotReady while another process replaces files of this log
    """
    removed: Counter[str] = Counter()
    with alone(log):
        for directory in sorted(partitions_in(log), key=lambda path: "schema" in _owner(log, path)):
            if _concerns(log, directory, forgetting):
                dataset = "predictions" if "schema" in _owner(log, directory) else "outcomes"
                clear_drafts(directory)  # they may hold it, and a roll whose draft goes is done again
                counts = set(counting(log, directory))
                for file in sorted(directory.glob("[!.]*.parquet")):
                    rows = _rewrite(log, file, forgetting, counts)
                    removed[dataset] += rows if file.name in counts else 0
    return removed


def unrolled(log: Path, forgetting: Forgetting) -> list[str]:
    """Journals that were there when it began and may still hold rows of it."""
    return [journal for journal in forgetting.journals if not is_rolled(log, journal)]


def finish(log: Path, forgetting: Forgetting) -> None:
    """Everything is gone: delete what said in clear what it was."""
    path = forgetting_path(log, forgetting.token)
    path.unlink(missing_ok=True)
    for draft in path.parent.glob(f".*{path.name}.*"):
        draft.unlink(missing_ok=True)


def _rewrite(log: Path, file: Path, forgetting: Forgetting, counts: Collection[str]) -> int:
    """Write a file again without those rows; a reader has either the old one or the new one, whole."""
    named = "prediction_id" in pq.read_schema(file).names
    columns = ["unit", "logged_at", *(["prediction_id"] if named else [])]
    ids = forgetting.prediction_ids if named else ()
    if not pc.any(_mask(pq.read_table(file, columns=columns), forgetting, ids)).as_py():
        return 0
    table = pq.ParquetFile(file).read()
    gone = _mask(table, forgetting, ids)
    journals = table.filter(gone).column("journal").value_counts().to_pylist()
    if file.name in counts:
        # Until the file is replaced it has so many rows, whoever asks again and whatever else is to go by then.
        what = f"{file.relative_to(log).as_posix()} of {table.num_rows} rows"
        rows = {item["values"]: item["counts"] for item in journals}
        note_removed(log, Removed(what, "forgotten", rows))
    kept = table.filter(pc.invert(gone))
    publish(file, lambda temporary: pq.write_table(kept, temporary, compression="zstd"))
    return int(table.num_rows - kept.num_rows)


def _mask(table: pa.Table, forgetting: Forgetting, ids: Sequence[str]) -> pa.Array:
    of_unit = pc.is_in(table.column("unit"), value_set=pa.array(forgetting.units, pa.string()))
    if ids:
        named = pc.is_in(table.column("prediction_id"), value_set=pa.array(ids, pa.string()))
        of_unit = pc.or_(of_unit, named)
    until = pa.scalar(forgetting.at, table.schema.field("logged_at").type)
    return pc.fill_null(pc.and_(of_unit, pc.less_equal(table.column("logged_at"), until)), False)


def _owner(log: Path, directory: Path) -> dict[str, str]:
    return owner_of(directory.relative_to(log).as_posix())


def _concerns(log: Path, directory: Path, forgetting: Forgetting) -> bool:
    owner = _owner(log, directory)
    return owner["namespace"] == forgetting.namespace and forgetting.model in ("", owner["model"])
