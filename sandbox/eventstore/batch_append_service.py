"""The RPC `Streams.BatchAppend`: any number of writes a call, each answered by its own id.

Unlike `Append`, a refused write is an answer like any other, with the reason packed into it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, assert_never

from esdbclient.protos.Grpc import code_pb2, shared_pb2, status_pb2, streams_pb2

from sandbox.eventstore.append_requests import expected_position, proposed_events
from sandbox.eventstore.append_service import APPEND_TIMEOUT_S
from sandbox.eventstore.group_commit import StorageFailed, WriteRefused
from sandbox.eventstore.read_requests import stream_name
from sandbox.eventstore.refusals import APPEND_BYTES_MAX, Refusal, end_call, invalid
from sandbox.eventstore.store import Store
from sandbox.eventstore.writes import (
    ANY,
    NO_STREAM,
    STREAM_EXISTS,
    Append,
    Outcome,
    StreamIsDeleted,
    TooLate,
    Written,
    WrongRevision,
)

# Writes of one call that have begun and are not complete yet.
UNFINISHED_MAX = 16
# Writes of one call that are complete and not answered yet; with more, the caller waits.
UNDER_WAY_MAX = 1_000
_NS_PER_S = 1_000_000_000

BatchAppendReq = streams_pb2.BatchAppendReq
BatchAppendResp = streams_pb2.BatchAppendResp


Details = (
    shared_pb2.BadRequest
    | shared_pb2.MaximumAppendSizeExceeded
    | shared_pb2.StreamDeleted
    | shared_pb2.Timeout
    | shared_pb2.WrongExpectedVersion
)


@dataclass(slots=True)
class _Batch:
    """One write, as far as it has been received."""

    options: BatchAppendReq.Options
    messages: list[BatchAppendReq.ProposedMessage] = field(default_factory=list)
    size: int = 0

    def add(self, request: BatchAppendReq) -> None:
        """Take more events; those beyond the limit are counted, not kept."""
        self.size += sum(len(message.data) for message in request.proposed_messages)
        if self.size <= APPEND_BYTES_MAX:
            self.messages.extend(request.proposed_messages)


class BatchAppendService:
    """Writes each batch as soon as it is complete, in the order of a call; several are committed together."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def batch_append(self, requests: AsyncIterator[BatchAppendReq], context: Any) -> None:
        """Answer every write of the call, each as soon as it can be."""
        try:
            async with asyncio.TaskGroup() as answers:
                await self._begin_all(requests, context, answers)
        except* (Refusal, WriteRefused, StorageFailed) as failures:
            error = failures.exceptions[0]
            assert isinstance(error, Refusal | WriteRefused | StorageFailed), "no group of groups"
            await end_call(context, error)

    async def _begin_all(
        self, requests: AsyncIterator[BatchAppendReq], context: Any, answers: asyncio.TaskGroup
    ) -> None:
        unfinished: dict[bytes, _Batch] = {}
        sending, places = asyncio.Lock(), asyncio.Semaphore(UNDER_WAY_MAX)
        async for request in requests:
            key = request.correlation_id.SerializeToString()
            batch = unfinished.pop(key, None) or _Batch(request.options)
            batch.add(request)
            if request.is_final:
                await places.acquire()
                task = answers.create_task(
                    self._send_answer(request.correlation_id, batch, context, sending)
                )
                task.add_done_callback(lambda _: places.release())
            elif len(unfinished) < UNFINISHED_MAX:
                unfinished[key] = batch
            else:
                raise invalid(f"More than {UNFINISHED_MAX} unfinished writes in one call.")

    async def _send_answer(
        self, id_: shared_pb2.UUID, batch: _Batch, context: Any, sending: asyncio.Lock
    ) -> None:
        response = await self._answer(batch)
        response.correlation_id.CopyFrom(id_)
        async with sending:
            await context.write(response)

    async def _answer(self, batch: _Batch) -> BatchAppendResp:
        identifier = batch.options.stream_identifier
        try:
            append = _append(batch)
        except Refusal as refusal:
            bad = shared_pb2.BadRequest(message=refusal.text)
            error = _error(code_pb2.INVALID_ARGUMENT, refusal.text, bad)
            return BatchAppendResp(stream_identifier=identifier, error=error)
        if append is None:
            return BatchAppendResp(stream_identifier=identifier, error=_too_large())
        seconds = _seconds_left(batch.options)
        outcome: Outcome = TooLate()
        if seconds > 0:
            outcome = await self._store.writer.outcome(append, seconds)
        if isinstance(outcome, Written):
            return BatchAppendResp(stream_identifier=identifier, success=_success(outcome))
        return BatchAppendResp(stream_identifier=identifier, error=_refused(append, outcome))


