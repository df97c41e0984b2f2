"""An event on its way to a consumer, and how far a group has settled what it has read."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sandbox.eventstore.groups.definition import PINNED, PINNED_BY_CORRELATION
from sandbox.eventstore.recorded_event import ReadResp, RecordedEvent


@dataclass(slots=True, eq=False)
class Message:
    """An event that a group has read and nobody has settled yet.

    Attributes:
        at: Position in the log, or number in the stream that it was read from.
        ack_id: What consumers acknowledge: the id of the link if there is one.
        origin: Number and stream of the event itself, as a link to it says them.
        pin: Messages with the same one go to the same consumer.
        response: What consumers are sent.
        replayed: It was parked.
    """

    at: int
    ack_id: bytes
    origin: str
    pin: str
    response: bytes
    replayed: bool
    retry_count: int = 0
    settled: bool = False

    @property
    def order(self) -> tuple[bool, int]:
        """Its place among those that wait for another try."""
        return self.replayed, self.at


def message_of(at: int, response: bytes, *, strategy: str, replayed: bool) -> Message | None:
    """Return the message for an event, or ``None`` for a link whose target is gone."""
    read = ReadResp.FromString(response).event
    if not read.HasField("event"):
        return None
    event = read.event
    stream = event.stream_identifier.stream_name.decode()
    acknowledged = read.link if read.HasField("link") else event
    return Message(
        at=at,
        ack_id=UUID(acknowledged.id.string).bytes,
        origin=f"{event.stream_revision}@{stream}",
        pin=_pin(event, stream, strategy),
        response=response,
        replayed=replayed,
    )


def _pin(event: RecordedEvent, stream: str, strategy: str) -> str:
    if strategy == PINNED_BY_CORRELATION:
        try:
            correlation = json.loads(event.custom_metadata)["$correlationId"]
        except (ValueError, LookupError, TypeError, RecursionError):  # any bytes may be here
            return stream
        return str(correlation)
    return stream if strategy == PINNED else ""


class Progress:
    """How far a group has read a source, and how far all of that is settled.

    Attributes:
        read_to: Position (or number) of the last event that was looked at.
        settled: Events that were settled, or left out, since somebody last set it to 0.
    """

    def __init__(self, after: int) -> None:
        self.read_to = after
        self.settled = 0
        self._open: deque[Message] = deque()

    def read(self, messages: Sequence[Message], seen: int) -> None:
        """Take note of what was read, in order."""
        self.settled += seen - self.read_to - len(messages)
        self._open.extend(messages)
        self.read_to = seen

    def settle(self, message: Message) -> None:
        """Take note that nobody needs to see this one again."""
        message.settled = True
        self.settled += 1

    @property
    def settled_to(self) -> int:
        """Position (or number) up to which everything is settled."""
        while self._open and self._open[0].settled:
            self._open.popleft()
        return self._open[0].at - 1 if self._open else self.read_to
