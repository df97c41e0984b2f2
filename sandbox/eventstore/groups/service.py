"""The RPCs of `PersistentSubscriptions`."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import grpc
from esdbclient.protos.Grpc import persistent_pb2, shared_pb2

from sandbox.eventstore.append_requests import event_id_bytes
from sandbox.eventstore.commits import StoreIsClosing
from sandbox.eventstore.group_commit import StorageFailed, WriteRefused
from sandbox.eventstore.groups.consumer import Consumer
from sandbox.eventstore.groups.delivery import Answer
from sandbox.eventstore.groups.group import Group
from sandbox.eventstore.groups.info import info_of
from sandbox.eventstore.groups.registry import Groups
from sandbox.eventstore.groups.requests import (
    defined_key,
    expression_of,
    key_of,
    listed_source,
    settings_of,
    start_of,
)
from sandbox.eventstore.recorded_event import with_structured_ids
from sandbox.eventstore.refusals import Refusal, end_call, invalid
from sandbox.eventstore.store import Store

SERVICE = "event_store.client.persistent_subscriptions.PersistentSubscriptions"
_ERRORS = (Refusal, WriteRefused, StorageFailed, StoreIsClosing, sqlite3.Error)

pb = persistent_pb2
Nack = persistent_pb2.ReadReq.Nack
# `Skip` and `Stop` are the same to EventStoreDB.
_ANSWERS = {Nack.Unknown: Answer.RETRY, Nack.Retry: Answer.RETRY, Nack.Park: Answer.PARK}


class GroupService:
    """Manages groups, and delivers to their consumers."""

    def __init__(self, store: Store, groups: Groups) -> None:
        self._store = store
        self._groups = groups

    async def create(self, request: pb.CreateReq, context: Any) -> pb.CreateResp | None:
        """Make a group."""
        options = request.options
        try:
            settings, expression = settings_of(options), expression_of(options)
            await self._groups.create(defined_key(options), start_of(options), expression, settings)
        except _ERRORS as error:
            await end_call(context, error)
        return pb.CreateResp()

    async def update(self, request: pb.UpdateReq, context: Any) -> pb.UpdateResp | None:
        """Change a group."""
        options = request.options
        try:
            settings = settings_of(options)
            await self._groups.update(defined_key(options), start_of(options), settings)
        except _ERRORS as error:
            await end_call(context, error)
        return pb.UpdateResp()

    async def delete(self, request: pb.DeleteReq, context: Any) -> pb.DeleteResp | None:
        """Drop a group."""
        try:
            await self._groups.delete(key_of(request.options))
        except _ERRORS as error:
            await end_call(context, error)
        return pb.DeleteResp()

    async def get_info(self, request: pb.GetInfoReq, context: Any) -> pb.GetInfoResp | None:
        """Describe a group."""
        try:
            group = self._groups.get(key_of(request.options))
            return pb.GetInfoResp(subscription_info=await info_of(self._store, group))
        except _ERRORS as error:
            await end_call(context, error)
        return None

    async def list(self, request: pb.ListReq, context: Any) -> pb.ListResp | None:
        """Describe the groups of one source, or all; none is no error."""
        try:
            groups = self._groups.of(listed_source(request.options))
            infos = [await info_of(self._store, group) for group in groups]
        except _ERRORS as error:
            await end_call(context, error)
            return None
        return pb.ListResp(subscriptions=infos)

    async def replay_parked(
        self, request: pb.ReplayParkedReq, context: Any
    ) -> pb.ReplayParkedResp | None:
        """Try parked messages again."""
        options = request.options
        stop_at = options.stop_at if options.WhichOneof("stop_at_option") == "stop_at" else None
        try:
            await self._groups.get(key_of(options)).replay(stop_at)
        except _ERRORS as error:
            await end_call(context, error)
        return pb.ReplayParkedResp()

    async def restart_subsystem(
        self, _request: shared_pb2.Empty, _context: Any
    ) -> shared_pb2.Empty:
        """Do nothing: no group here can be in a state that a restart would mend."""
        return shared_pb2.Empty()

    async def read(self, requests: AsyncIterator[pb.ReadReq], context: Any) -> None:
        """Deliver to one consumer until it goes away or the group is dropped."""
        try:
            options = (await anext(requests)).options
            group = self._groups.get(key_of(options))
            name = dict(context.invocation_metadata() or ()).get("connection-name", "")
            consumer = group.join(options.buffer_size, context.peer(), str(name))
            answers = asyncio.create_task(_take_answers(requests, group, consumer))
            try:
                key = group.definition.key
                confirmed = pb.ReadResp.SubscriptionConfirmation(
                    subscription_id=f"{key.source}::{key.name}"
                )
                response = pb.ReadResp(subscription_confirmation=confirmed)
                await context.write(response.SerializeToString())
                structured = options.uuid_option.WhichOneof("content") == "structured"
                await _deliver(consumer, context, structured=structured)
            finally:
                group.leave(consumer)
                answers.cancel()
                with suppress(asyncio.CancelledError):
                    await answers
        except StopAsyncIteration:
            await end_call(context, invalid("The first message of a read must have options."))
        except _ERRORS as error:
            await end_call(context, error)

    def handlers(self) -> dict[str, grpc.RpcMethodHandler]:
        """Return what the server offers by the name of the service."""
        unary = grpc.unary_unary_rpc_method_handler
        empty = shared_pb2.Empty
        return {
            "Create": unary(self.create, pb.CreateReq.FromString, pb.CreateResp.SerializeToString),
            "Update": unary(self.update, pb.UpdateReq.FromString, pb.UpdateResp.SerializeToString),
            "Delete": unary(self.delete, pb.DeleteReq.FromString, pb.DeleteResp.SerializeToString),
            "GetInfo": unary(
                self.get_info, pb.GetInfoReq.FromString, pb.GetInfoResp.SerializeToString
            ),
            "List": unary(self.list, pb.ListReq.FromString, pb.ListResp.SerializeToString),
            "ReplayParked": unary(
                self.replay_parked,
                pb.ReplayParkedReq.FromString,
                pb.ReplayParkedResp.SerializeToString,
            ),
            "RestartSubsystem": unary(
                self.restart_subsystem, empty.FromString, empty.SerializeToString
            ),
            # Responses are stored as they are sent: nothing is left to serialise.
            "Read": grpc.stream_stream_rpc_method_handler(self.read, pb.ReadReq.FromString, None),
        }


async def _deliver(consumer: Consumer, context: Any, *, structured: bool) -> None:
    while True:
        message = await consumer.next()
        response = message.response
        if structured:
            response = with_structured_ids(response)
        await context.write(response + _retry_count(message.retry_count))


def _retry_count(retries: int) -> bytes:
    """Return the bytes that add the count to a stored response.

    Both services' responses have the same fields but this one, and a parser merges what it finds
    twice. Source: Protocol Buffers documentation, "Encoding" (last one wins, merging of messages).
    """
    counted = pb.ReadResp(event=pb.ReadResp.ReadEvent(retry_count=retries))
    data: bytes = counted.SerializeToString()
    return data


async def _take_answers(
    requests: AsyncIterator[pb.ReadReq], group: Group, consumer: Consumer
) -> None:
    """Do what the consumer says; the end of its requests does not end its deliveries."""
    try:
        async for request in requests:
            match request.WhichOneof("content"):
                case "ack":
                    ids = [event_id_bytes(ack_id) for ack_id in request.ack.ids]
                    group.answer(consumer, ids, Answer.DONE)
                case "nack":
                    ids = [event_id_bytes(ack_id) for ack_id in request.nack.ids]
                    answer = _ANSWERS.get(request.nack.action, Answer.DONE)
                    group.answer(consumer, ids, answer, request.nack.reason)
                case _:
                    consumer.end(invalid("Options are for the first message of a read."))
    except Refusal as error:
        consumer.end(error)
