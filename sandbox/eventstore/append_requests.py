"""Turns proposed events and expected revisions of the protocol into those of the store."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from esdbclient.protos.Grpc import shared_pb2, streams_pb2

from sandbox.eventstore.recorded_event import JSON
from sandbox.eventstore.refusals import invalid, missing_metadata
from sandbox.eventstore.writes import ANY, NO_STREAM, STREAM_EXISTS, ProposedEvent

ProposedMessage = streams_pb2.AppendReq.ProposedMessage | streams_pb2.BatchAppendReq.ProposedMessage
RevisionOptions = (
    streams_pb2.AppendReq.Options | streams_pb2.DeleteReq.Options | streams_pb2.TombstoneReq.Options
)
_NO_ID = bytes(16)


def expected_revision(options: RevisionOptions) -> int:
    """Return a number, or the code of ``ANY``, ``NO_STREAM`` or ``STREAM_EXISTS``.

    Raises:
        Refusal: None is given.
    """
    choice = options.WhichOneof("expected_stream_revision")
    return options.revision if choice == "revision" else revision_code(choice)


def expected_position(options: streams_pb2.BatchAppendReq.Options) -> int:
    """Do the same for the options of a batch, which name the number differently."""
    choice = options.WhichOneof("expected_stream_position")
    return options.stream_position if choice == "stream_position" else revision_code(choice)


def revision_code(choice: str | None) -> int:
    """Return the code of an expected revision that is not a number."""
    match choice:
        case "any":
            return ANY
        case "no_stream":
            return NO_STREAM
        case "stream_exists":
            return STREAM_EXISTS
        case _:
            raise invalid("An expected revision must be given.")


def proposed_events(messages: Iterable[ProposedMessage]) -> tuple[ProposedEvent, ...]:
    """Return the events of a request.

    Raises:
        Refusal: One of them lacks an id, a type or a content type.
    """
    return tuple(_proposed_event(message) for message in messages)


def _proposed_event(message: ProposedMessage) -> ProposedEvent:
    event_type = message.metadata.get("type")
    content_type = message.metadata.get("content-type")
    if event_type is None or content_type is None:
        raise missing_metadata()
    event_id = event_id_bytes(message.id)
    if not event_type or event_id == _NO_ID:
        raise invalid("An event must have an id other than zero and a type.")
    return ProposedEvent(
        event_id=event_id,
        type=event_type,
        is_json=content_type == JSON,
        data=message.data,
        metadata=message.custom_metadata,
    )


def event_id_bytes(value: shared_pb2.UUID) -> bytes:
    """Return an id as it is stored.

    Raises:
        Refusal: It is none.
    """
    if value.WhichOneof("value") == "structured":
        structured = value.structured
        return structured.most_significant_bits.to_bytes(
            8, signed=True
        ) + structured.least_significant_bits.to_bytes(8, signed=True)
    try:
        return UUID(value.string).bytes
    except ValueError:
        raise invalid("An event's id is not a UUID.") from None
