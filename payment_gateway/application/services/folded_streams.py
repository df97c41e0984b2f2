"""All aggregates of one kind in memory, kept up to date by whoever reads the log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from payment_gateway.application.ports import RecordedEvent
from payment_gateway.domain.events import DomainEvent

State = TypeVar("State")
Event = TypeVar("Event", bound=DomainEvent)


class FoldedStreams(Generic[State, Event]):
    """The states by aggregate id. What is told twice, or too late, changes nothing.

    Args:
        category: What the names of the streams begin with.
        event_types: The events that such streams hold.
        evolve: From a state and an event to the next state.
    """

    def __init__(
        self,
        category: str,
        event_types: tuple[type[Event], ...],
        evolve: Callable[[State | None, Event], State],
    ) -> None:
        self._prefix = f"{category}-"
        self._event_types = event_types
        self._evolve = evolve
        self._known: dict[str, tuple[State, int]] = {}

    def apply(self, recorded: RecordedEvent) -> tuple[str, State] | None:
        """Take an event of the log; return id and new state, ``None`` where nothing changed."""
        event = recorded.event
        if not isinstance(event, self._event_types):
            return None
        aggregate_id = recorded.stream.removeprefix(self._prefix)
        state, revision = self._known.get(aggregate_id, (None, -1))
        if recorded.revision != revision + 1:
            return None
        after = self._evolve(state, event)
        self._known[aggregate_id] = (after, recorded.revision)
        return aggregate_id, after

    def put(self, aggregate_id: str, state: State, revision: int) -> bool:
        """Take a state that was just read or made; return whether it is newer than what is known."""
        known = self._known.get(aggregate_id)
        if known is not None and known[1] >= revision:
            return False
        self._known[aggregate_id] = (state, revision)
        return True

    def drop(self, aggregate_id: str) -> None:
        """Forget an aggregate."""
        self._known.pop(aggregate_id, None)

    def get(self, aggregate_id: str) -> State | None:
        """Return a state, ``None`` if it is not known."""
        known = self._known.get(aggregate_id)
        return known and known[0]

    def items(self) -> Iterator[tuple[str, State]]:
        """Yield id and state of each, by id."""
        for aggregate_id in sorted(self._known):
            yield aggregate_id, self._known[aggregate_id][0]

    def __len__(self) -> int:
        return len(self._known)
