"""The ApiKey aggregate: who may call, as what, with which secrets, until when."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from payment_gateway.domain.errors import ApiKeyEnded, ApiKeyNotFound, InvalidValue
from payment_gateway.domain.events.api_key import (
    ApiKeyCreatedEvent,
    ApiKeyEvent,
    ApiKeyRevokedEvent,
    ApiKeyRotatedEvent,
)
from payment_gateway.domain.value_objects.grant import GrantVO

# Who rotates again and again within one overlap is known by the newest of them.
SECRETS_MAX: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateApiKey:
    """Accept a key; ``expires_at`` of ``None`` is without end."""

    grant: GrantVO
    name: str | None
    prefix: str
    key_hash: str
    at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RotateApiKey:
    """Accept another secret, and the one before for ``overlap`` longer."""

    prefix: str
    key_hash: str
    at: datetime
    overlap: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeApiKey:
    """Accept the key no more."""

    at: datetime


ApiKeyCommand = CreateApiKey | RotateApiKey | RevokeApiKey


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeySecret:
    """One secret of a key; ``until`` of ``None`` for the current one."""

    prefix: str
    key_hash: str
    until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """The state of one key.

    Attributes:
        tenant_id: The one tenant, or ``*``.
        secrets: The current one, and those before it where the key was rotated, newest first.
    """

    api_key_id: str
    tenant_id: str
    roles: tuple[str, ...]
    name: str | None
    secrets: tuple[ApiKeySecret, ...]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None = None

    def status(self, at: datetime) -> str:
        """Return ``ACTIVE``, ``EXPIRED`` or ``REVOKED``."""
        if self.revoked_at is not None:
            return "REVOKED"
        return "EXPIRED" if self.has_ended(at) else "ACTIVE"

    def has_ended(self, at: datetime) -> bool:
        """Whether it was revoked, or its time is over."""
        return self.revoked_at is not None or (
            self.expires_at is not None and self.expires_at <= at
        )

    def accepts(self, key_hash: str, at: datetime) -> bool:
        """Whether a secret with this hash opens something at a time."""
        return not self.has_ended(at) and any(
            secret.key_hash == key_hash and (secret.until is None or secret.until > at)
            for secret in self.secrets
        )


def decide(api_key_id: str, command: ApiKeyCommand, key: ApiKey | None) -> list[ApiKeyEvent]:
    """Return what a command causes: nothing where the key is that already.

    Raises:
        InvalidValue: ``CreateApiKey`` with an end that is past.
        ApiKeyNotFound: Any other command on a key that was never created.
        ApiKeyEnded: ``RotateApiKey`` of one that is accepted no more.
    """
    match command:
        case CreateApiKey():
            return _create(api_key_id, command, key)
        case _ if key is None:
            raise ApiKeyNotFound(api_key_id)
        case RotateApiKey():
            return _rotate(command, key)
        case RevokeApiKey():
            if key.revoked_at is not None:
                return []
            return [ApiKeyRevokedEvent(api_key_id=api_key_id, revoked_at=command.at)]


def evolve(key: ApiKey | None, event: ApiKeyEvent) -> ApiKey:
    """Return the key after an event."""
    match event:
        case ApiKeyCreatedEvent():
            return ApiKey(
                api_key_id=event.api_key_id,
                tenant_id=event.tenant_id,
                roles=event.roles,
                name=event.name,
                secrets=(ApiKeySecret(prefix=event.prefix, key_hash=event.key_hash, until=None),),
                created_at=event.created_at,
                expires_at=event.expires_at,
            )
        case ApiKeyRotatedEvent():
            assert key is not None, "what is rotated was created"
            return replace(key, secrets=_with_rotated(key.secrets, event))
        case ApiKeyRevokedEvent():
            assert key is not None, "what is revoked was created"
            return replace(key, revoked_at=event.revoked_at)


def _create(api_key_id: str, command: CreateApiKey, key: ApiKey | None) -> list[ApiKeyEvent]:
    if key is not None:  # by one who did not live to show its secret: nobody has that
        return _rotate(_in_its_place(command), key)
    if command.expires_at is not None and command.expires_at <= command.at:
        raise InvalidValue("the key would have ended already", param="expiresAt")
    return [
        ApiKeyCreatedEvent(
            api_key_id=api_key_id,
            tenant_id=command.grant.tenant_id,
            roles=command.grant.role_names,
            name=command.name,
            prefix=command.prefix,
            key_hash=command.key_hash,
            created_at=command.at,
            expires_at=command.expires_at,
        )
    ]


def _rotate(command: RotateApiKey, key: ApiKey) -> list[ApiKeyEvent]:
    if key.secrets[0].key_hash == command.key_hash:
        return []
    if key.has_ended(command.at):
        raise ApiKeyEnded(key.api_key_id)
    return [
        ApiKeyRotatedEvent(
            api_key_id=key.api_key_id,
            prefix=command.prefix,
            key_hash=command.key_hash,
            previous_until=command.at + command.overlap,
        )
    ]


def _in_its_place(command: CreateApiKey) -> RotateApiKey:
    return RotateApiKey(
        prefix=command.prefix, key_hash=command.key_hash, at=command.at, overlap=timedelta(0)
    )


def _with_rotated(
    secrets: tuple[ApiKeySecret, ...], event: ApiKeyRotatedEvent
) -> tuple[ApiKeySecret, ...]:
    """Return the secrets with a new one; none of those before outlives the end that is set now."""
    until = event.previous_until
    ended = (
        replace(one, until=until if one.until is None else min(one.until, until)) for one in secrets
    )
    current = ApiKeySecret(prefix=event.prefix, key_hash=event.key_hash, until=None)
    return (current, *ended)[:SECRETS_MAX]
