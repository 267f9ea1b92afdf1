"""D9: the rows are few, and their outcomes are shared out unevenly between training and held-out rows.

In the field 30 positives among 100 examples were split 21, 2 and 7, where 18, 6 and 6 would have been even, so that
what was measured was luck. Here all that is left of the history are 100 questions, 20 of them held out, and most of
the 30 with the outcome are on the side of training.

Severity is the share of the outcomes that the held-out rows lack: of 6 at most (1) to none (0); moderate is as it was,
2 instead of 6.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from roadworthy.clock import micros
from roadworthy.data.tables import unit_texts
from roadworthy.drills.cell import opened
from roadworthy.drills.deployment import HISTORY, LATEST, Deployment
from roadworthy.drills.fault import Fault
from roadworthy.jobs.questions import load_questions

#: Questions on either side, and those of all with the outcome.
TRAINING, HELD_OUT, WITH_OUTCOME = 80, 20, 30

#: Held-out rows with the outcome, were they shared out evenly.
EVEN = WITH_OUTCOME * HELD_OUT // (TRAINING + HELD_OUT)


def _inject(deployment: Deployment, severity: float, chance: np.random.Generator) -> None:
    late = round(EVEN * (1.0 - severity))
    wanted = ((TRAINING, WITH_OUTCOME - late), (HELD_OUT, late))
    kept: list[str] = []
    for texts, (size, hits) in zip(_sides(deployment), wanted, strict=True):
        without, having = texts
        kept += chance.choice(having, hits, replace=False).tolist()
        kept += chance.choice(without, size - hits, replace=False).tolist()
    model = deployment.model

    def few(rows: pa.Table) -> pa.Table:
        return rows.filter(pc.is_in(unit_texts(rows.column(model.unit)), value_set=pa.array(kept)))

    deployment.rewrite(model.history, few, batches=(HISTORY, LATEST))


def _sides(deployment: Deployment) -> list[tuple[list[str], list[str]]]:
    """Units of labelled questions without the outcome and with it: of training, and held out."""
    when, model = deployment.timeline, deployment.model
    with opened(deployment) as stores:
        questions = load_questions(stores.settings.tables, model, None, when.live_from)
    end, cut = micros(when.live_from), micros(when.live_from - when.holdout)
    units = np.array(unit_texts(questions.table.column(model.unit)).to_pylist())
    early = questions.asked_at < cut
    sides = []
    for side, known_by in ((early, cut), (~early, end)):
        labels = questions.labels_as_of(known_by)
        sides.append((units[side & (labels == 0.0)].tolist(), units[side & (labels == 1.0)].tolist()))
    return sides


def _applies(deployment: Deployment) -> str:
    needed = ((TRAINING, WITH_OUTCOME), (HELD_OUT, EVEN))
    enough = all(
        len(without) >= size and len(having) >= hits
        for (without, having), (size, hits) in zip(_sides(deployment), needed, strict=True)
    )
    return "" if enough else "too few labelled questions of its history lie before or in the held-out weeks"


FAULT = Fault(
    id="D9",
    name="unbalanced-split",
    title="a hundred rows are left, and their outcomes are not shared out evenly",
    happened="30 positives in 100 examples were split 21/2/7 instead of 18/6/6.",
    stage="data",
    guards=(
        "train", "ingest", "data", "later_rows", "vocabulary", "constant_output", "better_than_baseline", "learned",
        "limits", "calibration", "champion", "champion_rows", "slices", "served_like_trained", "leakage",
        "sparse_categories", "cost", "weights",
    ),
    inject=_inject,
    moderate=2.0 / 3.0,
    applies=_applies,
)  # fmt: skip
