"""What is written down about the rows a version answered: one group of records for all rows that share a fate.

Not here: what a version said (scoring), who asked (predicting) and the file (predictionlog.journal).
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence

from roadworthy.clock import Clock, uuid7_head, uuid7_tail
from roadworthy.predictionlog.record import Group, Status
from roadworthy.serving.questions import Question
from roadworthy.serving.scoring import Share
from roadworthy.traffic import unit_text

#: (status, error, decision) of a row
Fate = tuple[Status, str, str]

ANSWERED: Fate = ("ok", "", "")


class Recorder:
    """Makes the log's records for one worker.

    entropy   names predictions
    node      name of this node
    release   version of Roadworthy
    """

    def __init__(self, clock: Clock, entropy: random.Random, node: str, release: str) -> None:
        self._clock, self._entropy, self._node, self._release = clock, entropy, node, release

    def groups(
        self, questions: Sequence[Question], share: Share, ids: list[str], fates: Mapping[int, Fate]
    ) -> list[Group]:
        """The records of a share that was asked: one group for each fate.

        ids     identifier of each row
        fates   place in the share → what became of that row; `ANSWERED` where it says nothing
        """
        if not fates:
            return [self._group(questions, share, ids, ANSWERED, None)]
        by_fate: dict[Fate, list[int]] = {}
        for at in range(len(share.rows)):
            by_fate.setdefault(fates.get(at, ANSWERED), []).append(at)
        if len(by_fate) == 1:
            return [self._group(questions, share, ids, next(iter(by_fate)), None)]
        return [self._group(questions, share, ids, fate, places) for fate, places in by_fate.items()]

    def ids(self, questions: Sequence[Question], share: Share) -> list[str]:
        """A new identifier for every row of a share."""
        entropy = self._entropy
        heads = [uuid7_head(question.event_time) for question in questions]
        return [heads[owner] + uuid7_tail(entropy) for owner in share.owners]

    def _group(
        self,
        questions: Sequence[Question],
        share: Share,
        ids: list[str],
        fate: Fate,
        places: Sequence[int] | None,
    ) -> Group:
        encoded, outputs = share.said.encoded, share.said.outputs
        if places is not None:
            width = len(encoded) // len(share.rows)
            encoded = b"".join(encoded[at * width : (at + 1) * width] for at in places)
            outputs = None if outputs is None else [outputs[at] for at in places]
            ids = [ids[at] for at in places]
            share = share.at(places)
        asked = [questions[owner] for owner in share.owners]
        first = questions[share.owners[0]]
        loaded = first.served.versions[share.version]
        unit = loaded.unit_at
        now = time.perf_counter_ns()
        status, error, decision = fate
        return Group(
            namespace=first.table.plan.namespace,
            model=first.served.name,
            version=share.version,
            schema=loaded.schema,
            logged_at=self._clock.micros(),
            plan=first.table.plan.number,
            attempt=first.served.route.attempt,
            role=share.role,
            propensity=share.propensity,
            decision=decision,
            node=self._node,
            build=f"{self._release}+{loaded.prepared.digest[:16]}",
            status=status,
            error=error,
            ids=ids,
            request_ids=[question.request.request_id for question in asked],
            rows=share.places,
            units=[unit_text(row[unit]) for row in share.rows],
            event_times=[question.event_time for question in asked],
            latencies=[(now - question.started_ns) / 1e9 for question in asked],
            inputs=share.rows,
            encoded=encoded,
            outputs=outputs,
        )
