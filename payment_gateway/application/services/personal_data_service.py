"""Seals what belongs to a person under a key that can be destroyed, and opens it again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from payment_gateway.application.ports import (
    CommandContext,
    EventStore,
    History,
    StreamDestroyed,
    StreamMoved,
    SubjectCipher,
)
from payment_gateway.domain.events.erasure import SubjectForgottenEvent
from payment_gateway.domain.events.subject import SubjectEvent, SubjectKeyCreatedEvent
from payment_gateway.domain.value_objects.subject_id import (
    erasure_stream,
    key_stream,
    origin_of,
    successor_of,
)

# How often a person may be forgotten while their data is being sealed.
RACES_MAX: Final = 5


class SubjectForgotten(Exception):
    """The key of a subject was destroyed; nothing is sealed for that subject any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """What was sealed, and whose key opens it."""

    text: str
    subject_id: str


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
            SubjectForgotten: The key was destroyed; no other is made under that id.
            EventStoreUnavailable: No answer; sealing again is safe.
        """
        wrapped = await self._key(subject_id) or await self._create_key(subject_id, context)
        return self.cipher.seal(
            json.dumps(data, sort_keys=True).encode(),
            wrapped,
            tenant_id=context.tenant_id,
            subject_id=subject_id,
        )

    async def seal_as_of_now(
        self, data: Mapping[str, Any], *, subject_id: str, context: CommandContext
    ) -> Sealed:
        """Seal what has just come of a person, who may have been forgotten before.

        Such a person is another subject from then on: what was erased stays erased, and what is new
        can be erased by itself.

        Raises:
            StreamMoved: They are forgotten again and again while this goes on.
            EventStoreUnavailable: No answer; sealing again is safe.
        """
        whose = subject_id
        for attempt in range(1, RACES_MAX + 1):
            try:
                text = await self.seal(data, subject_id=whose, context=context)
            except SubjectForgotten as error:
                if attempt == RACES_MAX:
                    raise StreamMoved(whose) from error
                whose = await self.current(subject_id)
            else:
                return Sealed(text=text, subject_id=whose)
        raise AssertionError("unreachable")

    async def current(self, subject_id: str) -> str:
        """Return the id under which data of the same person is sealed now.

        Raises:
            EventStoreUnavailable: The event store gave no answer.
        """
        erasures = await self.store.read(erasure_stream(subject_id))
        if not erasures.events:
            return origin_of(subject_id)
        newest = erasures.events[-1].event
        assert isinstance(newest, SubjectForgottenEvent), "a stream of erasures"
        return successor_of(newest.subject_id)

    async def open(self, sealed: str, *, tenant_id: str, subject_id: str) -> dict[str, Any] | None:
        """Return what was sealed, or ``None`` where its key was destroyed.

        Raises:
            SealBroken: The master key is not the one it was sealed under.
            EventStoreUnavailable: The event store gave no answer.
        """
        wrapped = _newest_key(await self.store.read(key_stream(subject_id)))
        if wrapped is None:
            return None
        plaintext = self.cipher.open(sealed, wrapped, tenant_id=tenant_id, subject_id=subject_id)
        data: dict[str, Any] = json.loads(plaintext)
        return data

    async def _key(self, subject_id: str) -> str | None:
        history = await self.store.read(key_stream(subject_id))
        if history.destroyed:
            raise SubjectForgotten(subject_id)
        return _newest_key(history)

    async def _create_key(self, subject_id: str, context: CommandContext) -> str:
        wrapped = self.cipher.new_key(tenant_id=context.tenant_id, subject_id=subject_id)
        created = SubjectKeyCreatedEvent(
            tenant_id=context.tenant_id, subject_id=subject_id, wrapped_key=wrapped
        )
        try:
            await self.store.append(
                key_stream(subject_id), [created], expected=None, context=context
            )
        except StreamDestroyed as error:
            raise SubjectForgotten(subject_id) from error
        except StreamMoved:  # another request made it first: that one counts
            existing = await self._key(subject_id)
            assert existing is not None, "a key goes only with its stream"
            return existing
        return wrapped


def _newest_key(history: History) -> str | None:
    if not history.events:
        return None
    newest = history.events[-1].event
    assert isinstance(newest, SubjectEvent), "a stream of keys"
    return newest.wrapped_key
