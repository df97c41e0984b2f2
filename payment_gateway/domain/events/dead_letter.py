"""What an operator has done with events that a subscription could not take."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterReplayedEvent:
    """The parked events of a stream are to be handled again by one subscription, in order.

    Attributes:
        letter_id: As it was listed.
        subscription: Which parked them.
        stream: Whose events they are.
        events: How many there were.
    """

    letter_id: str
    subscription: str
    stream: str
    events: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterDiscardedEvent:
    """The parked events of a stream are never to be handled by one subscription.

    Attributes:
        letter_id: As it was listed.
        subscription: Which parked them.
        stream: Whose events they are; they stay in the log.
        events: How many there were.
        reason: Why, in the words of whoever decided it.
    """

    letter_id: str
    subscription: str
    stream: str
    events: int
    reason: str


DeadLetterEvent = DeadLetterReplayedEvent | DeadLetterDiscardedEvent
