"""A client that several threads may share: predictions, outcomes, and predictions that were made elsewhere.

Not here: connections, when to repeat (retries) and the queues (background).
"""

from __future__ import annotations

import random
import ssl
import time
import uuid
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any
from urllib.parse import quote

import msgspec

from roadworthy.client.background import Background, Delivery, Item, Kind
from roadworthy.client.connections import Connections, Reply, Unreachable
from roadworthy.client.messages import encoded, refusal, sentence
from roadworthy.client.retries import REPEATABLE, Pauses, wished
from roadworthy.clock import Clock, SystemClock
from roadworthy.errors import DefinitionError, NotReady

DEADLINE = "x-roadworthy-deadline-ms"

_PATHS: Mapping[Kind, str] = {"outcomes": "/v1/outcomes", "predictions": "/v1/log"}


class Predictions(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to all rows, in their order.

    outputs      what the model said
    ids          of the predictions in the log; an outcome may name one as its `prediction_id`
    versions     which version answered each row
    decisions    what to do with each row by the model's bands, such as `people`; "" = use the output
    fallback     numbers of the rows that a fallback answered in place of the version
    request_id   under which the request is logged
    content      the whole answer as the server gave it
    """

    outputs: list[Any]
    ids: list[str]
    versions: list[int]
    decisions: list[str]
    fallback: list[int]
    model: str
    request_id: str
    content: dict[str, Any]


class Client:
    """Asks one server, or several behind one address.

    url           such as `http://127.0.0.1:8080`
    token         bearer token; None = the server wants none
    timeout       seconds that a call may take, all its attempts together; the server is told what is left
    connections   how many are kept open while nobody uses them
    queue         how many outcomes, and how many predictions made elsewhere, may wait to be sent
    context       how https is trusted; None = as this machine trusts
    pauses        between attempts

    A call is repeated when no reply came or the server said 429, 502, 503 or 504, never when it said what is wrong.
    Every request has an identifier, so one that arrives twice is logged once. A context manager; else `close` it.

    >>> client = Client("http://127.0.0.1:1")
    >>> client.ready()
    False
    """

    def __init__(
        self,
        url: str,
        token: str | None = None,
        timeout: float = 10.0,
        *,
        connections: int = 16,
        queue: int = 100_000,
        context: ssl.SSLContext | None = None,
        pauses: Pauses | None = None,
        clock: Clock | None = None,
    ) -> None:
        if not timeout > 0:
            raise DefinitionError(
                f"a timeout of {timeout} seconds lets nothing happen: write seconds above 0"
            )
        self._connections = Connections(url, token or "", connections, context)
        self._timeout, self._pauses, self._clock = timeout, pauses or Pauses(), clock or SystemClock()
        self._background = Background(self._deliver, queue, timeout)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def predict(
        self,
        model: str,
        rows: Sequence[Mapping[str, Any]] | None = None,
        *,
        columns: Mapping[str, Sequence[Any]] | None = None,
        request_id: str | None = None,
        timeout: float | None = None,
    ) -> Predictions:
        """Predictions for rows, given one by one or as columns; NaN and None both mean missing.

        request_id   the same again is the same request: it is answered again and logged once; drawn when not given
        timeout      seconds, instead of the client's

        raises  SchemaError with every fault of the rows, UnknownName for the model, Refused for the token,
                NotReady when there was no answer in time, RoadworthyError when the model failed
        """
        if isinstance(rows, Mapping):
            raise DefinitionError("predict takes a list of rows: put the row in a list, [row]")
        if (rows is None) == (columns is None):
            raise DefinitionError(
                "predict takes a list of rows, or columns={name: values}: give one of the two"
            )
        form, asked = ("instances", rows) if columns is None else ("inputs", columns)
        request_id = request_id or str(uuid.uuid4())
        body = encoded({form: asked, "request_id": request_id})
        reply = self._ask(
            "POST", f"/v1/models/{quote(model, safe='')}:predict", body, timeout or self._timeout
        )
        content = msgspec.json.decode(reply.body, type=dict[str, Any])
        return Predictions(
            outputs=content["predictions" if columns is None else "outputs"],
            ids=content["ids"],
            versions=content["versions"],
            decisions=content.get("decisions") or [""] * len(content["ids"]),
            fallback=content.get("fallback") or [],
            model=content["model"],
            request_id=request_id,
            content=content,
        )

    def outcomes(self, outcomes: Sequence[Item], *, wait: bool = False) -> int:
        """Say what turned out to be true; returns how many were taken.

        outcomes   each with `model`, `name`, `value` (None withdraws), `event_time` and either `unit` or
                   `prediction_id`; `id` is drawn when not given. A correction has the `id` and `event_time` of what
                   it corrects, and a higher `revision`
        wait       False: they are sent in the background, see `delivery`; True: all or none are accepted when this
                   returns, and errors are raised as by `predict`
        """
        return self._tell("outcomes", outcomes, wait)

    def log(self, predictions: Sequence[Item], *, wait: bool = False) -> int:
        """Have predictions logged that were made elsewhere; returns how many were taken.

        predictions   each with `model`, `inputs` and `output`, and if need be `version`, `unit`, `context`,
                      `event_time`, `request_id`; `id` is drawn when not given
        wait          as in `outcomes`
        """
        return self._tell("predictions", predictions, wait)

    def delivery(self) -> Delivery:
        """What became of everything that was told in the background."""
        return self._background.delivery()

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until everything told in the background has arrived; False when it has not in that time."""
        return self._background.flush(self._timeout if timeout is None else timeout)

    def ready(self) -> bool:
        """Whether the server answers and has a plan loaded; asked once."""
        try:
            until = time.monotonic() + self._timeout
            return self._connections.exchange("GET", "/v2/health/ready", None, {}, until).status == 200
        except Unreachable:
            return False

    def close(self, timeout: float | None = None) -> Delivery:
        """Deliver what waits, at most so long, then close the connections; says what became of everything."""
        told = self._background.close(self._timeout if timeout is None else timeout)
        self._connections.close()
        return told

    def _tell(self, kind: Kind, items: Sequence[Item], wait: bool) -> int:
        if isinstance(items, Mapping) or not all(isinstance(item, Mapping) for item in items):
            raise DefinitionError(f"{kind} are told as a list of dictionaries")
        now = self._clock.now()
        named = [
            {"id": str(uuid.uuid4()), **({"event_time": now} if kind == "predictions" else {}), **item}
            for item in items
        ]
        if not wait:
            return self._background.put(kind, named)
        self._deliver(kind, named, self._timeout)
        return len(named)

    def _deliver(self, kind: Kind, items: Sequence[Item], seconds: float) -> None:
        if items:
            self._ask("POST", _PATHS[kind], encoded({kind: items}), seconds)

    def _ask(self, method: str, path: str, body: bytes | None, seconds: float) -> Reply:
        """Ask until there is a reply that says something final."""
        until = time.monotonic() + seconds
        tried, said = 0, ""
        while True:
            tried += 1
            asked_after, again_at_once = None, False
            headers = {
                "content-type": "application/json",
                DEADLINE: str(max(1, int((until - time.monotonic()) * 1e3))),
            }
            try:
                reply = self._connections.exchange(method, path, body, headers, until)
            except Unreachable as unreachable:
                said, again_at_once = str(unreachable), unreachable.kept and tried == 1
            else:
                if reply.status == 200:
                    return reply
                if reply.status not in REPEATABLE:
                    raise refusal(reply, f"{method} {self._connections.url}{path}")
                said = f"it said {reply.status}, {sentence(reply)}"
                asked_after = wished(reply.headers.get("retry-after"), self._clock.now().timestamp())
            pause = 0.0 if again_at_once else self._pauses.seconds(tried, _draw(), asked_after)
            if time.monotonic() + pause >= until:
                times = "once" if tried == 1 else f"{tried} times"
                raise NotReady(
                    f"{self._connections.url} gave no answer within {round(seconds, 3):g} s, asked {times}: {said}. "
                    "Try again later, or look at the log of that server"
                )
            time.sleep(pause)


def _draw() -> float:
    """Chance for pauses only; of the operating system, so that forked processes do not pause alike."""
    return random.SystemRandom().random()
