"""Events as they go over the wire, which is also how they are stored.

Source: EventStoreDB's protocol, `streams.proto`, message `ReadResp.ReadEvent.RecordedEvent`.
"""

from __future__ import annotations

import time
from uuid import UUID

from esdbclient.protos.Grpc import shared_pb2, streams_pb2

from sandbox.eventstore.writes import ProposedEvent

JSON = "application/json"
OCTETS = "application/octet-stream"
TICKS_PER_S = 10_000_000
_NS_PER_TICK = 100

ReadResp = streams_pb2.ReadResp
RecordedEvent = streams_pb2.ReadResp.ReadEvent.RecordedEvent

CAUGHT_UP = ReadResp(caught_up=ReadResp.CaughtUp()).SerializeToString()


def now_ticks() -> int:
    """Return the time as EventStoreDB writes it: units of 100 ns since 1970."""
    return time.time_ns() // _NS_PER_TICK


def encode(event: ProposedEvent, *, stream: str, number: int, position: int, created: int) -> bytes:
    """Return the ``ReadResp`` that a read of this event answers with."""
    recorded = RecordedEvent(
        id=shared_pb2.UUID(string=_text(event.event_id)),
        stream_identifier=shared_pb2.StreamIdentifier(stream_name=stream.encode()),
        stream_revision=number,
        prepare_position=position,
        commit_position=position,
        metadata={
            "type": event.type,
            "created": str(created),
            "content-type": JSON if event.is_json else OCTETS,
        },
        custom_metadata=event.metadata,
        data=event.data,
    )
    return serialized(ReadResp(event=ReadResp.ReadEvent(event=recorded, commit_position=position)))


def _text(event_id: bytes) -> str:
    """Return a UUID as text; this is done for every event, and ``UUID`` takes its time."""
    digits = event_id.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def serialized(response: ReadResp) -> bytes:
    """Return the bytes of a response."""
    data: bytes = response.SerializeToString()
    return data


def stream_not_found(stream: str) -> bytes:
    """Return the response for a stream that has nothing to read."""
    identifier = shared_pb2.StreamIdentifier(stream_name=stream.encode())
    not_found = ReadResp.StreamNotFound(stream_identifier=identifier)
    return serialized(ReadResp(stream_not_found=not_found))


def confirmation(subscription_id: str) -> bytes:
    """Return the first response of a subscription."""
    confirmed = ReadResp.SubscriptionConfirmation(subscription_id=subscription_id)
    return serialized(ReadResp(confirmation=confirmed))


def checkpoint(position: int) -> bytes:
    """Return the response that says that a filtered subscription has come this far."""
    reached = ReadResp.Checkpoint(commit_position=position, prepare_position=position)
    return serialized(ReadResp(checkpoint=reached))


def with_structured_ids(response: bytes) -> bytes:
    """Return the same response with ids as two numbers, for clients that ask for that form."""
    decoded = ReadResp.FromString(response)
    for part in ("event", "link"):
        recorded = getattr(decoded.event, part)
        if decoded.event.HasField(part) and recorded.id.string:
            recorded.id.structured.CopyFrom(_structured(UUID(recorded.id.string)))
    return serialized(decoded)


def _structured(event_id: UUID) -> shared_pb2.UUID.Structured:
    return shared_pb2.UUID.Structured(
        most_significant_bits=int.from_bytes(event_id.bytes[:8], signed=True),
        least_significant_bits=int.from_bytes(event_id.bytes[8:], signed=True),
    )
