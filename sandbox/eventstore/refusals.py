"""Every answer that is an error: gRPC status, text and trailers as EventStoreDB gives them.

Source: EventStoreDB 24.10 server, `RpcExceptions`. Clients decide by status and text.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from grpc import StatusCode

from sandbox.eventstore.commits import StoreIsClosing
from sandbox.eventstore.group_commit import StorageFailed, WriteRefused

# Trailers must fit into what a client accepts as headers, 8 KiB in all.
TRAILER_VALUE_MAX = 1024
APPEND_BYTES_MAX = 1024 * 1024


class Refusal(Exception):
    """A call is ended with this status."""

    def __init__(self, code: StatusCode, text: str, **trailers: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.trailers = tuple(
            (name.replace("_", "-"), quote(value, safe=" ,$:@/")[:TRAILER_VALUE_MAX])
            for name, value in trailers.items()
        )


def stream_deleted(stream: str) -> Refusal:
    """The stream is closed for ever, or is asked to exist while it is deleted."""
    return Refusal(
        StatusCode.FAILED_PRECONDITION,
        f"Event stream '{stream}' is deleted.",
        exception="stream-deleted",
        stream_name=stream,
    )


def wrong_revision_of_delete(stream: str, expected: int, current: int) -> Refusal:
    """A delete expected another revision."""
    return Refusal(
        StatusCode.FAILED_PRECONDITION,
        "Delete failed due to WrongExpectedVersion. "
        f"Stream: {stream}, Expected version: {expected}, Actual version: {current}",
        exception="wrong-expected-version",
        stream_name=stream,
        expected_version=str(expected),
        actual_version=str(current),
    )


def append_too_large() -> Refusal:
    """The events of one request are more than a transaction takes."""
    return Refusal(
        StatusCode.INVALID_ARGUMENT,
        f"Maximum Append Size of {APPEND_BYTES_MAX} Exceeded.",
        exception="maximum-append-size-exceeded",
        maximum_append_size=str(APPEND_BYTES_MAX),
    )


def missing_metadata() -> Refusal:
    """A proposed event does not say its type or its content type."""
    return Refusal(
        StatusCode.INVALID_ARGUMENT,
        "Required Metadata Property Missing: type, content-type",
        exception="missing-required-metadata-property",
        required_metadata_properties="type,content-type",
    )


def invalid(text: str) -> Refusal:
    """The request makes no sense; sending it again will not help."""
    return Refusal(StatusCode.INVALID_ARGUMENT, text)


def timed_out(what: str) -> Refusal:
    """The disk did not answer in time. The same events may be sent again: their ids say so."""
    return Refusal(StatusCode.ABORTED, f"Operation timed out: {what}")


def from_error(error: Exception) -> Refusal:
    """Translate what the store raises.

    A store that closes says UNAVAILABLE, so that clients connect again.
    """
    match error:
        case Refusal():
            return error
        case StoreIsClosing():
            return Refusal(StatusCode.UNAVAILABLE, "The event store is shutting down.")
        case WriteRefused(closing=True):
            return Refusal(StatusCode.UNAVAILABLE, "The event store is shutting down.")
        case WriteRefused():
            return Refusal(StatusCode.RESOURCE_EXHAUSTED, "Too many writes wait for the disk.")
        case StorageFailed():
            return Refusal(StatusCode.INTERNAL, f"The event store could not write: {error}")
        case _:
            return Refusal(StatusCode.INTERNAL, f"The event store could not read: {error}")


async def end_call(context: Any, error: Exception) -> None:
    """End a call with the status of an error; does not return."""
    refusal = from_error(error)
    await context.abort(refusal.code, refusal.text, refusal.trailers)
