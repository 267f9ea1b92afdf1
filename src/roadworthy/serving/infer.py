"""The Open Inference Protocol v2, whatever carries it: who is asked, what came of it, and what is served.

Not here: tensors (infer_tensors), JSON and binary bodies (infer_rest), gRPC (infer_grpc), and answering (handlers). The
plan decides who answers, so a version can be named only where it alone does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import msgspec

from roadworthy.serving.exchange import Call, Rejected
from roadworthy.serving.faults import invalid, shown
from roadworthy.serving.infer_tensors import OUTPUTS, READ, Output, Tensor, fields_of, read_tensors, relocated
from roadworthy.serving.questions import Predicted, Question
from roadworthy.serving.requests import PredictRequest
from roadworthy.serving.table import Served, Table

EXTENSIONS: Final = ("binary_tensor_data",)
_DEADLINE: Final = b"x-roadworthy-deadline-ms"


class Answering(Protocol):
    """What this protocol needs of the handlers."""

    def served(self, name: str) -> tuple[Table, Served]:
        """The model of that name; Rejected (404, 503) without one."""
        ...

    def question(self, call: Call, table: Table, served: Served, request: PredictRequest) -> Question:
        """A request on its way through; Rejected (400) for headers that cannot be."""
        ...

    async def ask(self, question: Question) -> Predicted:
        """The logged answer; Rejected where there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it was carried here.

    version   number of the only version that may answer; "" = whichever the plan says
    id        the client's idempotency key, "" without one
    outputs   names of the outputs that are wanted; none = the usual ones
    """

    model: str
    version: str
    id: str
    parameters: Mapping[str, Any]
    tensors: Sequence[Tensor]
    outputs: Sequence[str]


@dataclass(frozen=True, slots=True)
class Inferred:
    """An answer; `version` is "" when several versions answered."""

    model: str
    version: str
    id: str
    outputs: list[Output]


async def infer(answering: Answering, asked: Asked, call: Call) -> Inferred:
    """Answer a request by the same way as `:predict`; Rejected with all faults where the tensors stand.

    call   its headers, and when it was read
    """
    table, served = answering.served(asked.model)
    require_version(served, asked.version)
    request, places = read_tensors(served, asked.tensors, asked.id, asked.parameters, asked.outputs)
    timeout = asked.parameters.get("timeout")
    if timeout is not None:
        deadline = _sooner(call.header(_DEADLINE), timeout)
        call = msgspec.structs.replace(call, headers={**call.headers, _DEADLINE: deadline})
    question = answering.question(call, table, served, request)
    try:
        predicted = await answering.ask(question)
    except Rejected as rejected:
        if not rejected.faults:
            raise
        raise invalid(relocated(rejected.faults, places, places)) from None
    return Inferred(served.name, version_of(predicted), asked.id, outputs_of(predicted, asked.outputs))


def _sooner(deadline: bytes | None, timeout: Any) -> bytes:
    """The smaller of a deadline in milliseconds and a timeout in microseconds; what is no such number is refused later.

    >>> _sooner(None, 1_500), _sooner(b"20", 1_500), _sooner(b"1", 1_500), _sooner(None, "soon")
    (b'1.5', b'1.5', b'1.0', b'-1.0')
    """
    milliseconds = timeout / 1_000 if isinstance(timeout, int) and timeout < 2**63 else -1.0
    try:
        return str(milliseconds if deadline is None else min(float(deadline), milliseconds)).encode()
    except ValueError:
        return deadline or b""


def outputs_of(predicted: Predicted, wanted: Sequence[str]) -> list[Output]:
    """The tensors of an answer: those asked for, else the usual ones and those that say something unusual."""
    unusual = {"decision": predicted.decisions, "fallback": predicted.fallback}
    wanted = wanted or [name for name in OUTPUTS if name not in unusual or unusual[name]]
    return [Output(name, OUTPUTS[name], _values(predicted, name)) for name in wanted]


def _values(predicted: Predicted, name: str) -> list[Any]:
    """One value of every row."""
    rows = range(len(predicted.outputs))
    if name == "decision":
        return [predicted.decisions.get(row, "") for row in rows]
    if name == "fallback":
        fallback = set(predicted.fallback)
        return [row in fallback for row in rows]
    usual: dict[str, list[Any]] = {
        "output": predicted.outputs,
        "id": predicted.ids,
        "version": predicted.versions,
    }
    return usual[name]


def version_of(predicted: Predicted) -> str:
    """The version that answered; "" when several did, see the output `version`."""
    found = set(predicted.versions)
    return str(found.pop()) if len(found) == 1 else ""


def require_version(served: Served, version: str) -> None:
    """Rejected (404) unless the plan lets that version alone answer; "" names none and is always right."""
    if not version:
        return
    route = served.route
    split = route.canary is not None and route.canary_share > 0.0
    answering = {
        *((route.canary,) if split else ()),
        *((route.champion,) if not split or route.canary_share < 1.0 else ()),
    }
    if {str(number) for number in answering} == {version}:
        return
    numbers = sorted(number for number in answering if number is not None)
    if None in answering:
        why = f"{served.name} has no champion yet"
    elif len(numbers) == 1:
        why = f"the plan lets version {numbers[0]} answer"
    else:
        why = f"the plan splits traffic between versions {numbers[0]} and {numbers[1]}"
    raise Rejected(
        404,
        "version_does_not_answer",
        f"{shown(served.name)}@{shown(version)} cannot be asked: {why}. Name no version",
    )


def model_metadata(served: Served) -> dict[str, Any]:
    """What the protocol's metadata says of a model."""
    formats = sorted({loaded.scorer.model.estimator_format for loaded in served.versions.values()})
    inputs = [
        {"name": name, "datatype": "FP64" if one.kind == "number" else READ[one.kind][0], "shape": [-1]}
        for name, one in fields_of(served).items()
    ]
    outputs = [{"name": name, "datatype": datatype, "shape": [-1]} for name, datatype in OUTPUTS.items()]
    return {
        "name": served.name,
        "versions": [str(version) for version in sorted(served.versions)],
        "platform": f"roadworthy_{'_'.join(formats)}",
        "inputs": inputs,
        "outputs": outputs,
    }


def sentences(rejected: Rejected) -> str:
    """A refusal as one text, as this protocol wants it: the message, then a line for each fault."""
    listed = [
        f"  {fault.path}: expected {fault.expected}, got {fault.got}" for fault in rejected.faults[:100]
    ]
    return "\n".join([str(rejected), *listed])
