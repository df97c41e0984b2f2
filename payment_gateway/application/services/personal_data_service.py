"""Seals what belongs to a person under a key that can be destroyed, and opens it again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from payment_gateway.application.ports import (
    CommandContext,
    EventStore,
    StreamMoved,
    SubjectCipher,
)
from payment_gateway.domain.events.subject import SubjectEvent, SubjectKeyCreatedEvent


@dataclass(frozen=True, slots=True)
class PersonalDataService:
    """Each subject has a stream that holds its key; without that stream its data is unreadable."""

    store: EventStore
    cipher: SubjectCipher

    async def seal(
        self, data: Mapping[str, Any], *, subject_id: str, context: CommandContext
    ) -> str:
        """Return data sealed under its subject's key, which is made on first use.

        Raises:
            EventStoreUnavailable: No answer; sealing again is safe.
        """
        wrapped = await self._key(subject_id) or await self._create_key(subject_id, context)
        return self.cipher.seal(
            json.dumps(data, sort_keys=True).encode(),
            wrapped,
            tenant_id=context.tenant_id,
            subject_id=subject_id,
        )

    async def open(self, sealed: str, *, tenant_id: str, subject_id: str) -> dict[str, Any] | None:
        """Return what was sealed, or ``None`` where its key was destroyed.

        Raises:
            SealBroken: The master key is not the one it was sealed under.
            EventStoreUnavailable: The event store gave no answer.
        """
        wrapped = await self._key(subject_id)
        if wrapped is None:
            return None
        plaintext = self.cipher.open(sealed, wrapped, tenant_id=tenant_id, subject_id=subject_id)
        data: dict[str, Any] = json.loads(plaintext)
        return data

    async def _key(self, subject_id: str) -> str | None:
        history = await self.store.read(f"subject-{subject_id}")
        if not history.events:
            return None
        newest = history.events[-1].event
        assert isinstance(newest, SubjectEvent), "a stream of keys"
        return newest.wrapped_key

    async def _create_key(self, subject_id: str, context: CommandContext) -> str:
        wrapped = self.cipher.new_key(tenant_id=context.tenant_id, subject_id=subject_id)
        created = SubjectKeyCreatedEvent(
            tenant_id=context.tenant_id, subject_id=subject_id, wrapped_key=wrapped
        )
        try:
            await self.store.append(
                f"subject-{subject_id}", [created], expected=None, context=context
            )
        except StreamMoved:  # another request made it first: that one counts
            existing = await self._key(subject_id)
            assert existing is not None, "the key was made and destroyed within one request"
            return existing
        return wrapped
