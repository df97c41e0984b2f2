"""The RPC `Streams.Append`: one write, one event a message."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, assert_never

from esdbclient.protos.Grpc import streams_pb2

from sandbox.eventstore.append_requests import expected_revision, proposed_events
from sandbox.eventstore.group_commit import StorageFailed, WriteRefused
from sandbox.eventstore.read_requests import stream_name
from sandbox.eventstore.refusals import (
    APPEND_BYTES_MAX,
    Refusal,
    append_too_large,
    end_call,
    invalid,
    stream_deleted,
    timed_out,
)
from sandbox.eventstore.store import Store
from sandbox.eventstore.writes import (
    ANY,
    NO_STREAM,
    STREAM_EXISTS,
    Append,
    StreamIsDeleted,
    TooLate,
    Written,
    WrongRevision,
)

# How long a write may wait for its turn and its commit.
APPEND_TIMEOUT_S = 10.0
# Events of one call; far more than fit into one append, even with empty ones.
MESSAGES_MAX = 100_000

AppendReq = streams_pb2.AppendReq
AppendResp = streams_pb2.AppendResp


class AppendService:
    """Collects the events of a call and writes them when the caller has sent all."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def append(self, requests: AsyncIterator[AppendReq], context: Any) -> AppendResp | None:
        """Write and answer; a wrong expected revision is an ordinary answer."""
        try:
            append = await _collected(requests)
            match outcome := await self._store.writer.outcome(append, APPEND_TIMEOUT_S):
                case Written():
                    return _success(outcome)
                case WrongRevision(current):
                    return _wrong_revision(append.expected, current)
                case StreamIsDeleted():
                    raise stream_deleted(append.stream)
                case TooLate():
                    raise timed_out("append")
                case _:
                    assert_never(outcome)
        except (Refusal, WriteRefused, StorageFailed) as error:
            await end_call(context, error)
        return None


async def _collected(requests: AsyncIterator[AppendReq]) -> Append:
    options: AppendReq.Options | None = None
    messages: list[AppendReq.ProposedMessage] = []
    async for request in requests:
        if request.WhichOneof("content") == "options":
            options = request.options
        else:
            messages.append(request.proposed_message)
        if len(messages) > MESSAGES_MAX:
            raise append_too_large()
    if options is None:
        raise invalid("The first message of an append must have options.")
    name = stream_name(options.stream_identifier.stream_name)
    append = Append(name, expected_revision(options), proposed_events(messages))
    if append.size > APPEND_BYTES_MAX:
        raise append_too_large()
    return append


def _success(written: Written) -> AppendResp:
    success = AppendResp.Success(
        position=AppendResp.Position(
            commit_position=written.position, prepare_position=written.position
        )
    )
    if written.revision < 0:
        success.no_stream.SetInParent()
    else:
        success.current_revision = written.revision
    return AppendResp(success=success)


def _wrong_revision(expected: int, current: int) -> AppendResp:
    """Say it twice, in the fields of today and in those that clients before 20.6.1 read."""
    wrong = AppendResp.WrongExpectedVersion()
    if current < 0:
        wrong.current_no_stream.SetInParent()
        wrong.no_stream_20_6_0.SetInParent()
    else:
        wrong.current_revision = wrong.current_revision_20_6_0 = current
    match expected:
        case _ if expected == ANY:
            wrong.expected_any.SetInParent()
            wrong.any_20_6_0.SetInParent()
        case _ if expected == STREAM_EXISTS:
            wrong.expected_stream_exists.SetInParent()
            wrong.stream_exists_20_6_0.SetInParent()
        case _ if expected == NO_STREAM:
            wrong.expected_no_stream.SetInParent()
        case _:
            wrong.expected_revision = wrong.expected_revision_20_6_0 = expected
    return AppendResp(wrong_expected_version=wrong)
