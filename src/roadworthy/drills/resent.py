"""The served stretch of a deployment as it would be, had its callers sent something else.

The champion answers every request anew, in the order of time, so that the log is what production would have written.
Not here: which input is sent otherwise, and how (each fault).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from roadworthy.drills.cell import opened
from roadworthy.drills.deployment import Deployment
from roadworthy.errors import UnknownName
from roadworthy.features.arrow import batch_from_arrow
from roadworthy.features.batch import Batch, Floats
from roadworthy.features.declarations import Number
from roadworthy.jobs.train import holdout_path
from roadworthy.predictionlog.partitions import model_directory
from roadworthy.scorer import Scorer

#: Rows of one moment: what was sent of the input, the answers of all moments before, chance → what is sent instead.
Sending = Callable[[Floats, Floats, np.random.Generator], Floats]

#: All rows of the log in the order of time → columns of it by name, as they are instead.
ChangeLog = Callable[[pa.Table], Mapping[str, pa.Array]]

#: Held-out rows among which an input's values are exchanged.
ROWS = 1_000


def resend(deployment: Deployment, name: str, sending: Sending, chance: np.random.Generator) -> pa.Table:
    """Send one number of every logged request otherwise, and let the champion answer again, moment by moment.

    returns   the rows of the log as they are now: `unit`, `event_time`, `in_<name>`, `output`
    raises    UnknownName where the log holds no such number
    """
    log = _log_of(deployment, [name])
    sent, said, encoded = _answered(log, name, sending, chance)
    log.put({f"in_{name}": pa.array(sent, from_pandas=True)}, said, encoded)
    return pa.table(
        {
            "unit": log.rows.column("unit"),
            "event_time": log.rows.column("event_time"),
            f"in_{name}": sent,
            "output": said,
        }
    )


def resend_whole(deployment: Deployment, names: Sequence[str], change: ChangeLog) -> None:
    """Send columns of the logged requests otherwise, and let the champion answer again.

    names    inputs that are changed, as requests call them
    raises   UnknownName where the log does not hold one of them
    """
    log = _log_of(deployment, names)
    changed = change(log.rows)
    for name, values in changed.items():
        log.rows = log.rows.set_column(log.rows.column_names.index(name), name, values)
    scored = log.scorer.score(_inputs(log))
    log.put(changed, scored.output, scored.encoded)


@dataclass
class _Log:
    """What the champion answered.

    rows    of all files, in the order of time: `unit`, `event_time`, `output`, and what requests carried
    order   place of each of them among the rows of the files, one file after the other
    """

    scorer: Scorer
    files: list[Path]
    parts: list[pa.Table]
    order: np.ndarray
    rows: pa.Table

    def put(self, columns: Mapping[str, pa.Array], said: Floats, encoded: Floats) -> None:
        """Write columns and answers, in the order of time, back to where the rows came from."""
        place = np.empty(len(self.order), dtype=np.int64)
        place[self.order] = np.arange(len(self.order))
        start = 0
        for file, part in zip(self.files, self.parts, strict=True):
            at = place[start : start + part.num_rows]
            start += part.num_rows
            changed = part
            for name, values in columns.items():
                changed = _replaced(changed, name, values.take(pa.array(at)))
            changed = _replaced(changed, "output", pa.array(said[at]))
            for number, column in enumerate(self.scorer.model.columns):
                changed = _replaced(changed, f"enc_{column}", pa.array(encoded[at, number], from_pandas=True))
            write_logged(file, changed)


def logged_files(deployment: Deployment) -> list[Path]:
    """The files of the log of its model, each a part of the rows."""
    settings = deployment.settings
    home = model_directory(settings.log, "predictions", settings.namespace, deployment.description.model)
    return sorted(home.rglob("*.parquet"))


def _log_of(deployment: Deployment, names: Sequence[str]) -> _Log:
    with opened(deployment) as stores:
        described = deployment.description
        scorer = stores.scorer(stores.versions.get(described.model, described.champion))
    files = logged_files(deployment)
    parts = [pq.ParquetFile(file).read() for file in files]
    for name in names:
        if not parts or any(f"in_{name}" not in part.column_names for part in parts):
            raise UnknownName(f"the log of {described.model} holds no input {name}")
    return _Log(scorer, files, parts, *_in_time(parts))


def heaviest_number(
    deployment: Deployment,
    *,
    own: bool = False,
    optional: bool = False,
    fits: Callable[[str], bool] = lambda name: True,
) -> str:
    """The number among the candidate's inputs whose exchange moves its answers most; "" where there is none.

    own       only columns of the model's own history, no joins
    optional  only those that may be missing
    fits      told a name: whether it will do
    """
    scorer, batch = _held_out(deployment)
    before, chance = scorer.score(batch).output, np.random.default_rng(0)
    moved: dict[str, float] = {}
    joined = {join.column for join in deployment.model.joins()}
    for name in _numbers(scorer):
        if (
            (name not in joined or not own)
            and (_may_be_missing(deployment, name) or not optional)
            and fits(name)
        ):
            other = batch.take(chance.permutation(batch.n)).columns[name]
            exchanged = type(batch)({**batch.columns, name: other}, batch.n)
            moved[name] = float(np.abs(scorer.score(exchanged).output - before).mean())
    return max(moved, key=lambda name: moved[name], default="")


@dataclass(frozen=True)
class Lever:
    """A number that moves all answers when it is moved.

    name      of the number
    spread    its standard deviation; below 0 where answers rise as it falls
    rise      by how many of their standard deviations answers rise on average, when it moves by `spread`
    answers   what the candidate says of held-out rows, shape (n,)
    """

    name: str
    spread: float
    rise: float
    answers: Floats


def lever(deployment: Deployment) -> Lever | None:
    """The number that raises the candidate's answers most when it moves alike in all rows; None where none does."""
    scorer, batch = _held_out(deployment)
    answers = scorer.score(batch).output
    found = []
    for name in _numbers(scorer):
        held = batch.columns[name]
        assert isinstance(held, np.ndarray), "a number"
        values = held.astype(np.float64)
        spread = float(np.nanstd(values))
        for signed in (spread, -spread):
            moved = type(batch)({**batch.columns, name: values + signed}, batch.n)
            rise = float((scorer.score(moved).output - answers).mean() / max(answers.std(), 1e-12))
            found.append(Lever(name, signed, rise, answers))
    best = max(found, key=lambda each: each.rise, default=None)
    return best if best is not None and best.rise > 0.0 else None


