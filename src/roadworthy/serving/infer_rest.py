"""The Open Inference Protocol v2 over HTTP: its addresses, JSON bodies, and bodies with binary tensors behind the JSON.

Not here: tensors (infer_tensors) and who is asked (infer). A handler's `Call.name` is the whole path. Refusals are
`{"error": text}`, as the protocol has them, with the kind and the faults beside the text.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

import msgspec

from roadworthy.errors import Fault
from roadworthy.serving.exchange import Answer, Call, Rejected
from roadworthy.serving.faults import explain, invalid, kind_of, malformed_json
from roadworthy.serving.infer import (
    EXTENSIONS,
    Answering,
    Asked,
    Inferred,
    infer,
    model_metadata,
    require_version,
    sentences,
)
from roadworthy.serving.infer_tensors import DATATYPES, Tensor, raw_bytes, raw_values

MODELS = "/v2/models/"
_HEADER_LENGTH = b"inference-header-content-length"

_encode = msgspec.json.Encoder().encode

Route = tuple[
    Callable[[Call], Answer | Awaitable[Answer]], Literal["GET", "POST"], Literal["predict", "read"]
]


class _SentTensor(msgspec.Struct):
    name: str
    shape: list[int]
    datatype: str
    parameters: dict[str, Any] = {}
    data: list[Any] | None = None


class _SentOutput(msgspec.Struct):
    name: str
    parameters: dict[str, Any] = {}


class _Body(msgspec.Struct):
    inputs: list[_SentTensor]
    id: str = ""
    parameters: dict[str, Any] = {}
    outputs: list[_SentOutput] = []


_DECODER = msgspec.json.Decoder(_Body)


class InferRest:
    """The handlers of this protocol.

    release   version of Roadworthy
    """

    def __init__(self, answering: Answering, release: str) -> None:
        self._answering, self._release = answering, release

    def find(self, path: str) -> Route | None:
        """The handler of a path below `/v2/models/`, its method and the scope it wants; None without one."""
        _, _, action = split(path)
        routes: dict[str, Route] = {
            "": (self.model, "GET", "read"),
            "ready": (self.ready, "GET", "read"),
            "infer": (self.infer, "POST", "predict"),
        }
        return routes.get(action)

    def server(self, call: Call) -> Answer:
        """GET /v2."""
        content = {"name": "roadworthy", "version": self._release, "extensions": EXTENSIONS}
        return Answer(200, _encode(content))

    def model(self, call: Call) -> Answer:
        """GET /v2/models/{name}[/versions/{version}]."""
        return Answer(200, _encode(model_metadata(self._found(call))))

    def ready(self, call: Call) -> Answer:
        """GET /v2/models/{name}[/versions/{version}]/ready."""
        return Answer(200, _encode({"name": self._found(call).name, "ready": True}))

    async def infer(self, call: Call) -> Answer:
        """POST /v2/models/{name}[/versions/{version}]/infer."""
        name, version, _ = split(call.name)
        body, tensors = _decoded(call)
        names = [one.name for one in body.outputs]
        asked = Asked(name, version, body.id, body.parameters, tensors, names)
        inferred = await infer(self._answering, asked, call)
        everything = bool(body.parameters.get("binary_data_output"))
        binary = {one.name for one in body.outputs if one.parameters.get("binary_data", everything)} | {
            one.name for one in inferred.outputs if everything and not body.outputs
        }
        return _answer(inferred, binary)

    def _found(self, call: Call) -> Any:
        name, version, _ = split(call.name)
        _, served = self._answering.served(name)
        require_version(served, version)
        return served


def split(path: str) -> tuple[str, str, str]:
    """Model, version and action of a path below `/v2/models/`; the action "?" is none that there is.

    >>> split("/v2/models/delay/infer"), split("/v2/models/delay/versions/3")
    (('delay', '', 'infer'), ('delay', '3', ''))
    """
    parts = path.removeprefix(MODELS).split("/")
    version = ""
    if len(parts) > 2 and parts[1] == "versions" and parts[2]:
        version = parts[2]
        parts = [parts[0], *parts[3:]]
    action = "/".join(parts[1:])
    return parts[0], version, action if action in ("", "ready", "infer") and parts[0] else "?"


def model_of(path: str) -> str:
    """The model that a path names; "" for one that is not of this protocol."""
    return split(path)[0] if path.startswith(MODELS) else ""


def refused(rejected: Rejected) -> Answer:
    """A refusal as this protocol has it: one text, so that every client of it can show it."""
    usual: dict[str, Any] = msgspec.json.decode(rejected.answer().body)["error"]
    content = {"error": sentences(rejected), **{key: usual[key] for key in usual if key != "message"}}
    return Answer(rejected.status, _encode(content), headers=rejected.headers)


def _decoded(call: Call) -> tuple[_Body, list[Tensor]]:
    """The JSON of a body and its tensors; Rejected (400, 422)."""
    length = call.header(_HEADER_LENGTH)
    head, rest = call.body, b""
    if length is not None:
        if not length.isdigit() or int(length) > len(call.body):
            raise Rejected(
                400, "header_length", "Inference-Header-Content-Length is how many bytes of the body are JSON"
            )
        head, rest = call.body[: int(length)], call.body[int(length) :]
    try:
        body = _DECODER.decode(head)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _explained(head, error) from None
    tensors, at = [], 0
    for number, sent in enumerate(body.inputs):
        size = sent.parameters.get("binary_data_size")
        values, fault = sent.data, "neither data nor binary_data_size"
        if size is not None:
            values, fault = (
                None,
                f"a binary_data_size of {kind_of(size)} in a body with {len(rest):,} bytes of them",
            )
            if isinstance(size, int) and 0 <= size <= len(rest) - at and sent.datatype in DATATYPES:
                try:
                    values = raw_values(sent.datatype, rest[at : at + size])
                except ValueError as error:
                    fault = str(error)
                at += size
        elif (
            values is not None
            and values
            and all(isinstance(one, list) for one in values)
            and len(sent.shape) == 2
        ):
            values = [inner for one in values for inner in one]
        place = f"$.inputs[{number}]"
        tensors.append(Tensor(sent.name, sent.datatype, sent.shape, values, place, sent.parameters, fault))
    if at != len(rest):
        found = f"{len(rest):,} bytes, of which the inputs name {at:,}"
        raise invalid([Fault("$", "binary data that the inputs name with binary_data_size", found)])
    return body, tensors


def _answer(inferred: Inferred, binary: set[str]) -> Answer:
    """The answer, with the values of outputs in `binary` behind the JSON."""
    outputs, behind = [], []
    for one in inferred.outputs:
        output: dict[str, Any] = {"name": one.name, "datatype": one.datatype, "shape": [len(one.values)]}
        if one.name in binary:
            behind.append(raw_bytes(one))
            output["parameters"] = {"binary_data_size": len(behind[-1])}
        else:
            output["data"] = one.values
        outputs.append(output)
    content: dict[str, Any] = {"model_name": inferred.model, "outputs": outputs}
    if inferred.version:
        content["model_version"] = inferred.version
    if inferred.id:
        content["id"] = inferred.id
    head = _encode(content)
    if not behind:
        return Answer(200, head)
    headers = ((_HEADER_LENGTH, str(len(head)).encode()),)
    return Answer(200, b"".join([head, *behind]), b"application/octet-stream", headers)


def _explained(body: bytes, error: Exception) -> Rejected:
    """Everything that is wrong with the form of a body."""
    try:
        content = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as malformed:
        return malformed_json(body, malformed)
    if not isinstance(content, dict):
        return invalid([Fault("$", "an object with `inputs`", kind_of(content))])
    return invalid(_faults(content), error)


def _faults(content: Mapping[str, Any]) -> Iterator[Fault]:
    lists: Sequence[tuple[str, type[msgspec.Struct]]] = (("inputs", _SentTensor), ("outputs", _SentOutput))
    for name, expected in lists:
        listed = content.get(name)
        for number, one in enumerate(listed if isinstance(listed, list) else []):
            yield from explain(one, expected, f"$.{name}[{number}]")
