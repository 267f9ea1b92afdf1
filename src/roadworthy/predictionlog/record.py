"""What is written down about every prediction and every outcome, and the plain description of its columns.

Not here: how records reach the disk (journal), how they become tables (columns, roll), how they are read (read).
Frozen early: records are msgpack arrays, so a field is only ever added at the end, with a default, and never
renamed or reused; anything else needs a new `FORMAT`.
"""

from __future__ import annotations

import hashlib
from typing import Any, Literal, TypeAlias

import msgspec

from roadworthy.settings import DEFAULT_NAMESPACE

#: 1: a frame a prediction; 2: frames of groups as well.
FORMAT = 2

Kind = Literal["number", "boolean", "string", "timestamp", "strings"]
FieldRole = Literal["input", "context", "unit"]
Status = Literal["ok", "error"]

#: `Prediction.decision` of a row that its version answered while another version failed the request.
UNANSWERED = "unanswered"

#: One raw value as the server validated it: a number (float), boolean, string, timestamp (int, microseconds since
#: 1970 UTC), list of strings; None = missing.
Value: TypeAlias = float | int | bool | str | list[str] | None


class LogField(msgspec.Struct, frozen=True, array_like=True):
    """One value of a request: its name, kind, and whether it is an input, context or the unit."""

    name: str
    kind: Kind
    role: FieldRole = "input"


class LogSchema(msgspec.Struct, frozen=True):
    """Says what the values inside a model's records are, so that a journal can be read without a registry.

    model     name of the model
    fields    the values of `Prediction.inputs`, in that order
    encoded   names of the encoded columns, in the order of `Prediction.encoded`

    >>> LogSchema("delay", (LogField("wind", "number"),), ("wind",)).digest
    '61edc8e3e9930a5dfe662188f6ba7dc7'
    """

    model: str
    fields: tuple[LogField, ...]
    encoded: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """32 hexadecimal digits of SHA-256 over the schema's canonical JSON."""
        return hashlib.sha256(msgspec.json.encode(self, order="sorted")).hexdigest()[:32]


class Number(msgspec.Struct, frozen=True, array_like=True, tag="number", gc=False):
    """One number: a probability of the positive class, or a regression's estimate; NaN when the model gave NaN."""

    value: float


class ClassVector(msgspec.Struct, frozen=True, array_like=True, tag="classes"):
    """One number a class, in the order of the model's classes."""

    values: tuple[float, ...]


class Heads(msgspec.Struct, frozen=True, array_like=True, tag="heads"):
    """Several named numbers of one model."""

    values: dict[str, float]


Output: TypeAlias = Number | ClassVector | Heads


class Prediction(msgspec.Struct, array_like=True, kw_only=True, gc=False):
    """Everything about one prediction. Not frozen, because the journal sets `journal_seq`; change nothing else.

    id              UUIDv7, unique
    request_id      the client's idempotency key; a repeated (request_id, row, version, role) is read once; "" = none
    row             number of the row within its request, from 0
    model, version  who predicted
    schema          digest of the `LogSchema` that `inputs` and `encoded` follow
    unit            what an experiment would randomise, as text
    event_time      microseconds since 1970 UTC by the clock of events (virtual in a replay)
    logged_at       microseconds since 1970 UTC by the real clock
    inputs          raw inputs, context and unit in schema order; () where the request could not be read
    encoded         encoded columns in schema order as little-endian float64; b"" where nothing was encoded
    output          what the model said; None where it said nothing
    status, error   `ok`, or `error` with one sentence
    latency         seconds from request read to record written
    plan, attempt   number of the plan that routed it; release attempt in progress, "" = none
    role            champion, canary, shadow, standby, arm, fallback or person
    propensity      probability with which this role or arm was chosen
    probabilities   the whole vector `propensity` was drawn from; () = not drawn
    experiment, arm "" = none
    position        place in a ranking, from 0; None = not ranked
    candidates      what was ranked; () = nothing
    decision        what the answer told the caller to do, such as `defer`; "" = just the output; UNANSWERED: it was
                    not told anything
    node, build     who answered, and with which source (Roadworthy's version and the user's source digest)
    cleaned         sampled: the values before encoding, in schema order; None = not sampled
    journal_seq     set by the journal: counts all records of one worker start, so a gap proves a loss
    """

    id: str
    request_id: str = ""
    row: int = 0
    namespace: str = DEFAULT_NAMESPACE
    model: str
    version: int
    schema: str
    unit: str
    event_time: int
    logged_at: int
    inputs: tuple[Any, ...]
    encoded: bytes = b""
    output: Output | None = None
    status: Status = "ok"
    error: str = ""
    latency: float = 0.0
    plan: int = 0
    attempt: str = ""
    role: str = "champion"
    propensity: float = 1.0
    probabilities: tuple[float, ...] = ()
    experiment: str = ""
    arm: str = ""
    position: int | None = None
    candidates: tuple[str, ...] = ()
    decision: str = ""
    node: str = ""
    build: str = ""
    cleaned: tuple[Any, ...] | None = None
    journal_seq: int = -1


