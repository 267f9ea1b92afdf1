"""Replays history against a running server, in time order and in virtual time: questions, then outcomes as they land.

Discrete-event: traffic waits while a tick runs, so two runs decide the same, whatever the speed of the machine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa

from roadworthy.clock import HOUR_MICROS, instant, micros
from roadworthy.jobs.hiding import workspace_key
from roadworthy.jobs.questions import NEVER, Questions, load_questions
from roadworthy.jobs.seen import SeenAnswers
from roadworthy.jobs.sender import Post, Sender
from roadworthy.jobs.stores import Stores
from roadworthy.jobs.tick import tick
from roadworthy.model import Model, load_definition
from roadworthy.sensitive import hashed_text
from roadworthy.traffic import unit_text

#: Rows and outcomes in one request at most; servers refuse far larger ones.
_PIECE = 1_000

#: Runs what is due at a virtual instant and says when it wants to run next.
Tick = Callable[[datetime], datetime]


@dataclass
class Replayed:
    """What a replay did.

    answered   predictions answered, by version
    outcomes   outcomes sent
    requests   HTTP requests sent for predictions
    warning    what keeps days of it from being judged; "" = nothing known
    """

    answered: Counter[int] = field(default_factory=Counter)
    outcomes: int = 0
    requests: int = 0
    warning: str = ""

    @property
    def rows(self) -> int:
        """Predictions answered by all versions."""
        return sum(self.answered.values())


class _Answer(msgspec.Struct):
    versions: list[int]


@dataclass(frozen=True)
class Replay:
    """One stretch of history on its way to one server.

    model       whose questions they are
    questions   in time order, as `load_questions` gives them
    sender      connections to the server, which must have a replay clock
    key         hashes units where they stand in the names of outcomes; None where units are not sensitive
    """

    model: Model
    questions: Questions
    sender: Sender
    key: bytes | None = field(default=None, repr=False)

    def run(
        self,
        start: datetime,
        end: datetime,
        tick: Tick,
        progress: Callable[[datetime, int], None] = lambda now, rows: None,
    ) -> Replayed:
        """Replay what was asked and what became known in [start, end); `tick` first runs at `start`.

        Rows asked at the same instant travel in one request, and so do outcomes of one hour, a thousand at most.
        """
        done = Replayed()
        landing = np.argsort(self.questions.label_known_at, kind="stable")
        known = self.questions.label_known_at[landing]
        now = micros(start)
        until = micros(end)
        while now < until:
            following = min(micros(tick(instant(now))), until)
            if following <= now:
                raise ValueError(
                    f"the tick at {instant(now)} asked to run again at {instant(following)}, which is not later"
                )
            first, last = np.searchsorted(self.questions.asked_at, [now, following])
            posts = self._requests(int(first), int(last))
            for body in self.sender.send_all(posts):
                done.answered.update(msgspec.json.decode(body, type=_Answer).versions)
            first_known, last_known = np.searchsorted(known, [now, following])
            events = landing[first_known:last_known]
            self.sender.send_all(self._outcomes(events))
            done.requests += len(posts)
            done.outcomes += len(events)
            now = following
            progress(instant(now), done.rows)
        tick(end)
        return done

    def _requests(self, first: int, last: int) -> list[Post]:
        if first == last:
            return []
        rows = request_rows(self.model, self.questions.table.slice(first, last - first))
        asked_at = self.questions.asked_at[first:last]
        changes = (np.flatnonzero(np.diff(asked_at)) + 1).tolist()
        path = f"/v1/models/{self.model.name}:predict"

        def name(begin: int, piece: int) -> str:
            return f"{self.model.name}-{asked_at[begin]}" + (f"-{piece - begin}" if piece > begin else "")

        return [
            Post(
                path,
                msgspec.json.encode(
                    {
                        "instances": rows[piece : min(piece + _PIECE, stop)],
                        "request_id": name(begin, piece),
                    }
                ),
                instant(int(asked_at[begin])).isoformat(),
            )
            for begin, stop in pairwise([0, *changes, last - first])
            for piece in range(begin, stop, _PIECE)
        ]

    def _outcomes(self, rows: np.ndarray) -> list[Post]:
        if len(rows) == 0:
            return []
        units = self.questions.table.column(self.model.unit).take(pa.array(rows)).to_pylist()
        known_at = self.questions.label_known_at[rows]
        asked_at, values = self.questions.asked_at[rows], self.questions.label[rows]
        hours: dict[int, list[dict[str, object]]] = {}
        for raw, asked, at, value in zip(
            units, asked_at.tolist(), known_at.tolist(), values.tolist(), strict=True
        ):
            if at == NEVER:
                continue
            unit = unit_text(raw)
            named = unit if self.key is None else hashed_text(unit, self.key)
            hours.setdefault(at // HOUR_MICROS, []).append(
                {
                    "id": f"{self.model.outcome.name}:{named}:{asked}",
                    "model": self.model.name,
                    "unit": unit,
                    "name": self.model.outcome.name,
                    "value": value,
                    "event_time": instant(at).isoformat(),
                }
            )
        pieces = [batch[at : at + _PIECE] for batch in hours.values() for at in range(0, len(batch), _PIECE)]
        return [
            Post("/v1/outcomes", msgspec.json.encode({"outcomes": piece}), str(piece[-1]["event_time"]))
            for piece in pieces
        ]


def request_rows(model: Model, table: pa.Table) -> list[dict[str, object]]:
    """The rows of a table of questions as a client would send them: inputs, context and unit, nothing else."""
    wanted = [
        *model.input_columns(),
        *(name for name in (*model.context, model.unit) if name not in model.input_columns()),
    ]
    rows: list[dict[str, object]] = table.select(wanted).to_pylist()
    return rows


def replay_file(
    stores: Stores,
    path: str | Path,
    *,
    model: str | None = None,
    start: datetime,
    end: datetime,
    url: str,
    progress: Callable[[str, int, int], None] = lambda step, done, total: None,
) -> Replayed:
    """Replay a model's history against a running server, running guards and monitors in between."""
    chosen = load_definition(path).model(model)
    questions = load_questions(stores.settings.tables, chosen, start, end)
    total = questions.n
    key = workspace_key(stores) if chosen.unit in chosen.features.sensitive else None
    seen = SeenAnswers(stores)
    warning = _unjudged(stores, chosen.name, start)
    with Sender(url) as sender:
        replay = Replay(chosen, questions, sender, key)
        done = replay.run(
            start,
            end,
            lambda now: tick(stores, now, seen=seen).next,
            lambda now, rows: progress("replay", rows, total),
        )
    done.warning = warning
    return done


def _unjudged(stores: Stores, model: str, start: datetime) -> str:
    """What to say when the first release counts from an event time after `start`, such as that of the real clock."""
    flips = stores.plans.history(model)
    first = next((flip for flip in flips if flip.route and flip.route.champion is not None), None)
    if first is None or first.route is None or first.event_time <= start:
        return ""
    return (
        f"{model}@{first.route.champion} serves since {first.event_time:%Y-%m-%d %H:%M}; days before that will not be "
        f"judged: release it with --event-time {start:%Y-%m-%d}"
    )
