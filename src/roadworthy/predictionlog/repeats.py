"""Which of several rows about one thing counts: answers to a repeated request, outcomes sent again or corrected.

Not here: reading the rows (read) and joining outcomes to predictions (outcomes).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from roadworthy.predictionlog.record import UNANSWERED
from roadworthy.predictionlog.uniting import in_order

_PREDICTION_KEY = ("request_id", "id", "row", "version", "role")
_PREDICTION_FATE = ("status", "decision")

#: What `first_answers` looks at.
ANSWER_COLUMNS = (*_PREDICTION_KEY, *_PREDICTION_FATE)

_ARRIVAL_ORDER = ("logged_at", "journal", "journal_seq")
_OUTCOME_KEY = ("id", "revision")


def first_answers(predictions: pa.Table) -> pa.Table:
    """Of a request that was repeated under its id the answer that counts: the first in the order of the table.

    An attempt that failed counts only where none was answered. Needs the columns `ANSWER_COLUMNS`.
    """
    return _first_of_each(predictions, _PREDICTION_KEY)


def _first_of_each(table: pa.Table, key: Sequence[str]) -> pa.Table:
    """The first row of each key, answered predictions before others; without a request id one is known by its own."""
    columns = {name: table.column(name) for name in key}
    place = np.arange(table.num_rows)
    if "request_id" in columns:
        own, request = columns.pop("id"), columns.pop("request_id")
        columns["request"] = pc.if_else(pc.equal(request, ""), own, request)
        place = np.where(told(table), place, place + table.num_rows)
    keys = pa.table({**columns, "place": pa.array(place)})
    first = keys.group_by(list(columns), use_threads=False).aggregate([("place", "min")]).column("place_min")
    if len(first) == table.num_rows:
        return table
    return table.take(pa.array(np.sort(first.to_numpy() % table.num_rows)))


def one_event_each(outcomes: pa.Table) -> pa.Table:
    """Of each revision the row that arrived first, with the time of the first row of its id."""
    arrived = in_order(outcomes, _ARRIVAL_ORDER)
    once = _first_of_each(arrived, _OUTCOME_KEY)
    if not pc.any(pc.greater(once.column("revision"), 0)).as_py():
        return once
    events = _first_of_each(arrived, ("id",))
    times = events.column("event_time").take(pc.index_in(once.column("id"), ids_of(events)))
    return once.set_column(once.column_names.index("event_time"), "event_time", times)


def ids_of(outcomes: pa.Table) -> pa.Array:
    """Ids in the order of their first rows."""
    return pc.unique(outcomes.column("id"))


def told(predictions: pa.Table) -> npt.NDArray[np.bool_]:
    """Which predictions their client was told; needs the columns `status` and `decision`."""
    whole = pc.and_(
        pc.equal(predictions.column("status"), "ok"), pc.not_equal(predictions.column("decision"), UNANSWERED)
    )
    return np.asarray(whole.to_numpy(), dtype=np.bool_)


@lru_cache(maxsize=1 << 16)
def corrects(path: str) -> bool:
    """Whether a file of outcomes holds a correction, as far as its footer says; no file gets one later."""
    try:
        footer = pq.read_metadata(path)
    except pa.ArrowException:
        return True  # whoever reads it says what is wrong with it
    column = footer.schema.names.index("revision")
    for group in range(footer.num_row_groups):
        seen = footer.row_group(group).column(column).statistics
        if seen is None or not seen.has_min_max or seen.max > 0:
            return True
    return False
