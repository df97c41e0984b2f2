"""Read, decide, append: how a command gets through one stream."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Generic, TypeVar

from payment_gateway.application.ports import CommandContext, EventStore, StreamMoved
from payment_gateway.domain.errors import PreconditionFailed
from payment_gateway.domain.events import DomainEvent

# Twenty writers on one payment are settled within as many rounds: in each round one of them wins.
ATTEMPTS_MAX: Final = 25

State = TypeVar("State")
Event = TypeVar("Event", bound=DomainEvent)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded(Generic[State]):
    """An aggregate as of some moment.

    Attributes:
        state: ``None`` if nothing is recorded.
        revision: The stream's revision, ``None`` if it was never written.
        position: Where its last event is in the whole log; 0 if that is not known.
        pinned: Whether a command that goes on from here is meant for this revision alone.
    """

    state: State | None
    revision: int | None
    position: int
    pinned: bool = False


def matching(loaded: Loaded[State], context: CommandContext) -> Loaded[State]:
    """Return where an aggregate stands, pinned where the caller names a revision of it.

    Raises:
        PreconditionFailed: It is at none of the revisions that the caller names.
    """
    if context.if_match is None:
        return loaded
    if loaded.revision not in context.if_match:
        raise PreconditionFailed
    return replace(loaded, pinned=True)


def refuse_if_match(context: CommandContext) -> None:
    """Refuse a condition on what has no revision: it is new, or has no stream of its own.

    Raises:
        PreconditionFailed: The caller names revisions.
    """
    if context.if_match is not None:
        raise PreconditionFailed


@dataclass(frozen=True, slots=True, kw_only=True)
class Executed(Generic[State, Event]):
    """What came of a command: the new events (none: it was carried out before) and the state after.

    Attributes:
        pinned: Whether what goes on from here is meant for this revision alone; see ``Loaded``.
    """

    events: tuple[Event, ...]
    state: State
    revision: int
    position: int
    pinned: bool = False

    @property
    def loaded(self) -> Loaded[State]:
        """The same as a starting point for the next command."""
        return Loaded(
            state=self.state,
            revision=self.revision,
            position=self.position,
            pinned=self.pinned,
        )

    @property
    def unchanged(self) -> Executed[State, Event]:
        """The same state as the outcome of a command that had nothing left to do."""
        return replace(self, events=())


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamService(Generic[State, Event]):
    """Carries commands through the streams of one kind of aggregate.

    Attributes:
        category: What a stream's name begins with, ``payment``.
        event_types: The events such a stream may hold.
    """

    store: EventStore
    category: str
    event_types: tuple[type[Event], ...]
    evolve: Callable[[State | None, Event], State]

    def stream(self, aggregate_id: str) -> str:
        """Return the name of an aggregate's stream."""
        return f"{self.category}-{aggregate_id}"

    async def load(self, aggregate_id: str) -> Loaded[State]:
        """Return where an aggregate stands.

        Raises:
            EventStoreUnavailable: The event store gave no answer.
        """
        history = await self.store.read(self.stream(aggregate_id))
        position = history.events[-1].position if history.events else 0
        state = self._fold(None, (recorded.event for recorded in history.events))
        return Loaded(state=state, revision=history.revision, position=position)

    async def load_matching(self, aggregate_id: str, context: CommandContext) -> Loaded[State]:
        """Return where an aggregate stands, pinned where the caller names a revision of it.

        Raises:
            PreconditionFailed: It is at none of the revisions that the caller names.
            EventStoreUnavailable: The event store gave no answer.
        """
        return matching(await self.load(aggregate_id), context)

    async def execute(
        self,
        aggregate_id: str,
        decide: Callable[[State | None], Sequence[Event]],
        context: CommandContext,
        *,
        after: Loaded[State] | None = None,
    ) -> Executed[State, Event]:
        """Append what a decision causes and return it.

        Args:
            aggregate_id: Whose stream.
            decide: From the state to the new events; may be asked again after a lost race.
            context: Who asks.
            after: Where the aggregate is believed to stand, which saves reading it. Where that
                is no longer so, it is read.

        Raises:
            DomainError: The command was refused; nothing was appended.
            PreconditionFailed: ``after`` is pinned, and it has moved; nothing was appended.
            StreamMoved: Still losing the race after ``ATTEMPTS_MAX`` tries; nothing was appended.
            EventStoreUnavailable: No answer; it may have been appended. Asking again is safe.
        """
        loaded = after or await self.load(aggregate_id)
        for attempt in range(1, ATTEMPTS_MAX + 1):
            events = tuple(decide(loaded.state))
            if not events:
                assert loaded.state is not None, "nothing happened to what does not exist"
                assert loaded.revision is not None, "what exists has a revision"
                return Executed(
                    events=(),
                    state=loaded.state,
                    revision=loaded.revision,
                    position=loaded.position,
                    pinned=loaded.pinned,
                )
            try:
                appended = await self.store.append(
                    self.stream(aggregate_id), events, expected=loaded.revision, context=context
                )
            except StreamMoved as error:
                if loaded.pinned:
                    raise PreconditionFailed from error
                if attempt == ATTEMPTS_MAX:
                    raise
                loaded = await self.load(aggregate_id)
            else:
                state = self._fold(loaded.state, events)
                assert state is not None, "something was appended"
                return Executed(
                    events=events,
                    state=state,
                    revision=appended.revision,
                    position=appended.position,
                )
        raise AssertionError("unreachable")

    def _fold(self, state: State | None, events: Iterable[DomainEvent]) -> State | None:
        for event in events:
            assert isinstance(event, self.event_types), f"{type(event).__name__} in a wrong stream"
            state = self.evolve(state, event)
        return state
