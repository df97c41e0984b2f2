"""An event as an event store keeps it: bytes beside a place, and what becomes of them on reading."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from uuid_utils.compat import uuid7

from payment_gateway.application.ports import CommandContext, OlderForm, RecordedEvent
from payment_gateway.domain.events import DomainEvent
from payment_gateway.infrastructure.persistence.event_log import Checkpoint, UnknownRecord
from payment_gateway.infrastructure.persistence.event_metadata import (
    decode_metadata,
    encode_metadata,
)
from payment_gateway.infrastructure.persistence.event_types import (
    STORED_NAMES,
    UndecodableEvent,
    decode,
    encode,
    version_of,
)

# How a server's own types begin.
_SYSTEM: Final = "$"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRecord:
    """What is to be appended; the id is ordered by time, and makes sending it again harmless."""

    event_id: str
    type: str
    data: bytes
    metadata: bytes


class StoredEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What is stored, with its place in its stream and in the log; made for every event that is read."""

    event_id: str
    type: str
    data: bytes
    metadata: bytes
    stream: str
    revision: int
    position: int

    def read(self) -> RecordedEvent:
        """Return the event.

        Raises:
            UndecodableEvent: This release cannot read it.
        """
        metadata = decode_metadata(self.metadata)
        event = decode(self.type, metadata.schema_version, self.data)
        is_today = metadata.schema_version == version_of(event)
        return RecordedEvent(
            event=event,
            type=self.type,
            event_id=self.event_id,
            stream=self.stream,
            revision=self.revision,
            position=self.position,
            context=metadata.context,
            older=None if is_today else OlderForm(metadata.schema_version, self.data),
        )

    def item(self, types: frozenset[str] | None) -> RecordedEvent | UnknownRecord | Checkpoint:
        """Return the event if it is of one of these types, or of any, or why it cannot be read."""
        is_system = self.type.startswith(_SYSTEM)  # as the mark that ends a destroyed stream
        if is_system or (
            types is not None and self.type not in types and self.type in STORED_NAMES
        ):
            return Checkpoint(self.position)
        try:
            return self.read()
        except UndecodableEvent as error:
            return UnknownRecord(
                type=self.type,
                event_id=self.event_id,
                stream=self.stream,
                revision=self.revision,
                position=self.position,
                cause=f"{type(error).__name__}: {error}",
                is_known=self.type in STORED_NAMES,
            )


def new_records(events: Sequence[DomainEvent], context: CommandContext) -> list[NewRecord]:
    """Return what to append for events that this context causes."""
    records = []
    for event in events:
        name, data = encode(event)
        metadata = encode_metadata(context, schema_version=version_of(event))
        records.append(NewRecord(event_id=str(uuid7()), type=name, data=data, metadata=metadata))
    return records