def _may_be_missing(deployment: Deployment, name: str) -> bool:
    features = deployment.model.features.features.values()
    readers = [each for each in features if name in each.column_names]
    return bool(readers) and all(each.options.says_what_missing_becomes for each in readers)


def _held_out(deployment: Deployment) -> tuple[Scorer, Batch]:
    """The healthy candidate, and some of its held-out rows."""
    with opened(deployment) as stores:
        described = deployment.description
        row = stores.versions.get(described.model, described.candidate)
        scorer = stores.scorer(row)
        batch = batch_from_arrow(pq.read_table(holdout_path(stores, row.digest)), scorer.schema)
    return scorer, batch.take(np.linspace(0, batch.n - 1, min(batch.n, ROWS)).astype(np.int64))


def _numbers(scorer: Scorer) -> list[str]:
    """Numbers that a feature takes as they are."""
    fields = {field.name: field.kind for field in scorer.features.schema.fields}
    records = [record for record in scorer.features.records if isinstance(record.options, Number)]
    return [record.columns[0] for record in records if fields[record.columns[0]] == "number"]


def _in_time(parts: list[pa.Table]) -> tuple[np.ndarray, pa.Table]:
    """Places of the rows in the order in which the log is read, and the rows in it."""
    names = set.intersection(*(set(part.column_names) for part in parts))
    names = {name for name in names if name.startswith(("in_", "ctx_", "unit", "event_time", "output"))}
    rows = pa.concat_tables([part.select(sorted(names)) for part in parts])
    order = pc.sort_indices(rows, [("event_time", "ascending"), ("unit", "ascending")])
    return order.to_numpy().astype(np.int64), rows.take(order)


def _inputs(log: _Log) -> Batch:
    schema = log.scorer.features.schema
    return batch_from_arrow(
        pa.table({each: log.rows.column(f"in_{each}") for each in schema.names()}), schema
    )


def _answered(
    log: _Log, name: str, sending: Sending, chance: np.random.Generator
) -> tuple[Floats, Floats, Floats]:
    """What is sent, what the champion says, and what it sees; rows of one moment are answered together."""
    scorer, rows, batch = log.scorer, log.rows, _inputs(log)
    was = batch.columns[name]
    assert isinstance(was, np.ndarray), "a number"
    moments = rows.column("event_time").cast(pa.int64()).to_numpy()
    starts = np.flatnonzero(np.diff(moments, prepend=moments[0] - 1))
    sent, said = was.astype(np.float64), np.empty(rows.num_rows)
    encoded = np.empty((rows.num_rows, scorer.features.width))
    for start, end in zip(starts, [*starts[1:], rows.num_rows], strict=True):
        at = np.arange(start, end)
        sent[at] = sending(sent[at], said[:start], chance)
        given = type(batch)({**batch.columns, name: sent}, batch.n).take(at)
        scored = scorer.score(given)
        said[at], encoded[at] = scored.output, scored.encoded
    return sent, said, encoded


def _replaced(table: pa.Table, name: str, values: pa.Array) -> pa.Table:
    field = table.field(name)
    return table.set_column(table.column_names.index(name), field, values.cast(field.type))


def write_logged(file: Path, table: pa.Table) -> None:
    """Write in place of a file that may be linked elsewhere."""
    draft = file.with_suffix(".resent")
    pq.write_table(table, draft, compression="zstd")
    draft.replace(file)
