"""The RPCs `Streams.Delete` (the stream can be written again) and `Streams.Tombstone` (never)."""

from __future__ import annotations

from typing import Any, assert_never

from esdbclient.protos.Grpc import streams_pb2

from sandbox.eventstore.append_requests import expected_revision
from sandbox.eventstore.append_service import APPEND_TIMEOUT_S
from sandbox.eventstore.group_commit import StorageFailed, WriteRefused
from sandbox.eventstore.read_requests import stream_name
from sandbox.eventstore.refusals import (
    Refusal,
    end_call,
    stream_deleted,
    timed_out,
    wrong_revision_of_delete,
)
from sandbox.eventstore.store import Store
from sandbox.eventstore.writes import (
    Delete,
    StreamIsDeleted,
    Tombstone,
    TooLate,
    Written,
    WrongRevision,
)

DeleteResp = streams_pb2.DeleteResp
TombstoneResp = streams_pb2.TombstoneResp


class DeleteService:
    """Deletes streams; here a wrong expected revision is a status, not an answer."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def delete(self, request: streams_pb2.DeleteReq, context: Any) -> DeleteResp | None:
        """Hide what a stream holds."""
        try:
            name = stream_name(request.options.stream_identifier.stream_name)
            position = await self._write(Delete(name, expected_revision(request.options)))
        except (Refusal, WriteRefused, StorageFailed) as error:
            await end_call(context, error)
            return None
        at = DeleteResp.Position(commit_position=position, prepare_position=position)
        return DeleteResp(position=at)

    async def tombstone(
        self, request: streams_pb2.TombstoneReq, context: Any
    ) -> TombstoneResp | None:
        """Close a stream for ever."""
        try:
            name = stream_name(request.options.stream_identifier.stream_name)
            position = await self._write(Tombstone(name, expected_revision(request.options)))
        except (Refusal, WriteRefused, StorageFailed) as error:
            await end_call(context, error)
            return None
        at = TombstoneResp.Position(commit_position=position, prepare_position=position)
        return TombstoneResp(position=at)

    async def _write(self, write: Delete | Tombstone) -> int:
        match outcome := await self._store.writer.outcome(write, APPEND_TIMEOUT_S):
            case Written():
                return outcome.position
            case WrongRevision(current):
                raise wrong_revision_of_delete(write.stream, write.expected, current)
            case StreamIsDeleted():
                raise stream_deleted(write.stream)
            case TooLate():
                raise timed_out("delete")
            case _:
                assert_never(outcome)
