"""Which key encryption key wraps what, and bringing all of it under the current one.

Data keys are wrapped in events: an envelope for each version of a tenant's credentials and of a webhook
endpoint's secret, a wrapped key for each person. Rewrapping appends the same data key under another key; both open while it goes on.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from payment_gateway.application.ports import (
    CommandContext,
    EventHistory,
    EventStore,
    KeyRewrapper,
    RecordedEvent,
    SealBroken,
    StreamDestroyed,
    StreamMoved,
)
from payment_gateway.domain.events import DomainEvent
from payment_gateway.domain.events.credential import (
    CredentialRewrappedEvent,
    CredentialRotatedEvent,
    CredentialStoredEvent,
)
from payment_gateway.domain.events.erasure import SubjectForgottenEvent
from payment_gateway.domain.events.subject import (
    SubjectKeyCreatedEvent,
    SubjectKeyRewrappedEvent,
)
from payment_gateway.domain.events.webhook_endpoint import (
    WebhookEndpointCreatedEvent,
    WebhookSecretRewrappedEvent,
    WebhookSecretRotatedEvent,
)
from payment_gateway.domain.value_objects.subject_id import key_stream

STREAMS: Final = r"(credential|subject|endpoint|erasure)-.*"
_OF_ENDPOINTS: Final = "webhook-secret"
CONCURRENT: Final = 16  # streams that are rewrapped at a time
RACES_MAX: Final = 5
# What other processes wrap by an older key meanwhile is found by the next pass over the log.
PASSES_MAX: Final = 3
UNREADABLE_SHOWN_MAX: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class WrappedKey:
    """A data key as the log has it; ``owner`` is what it is bound to."""

    owner: tuple[str, ...]
    envelope: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WrappedCount:
    """How many data keys one key encryption key wraps.

    Attributes:
        key_id: ``None`` for those from before keys had ids.
    """

    key_id: str | None
    credentials: int
    subjects: int
    webhook_secrets: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.credentials + self.subjects + self.webhook_secrets


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewrapped:
    """What a run did.

    Attributes:
        done: Data keys that were rewrapped.
        unreadable: How many stay as they were, since no known key opens them.
        unreadable_streams: Where some of them are.
    """

    done: int
    unreadable: int
    unreadable_streams: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyService:
    """Counts and rewraps what the log has.

    Attributes:
        context_for: Makes the metadata of an event from the tenant it belongs to.
    """

    store: EventStore
    history: EventHistory
    rewrapper: KeyRewrapper
    context_for: Callable[[str], CommandContext]

    @property
    def current_key_id(self) -> str:
        """The key that wraps what is new."""
        return self.rewrapper.current_key_id

    async def counts(self) -> list[WrappedCount]:
        """Return how many data keys each key wraps, the current one first.

        Raises:
            EventStoreUnavailable: The event store gave no answer.
            KeySourceUnavailable: Where the keys are kept gave no answer.
        """
        kinds: Counter[tuple[str | None, str]] = Counter()
        for wrapped in (await self._survey()).values():
            kinds[self._key_id(wrapped.envelope), wrapped.owner[0]] += 1
        current = self.current_key_id
        others = {key_id for key_id, _ in kinds} - {current}
        return [
            WrappedCount(
                key_id=key_id,
                credentials=kinds[key_id, "credential"],
                subjects=kinds[key_id, "subject"],
                webhook_secrets=kinds[key_id, _OF_ENDPOINTS],
            )
            for key_id in (current, *sorted(others, key=lambda one: one or ""))
        ]

    async def rewrap(self) -> Rewrapped:
        """Bring everything under the current key; stopped half-way, it goes on when run again.

        Raises:
            EventStoreUnavailable: The event store gave no answer; what is done stays done.
            KeySourceUnavailable: Where the keys are kept gave no answer, as above.
            StreamMoved: Others kept changing one stream; run it again.
        """
        done = 0
        unreadable: dict[str, int] = {}
        for _ in range(PASSES_MAX):
            stale = await self._stale_streams(unreadable)
            if not stale:
                break
            for start in range(0, len(stale), CONCURRENT):
                batch = stale[start : start + CONCURRENT]
                for stream, (wrapped, broken) in zip(
                    batch, await asyncio.gather(*map(self._rewrap_stream, batch)), strict=True
                ):
                    done += wrapped
                    if broken:
                        unreadable[stream] = broken
        return Rewrapped(
            done=done,
            unreadable=sum(unreadable.values()),
            unreadable_streams=tuple(list(unreadable)[:UNREADABLE_SHOWN_MAX]),
        )

    async def _stale_streams(self, but: Mapping[str, int]) -> list[str]:
        current = self.current_key_id
        return list(
            dict.fromkeys(
                stream
                for (stream, _), wrapped in (await self._survey()).items()
                if stream not in but and self._key_id(wrapped.envelope) != current
            )
        )

    async def _survey(self) -> dict[tuple[str, int], WrappedKey]:
        """Return every data key by its stream and version: some hundred bytes for each."""
        found: dict[tuple[str, int], WrappedKey] = {}
        destroyed: set[str] = set()  # which the log may go on to show for a while
        async with aclosing(self.history.every(STREAMS)) as events:
            async for recorded in events:
                for version, wrapped in _wrapped_by(recorded.event):
                    found[recorded.stream, version] = wrapped
                if isinstance(recorded.event, SubjectForgottenEvent):
                    destroyed.add(key_stream(recorded.event.subject_id))
        return {key: wrapped for key, wrapped in found.items() if key[0] not in destroyed}

    async def _rewrap_stream(self, stream: str) -> tuple[int, int]:
        """Return how many data keys of a stream were rewrapped, and how many cannot be."""
        for attempt in range(1, RACES_MAX + 1):
            history = await self.store.read(stream)  # empty, if it was deleted meanwhile
            events, broken = self._rewrapped(history.events)
            if not events:
                return 0, broken
            context = self.context_for(history.events[-1].context.tenant_id)
            try:
                await self.store.append(stream, events, expected=history.revision, context=context)
            except StreamDestroyed:
                return 0, broken
            except StreamMoved:
                if attempt == RACES_MAX:
                    raise
            else:
                return len(events), broken
        raise AssertionError("unreachable")

    def _rewrapped(self, history: Sequence[RecordedEvent]) -> tuple[list[DomainEvent], int]:
        newest = {
            version: wrapped
            for recorded in history
            for version, wrapped in _wrapped_by(recorded.event)
        }
        events: list[DomainEvent] = []
        broken = 0
        for wrapped in newest.values():
            if self._key_id(wrapped.envelope) == self.current_key_id:
                continue
            try:
                envelope = self.rewrapper.rewrap(wrapped.envelope, wrapped.owner)
            except SealBroken:
                broken += 1
            else:
                events.append(_rewrapped_event(wrapped.owner, envelope))
        return events, broken

    def _key_id(self, envelope: str) -> str | None:
        try:
            return self.rewrapper.key_id(envelope)
        except SealBroken:
            return None


def _wrapped_by(event: DomainEvent) -> Iterable[tuple[int, WrappedKey]]:
    """Return what an event wraps, if anything, by its version."""
    match event:
        case CredentialStoredEvent() | CredentialRotatedEvent() | CredentialRewrappedEvent():
            owner: tuple[str, ...] = (
                *("credential", event.tenant_id, event.provider),
                str(event.version),
            )
            return [(event.version, WrappedKey(owner=owner, envelope=event.envelope))]
        case SubjectKeyCreatedEvent() | SubjectKeyRewrappedEvent():
            owner = ("subject", event.tenant_id, event.subject_id)
            return [(1, WrappedKey(owner=owner, envelope=event.wrapped_key))]
        case (
            WebhookEndpointCreatedEvent()
            | WebhookSecretRotatedEvent()
            | WebhookSecretRewrappedEvent()
        ):
            version = 1 if isinstance(event, WebhookEndpointCreatedEvent) else event.version
            owner = (_OF_ENDPOINTS, event.tenant_id, event.endpoint_id, str(version))
            return [(version, WrappedKey(owner=owner, envelope=event.envelope))]
        case _:
            return []


def _rewrapped_event(owner: tuple[str, ...], envelope: str) -> DomainEvent:
    match owner:
        case ("credential", tenant_id, provider, version):
            return CredentialRewrappedEvent(
                tenant_id=tenant_id, provider=provider, version=int(version), envelope=envelope
            )
        case ("webhook-secret", tenant_id, endpoint_id, version):
            return WebhookSecretRewrappedEvent(
                tenant_id=tenant_id,
                endpoint_id=endpoint_id,
                version=int(version),
                envelope=envelope,
            )
        case (_, tenant_id, subject_id):
            return SubjectKeyRewrappedEvent(
                tenant_id=tenant_id, subject_id=subject_id, wrapped_key=envelope
            )
        case _:
            raise AssertionError("an owner is a credential's, a webhook secret's or a subject's")
