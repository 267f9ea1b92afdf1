"""Turns sealed journals into Parquet, in steps that may be interrupted anywhere and repeated any number of times.

Not here: when to roll and which workers are dead (supervisor), compaction of small files.
Order of steps: Parquet files under final names, then the manifest, then the journal is deleted. Names follow from the
journal alone, so doing it again writes the same files; until the manifest exists, readers use the journal.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from roadworthy.errors import Conflict, CorruptArtifact, NotReady, Refused
from roadworthy.predictionlog.columns import outcome_table, prediction_table
from roadworthy.predictionlog.grouped import group_table
from roadworthy.predictionlog.journal import JournalContents, adopt, read_journal
from roadworthy.predictionlog.partitions import (
    FOLDED,
    Dataset,
    Manifest,
    RolledFile,
    day_of,
    is_rolled,
    manifest_of,
    manifest_path,
    model_directory,
    schema_path,
)
from roadworthy.predictionlog.pending import Forgetting, pending
from roadworthy.predictionlog.publishing import publish, publish_json
from roadworthy.predictionlog.record import FORMAT, Group, LogSchema, Outcome, Prediction


@dataclass(frozen=True, slots=True)
class Rolled:
    """What a call of `roll` did.

    manifests   of the journals that are now part of the log
    refused     journals that were left where they are, with the reason
    """

    manifests: tuple[Manifest, ...]
    refused: tuple[tuple[Path, str], ...]


def roll(journals: Sequence[Path], log: Path) -> Rolled:
    """Move journals into the log; an open one only if no process holds its lock any more.

    A journal that is damaged, alive, already rolled with other content, or with a value that no column holds is left
    alone and named in `refused`, so that it does not keep the others from being rolled.

    raises NotReady when the log's disk is full or broken; every journal is still there or completely rolled then
    """
    manifests, refused = [], []
    for path in journals:
        try:
            manifest = _roll_one(path, log)
        except (CorruptArtifact, Conflict, Refused, NotReady) as error:
            refused.append((path, str(error)))
        except (pa.ArrowException, ArithmeticError, LookupError, ValueError) as error:
            reason = (
                f"journal {path} holds what no column of the log can: {error!r}. It is kept, and not rolled"
            )
            refused.append((path, reason))
        except OSError as error:
            raise NotReady(
                f"journal {path} could not be rolled into {log}: {error}. It is kept; make room, then roll again"
            ) from error
        else:
            manifests += [manifest] if manifest is not None else []
    return Rolled(tuple(manifests), tuple(refused))


def missing_numbers(contents: JournalContents) -> tuple[tuple[int, int], ...]:
    """[first, last] of every stretch of `journal_seq` that a journal should hold and does not."""
    if contents.header is None:
        return ()
    spans = [(record.journal_seq, record.journal_seq + 1) for record in contents.predictions]
    spans += [(record.journal_seq, record.journal_seq + 1) for record in contents.outcomes]
    spans += [(group.journal_seq, group.journal_seq + len(group.ids)) for group in contents.groups]
    expected, missing = contents.header.first_seq, []
    for number, after in (*sorted(spans), (contents.next_seq, contents.next_seq)):
        if number > expected:
            missing.append((expected, number - 1))
        expected = max(expected, after)
    return tuple(missing)


def _roll_one(path: Path, log: Path) -> Manifest | None:
    """None when another process rolled it in the meantime."""
    name = path.stem
    done = manifest_of(log, name)
    try:
        path = adopt(path)
        size = path.stat().st_size
        if done is None:
            done = _publish(read_journal(path, expand=False), name, size, log)
        elif done.bytes not in (size, FOLDED):
            raise Conflict(
                f"journal {path} has {size} bytes, but one of that name with {done.bytes} bytes was rolled into {log}: "
                "two workers used one name. Rename this one, then roll it"
            )
    except FileNotFoundError:
        if path.exists():
            raise NotReady(
                f"journal {path} was not rolled: retention or `forget` removed a file of it half way. Roll it again"
            ) from None
        if done is None and not is_rolled(log, name):
            raise CorruptArtifact(f"journal {path} is gone and was not rolled into {log}") from None
        return None
    path.unlink(missing_ok=True)
    return done


def _publish(contents: JournalContents, journal: str, size: int, log: Path) -> Manifest:
    missing = missing_numbers(contents)
    leaving = pending(log)
    if leaving:
        contents = _without(contents, leaving)
    for schema in contents.schemas.values():
        _keep_schema(schema, log)
    files, misfits = _write_predictions(contents, journal, log)
    files += _write_outcomes(contents, journal, log)
    manifest = Manifest(
        journal=journal,
        bytes=size,
        first_seq=contents.header.first_seq if contents.header else 0,
        next_seq=contents.next_seq,
        missing=missing,
        torn=contents.torn,
        sealed=contents.sealed,
        predictions=len(contents.predictions) + sum(len(group.ids) for group in contents.groups),
        outcomes=len(contents.outcomes),
        misfits=misfits,
        files=tuple(files),
    )
    publish_json(manifest_path(log, journal), manifest)
    return manifest


def _without(contents: JournalContents, leaving: Sequence[Forgetting]) -> JournalContents:
    """What is being forgotten is not rolled."""
    predictions = [*contents.predictions, *(row for group in contents.groups for row in group.predictions())]
    return replace(
        contents,
        predictions=[row for row in predictions if not any(each.covers(row) for each in leaving)],
        groups=[],
        outcomes=[row for row in contents.outcomes if not any(each.covers(row) for each in leaving)],
    )


def _write_predictions(contents: JournalContents, journal: str, log: Path) -> tuple[list[RolledFile], int]:
    singles: dict[tuple[str, str, str, str], list[Prediction]] = defaultdict(list)
    together: dict[tuple[str, str, str, str], list[Group]] = defaultdict(list)
    for record in contents.predictions:
        singles[record.namespace, record.model, record.schema, day_of(record.event_time)].append(record)
    for group in contents.groups:
        day = day_of(min(group.event_times))
        if day == day_of(max(group.event_times)):
            together[group.namespace, group.model, group.schema, day].append(group)
            continue
        for record in group.predictions():
            singles[record.namespace, record.model, record.schema, day_of(record.event_time)].append(record)
    files, misfits = [], 0
    for key in sorted({*singles, *together}):
        namespace, model, digest, day = key
        made = [group_table(contents.schemas[digest], journal, together[key])] if key in together else []
        made += [prediction_table(contents.schemas[digest], journal, singles[key])] if key in singles else []
        table = pa.concat_tables([table for table, _ in made], promote_options="default")
        below = f"schema={digest}/date={day}"
        files.append(_write(table, "predictions", namespace, model, below, journal, log))
        misfits += sum(missed for _, missed in made)
    return files, misfits


def _write_outcomes(contents: JournalContents, journal: str, log: Path) -> list[RolledFile]:
    groups: dict[tuple[str, str, str], list[Outcome]] = defaultdict(list)
    for record in contents.outcomes:
        groups[record.namespace, record.model, day_of(record.event_time)].append(record)
    return [
        _write(outcome_table(journal, records), "outcomes", namespace, model, f"date={day}", journal, log)
        for (namespace, model, day), records in sorted(groups.items())
    ]


def _write(
    table: pa.Table, dataset: Dataset, namespace: str, model: str, below: str, journal: str, log: Path
) -> RolledFile:
    path = model_directory(log, dataset, namespace, model) / below / f"{journal}.parquet"
    table = table.replace_schema_metadata({"roadworthy.format": str(FORMAT)})
    publish(path, lambda temporary: pq.write_table(table, temporary, compression="zstd"))
    return RolledFile(path.relative_to(log).as_posix(), table.num_rows)


def _keep_schema(schema: LogSchema, log: Path) -> None:
    path = schema_path(log, schema.digest)
    if not path.exists():
        publish_json(path, schema)
