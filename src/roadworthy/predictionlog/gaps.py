"""What is provably missing from the log: records were numbered when they were written, and numbers are absent now.

Not here: why. An unanswered record that a crash tore has no number yet and is no gap.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from roadworthy.predictionlog.frames import journal_name
from roadworthy.predictionlog.journal import journals_in, read_journal
from roadworthy.predictionlog.partitions import (
    Folded,
    Manifest,
    folded_of,
    folded_streams,
    manifest_of,
    merged_in,
    partitions_in,
    rolled_journals,
)
from roadworthy.predictionlog.removed import removed_rows
from roadworthy.predictionlog.roll import missing_numbers


class Gap(msgspec.Struct, frozen=True):
    """Records that were written and are not there.

    journal       where they should be; a whole journal is missing before it when `where` says so
    first, last   their `journal_seq`, both included
    where         `journal`, `before journal`, `merged files`, or the Parquet file that is gone or short
    rows          how many
    """

    journal: str
    first: int
    last: int
    where: str
    rows: int


def gaps(log: Path, journals: Sequence[Path] = ()) -> list[Gap]:
    """Every proven loss in the log and in the journals of these directories, in the order of journals.

    Opens the footer of every Parquet file once, so it is a check for a night, not for a second.
    """
    found: list[Gap] = []
    bounds: dict[str, tuple[int, int]] = {}
    for path in journals_in(journals):
        with suppress(FileNotFoundError):
            contents = read_journal(path)
            if contents.header is not None:
                bounds[path.stem] = contents.header.first_seq, contents.next_seq
                found += [
                    _gap(path.stem, first, last, "journal") for first, last in missing_numbers(contents)
                ]
    held = _Held(log)
    for name in rolled_journals(log):
        manifest = manifest_of(log, name)
        if manifest is not None:
            if name not in bounds:
                found += [_gap(name, first, last, "journal") for first, last in manifest.missing]
            if manifest.next_seq > manifest.first_seq:
                bounds[name] = manifest.first_seq, manifest.next_seq
            found += _short_files(log, manifest, held)
    for stream in folded_streams(log):
        folded = folded_of(log, stream)
        if folded is not None:
            bounds |= {journal_name(stream, run.first): (run.first_seq, run.next_seq) for run in folded.runs}
            found += _short_stream(folded, held)
    return sorted([*found, *_between(bounds)], key=lambda gap: (gap.journal, gap.first))


def _between(bounds: dict[str, tuple[int, int]]) -> list[Gap]:
    """Numbers that fell between two journals of one worker's start; the first of them begins at 0."""
    found, expected, before = [], 0, ""
    for name in sorted(bounds):
        stream = name.rpartition("-")[0]
        first, following = bounds[name]
        expected = expected if stream == before else 0
        if first > expected:
            found.append(_gap(name, expected, first - 1, "before journal"))
        expected, before = following, stream
    return found


class _Held:
    """How many rows of each journal there are in merged files, and how many were removed on purpose."""

    def __init__(self, log: Path) -> None:
        self.merged: Counter[tuple[Path, str]] = Counter()
        for directory in partitions_in(log):
            for file in merged_in(log, directory):
                journals = pq.read_table(file, columns=["journal"]).column("journal")
                for item in journals.value_counts().to_pylist():
                    self.merged[directory, item["values"]] += item["counts"]
        self.removed = removed_rows(log)

    def of_stream(self, folded: Folded) -> int:
        """Rows of all journals whose manifests are folded, those that were removed included."""
        rows = [*((journal, rows) for (_, journal), rows in self.merged.items()), *self.removed.items()]
        return sum(count for journal, count in rows if _is_folded(folded, journal))


def _is_folded(folded: Folded, journal: str) -> bool:
    stream, _, digits = journal.rpartition("-")
    return stream == folded.stream and digits.isdigit() and folded.run_of(int(digits)) is not None


def _short_files(log: Path, manifest: Manifest, held: _Held) -> list[Gap]:
    found = []
    removed = held.removed[manifest.journal]
    for file in manifest.files:
        path = log / file.path
        try:
            rows = pq.read_metadata(path).num_rows
        except (FileNotFoundError, pa.ArrowException):
            rows = held.merged[path.parent, manifest.journal]
        excused = min(removed, max(file.rows - rows, 0))
        removed -= excused
        if rows + excused < file.rows:
            found.append(
                Gap(
                    manifest.journal,
                    manifest.first_seq,
                    manifest.next_seq - 1,
                    file.path,
                    file.rows - rows - excused,
                )
            )
    return found


def _short_stream(folded: Folded, held: _Held) -> list[Gap]:
    short = folded.rows - held.of_stream(folded)
    if short <= 0 or not folded.runs:
        return []
    first, last = folded.runs[0], folded.runs[-1]
    return [
        Gap(
            journal_name(folded.stream, first.first),
            first.first_seq,
            last.next_seq - 1,
            "merged files",
            short,
        )
    ]


def _gap(journal: str, first: int, last: int, where: str) -> Gap:
    return Gap(journal, first, last, where, last - first + 1)
