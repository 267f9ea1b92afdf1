"""A predict request on its way through the worker, and the answer it gets.

Not here: reading it (requests) and answering it (predicting).
"""

from __future__ import annotations

import msgspec

from roadworthy.serving.requests import PredictRequest
from roadworthy.serving.table import Served, Table


class Question(msgspec.Struct, frozen=True, gc=False):
    """What was asked, of whom, and since when.

    event_time    microseconds since 1970 by the clock of events
    started_ns    performance counter when the request was read
    deadline_ns   performance counter after which nobody waits for the answer; 0 = there is none
    """

    table: Table
    served: Served
    request: PredictRequest
    event_time: int
    started_ns: int
    deadline_ns: int = 0


class Predicted(msgspec.Struct, gc=False):
    """The answer to all rows, in their order.

    fallback    numbers of the rows that a fallback answered
    decisions   number of a row → what the caller is told to do with it, where that is not just to use the output
    """

    outputs: list[float]
    ids: list[str]
    versions: list[int]
    fallback: list[int] = []
    decisions: dict[int, str] = {}
