"""The idempotency key, an aggregate: one command, one answer, whoever sends it how often.

A claim that has lapsed is taken over with what was set aside for it, so that whoever goes on makes the
same payment. A claim that was given up for good begins anew, with a new number: what the refused
command made, if anything, has ended.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from payment_gateway.domain.errors import IdempotencyKeyInUse, IdempotencyKeyReused
from payment_gateway.domain.events.idempotency import (
    CommandAnsweredEvent,
    IdempotencyEvent,
    IdempotencyKeyClaimedEvent,
    IdempotencyKeyReleasedEvent,
    IdempotencyKeyYieldedEvent,
)
from payment_gateway.domain.value_objects.external_reference_number import (
    ExternalReferenceNumberVO,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimKey:
    """Carry the command out, unless that is done or under way."""

    claim_id: str
    fingerprint: str
    external_reference: ExternalReferenceNumberVO
    at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepAnswer:
    """Keep what was answered, for every later sending of the same command."""

    claim_id: str
    fingerprint: str
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseKey:
    """Give the key back: the command was refused."""

    claim_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class YieldKey:
    """Let another carry the same command out: it came to no clear end."""

    claim_id: str


IdempotencyCommand = ClaimKey | KeepAnswer | ReleaseKey | YieldKey


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotencyKey:
    """The state of one key.

    Attributes:
        fingerprint: Of the command that it is used for; ``None`` while it is free.
        external_reference: Set aside for that command.
        claim_id: Who carries it out, ``None`` if nobody does.
        expires_at: When that claim lapses.
        answer: What was answered, once it was.
    """

    fingerprint: str | None = None
    external_reference: str | None = None
    claim_id: str | None = None
    expires_at: datetime | None = None
    answer: str | None = None


def decide(command: IdempotencyCommand, key: IdempotencyKey | None) -> list[IdempotencyEvent]:
    """Return what a command causes: no claim where the answer is there already.

    Raises:
        IdempotencyKeyReused: ``ClaimKey`` for another command than the one that has the key.
        IdempotencyKeyInUse: ``ClaimKey`` while another carries that command out.
    """
    match command:
        case ClaimKey():
            return _claim(command, key)
        case KeepAnswer():
            return _keep(command, key)
        case ReleaseKey(claim_id=claim_id):
            return (
                [IdempotencyKeyReleasedEvent(claim_id=claim_id)] if _is_held(key, claim_id) else []
            )
        case YieldKey(claim_id=claim_id):
            return (
                [IdempotencyKeyYieldedEvent(claim_id=claim_id)] if _is_held(key, claim_id) else []
            )
        case _:
            assert_never(command)


def evolve(key: IdempotencyKey | None, event: IdempotencyEvent) -> IdempotencyKey:
    """Return the key after an event."""
    match event:
        case IdempotencyKeyClaimedEvent():
            return IdempotencyKey(
                fingerprint=event.fingerprint,
                external_reference=event.external_reference,
                claim_id=event.claim_id,
                expires_at=event.expires_at,
            )
        case IdempotencyKeyReleasedEvent():
            return IdempotencyKey()
        case IdempotencyKeyYieldedEvent():
            return replace(key or IdempotencyKey(), claim_id=None, expires_at=None)
        case CommandAnsweredEvent():
            return IdempotencyKey(fingerprint=event.fingerprint, answer=event.sealed_answer)
        case _:
            assert_never(event)


def _claim(command: ClaimKey, key: IdempotencyKey | None) -> list[IdempotencyEvent]:
    number = command.external_reference.value
    if key is not None and key.fingerprint is not None:
        if key.fingerprint != command.fingerprint:
            raise IdempotencyKeyReused
        if key.answer is not None:
            return []
        if key.expires_at is not None and key.expires_at > command.at:
            left_s = (key.expires_at - command.at).total_seconds()
            raise IdempotencyKeyInUse(lapses_in_s=left_s)
        number = key.external_reference or number
    return [
        IdempotencyKeyClaimedEvent(
            claim_id=command.claim_id,
            fingerprint=command.fingerprint,
            external_reference=number,
            expires_at=command.expires_at,
        )
    ]


def _keep(command: KeepAnswer, key: IdempotencyKey | None) -> list[IdempotencyEvent]:
    """Keep the first answer; also that of one whose claim was taken over, it is of the same command."""
    if key is not None and key.answer is not None:
        return []
    if key is not None and key.fingerprint not in {None, command.fingerprint}:
        return []
    return [
        CommandAnsweredEvent(
            claim_id=command.claim_id,
            fingerprint=command.fingerprint,
            sealed_answer=command.answer,
        )
    ]


def _is_held(key: IdempotencyKey | None, claim_id: str) -> bool:
    return key is not None and key.claim_id == claim_id
