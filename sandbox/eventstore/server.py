"""The gRPC server: binds the port, offers the services, stops without leaving anyone hanging."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import socket
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import grpc.aio
import structlog
import uvloop
from esdbclient.protos.Grpc import gossip_pb2, shared_pb2, streams_pb2

from payment_gateway.infrastructure.garbage import keep_what_is_there
from sandbox.eventstore.append_service import AppendService
from sandbox.eventstore.batch_append_service import BatchAppendService
from sandbox.eventstore.data_dir import EventStoreCannotStart, held_data_dir
from sandbox.eventstore.database import UnknownSchema
from sandbox.eventstore.delete_service import DeleteService
from sandbox.eventstore.gossip_service import GossipService
from sandbox.eventstore.groups import service as group_service
from sandbox.eventstore.groups.registry import Groups, open_groups
from sandbox.eventstore.read_service import ReadService
from sandbox.eventstore.store import Store, open_store

# What EventStoreDB accepts; an append is far smaller.
REQUEST_BYTES_MAX = 16 * 1024 * 1024
CALLS_MAX = 4096
# How long calls that run may take to end by themselves when the server stops.
STOP_GRACE_S = 2.0
_OPTIONS = (
    ("grpc.max_receive_message_length", REQUEST_BYTES_MAX),
    ("grpc.max_send_message_length", -1),
    ("grpc.so_reuseport", 0),  # a second server on the port must fail, not share it
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 1000),
)


@dataclass(frozen=True, slots=True)
class RunningEventStore:
    """A server that accepts calls."""

    host: str
    port: int

    @property
    def uri(self) -> str:
        """The address as EventStoreDB clients take it."""
        return f"esdb://{self.host}:{self.port}?Tls=false"


@asynccontextmanager
async def serve(
    data_dir: Path, host: str = "127.0.0.1", port: int = 0, *, advertised_host: str | None = None
) -> AsyncIterator[RunningEventStore]:
    """Serve the event store of a folder until the block ends.

    Args:
        data_dir: Holds everything; created if it does not exist.
        host: Address to listen on.
        port: Port to listen on; 0 chooses a free one.
        advertised_host: What gossip tells clients to connect to, ``host`` unless given.

    Raises:
        EventStoreCannotStart: The message is one line that says what to do.
    """
    async with AsyncExitStack() as stack:
        database = stack.enter_context(held_data_dir(data_dir))
        try:
            store = await stack.enter_async_context(open_store(database))
        except (sqlite3.Error, UnknownSchema) as error:
            raise EventStoreCannotStart(
                f"the event store cannot open {database} ({error}); "
                "restore it from a backup or give another --data-dir"
            ) from error
        yield await stack.enter_async_context(
            serve_store(store, host, port, advertised_host=advertised_host)
        )


@asynccontextmanager
async def serve_store(
    store: Store, host: str, port: int, *, advertised_host: str | None = None
) -> AsyncIterator[RunningEventStore]:
    """Offer a store that is already open; see ``serve``."""
    server = grpc.aio.server(options=_OPTIONS, maximum_concurrent_rpcs=CALLS_MAX)
    bound = _bind(server, host, port)
    async with open_groups(store) as groups:
        _offer(server, store, groups, GossipService(advertised_host or host, bound))
        await server.start()
        try:
            yield RunningEventStore(host, bound)
        finally:
            store.commits.close()
            await server.stop(STOP_GRACE_S)


def run(data_dir: Path, host: str, port: int, *, advertised_host: str | None = None) -> int:
    """Serve until SIGTERM or SIGINT; return the exit code of the process.

    When the server is ready, one line of JSON with its address is printed on stdout.
    """
    if not structlog.is_configured():
        _log_to_stderr()
    keep_what_is_there()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_run(data_dir, host, port, advertised_host))
    except EventStoreCannotStart as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _log_to_stderr() -> None:
    """Write one JSON document a line, and nothing of it on stdout.

    Through the standard library's handler: a line that cannot be written, on a disk that is full, is lost and
    stops nobody.
    """
    handler = logging.StreamHandler(sys.stderr)
    ours = logging.getLogger("sandbox.eventstore")
    ours.addHandler(handler)
    ours.setLevel(logging.INFO)
    ours.propagate = False
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
    )


async def _run(data_dir: Path, host: str, port: int, advertised_host: str | None) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for stop in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(stop, stopped.set)
    async with serve(data_dir, host, port, advertised_host=advertised_host) as running:
        print(json.dumps({"eventstore": running.uri}), flush=True)
        await stopped.wait()


def _bind(server: grpc.aio.Server, host: str, port: int) -> int:
    """Bind the port; try it first without gRPC, whose own complaint is several lines long."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
        bound: int = server.add_insecure_port(
            f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        )
    except (OSError, RuntimeError) as error:
        raise EventStoreCannotStart(
            f"the event store cannot listen on {host}:{port} ({error}); "
            "stop what uses the port or give another --port"
        ) from error
    return bound


def _offer(server: grpc.aio.Server, store: Store, groups: Groups, gossip: GossipService) -> None:
    reads, appends = ReadService(store), AppendService(store)
    batches, deletes = BatchAppendService(store), DeleteService(store)
    pb = streams_pb2
    streams = {
        # Responses are stored as they are sent: nothing is left to serialise.
        "Read": grpc.unary_stream_rpc_method_handler(reads.read, pb.ReadReq.FromString, None),
        "Append": grpc.stream_unary_rpc_method_handler(
            appends.append, pb.AppendReq.FromString, pb.AppendResp.SerializeToString
        ),
        "BatchAppend": grpc.stream_stream_rpc_method_handler(
            batches.batch_append,
            pb.BatchAppendReq.FromString,
            pb.BatchAppendResp.SerializeToString,
        ),
        "Delete": grpc.unary_unary_rpc_method_handler(
            deletes.delete, pb.DeleteReq.FromString, pb.DeleteResp.SerializeToString
        ),
        "Tombstone": grpc.unary_unary_rpc_method_handler(
            deletes.tombstone, pb.TombstoneReq.FromString, pb.TombstoneResp.SerializeToString
        ),
    }
    gossips = {
        "Read": grpc.unary_unary_rpc_method_handler(
            gossip.read, shared_pb2.Empty.FromString, gossip_pb2.ClusterInfo.SerializeToString
        )
    }
    server.add_generic_rpc_handlers(
        (
            grpc.method_handlers_generic_handler("event_store.client.streams.Streams", streams),
            grpc.method_handlers_generic_handler(
                group_service.SERVICE, group_service.GroupService(store, groups).handlers()
            ),
            grpc.method_handlers_generic_handler("event_store.client.gossip.Gossip", gossips),
        )
    )
