"""Carries commands through the streams of splits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from payment_gateway.application.ports import CommandContext, EventStore
from payment_gateway.application.services.stream_service import Executed, Loaded, StreamService
from payment_gateway.domain.aggregates.split import SplitCommand, decide
from payment_gateway.domain.aggregates.split_state import Split, evolve
from payment_gateway.domain.errors import SplitNotFound
from payment_gateway.domain.events.split import SplitEvent
from payment_gateway.domain.value_objects.split_id import SplitIdVO

ExecutedSplit = Executed[Split, SplitEvent]


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundSplit:
    """A split that is there, with the point it was read at."""

    split: Split
    loaded: Loaded[Split]


class SplitService:
    """Reads splits, and carries commands through their streams."""

    def __init__(self, store: EventStore) -> None:
        self._streams: StreamService[Split, SplitEvent] = StreamService(
            store=store, category="saga", event_types=get_args(SplitEvent), evolve=evolve
        )

    async def find(self, split_id: SplitIdVO, *, tenant_id: str) -> FoundSplit:
        """Return a split of this tenant.

        Raises:
            SplitNotFound: There is none, or it is another tenant's.
            EventStoreUnavailable: The event store gave no answer.
        """
        loaded = await self._streams.load(split_id.value)
        if loaded.state is None or loaded.state.tenant_id != tenant_id:
            raise SplitNotFound
        return FoundSplit(split=loaded.state, loaded=loaded)

    async def execute(
        self,
        split_id: SplitIdVO,
        command: SplitCommand,
        *,
        context: CommandContext,
        after: Loaded[Split] | None = None,
    ) -> ExecutedSplit:
        """Carry out a command.

        Raises:
            DomainError: It was refused; nothing was appended.
            StreamMoved: Lost too many races; nothing was appended.
            EventStoreUnavailable: No answer; asking again is safe.
        """
        return await self._streams.execute(
            split_id.value, lambda split: decide(command, split), context, after=after
        )
