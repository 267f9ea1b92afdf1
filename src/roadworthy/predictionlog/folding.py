"""Folds the manifests of journals whose files were merged: one file a worker's start, not one a second for ever.

Not here: merging (compact). Folded first, deleted then: a manifest that is in both says the same twice.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from pathlib import Path

from roadworthy.predictionlog.partitions import (
    FOLDED,
    Folded,
    Manifest,
    Run,
    folded_of,
    folded_path,
    manifest_of,
    manifest_path,
    rolled_journals,
)
from roadworthy.predictionlog.publishing import publish_json


def fold(log: Path, now: datetime, grace: timedelta) -> int:
    """Fold what is older than `grace` and has no file of its own any more; returns how many manifests went."""
    streams: dict[str, list[tuple[int, Manifest]]] = defaultdict(list)
    for journal in rolled_journals(log):
        stream, _, digits = journal.rpartition("-")
        if not digits.isdigit() or not _is_older(manifest_path(log, journal), now - grace):
            continue
        manifest = manifest_of(log, journal)
        if manifest is None or manifest.bytes == FOLDED:
            continue
        if not any((log / file.path).exists() for file in manifest.files):
            streams[stream].append((int(digits), manifest))
    for stream, manifests in streams.items():
        before = folded_of(log, stream) or Folded(stream=stream)
        fresh = [item for item in manifests if before.run_of(item[0]) is None]
        if fresh:
            publish_json(folded_path(log, stream), _added(before, fresh))
        for _, manifest in manifests:
            manifest_path(log, manifest.journal).unlink(missing_ok=True)
    return sum(len(manifests) for manifests in streams.values())


def _is_older(path: Path, than: datetime) -> bool:
    try:
        return path.stat().st_mtime <= than.timestamp()
    except FileNotFoundError:
        return False


def _added(folded: Folded, manifests: list[tuple[int, Manifest]]) -> Folded:
    runs = [
        *folded.runs,
        *(Run(sequence, sequence, manifest.first_seq, manifest.next_seq) for sequence, manifest in manifests),
    ]
    joined: list[Run] = []
    for run in sorted(runs, key=lambda run: run.first):
        last = joined[-1] if joined else None
        if last is not None and last.last + 1 == run.first and last.next_seq == run.first_seq:
            joined[-1] = Run(last.first, run.last, last.first_seq, run.next_seq)
        else:
            joined.append(run)
    return Folded(
        stream=folded.stream,
        runs=tuple(joined),
        missing=(*folded.missing, *(gap for _, manifest in manifests for gap in manifest.missing)),
        rows=folded.rows + sum(file.rows for _, manifest in manifests for file in manifest.files),
    )
