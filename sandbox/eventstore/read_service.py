"""The RPC `Streams.Read`: reads and catch-up subscriptions."""

from __future__ import annotations

import sqlite3
from contextlib import aclosing
from typing import Any

from esdbclient.protos.Grpc import streams_pb2

from sandbox.eventstore.commits import StoreIsClosing
from sandbox.eventstore.read_requests import parsed
from sandbox.eventstore.recorded_event import with_structured_ids
from sandbox.eventstore.refusals import Refusal, end_call
from sandbox.eventstore.store import Store


class ReadService:
    """Sends stored responses as they are."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def read(self, request: streams_pb2.ReadReq, context: Any) -> None:
        """Answer a read to its end, or a subscription until it is cancelled."""
        try:
            query = parsed(request.options)
            structured = request.options.uuid_option.WhichOneof("content") == "structured"
            async with aclosing(query.responses(self._store)) as batches:
                async for responses in batches:
                    self._store.commits.check_open()
                    for response in responses:
                        await context.write(
                            with_structured_ids(response) if structured else response
                        )
        except (Refusal, StoreIsClosing, sqlite3.Error) as error:
            await end_call(context, error)
