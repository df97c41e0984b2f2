"""What can have happened to an idempotency key. These streams are removed after a while."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotencyKeyClaimedEvent:
    """Somebody carries the key's command out; recorded before the command has any effect.

    Attributes:
        claim_id: Whoever carries it out now; another one where a claim has lapsed.
        fingerprint: Keyed digest of the request: the same key with another one is refused.
        external_reference: The number set aside for what the command makes, so that carrying it out
            again makes the same.
        expires_at: From then on another may take the claim over.
    """

    claim_id: str
    fingerprint: str
    external_reference: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotencyKeyReleasedEvent:
    """The command was refused: the key is free again, for any command."""

    claim_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotencyKeyYieldedEvent:
    """The command came to no clear end: the same command may be carried out again at once."""

    claim_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandAnsweredEvent:
    """The command was carried out.

    Attributes:
        sealed_answer: What was answered, without secrets, sealed.
    """

    claim_id: str
    fingerprint: str
    sealed_answer: str


IdempotencyEvent = (
    IdempotencyKeyClaimedEvent
    | IdempotencyKeyReleasedEvent
    | IdempotencyKeyYieldedEvent
    | CommandAnsweredEvent
)