class Group(msgspec.Struct, array_like=True, kw_only=True, gc=False):
    """Predictions that one version said in one write: what they share stands once, the rest in lists of equal length.

    Fields as in `Prediction`, in the plural where every row has its own; what is not here has its default there.
    Checked by the journal in number only, since it is made for every request.

    inputs        one tuple a row in schema order, () for a row that could not be read
    encoded       all rows' encoded columns, row by row, as little-endian float64; b"" where nothing was encoded
    outputs       one number a row; None where the version said nothing
    journal_seq   of the first row, set by the journal; the others follow
    """

    namespace: str = DEFAULT_NAMESPACE
    model: str
    version: int
    schema: str
    logged_at: int
    plan: int = 0
    attempt: str = ""
    role: str = "champion"
    propensity: float = 1.0
    probabilities: tuple[float, ...] = ()
    experiment: str = ""
    arm: str = ""
    decision: str = ""
    node: str = ""
    build: str = ""
    status: Status = "ok"
    error: str = ""
    journal_seq: int = -1
    ids: list[str]
    request_ids: list[str]
    rows: list[int]
    units: list[str]
    event_times: list[int]
    latencies: list[float]
    inputs: list[tuple[Any, ...]]
    encoded: bytes = b""
    outputs: list[float] | None = None

    def predictions(self) -> list[Prediction]:
        """The records that stand for the rows, in their order."""
        width = len(self.encoded) // len(self.ids) if self.ids else 0
        outputs: list[Number] | list[None]
        outputs = (
            [None] * len(self.ids) if self.outputs is None else [Number(value) for value in self.outputs]
        )
        found = []
        for place, (key, request, row, unit, event_time, latency, inputs, output) in enumerate(
            zip(
                self.ids,
                self.request_ids,
                self.rows,
                self.units,
                self.event_times,
                self.latencies,
                self.inputs,
                outputs,
                strict=True,
            )
        ):
            found.append(
                Prediction(
                    id=key,
                    request_id=request,
                    row=row,
                    namespace=self.namespace,
                    model=self.model,
                    version=self.version,
                    schema=self.schema,
                    unit=unit,
                    event_time=event_time,
                    logged_at=self.logged_at,
                    inputs=inputs,
                    encoded=self.encoded[place * width : (place + 1) * width],
                    output=output,
                    status=self.status,
                    error=self.error,
                    latency=latency,
                    plan=self.plan,
                    attempt=self.attempt,
                    role=self.role,
                    propensity=self.propensity,
                    probabilities=self.probabilities,
                    experiment=self.experiment,
                    arm=self.arm,
                    decision=self.decision,
                    node=self.node,
                    build=self.build,
                    journal_seq=self.journal_seq + place if self.journal_seq >= 0 else -1,
                )
            )
        return found


class Outcome(msgspec.Struct, array_like=True, kw_only=True, gc=False):
    """What turned out to be true, later. Not frozen, because the journal sets `journal_seq`.

    id             unique for one fact; the same (id, revision) again is the same outcome
    model          whose predictions it is about
    name           of the outcome, such as `late`
    value          1.0 and 0.0 for yes and no, or an amount; NaN = withdrawn: as if it had never happened
    prediction_id  the prediction it belongs to; "" = it belongs to `unit`
    unit           the unit it belongs to; every prediction of that unit within the window gets it
    event_time     when it happened, microseconds since 1970 UTC; of one id that of the first to arrive counts
    arrival_time   when it became known, by the clock of events (virtual in a replay): nobody sees it earlier
    logged_at      when it was written, by the real clock
    revision       a correction of the same id has a higher number; the latest one visible counts
    source         who said so
    journal_seq    set by the journal
    """

    id: str
    namespace: str = DEFAULT_NAMESPACE
    model: str
    name: str
    value: float
    prediction_id: str = ""
    unit: str = ""
    event_time: int
    arrival_time: int
    logged_at: int
    revision: int = 0
    source: str = ""
    journal_seq: int = -1
