"""What can have happened to an API key. The key itself stands nowhere: only a keyed hash of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyCreatedEvent:
    """A key is accepted.

    Attributes:
        tenant_id: The one tenant it speaks for, or ``*`` for all of them.
        roles: What it may do.
        prefix: The first characters of the key, to tell keys apart.
        key_hash: HMAC-SHA-256 of the key, in hex, keyed with the installation's pepper.
        expires_at: From when on it is accepted no more; ``None`` for no end.
    """

    api_key_id: str
    tenant_id: str
    roles: tuple[str, ...]
    name: str | None
    prefix: str
    key_hash: str
    created_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyRotatedEvent:
    """Another secret took the place of the one before; older ones end at once.

    Attributes:
        prefix: The first characters of the new secret.
        key_hash: As in ``ApiKeyCreated``.
        previous_until: Until when the secret before is accepted as well.
    """

    api_key_id: str
    prefix: str
    key_hash: str
    previous_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyRevokedEvent:
    """No secret of the key is accepted any more, for good."""

    api_key_id: str
    revoked_at: datetime


ApiKeyEvent = ApiKeyCreatedEvent | ApiKeyRotatedEvent | ApiKeyRevokedEvent
