"""`make bench-log`: what the prediction log costs to write, to keep, to roll and to read, on one core."""

from __future__ import annotations

import random
import struct
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import msgspec

from bench.results import ROOT, Aim, publish
from roadworthy.clock import uuid7
from roadworthy.predictionlog.compact import compact
from roadworthy.predictionlog.journal import Durability, Journal, read_journal
from roadworthy.predictionlog.read import PredictionLog
from roadworthy.predictionlog.record import Group, LogField, LogSchema, Number
from roadworthy.predictionlog.roll import roll

#: What the flights example logs: 24 raw values, 21 encoded columns.
NUMBERS, TEXTS = 14, 8
SCHEMA = LogSchema(
    "flight-delay",
    (
        *(LogField(f"number_{place}", "number") for place in range(NUMBERS)),
        *(LogField(f"text_{place}", "string") for place in range(TEXTS)),
        LogField("scheduled", "timestamp"),
        LogField("flight", "string", "unit"),
    ),
    tuple(f"encoded_{place}" for place in range(NUMBERS + TEXTS - 1)),
)
START = 1_372_636_800_000_000
ROWS = 200_000
REPEATS = 5

_doubles = struct.Struct(f"<{len(SCHEMA.encoded)}d").pack


def groups(rows: int, size: int) -> Iterator[Group]:
    """So many rows in requests of that size: numbers of two digits, words of a vocabulary, one row a millisecond."""
    chance = random.Random(7)  # noqa: S311  # made-up rows, the same at every run
    words = ["".join(chance.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ", k=3)) for _ in range(300)]
    for first in range(0, rows, size):
        times = [START + 1000 * number for number in range(first, first + size)]
        units = [f"UA{chance.randrange(3000)}" for _ in times]
        inputs = [
            (
                *(round(chance.gauss(10, 5), 2) for _ in range(NUMBERS)),
                *(chance.choice(words) for _ in range(TEXTS)),
                at,
                unit,
            )
            for at, unit in zip(times, units, strict=True)
        ]
        yield Group(
            model=SCHEMA.model,
            version=3,
            schema=SCHEMA.digest,
            logged_at=times[0],
            plan=7,
            node="node",
            build="0.1.0+4f6cdd2b4e5a9f11",
            ids=[uuid7(at, chance) for at in times],
            request_ids=[uuid7(times[0], chance)] * size,
            rows=list(range(size)),
            units=units,
            event_times=times,
            latencies=[0.000_31] * size,
            inputs=inputs,
            encoded=b"".join(_encoded(row) for row in inputs),
            outputs=[chance.random() for _ in times],
        )


def _encoded(row: tuple[Any, ...]) -> bytes:
    return _doubles(*row[:NUMBERS], *(float(ord(text[0])) for text in row[NUMBERS : NUMBERS + TEXTS - 1]))


def best(measure: Callable[[], float]) -> float:
    """The least of several measurements: what the machine can do when nobody else uses it."""
    return min(measure() for _ in range(REPEATS))


def append_seconds(directory: Path, durability: Durability, batches: Sequence[Group]) -> float:
    """Seconds for one append of each batch by one thread that waits for each."""

    def measure() -> float:
        with tempfile.TemporaryDirectory(dir=directory) as home:
            journal = Journal(Path(home), 0, durability=durability, rotate_rows=10**9)
            journal.declare(SCHEMA)
            journal.append_groups(batches[:1])  # opens the file
            started = time.perf_counter()
            for batch in batches:
                journal.append_groups((batch,))
            taken = time.perf_counter() - started
            journal.seal()
        return taken / len(batches)

    return best(measure)


def committed_seconds(directory: Path, batches: Sequence[Group], waiting: int) -> float:
    """Seconds a batch when up to `waiting` of them wait for one fsync on a thread, as in serving."""

    def measure() -> float:
        with tempfile.TemporaryDirectory(dir=directory) as home, ThreadPoolExecutor(1) as thread:
            journal = Journal(Path(home), 0, durability="disk", group_commit=True, rotate_rows=10**9)
            journal.declare(SCHEMA)
            started = time.perf_counter()
            for first in range(0, len(batches), waiting):
                for batch in batches[first : first + waiting]:
                    journal.append_groups((batch,))
                sync = journal.sync_later()
                if sync is not None:
                    thread.submit(sync).result()
            taken = time.perf_counter() - started
            journal.seal()
        return taken / len(batches)

    return best(measure)


def json_line_bytes(batches: Sequence[Group]) -> float:
    """Bytes a row when the same records are written as JSON lines with the names of their fields."""
    names = [field.name for field in SCHEMA.fields]
    size = rows = 0
    for batch in batches:
        for record in batch.predictions():
            line = {name: getattr(record, name) for name in record.__struct_fields__}
            line["inputs"] = dict(zip(names, record.inputs, strict=True))
            values = struct.unpack(f"<{len(SCHEMA.encoded)}d", record.encoded)
            line["encoded"] = dict(zip(SCHEMA.encoded, values, strict=True))
            line["output"] = record.output.value if isinstance(record.output, Number) else None
            size += len(msgspec.json.encode(line)) + 1
            rows += 1
    return size / rows


def written(home: Path, batches: Sequence[Group], seconds: int) -> list[Path]:
    """Sealed journals of so many seconds that hold all batches."""
    journal = Journal(home, 0, rotate_rows=10**9)
    journal.declare(SCHEMA)
    paths = []
    each = -(-len(batches) // seconds)
    for first in range(0, len(batches), each):
        journal.append_groups(batches[first : first + each])
        path = journal.seal()
        assert path is not None
        paths.append(path)
    return paths


def size_of(directory: Path) -> int:
    """Bytes of all Parquet files below a directory."""
    return sum(path.stat().st_size for path in directory.rglob("*.parquet"))


def timed(act: Callable[[], object]) -> float:
    """Seconds that a call takes, at best of three."""
    taken = []
    for _ in range(3):
        started = time.perf_counter()
        act()
        taken.append(time.perf_counter() - started)
    return min(taken)


def stored(directory: Path) -> dict[str, float]:
    """Bytes a row, and the rates of rolling and of reading, for a log of ROWS rows written as 20 seconds."""
    batches = list(groups(ROWS, 8))
    sealed = written(directory / "journals", batches, 20)
    journal_bytes = sum(path.stat().st_size for path in sealed)
    reading = timed(lambda: [read_journal(path) for path in sealed])
    log = directory / "log"
    started = time.perf_counter()
    refused = roll(sealed, log).refused
    rolling = time.perf_counter() - started
    assert not refused
    files = len(list(log.rglob("*.parquet")))
    started = time.perf_counter()
    done = compact(log, datetime.now(UTC) + timedelta(hours=1), grace=timedelta(0))
    merging = time.perf_counter() - started
    questions = PredictionLog(log)
    some = timed(lambda: questions.predictions(SCHEMA.model, columns=["output", "in_number_0", "version"]))
    whole = timed(lambda: questions.predictions(SCHEMA.model))
    with duckdb.connect(config={"threads": 1}) as engine:
        found = engine.read_parquet(f"{log}/predictions/**/*.parquet")
        scan = timed(
            lambda: found.aggregate(
                "version, count(*), avg(output), stddev(in_number_0)", "version"
            ).fetchall()
        )
    return {
        "json_lines_bytes": json_line_bytes(batches[:500]),
        "journal_bytes": journal_bytes / ROWS,
        "parquet_bytes": size_of(log) / ROWS,
        "journal_read_rows_per_second": ROWS / reading,
        "roll_rows_per_second": ROWS / rolling,
        "merge_rows_per_second": done.rows / merging,
        "files_before_merging": files,
        "files_after_merging": files - done.files + done.merged,
        "read_three_columns_rows_per_second": ROWS / some,
        "read_all_columns_rows_per_second": ROWS / whole,
        "scan_rows_per_second": ROWS / scan,
    }


def appended(directory: Path) -> dict[str, float]:
    """Microseconds a batch of 1 and of 32 rows, and rows a second, for each promise."""
    ones, many = list(groups(20_000, 1)), list(groups(64_000, 32))
    seconds = {
        "process_1": append_seconds(directory, "process", ones),
        "process_32": append_seconds(directory, "process", many),
        "disk_1": append_seconds(directory, "disk", ones[:100]),
        "disk_32": append_seconds(directory, "disk", many[:100]),
        "disk_together_1": committed_seconds(directory, ones[:6_400], 64),
        "disk_together_32": committed_seconds(directory, many[:640], 64),
    }
    figures = {f"{name}_us_per_batch": value * 1e6 for name, value in seconds.items()}
    for name, value in seconds.items():
        figures[f"{name}_rows_per_second"] = int(name.rpartition("_")[2]) / value
    return figures


def main() -> None:
    """Measure and publish."""
    home = ROOT / "build" / "bench"
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home) as directory:
        figures = appended(Path(directory)) | stored(Path(directory))
    one, many = figures["process_1_us_per_batch"], figures["process_32_us_per_batch"] / 32
    together = figures["disk_together_1_rows_per_second"] / figures["disk_1_rows_per_second"]
    smaller = figures["json_lines_bytes"] / figures["journal_bytes"]
    smallest = figures["json_lines_bytes"] / figures["parquet_bytes"]
    rolled = figures["roll_rows_per_second"]
    publish(
        "log",
        figures,
        [
            Aim("one row is in the log", "< 6 µs", f"{one:.1f} µs", one < 6),
            Aim("a row among 32 is in the log", "< 1.5 µs", f"{many:.2f} µs", many < 1.5),
            Aim("group commit beside an fsync each", "> 10 ×", f"{together:.0f} ×", together > 10),
            Aim("journal beside JSON lines", "< 1/2", f"1/{smaller:.1f}", smaller > 2),
            Aim("Parquet beside JSON lines", "< 1/8", f"1/{smallest:.1f}", smallest > 8),
            Aim("rows rolled a second", "> 40,000", f"{rolled:,.0f}", rolled > 40_000),
        ],
    )


if __name__ == "__main__":
    main()
