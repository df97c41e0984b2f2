"""What is written about messages that a group gives up on.

Source: EventStoreDB 24.10 server, `PersistentSubscriptionMessageParker`.
"""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime

from sandbox.eventstore.groups.message import Message
from sandbox.eventstore.links import LINK_TYPE
from sandbox.eventstore.stream_state import METADATA_TYPE
from sandbox.eventstore.writes import ProposedEvent


def parked_event(message: Message, reason: str) -> ProposedEvent:
    """Return the link that stands for a parked message."""
    metadata = {
        "added": datetime.now(UTC).isoformat(),
        "reason": reason,
        "subscriptionEventNumber": message.at,
    }
    return ProposedEvent(
        uuid.uuid4().bytes,
        LINK_TYPE,
        is_json=False,
        data=message.origin.encode(),
        metadata=json.dumps(metadata).encode(),
    )


def truncation(number: int) -> ProposedEvent:
    """Return the metadata that hides a stream's events below a number."""
    data = json.dumps({"$tb": number}).encode()
    return ProposedEvent(uuid.uuid4().bytes, METADATA_TYPE, is_json=True, data=data, metadata=b"")
