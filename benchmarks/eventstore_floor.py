"""A gRPC server with the event store's messages that stores nothing: what gRPC alone costs.

An append is answered with success at once; a read sends bytes that were prepared beforehand.
It runs on the same event loop as the event store.
"""

from __future__ import annotations

import asyncio
import json
import signal
import uuid
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import uvloop
from esdbclient.protos.Grpc import shared_pb2, streams_pb2

from sandbox.eventstore.page import PAGE_EVENTS_MAX
from sandbox.eventstore.recorded_event import encode, now_ticks
from sandbox.eventstore.writes import ProposedEvent

EVENT_DATA = json.dumps({"amount": 1999, "currency": "USD", "note": "x" * 200}).encode()
EVENT_METADATA = json.dumps({"correlationId": str(uuid.uuid4()), "schema": 1}).encode()
EVENT_TYPE = "PaymentInitiated"
# As many as a read asks for, so that a read sends the bytes that the event store would send.
PREPARED = 6000
STOP_GRACE_S = 1.0


def _prepared() -> list[bytes]:
    created = now_ticks()
    return [
        encode(
            ProposedEvent(uuid.uuid4().bytes, EVENT_TYPE, True, EVENT_DATA, EVENT_METADATA),
            stream=f"payment-{uuid.uuid4()}",
            number=0,
            position=position,
            created=created,
        )
        for position in range(1, PREPARED + 1)
    ]


async def _batch_append(requests: AsyncIterator[streams_pb2.BatchAppendReq], context: Any) -> None:
    async for request in requests:
        success = streams_pb2.BatchAppendResp.Success(
            current_revision=0,
            position=shared_pb2.AllStreamPosition(commit_position=1, prepare_position=1),
        )
        response = streams_pb2.BatchAppendResp(
            correlation_id=request.correlation_id,
            stream_identifier=request.options.stream_identifier,
            success=success,
        )
        await context.write(response)


async def main() -> None:
    """Serve on a free port, printed on stdout, until SIGTERM."""
    prepared = _prepared()

    async def read(request: streams_pb2.ReadReq, context: Any) -> None:
        left = min(request.options.count, PREPARED)
        for first in range(0, left, PAGE_EVENTS_MAX):
            for response in prepared[first : min(left, first + PAGE_EVENTS_MAX)]:
                await context.write(response)

    pb = streams_pb2
    methods = {
        "Read": grpc.unary_stream_rpc_method_handler(read, pb.ReadReq.FromString, None),
        "BatchAppend": grpc.stream_stream_rpc_method_handler(
            _batch_append, pb.BatchAppendReq.FromString, pb.BatchAppendResp.SerializeToString
        ),
    }
    server = grpc.aio.server()
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("event_store.client.streams.Streams", methods),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    print(json.dumps({"eventstore": f"esdb://127.0.0.1:{port}?Tls=false"}), flush=True)
    await stopped.wait()
    await server.stop(STOP_GRACE_S)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