def _append(batch: _Batch) -> Append | None:
    """Return the write, or ``None`` if it is too large."""
    name = stream_name(batch.options.stream_identifier.stream_name)
    append = Append(name, expected_position(batch.options), proposed_events(batch.messages))
    return append if max(batch.size, append.size) <= APPEND_BYTES_MAX else None


def _seconds_left(options: BatchAppendReq.Options) -> float:
    """Return the time the caller gives, at most the server's own."""
    match options.WhichOneof("deadline_option"):
        case "deadline":
            left: float = options.deadline.seconds + options.deadline.nanos / _NS_PER_S
        case "deadline_21_10_0":
            at = options.deadline_21_10_0
            left = at.seconds + at.nanos / _NS_PER_S - time.time()
        case _:
            left = APPEND_TIMEOUT_S
    return min(left, APPEND_TIMEOUT_S)


def _success(written: Written) -> BatchAppendResp.Success:
    success = BatchAppendResp.Success(
        position=shared_pb2.AllStreamPosition(
            commit_position=written.position, prepare_position=written.position
        )
    )
    if written.revision < 0:
        success.no_stream.SetInParent()
    else:
        success.current_revision = written.revision
    return success


def _refused(
    append: Append, outcome: WrongRevision | StreamIsDeleted | TooLate
) -> status_pb2.Status:
    match outcome:
        case WrongRevision(current):
            wrong = _wrong_revision(append.expected, current)
            return _error(code_pb2.ALREADY_EXISTS, "Wrong expected version.", wrong)
        case StreamIsDeleted():
            identifier = shared_pb2.StreamIdentifier(stream_name=append.stream.encode())
            deleted = shared_pb2.StreamDeleted(stream_identifier=identifier)
            text = f"Event stream '{append.stream}' is deleted."
            return _error(code_pb2.NOT_FOUND, text, deleted)
        case TooLate():
            return _error(code_pb2.DEADLINE_EXCEEDED, "Timeout", shared_pb2.Timeout())
        case _:
            assert_never(outcome)


def _wrong_revision(expected: int, current: int) -> shared_pb2.WrongExpectedVersion:
    wrong = shared_pb2.WrongExpectedVersion()
    if current < 0:
        wrong.current_no_stream.SetInParent()
    else:
        wrong.current_stream_revision = current
    match expected:
        case _ if expected == ANY:
            wrong.expected_any.SetInParent()
        case _ if expected == STREAM_EXISTS:
            wrong.expected_stream_exists.SetInParent()
        case _ if expected == NO_STREAM:
            wrong.expected_no_stream.SetInParent()
        case _:
            wrong.expected_stream_position = expected
    return wrong


def _too_large() -> status_pb2.Status:
    exceeded = shared_pb2.MaximumAppendSizeExceeded(maxAppendSize=APPEND_BYTES_MAX)
    return _error(code_pb2.INVALID_ARGUMENT, "Maximum append size exceeded.", exceeded)


def _error(code: code_pb2.Code.ValueType, text: str, details: Details) -> status_pb2.Status:
    status = status_pb2.Status(code=code, message=text)
    status.details.Pack(details)
    return status
