"""Finds and forgets the people whose data payments carry."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID, uuid5

from payment_gateway.application.ports import (
    CommandContext,
    EventStore,
    Fingerprint,
    History,
    StreamDestroyer,
    StreamMoved,
)
from payment_gateway.domain.errors import InvalidValue, SubjectNotFound
from payment_gateway.domain.events.erasure import SubjectForgottenEvent
from payment_gateway.domain.events.payment import PaymentInitiatedEvent
from payment_gateway.domain.value_objects.payment_id import PaymentIdVO
from payment_gateway.domain.value_objects.subject_id import (
    erasure_stream,
    key_stream,
    successor_of,
)

# How many others may forget the same person at the same time.
RACES_MAX: Final = 10
# Never changes: a customer's key is found by it.
_SUBJECTS: Final = UUID("0a0f3f0e-9f0b-5c7e-8a43-6f0de23f3c55")


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A person whose data was ever sealed for a tenant.

    Attributes:
        subject_ids: Every one under which that was, the newest last.
        readable: Whether a key is left that opens any of it.
        forgotten_at: When the person was last forgotten; ``None`` for never.
        position: Of the newest erasure in the log; 0 for none.
    """

    subject_ids: tuple[str, ...]
    readable: bool
    forgotten_at: datetime | None
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectService:
    """Destroys keys; each erasure is an event before, so that one that broke off is gone on with.

    Attributes:
        drop_answers: Drops what is kept of a tenant's answers elsewhere; may do nothing.
    """

    store: EventStore
    streams: StreamDestroyer
    fingerprint: Fingerprint
    drop_answers: Callable[[str], Awaitable[None]]

    async def find(self, reference: str, *, tenant_id: str) -> Subject:
        """Return what is known of a person.

        Args:
            reference: The customer's, as the tenant gave it; or a payment's id, for what came with a
                payment that names no customer.
            tenant_id: Whose customer it is.

        Raises:
            SubjectNotFound: Nothing of that reference was ever sealed for the tenant.
            EventStoreUnavailable: The event store gave no answer.
        """
        found = [
            subject
            for origin in await self._origins(reference, tenant_id)
            if (subject := await self._subject(origin)) is not None
        ]
        if not found:
            raise SubjectNotFound
        return _together(found)

    async def forget(self, reference: str, context: CommandContext) -> Subject:
        """Destroy every key that a person's data is sealed under; once more changes nothing.

        Raises:
            SubjectNotFound: Nothing of that reference was ever sealed for the tenant.
            StreamMoved: Others kept forgetting the same person; forgetting again is safe.
            EventStoreUnavailable: No answer; forgetting again is safe, and goes on.
        """
        forgotten = [
            subject
            for origin in await self._origins(reference, context.tenant_id)
            if (subject := await self._forget(origin, context)) is not None
        ]
        if not forgotten:
            raise SubjectNotFound
        await self.drop_answers(context.tenant_id)
        return _together(forgotten)

    async def finish(self, origin: str, *, tenant_id: str) -> bool:
        """Destroy what an erasure that broke off has left of the keys it names.

        Args:
            origin: The id that the person had before any erasure.
            tenant_id: Whose customer it is.

        Returns:
            Whether anything was left.

        Raises:
            EventStoreUnavailable: The event store gave no answer; finishing again is safe.
        """
        named = _named(await self.store.read(erasure_stream(origin)))
        left = [one for one in named if (await self.store.read(key_stream(one))).events]
        for subject_id in left:
            await self.streams.destroy(key_stream(subject_id))
        # Whoever broke off after the last key may not have come to this; it changes nothing that lasts.
        await self.drop_answers(tenant_id)
        return bool(left)

    async def _forget(self, origin: str, context: CommandContext) -> Subject | None:
        for attempt in range(1, RACES_MAX + 1):
            erasures = await self.store.read(erasure_stream(origin))
            named = _named(erasures)
            current = successor_of(named[-1]) if named else origin
            if not (await self.store.read(key_stream(current))).events:
                break
            try:
                await self.store.append(
                    erasure_stream(origin),
                    [SubjectForgottenEvent(tenant_id=context.tenant_id, subject_id=current)],
                    expected=erasures.revision,
                    context=context,
                )
            except StreamMoved:
                if attempt == RACES_MAX:
                    raise
            else:
                named = [*named, current]
                break
        for subject_id in named:  # the earlier ones too: an erasure may have broken off
            await self.streams.destroy(key_stream(subject_id))
        return await self._subject(origin)

    async def _subject(self, origin: str) -> Subject | None:
        erasures = await self.store.read(erasure_stream(origin))
        named = _named(erasures)
        current = successor_of(named[-1]) if named else origin
        keys = [await self.store.read(key_stream(one)) for one in (*named, current)]
        if not named and not keys[-1].events:
            return None
        newest = erasures.events[-1] if erasures.events else None
        return Subject(
            subject_ids=(*named, current) if keys[-1].events else tuple(named),
            readable=any(key.events for key in keys),
            forgotten_at=newest.context.at if newest else None,
            position=newest.position if newest else 0,
        )

    async def _origins(self, reference: str, tenant_id: str) -> list[str]:
        origins = [customer_subject_id(reference, tenant_id, self.fingerprint)]
        try:
            payment_id = PaymentIdVO(reference)
        except InvalidValue:
            return origins
        history = await self.store.read(f"payment-{payment_id}")
        if history.events:
            initiated = history.events[0].event
            assert isinstance(initiated, PaymentInitiatedEvent), "how each payment begins"
            is_by_itself = initiated.subject_id in {None, payment_id.value}
            if initiated.tenant_id == tenant_id and is_by_itself:
                origins.append(payment_id.value)
        return origins


def customer_subject_id(reference: str, tenant_id: str, fingerprint: Fingerprint) -> str:
    """Return the id of a tenant's customer: without the installation's secret nobody can guess at it."""
    return str(uuid5(_SUBJECTS, fingerprint(f"subject|{tenant_id}|{reference}".encode())))


def _named(erasures: History) -> list[str]:
    named = []
    for recorded in erasures.events:
        assert isinstance(recorded.event, SubjectForgottenEvent), "a stream of erasures"
        named.append(recorded.event.subject_id)
    return named


def _together(subjects: list[Subject]) -> Subject:
    times = [one.forgotten_at for one in subjects if one.forgotten_at is not None]
    return Subject(
        subject_ids=tuple(one for subject in subjects for one in subject.subject_ids),
        readable=any(subject.readable for subject in subjects),
        forgotten_at=max(times, default=None),
        position=max(subject.position for subject in subjects),
    )
