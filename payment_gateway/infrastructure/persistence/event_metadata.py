"""Who caused an event and under which schema it is stored: the metadata beside each event.

``$correlationId`` and ``$causationId`` are the names that EventStoreDB's own projections and tools
follow (EventStoreDB documentation, "Event metadata").
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import msgspec

from payment_gateway.application.ports import CommandContext
from payment_gateway.infrastructure.persistence.event_codec import UndecodableEvent


class EventMetadata(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, kw_only=True):
    """The metadata as stored."""

    tenant_id: str
    actor: str
    recorded_at: datetime
    schema_version: int
    correlation_id: str = msgspec.field(name="$correlationId")
    causation_id: str | None = msgspec.field(name="$causationId", default=None)
    traceparent: str | None = None
    reason: str | None = None

    @property
    def context(self) -> CommandContext:
        """The same, as the application knows it."""
        return CommandContext(
            tenant_id=self.tenant_id,
            actor=self.actor,
            correlation_id=self.correlation_id,
            causation_id=self.causation_id,
            traceparent=self.traceparent,
            reason=self.reason,
            at=self.recorded_at,
        )


_ENCODER: Final = msgspec.json.Encoder(order="deterministic")
_DECODER: Final = msgspec.json.Decoder(EventMetadata)


def encode_metadata(context: CommandContext, *, schema_version: int) -> bytes:
    """Return the metadata of an event that this context causes."""
    return _ENCODER.encode(
        EventMetadata(
            tenant_id=context.tenant_id,
            actor=context.actor,
            recorded_at=context.at.astimezone(UTC),
            schema_version=schema_version,
            correlation_id=context.correlation_id,
            causation_id=context.causation_id,
            traceparent=context.traceparent,
            reason=context.reason,
        )
    )


def decode_metadata(data: bytes) -> EventMetadata:
    """Return stored metadata.

    Raises:
        UndecodableEvent: It is not metadata of ours.
    """
    try:
        return _DECODER.decode(data)
    except msgspec.DecodeError as error:
        raise UndecodableEvent(f"metadata: {error}") from error
