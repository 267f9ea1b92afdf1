"""What is provably missing from the log: records were numbered when they were written, and numbers are absent now.

Not here: why. An unanswered record that a crash tore has no number yet and is no gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from roadworthy.predictionlog.journal import journals_in, read_journal
from roadworthy.predictionlog.partitions import Manifest, manifest_of, rolled_journals
from roadworthy.predictionlog.roll import missing_numbers


class Gap(msgspec.Struct, frozen=True):
    """Records that were written and are not there.

    journal       where they should be; a whole journal is missing before it when `where` says so
    first, last   their `journal_seq`, both included
    where         `journal`, `before journal`, or the Parquet file that is gone or short
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
    for name in rolled_journals(log):
        manifest = manifest_of(log, name)
        if manifest is not None:
            if name not in bounds:
                found += [_gap(name, first, last, "journal") for first, last in manifest.missing]
            if manifest.next_seq > manifest.first_seq:
                bounds[name] = manifest.first_seq, manifest.next_seq
            found += _short_files(log, manifest)
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


def _short_files(log: Path, manifest: Manifest) -> list[Gap]:
    found = []
    for file in manifest.files:
        try:
            rows = pq.read_metadata(log / file.path).num_rows
        except (FileNotFoundError, pa.ArrowException):
            rows = 0
        if rows < file.rows:
            found.append(
                Gap(manifest.journal, manifest.first_seq, manifest.next_seq - 1, file.path, file.rows - rows)
            )
    return found


def _gap(journal: str, first: int, last: int, where: str) -> Gap:
    return Gap(journal, first, last, where, last - first + 1)
