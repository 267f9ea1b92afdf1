"""History on its way to a server: in time order, in pieces a server takes, each outcome under a name of its own."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pytest

from roadworthy.clock import parse_instant
from roadworthy.jobs import replay as module
from roadworthy.jobs.questions import NEVER
from roadworthy.jobs.replay import Replay
from roadworthy.jobs.sender import Post, Sender
from roadworthy.jobs.stores import Stores
from roadworthy.model import load_definition
from roadworthy.sensitive import KEY_VARIABLE, make_key
from roadworthy.traffic import Route
from smalltown import DAY, MODEL, OPENED, Town, serve


class Recording(Sender):
    """Answers every prediction with version 1, and keeps what was sent."""

    def __init__(self) -> None:
        self.posts: list[Post] = []

    def send_all(self, posts: Iterable[Post]) -> list[bytes]:
        """Answer at once."""
        sent = list(posts)
        self.posts += sent
        rows = [len(msgspec.json.decode(post.body).get("instances", [])) for post in sent]
        return [msgspec.json.encode({"versions": [1] * n}) for n in rows]


def _sent(town: Town, stores: Stores, step: timedelta = DAY) -> list[tuple[str, Any, str]]:
    questions = town.questions(stores, OPENED, OPENED + 2 * DAY)
    sender = Recording()
    model = load_definition(town.definition).model()
    Replay(model, questions, sender).run(OPENED, OPENED + 2 * DAY, lambda now: now + step)
    return [(post.path, msgspec.json.decode(post.body), post.event_time) for post in sender.posts]


def test_every_question_and_outcome_is_sent_once_whatever_the_step(town: Town, town_stores: Stores) -> None:
    """At the virtual time it was asked or became known."""
    questions = town.questions(town_stores, OPENED, OPENED + 2 * DAY)
    for step in (DAY, timedelta(minutes=10)):
        sent = _sent(town, town_stores, step)
        asked = [
            (row["parcel"], parse_instant(at)) for _, body, at in sent for row in body.get("instances", [])
        ]
        table = questions.table
        expected = zip(table.column("parcel").to_pylist(), table.column("asked_at").to_pylist(), strict=True)
        assert sorted(asked) == sorted(expected)
        outcomes = [one for _, body, _ in sent for one in body.get("outcomes", [])]
        assert len(outcomes) == (questions.label_known_at != NEVER).sum()
        assert len({one["id"] for one in outcomes}) == len(outcomes)


def test_no_outcome_is_sent_before_it_was_known(town: Town, town_stores: Stores) -> None:
    """Its request is as late as its last outcome, and none is later than that."""
    for _, body, at in _sent(town, town_stores):
        for one in body.get("outcomes", []):
            assert parse_instant(one["event_time"]) <= parse_instant(at)


def test_an_outcome_names_its_unit_as_the_log_writes_it(town: Town, town_stores: Stores) -> None:
    """A whole number without a point; otherwise it would never be joined."""
    questions = town.questions(town_stores, OPENED, OPENED + DAY)
    place = questions.table.column_names.index("parcel")
    numbered = questions.table.set_column(place, "parcel", pa.array(np.arange(questions.n, dtype=np.float64)))
    sender = Recording()
    replay = Replay(load_definition(town.definition).model(), replace(questions, table=numbered), sender)
    replay.run(OPENED, OPENED + DAY, lambda now: now + DAY)
    bodies = [msgspec.json.decode(post.body) for post in sender.posts]
    told = {one["unit"] for body in bodies for one in body.get("outcomes", [])}
    assert told
    assert told <= {str(number) for number in range(questions.n)}


def test_an_outcome_of_a_sensitive_unit_has_a_name_without_it(
    town: Town, town_stores: Stores, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The server hashes the unit, but keeps the name as it came; the same outcome has the same name again."""
    definition = tmp_path / "sensitive.py"
    text = town.definition.read_text()
    hidden = 'street=category("street"), parcel=category("parcel", sensitive=True)'
    definition.write_text(text.replace('street=category("street")', hidden))
    monkeypatch.setenv(KEY_VARIABLE, str(make_key(tmp_path / "key")))
    names = []
    for _ in range(2):
        sender = Recording()
        monkeypatch.setattr(module, "Sender", lambda url, sender=sender: nullcontext(sender))
        monkeypatch.setattr(module, "tick", lambda stores, now, *, seen: SimpleNamespace(next=now + DAY))
        module.replay_file(town_stores, definition, start=OPENED, end=OPENED + 2 * DAY, url="")
        bodies = [msgspec.json.decode(post.body) for post in sender.posts]
        outcomes = [one for body in bodies for one in body.get("outcomes", [])]
        names.append([one["id"] for one in outcomes])
        assert not any(one["unit"] in one["id"] for one in outcomes)
    assert names[0] == names[1]
    assert len(set(names[0])) == len(names[0]) > 0


def test_a_release_that_counts_from_later_than_the_replay_is_warned_of(
    town: Town, town_stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A promotion without an event time counts from now: a whole replayed history before it would never be judged."""
    monkeypatch.setattr(module, "Sender", lambda url: nullcontext(Recording()))
    monkeypatch.setattr(module, "tick", lambda stores, now, *, seen: SimpleNamespace(next=now + DAY))

    def warning(start: datetime) -> str:
        done = module.replay_file(town_stores, town.definition, start=start, end=OPENED + 2 * DAY, url="")
        return done.warning

    assert warning(OPENED) == "", "nothing was released, and then nothing would answer"
    serve(town_stores, Route(champion=1), OPENED + DAY)
    assert warning(OPENED + DAY) == ""
    assert warning(OPENED) == (
        f"{MODEL}@1 serves since 2024-01-23 00:00; days before that will not be judged: "
        "release it with --event-time 2024-01-22"
    )


def test_many_rows_of_one_instant_travel_in_pieces_with_names_of_their_own(
    town: Town, town_stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server refuses what is too large, and reads a repeated name once."""
    monkeypatch.setattr("roadworthy.jobs.replay._PIECE", 2)
    sent = _sent(town, town_stores)
    names = [body["request_id"] for _, body, _ in sent if "instances" in body]
    assert len(set(names)) == len(names)
    assert max(len(body.get("instances", body.get("outcomes"))) for _, body, _ in sent) == 2
    assert sum(len(body.get("instances", [])) for _, body, _ in sent) == 140


def test_a_tick_that_does_not_move_on_is_an_error(town: Town, town_stores: Stores) -> None:
    """A replay would stand still for ever."""
    model = load_definition(town.definition).model()
    replay = Replay(model, town.questions(town_stores, OPENED, OPENED + DAY), Recording())
    with pytest.raises(ValueError, match="which is not later"):
        replay.run(OPENED, OPENED + DAY, lambda now: now)


def test_a_request_carries_inputs_context_and_unit_and_nothing_else(town: Town, town_stores: Stores) -> None:
    """Neither the outcome nor the time it became known."""
    [first, *_] = [body["instances"][0] for _, body, _ in _sent(town, town_stores) if "instances" in body]
    joined = {"weather_latest_rain", "weather_mean_rain_6h", "streets_latest_steep"}
    assert set(first) == {"parcel", "street", "district", "weight", "leaves"} | joined
