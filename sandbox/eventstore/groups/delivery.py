"""Who gets which message, and what becomes of it. No clock, no disk, no network in here."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable
from enum import Enum, auto
from itertools import count

from sandbox.eventstore.groups.consumer import CHOICES, Consumer, Delivered
from sandbox.eventstore.groups.definition import (
    PINNED,
    PINNED_BY_CORRELATION,
    GroupSettings,
)
from sandbox.eventstore.groups.message import Message

# Bytes of responses that a group keeps in memory before it reads no further.
HELD_BYTES_MAX = 32 * 1024 * 1024
_MS_PER_S = 1000


class Answer(Enum):
    """What a consumer says about a message."""

    DONE = auto()
    RETRY = auto()
    PARK = auto()


class Delivery:
    """The messages and the consumers of one group.

    Attributes:
        consumers: Those connected, in the order in which they are asked.
        fresh: Messages that nobody has been given yet.
        retries: Heap of those to be given again, by their order.
        to_park: Those to be put away, with the reason.
        total: How many messages were handed out.
    """

    def __init__(self, settings: GroupSettings) -> None:
        self._settings = settings
        self._choose = CHOICES[settings.strategy]
        self._pins = settings.strategy in {PINNED, PINNED_BY_CORRELATION}
        self._tie = count()
        self.consumers: list[Consumer] = []
        self.fresh: deque[Message] = deque()
        self.retries: list[tuple[tuple[bool, int], int, Message]] = []
        self.to_park: deque[tuple[Message, str]] = deque()
        self.total = 0
        self._held_bytes = 0

    @property
    def in_flight(self) -> int:
        """How many messages consumers hold unanswered."""
        return sum(len(consumer.in_flight) for consumer in self.consumers)

    @property
    def room(self) -> int:
        """How many more messages may be read: none while nobody is there to take them."""
        if not self.consumers or self._held_bytes >= HELD_BYTES_MAX:
            return 0
        return max(1, self._settings.history_buffer_size) - len(self.fresh) - len(self.retries)

    def add(self, messages: Iterable[Message]) -> None:
        """Take messages that were read: replayed ones go behind those that are tried again."""
        for message in messages:
            self._held_bytes += len(message.response)
            if message.replayed:
                self._put_back(message)
            else:
                self.fresh.append(message)

    def push(self, now_s: float) -> None:
        """Hand out what consumers have room for."""
        waiting: list[Message] = []
        while (message := self._next()) is not None:
            consumer = self._choose(self.consumers, message)
            if consumer is not None:
                consumer.give(message, now_s)
                self.total += 1
                continue
            waiting.append(message)
            if not self._pins:  # where any consumer will do, nobody has room now
                break
        for message in reversed(waiting):
            if message.replayed or message.retry_count:
                self._put_back(message)
            else:
                self.fresh.appendleft(message)

    def answer(
        self, consumer: Consumer, ids: Iterable[bytes], answer: Answer, reason: str
    ) -> list[Message]:
        """Do what a consumer says about messages; return those that are settled by it.

        Ids that the consumer does not hold are ignored.
        """
        settled = []
        for ack_id in ids:
            delivered = consumer.in_flight.pop(ack_id, None)
            if delivered is None:
                continue
            match answer:
                case Answer.DONE:
                    self.forget(delivered.message)
                    settled.append(delivered.message)
                case Answer.PARK:
                    self.to_park.append((delivered.message, reason))
                case Answer.RETRY:
                    self._try_again(delivered.message, reason)
        return settled

    def time_out(self, now_s: float) -> None:
        """Take back what consumers have held for too long."""
        oldest_s = now_s - self._settings.message_timeout_ms / _MS_PER_S
        for consumer in self.consumers:
            late = [held.message for held in _older(consumer.in_flight.values(), oldest_s)]
            for message in late:
                del consumer.in_flight[message.ack_id]
                self._try_again(message, "Message timed out.")

    def leave(self, consumer: Consumer) -> None:
        """Take a consumer out, and back what it held."""
        self.consumers.remove(consumer)
        for message, _ in consumer.in_flight.values():
            message.retry_count += 1
            self._put_back(message)
        consumer.in_flight.clear()

    def forget(self, message: Message) -> None:
        """Stop to account for a message that is settled."""
        self._held_bytes -= len(message.response)

    def _try_again(self, message: Message, reason: str) -> None:
        if message.retry_count >= self._settings.max_retry_count:
            self.to_park.append((message, reason or "Maximum retries reached."))
        else:
            message.retry_count += 1
            self._put_back(message)

    def _put_back(self, message: Message) -> None:
        heapq.heappush(self.retries, (message.order, next(self._tie), message))

    def _next(self) -> Message | None:
        if self.retries:
            return heapq.heappop(self.retries)[2]
        return self.fresh.popleft() if self.fresh else None


def _older(held: Iterable[Delivered], oldest_s: float) -> list[Delivered]:
    return [delivered for delivered in held if delivered.since_s <= oldest_s]
