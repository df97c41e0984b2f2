"""Carries commands through the streams of payments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import get_args

from payment_gateway.application.ports import CommandContext, EventStore
from payment_gateway.application.services.stream_service import Executed, Loaded, StreamService
from payment_gateway.domain.aggregates.payment import decide
from payment_gateway.domain.aggregates.payment_commands import PaymentCommand
from payment_gateway.domain.aggregates.payment_state import Payment, evolve
from payment_gateway.domain.errors import PaymentNotFound, PreconditionFailed
from payment_gateway.domain.events.payment import PaymentEvent
from payment_gateway.domain.value_objects.payment_id import PaymentIdVO

ExecutedPayment = Executed[Payment, PaymentEvent]


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundPayment:
    """A payment that is there, with the point it was read at."""

    payment: Payment
    loaded: Loaded[Payment]

    @property
    def unchanged(self) -> ExecutedPayment:
        """The same as the outcome of a command that had nothing left to do."""
        assert self.loaded.revision is not None, "what was found has a revision"
        return Executed(
            events=(),
            state=self.payment,
            revision=self.loaded.revision,
            position=self.loaded.position,
            pinned=self.loaded.pinned,
        )


class PaymentService:
    """Reads payments, and carries commands through their streams."""

    def __init__(self, store: EventStore, now: Callable[[], datetime]) -> None:
        self._now = now
        self._streams: StreamService[Payment, PaymentEvent] = StreamService(
            store=store,
            category="payment",
            event_types=get_args(PaymentEvent),
            evolve=evolve,
        )

    async def find(self, payment_id: PaymentIdVO, *, tenant_id: str) -> FoundPayment:
        """Return a payment of this tenant.

        Raises:
            PaymentNotFound: There is none, or it is another tenant's.
            EventStoreUnavailable: The event store gave no answer.
        """
        found = await self.find_of_any_tenant(payment_id)
        if found.payment.tenant_id != tenant_id:
            raise PaymentNotFound(payment_id.value)
        return found

    async def find_matching(self, payment_id: PaymentIdVO, context: CommandContext) -> FoundPayment:
        """Return a payment for a command, which goes on from that revision alone if the caller says so.

        Raises:
            PaymentNotFound: There is none, or it is another tenant's.
            PreconditionFailed: It is at none of the revisions that the caller names.
            EventStoreUnavailable: The event store gave no answer.
        """
        found = await self.find(payment_id, tenant_id=context.tenant_id)
        if context.if_match is None:
            return found
        if found.loaded.revision not in context.if_match:
            raise PreconditionFailed
        return replace(found, loaded=replace(found.loaded, pinned=True))

    async def find_of_any_tenant(self, payment_id: PaymentIdVO) -> FoundPayment:
        """Return a payment for a door that knows no tenant: the payer's browser coming back.

        Raises:
            PaymentNotFound: There is none.
            EventStoreUnavailable: The event store gave no answer.
        """
        loaded = await self._streams.load(payment_id.value)
        if loaded.state is None:
            raise PaymentNotFound(payment_id.value)
        return FoundPayment(payment=loaded.state, loaded=loaded)

    async def execute(
        self,
        payment_id: PaymentIdVO,
        *commands: PaymentCommand,
        context: CommandContext,
        after: Loaded[Payment] | None = None,
    ) -> ExecutedPayment:
        """Carry out commands together: all of their events are appended, or none.

        Raises:
            DomainError: One was refused; nothing was appended.
            StreamMoved: Lost too many races; nothing was appended.
            EventStoreUnavailable: No answer; asking again is safe.
        """
        return await self._streams.execute(
            payment_id.value,
            lambda payment: _decide_all(commands, payment),
            self._recorded_now(context),
            after=after,
        )

    async def execute_if(
        self,
        payment_id: PaymentIdVO,
        command: Callable[[Payment], PaymentCommand | None],
        *,
        context: CommandContext,
        after: Loaded[Payment],
    ) -> ExecutedPayment:
        """Carry out the command that the payment's state at that moment calls for, if any."""

        def choose(payment: Payment) -> tuple[PaymentCommand, ...]:
            chosen = command(payment)
            return (chosen,) if chosen else ()

        return await self.execute_chosen(payment_id, choose, context=context, after=after)

    async def execute_chosen(
        self,
        payment_id: PaymentIdVO,
        choose: Callable[[Payment], Sequence[PaymentCommand]],
        *,
        context: CommandContext,
        after: Loaded[Payment],
    ) -> ExecutedPayment:
        """Carry out the commands that the payment's state at that moment calls for, all or none."""

        def decide_now(payment: Payment | None) -> list[PaymentEvent]:
            return _decide_all(choose(payment), payment) if payment else []

        return await self._streams.execute(
            payment_id.value, decide_now, self._recorded_now(context), after=after
        )

    def _recorded_now(self, context: CommandContext) -> CommandContext:
        """Return the context of what is recorded now: a command may take long, and record several times."""
        return replace(context, at=max(context.at, self._now()))


def _decide_all(commands: Sequence[PaymentCommand], payment: Payment | None) -> list[PaymentEvent]:
    events: list[PaymentEvent] = []
    for command in commands:
        for event in decide(command, payment):
            events.append(event)
            payment = evolve(payment, event)
    return events
