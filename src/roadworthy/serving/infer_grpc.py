"""The Open Inference Protocol v2 over gRPC: a server beside HTTP in the worker's process, on a port of its own.

Not here: tensors (infer_tensors) and who is asked (infer). The same tokens (metadata `authorization`), limits, log and
telemetry as over HTTP. It binds this machine's loopback address only: who exposes it puts a proxy with TLS before it.
Needs the extra `grpc`; `__main__` loads this module only when a port is asked for.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol

import grpc

from roadworthy.errors import NotReady
from roadworthy.serving.access import Guard
from roadworthy.serving.exchange import Call, Rejected
from roadworthy.serving.infer import (
    EXTENSIONS,
    Answering,
    Asked,
    infer,
    model_metadata,
    require_version,
    sentences,
)
from roadworthy.serving.infer_messages import MESSAGES, SERVICE
from roadworthy.serving.infer_tensors import DATATYPES, Tensor, raw_bytes, raw_values
from roadworthy.serving.telemetry import Telemetry
from roadworthy.tokens import TokenScope

logger = logging.getLogger("roadworthy.worker")

HOST: Final = "127.0.0.1"
#: More requests at once are refused as exhausted; what waits for a model is bounded by its queue besides.
MAX_REQUESTS, MAX_STREAMS = 1_000, 100
#: gRPC sends the text of an error in a header, and peers refuse headers of more than 8 KiB.
_MOST_TEXT = 4_000

_CODES: Final[Mapping[int, Any]] = {
    400: grpc.StatusCode.INVALID_ARGUMENT, 413: grpc.StatusCode.INVALID_ARGUMENT, 422: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED, 403: grpc.StatusCode.PERMISSION_DENIED, 404: grpc.StatusCode.NOT_FOUND,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED, 503: grpc.StatusCode.UNAVAILABLE, 504: grpc.StatusCode.DEADLINE_EXCEEDED,
}  # fmt: skip

#: Field of `InferTensorContents` that holds the values of a datatype.
_CONTENTS: Final[Mapping[str, str]] = {
    "BOOL": "bool_contents", "BYTES": "bytes_contents", "FP32": "fp32_contents", "FP64": "fp64_contents",
    "INT64": "int64_contents", "UINT64": "uint64_contents",
    **dict.fromkeys(("INT8", "INT16", "INT32"), "int_contents"),
    **dict.fromkeys(("UINT8", "UINT16", "UINT32"), "uint_contents"),
}  # fmt: skip


class Serves(Answering, Protocol):
    """What gRPC needs of the handlers."""

    @property
    def release(self) -> str:
        """Version of Roadworthy."""
        ...

    @property
    def is_ready(self) -> bool:
        """Whether a plan is wholly loaded."""
        ...

    def knows(self, name: str) -> bool:
        """Whether a model of that name is served now."""
        ...


class GrpcServer:
    """The server of one worker.

    limit   largest request in bytes
    """

    def __init__(self, serves: Serves, guard: Guard, telemetry: Telemetry, limit: int) -> None:
        self._serves, self._guard, self._telemetry, self._limit = serves, guard, telemetry, limit
        self._server: Any = None

    async def start(self, port: int) -> int:
        """Listen, and return the port; several workers may listen on the same one. NotReady when it is taken."""
        self._server = grpc.aio.server(
            maximum_concurrent_rpcs=MAX_REQUESTS,
            options=[
                ("grpc.so_reuseport", 1),
                ("grpc.max_receive_message_length", self._limit),
                ("grpc.max_concurrent_streams", MAX_STREAMS),
            ],
        )
        methods: dict[str, tuple[Callable[[Any, Call], Awaitable[Any]], TokenScope | None]] = {
            "ServerLive": (self._live, None),
            "ServerReady": (self._ready, None),
            "ServerMetadata": (self._server_metadata, "read"),
            "ModelReady": (self._model_ready, "read"),
            "ModelMetadata": (self._model_metadata, "read"),
            "ModelInfer": (self._infer, "predict"),
        }
        handlers = {name: self._handler(name, *method) for name, method in methods.items()}
        self._server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, handlers)])
        try:
            bound: int = self._server.add_insecure_port(f"{HOST}:{port}")
        except RuntimeError as error:
            raise NotReady(
                f"port {port} of {HOST} cannot be bound for gRPC: {error}. Choose another one"
            ) from error
        await self._server.start()
        return bound

    async def stop(self, seconds: float) -> None:
        """Take no more requests, and let those in flight end within so many seconds."""
        if self._server is not None:
            await self._server.stop(seconds)

    def _handler(
        self, name: str, method: Callable[[Any, Call], Awaitable[Any]], scope: TokenScope | None
    ) -> Any:
        async def answer(request: Any, context: Any) -> Any:
            started_ns = time.perf_counter_ns()
            status: int | None = 200
            try:
                headers = _headers(context)
                if scope is not None:
                    self._guard.check(headers.get(b"authorization"), scope)
                return await method(request, Call(name, headers, b"", started_ns))
            except Rejected as rejected:
                status = rejected.status
                self._telemetry.error(rejected.kind)
                await context.abort(_CODES.get(status, grpc.StatusCode.INTERNAL), _text(rejected))
            except asyncio.CancelledError:  # the client left, or its time is over
                status = None
                self._telemetry.error("disconnected")
                raise
            except Exception:
                if context.cancelled() or context.done():
                    status = None
                    raise
                status = 500
                logger.exception("a gRPC request failed in a way nobody foresaw")
                self._telemetry.error("internal")
                await context.abort(grpc.StatusCode.INTERNAL, "the server failed; its log says why")
            finally:
                if status is not None:
                    self._count(name, request, status, started_ns)

        return grpc.unary_unary_rpc_method_handler(
            answer,
            request_deserializer=MESSAGES[f"{name}Request"].FromString,
            response_serializer=MESSAGES[f"{name}Response"].SerializeToString,
        )

    def _count(self, name: str, request: Any, status: int, started_ns: int) -> None:
        model = str(getattr(request, "model_name", "") or getattr(request, "name", ""))
        known = model if self._serves.knows(model) else ""
        self._telemetry.request(known, status)
        if known and name == "ModelInfer":
            self._telemetry.latency(known, (time.perf_counter_ns() - started_ns) / 1e9)

    async def _live(self, request: Any, call: Call) -> Any:
        return MESSAGES["ServerLiveResponse"](live=True)

    async def _ready(self, request: Any, call: Call) -> Any:
        return MESSAGES["ServerReadyResponse"](ready=self._serves.is_ready)

    async def _server_metadata(self, request: Any, call: Call) -> Any:
        metadata = MESSAGES["ServerMetadataResponse"]
        return metadata(name="roadworthy", version=self._serves.release, extensions=EXTENSIONS)

    async def _model_ready(self, request: Any, call: Call) -> Any:
        _, served = self._serves.served(request.name)
        require_version(served, request.version)
        return MESSAGES["ModelReadyResponse"](ready=True)

    async def _model_metadata(self, request: Any, call: Call) -> Any:
        _, served = self._serves.served(request.name)
        require_version(served, request.version)
        return MESSAGES["ModelMetadataResponse"](**model_metadata(served))

    async def _infer(self, request: Any, call: Call) -> Any:
        asked = Asked(
            request.model_name,
            request.model_version,
            request.id,
            _parameters(request.parameters),
            _tensors(request),
            [output.name for output in request.outputs],
        )
        inferred = await infer(self._serves, asked, call)
        outputs = [
            MESSAGES["InferOutputTensor"](name=one.name, datatype=one.datatype, shape=[len(one.values)])
            for one in inferred.outputs
        ]
        return MESSAGES["ModelInferResponse"](
            model_name=inferred.model,
            model_version=inferred.version,
            id=inferred.id,
            outputs=outputs,
            raw_output_contents=[raw_bytes(one) for one in inferred.outputs],
        )


def _headers(context: Any) -> dict[bytes, bytes]:
    """Metadata as the handlers read headers; the deadline of the call is among them unless the client sent its own."""
    headers = {
        key.encode(): value.encode() if isinstance(value, str) else bytes(value)
        for key, value in context.invocation_metadata() or ()
    }
    left = context.time_remaining()
    if left is not None and left < 1e6:
        headers.setdefault(b"x-roadworthy-deadline-ms", str(max(left * 1e3, 0.001)).encode())
    return headers


def _text(rejected: Rejected) -> str:
    text = sentences(rejected)
    return text if len(text) <= _MOST_TEXT else f"{text[:_MOST_TEXT]} … and more"


def _parameters(sent: Mapping[str, Any]) -> dict[str, Any]:
    chosen = {name: value.WhichOneof("parameter_choice") for name, value in sent.items()}
    return {name: getattr(sent[name], choice) if choice else None for name, choice in chosen.items()}


def _tensors(request: Any) -> list[Tensor]:
    """The inputs of a request: all in `raw_input_contents`, or each in its own contents."""
    raw = request.raw_input_contents
    tensors = []
    for number, sent in enumerate(request.inputs):
        values: list[Any] | None = None
        fault = f"a datatype that is none of {', '.join(DATATYPES)}"
        if raw and (number >= len(raw) or len(raw) != len(request.inputs)):
            fault = f"{len(raw):,} raw contents for {len(request.inputs):,} inputs"
        elif raw and sent.datatype in DATATYPES:
            try:
                values = raw_values(sent.datatype, raw[number])
            except ValueError as error:
                fault = str(error)
        elif sent.datatype in _CONTENTS:
            values = list(getattr(sent.contents, _CONTENTS[sent.datatype]))
        parameters = _parameters(sent.parameters)
        place = f"$.inputs[{number}]"
        tensors.append(Tensor(sent.name, sent.datatype, list(sent.shape), values, place, parameters, fault))
    return tensors
