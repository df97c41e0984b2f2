"""One consumer of a group, and how a group chooses among several."""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from sandbox.eventstore.groups.definition import (
    DISPATCH_TO_SINGLE,
    PINNED,
    PINNED_BY_CORRELATION,
    ROUND_ROBIN,
)
from sandbox.eventstore.groups.message import Message

# Messages that a consumer may hold without having answered them, whatever it asks for.
BUFFER_SIZE_MAX = 10_000


class Delivered(NamedTuple):
    """A message in a consumer's hands, and since when on the monotonic clock."""

    message: Message
    since_s: float


class Consumer:
    """Somebody who is connected.

    Attributes:
        number: Tells the consumers of a group apart.
        peer: Its address.
        connection_name: What it calls itself.
        in_flight: What it has been given and has not answered.
        total: How many messages it has been given.
    """

    def __init__(self, number: int, buffer_size: int, peer: str, connection_name: str) -> None:
        self.number = number
        self.peer = peer
        self.connection_name = connection_name
        self.in_flight: dict[bytes, Delivered] = {}
        self.total = 0
        self._buffer_size = max(1, min(buffer_size, BUFFER_SIZE_MAX))
        self._outbox: deque[Message] = deque()
        self._something = asyncio.Event()
        self._end: Exception | None = None

    @property
    def free_slots(self) -> int:
        """How many more messages it may be given."""
        return self._buffer_size - len(self.in_flight)

    def can_take(self, message: Message) -> bool:
        """Whether it has room; ids that it holds already would be answered for both."""
        return self.free_slots > 0 and message.ack_id not in self.in_flight

    def give(self, message: Message, now_s: float) -> None:
        """Hand it a message."""
        self.in_flight[message.ack_id] = Delivered(message, now_s)
        self.total += 1
        self._outbox.append(message)
        self._something.set()

    def end(self, error: Exception) -> None:
        """Let ``next`` raise an error."""
        self._end = error
        self._something.set()

    async def next(self) -> Message:
        """Return the next message to send; one that was taken back meanwhile is left out.

        Raises:
            Exception: What ``end`` was told.
        """
        while True:
            if self._end is not None:
                raise self._end
            while self._outbox:
                message = self._outbox.popleft()
                held = self.in_flight.get(message.ack_id)
                if held is not None and held.message is message:
                    return message
            self._something.clear()
            await self._something.wait()


Choose = Callable[[list[Consumer], Message], Consumer | None]


def _first(consumers: list[Consumer], message: Message) -> Consumer | None:
    return next((consumer for consumer in consumers if consumer.can_take(message)), None)


def _in_turns(consumers: list[Consumer], message: Message) -> Consumer | None:
    """Whoever is chosen goes to the end of the list."""
    chosen = _first(consumers, message)
    if chosen is not None:
        consumers.remove(chosen)
        consumers.append(chosen)
    return chosen


def _pinned(consumers: list[Consumer], message: Message) -> Consumer | None:
    """Rendezvous hashing: when a consumer comes or goes, only its own share moves."""
    pinned = max(consumers, key=lambda consumer: _weight(consumer, message), default=None)
    return pinned if pinned is not None and pinned.can_take(message) else None


def _weight(consumer: Consumer, message: Message) -> bytes:
    return hashlib.blake2b(f"{consumer.number} {message.pin}".encode(), digest_size=8).digest()


CHOICES: dict[str, Choose] = {
    DISPATCH_TO_SINGLE: _first,
    ROUND_ROBIN: _in_turns,
    PINNED: _pinned,
    PINNED_BY_CORRELATION: _pinned,
}
