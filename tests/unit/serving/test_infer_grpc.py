"""What the gRPC server of a worker counts; what it answers is tested with an existing client (e2e)."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from roadworthy.serving.access import Guard
from roadworthy.serving.exchange import Call
from roadworthy.serving.telemetry import Telemetry

grpc = pytest.importorskip("grpc")
module = pytest.importorskip("roadworthy.serving.infer_grpc")
messages = pytest.importorskip("roadworthy.serving.infer_messages")


def test_a_client_that_leaves_is_not_counted_as_answered() -> None:
    """As over HTTP: it is counted as gone, and among the requests not at all."""
    telemetry = Telemetry()
    begun, ended = asyncio.Event(), asyncio.Event()

    class Slow(module.GrpcServer):  # type: ignore[misc, name-defined]  # found at run time
        """A server that never says whether it is ready."""

        async def _ready(self, request: Any, call: Call) -> Any:
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

    async def played() -> None:
        serves = SimpleNamespace(knows=lambda name: False)
        server = Slow(serves, Guard(), telemetry, 1_000)
        port = await server.start(0)
        async with grpc.aio.insecure_channel(f"{module.HOST}:{port}") as channel:
            ask = channel.unary_unary(
                f"/{messages.SERVICE}/ServerReady",
                request_serializer=messages.MESSAGES["ServerReadyRequest"].SerializeToString,
                response_deserializer=messages.MESSAGES["ServerReadyResponse"].FromString,
            )
            async with asyncio.timeout(20):
                asked = ask(messages.MESSAGES["ServerReadyRequest"]())
                await begun.wait()
                asked.cancel()
                await ended.wait()
        await server.stop(1)

    asyncio.run(played())
    samples = telemetry.samples()
    assert samples["roadworthy_errors_total"] == {'kind="disconnected"': 1}
    assert samples["roadworthy_requests_total"] == {}
