"""The Credential aggregate: one tenant's account at one provider, in versions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import assert_never

from payment_gateway.domain.errors import CredentialRevoked, ProviderNotConfigured
from payment_gateway.domain.events.credential import (
    CredentialEvent,
    CredentialRevokedEvent,
    CredentialRewrappedEvent,
    CredentialRotatedEvent,
    CredentialStoredEvent,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreCredential:
    """Keep a sealed set of credentials as the given version.

    Attributes:
        replacing: Refuse it unless there is one in use whose place it takes.
    """

    tenant_id: str
    provider: str
    version: int
    fingerprint: str
    sandbox: bool
    envelope: str
    replacing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeCredential:
    """Let none of the versions be used any more."""

    provider: str
    reason: str | None


CredentialCommand = StoreCredential | RevokeCredential


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialVersion:
    """One set of credentials."""

    version: int
    fingerprint: str
    sandbox: bool
    envelope: str
    revoked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """All sets of credentials there were, oldest first; the newest counts."""

    tenant_id: str
    provider: str
    versions: tuple[CredentialVersion, ...]

    @property
    def newest(self) -> CredentialVersion:
        """The set that was stored last."""
        return self.versions[-1]

    @property
    def version(self) -> int:
        """The number of the newest set; counts from 1."""
        return self.newest.version

    @property
    def fingerprint(self) -> str:
        """Tells the newest set from others."""
        return self.newest.fingerprint

    @property
    def sandbox(self) -> bool:
        """Whether the newest set is of the provider's test environment."""
        return self.newest.sandbox

    @property
    def revoked(self) -> bool:
        """Whether none of them may be used."""
        return self.newest.revoked

    def usable(self, version: int | None = None) -> CredentialVersion:
        """Return the newest set, or that of a version.

        Raises:
            CredentialRevoked: It was revoked.
            ProviderNotConfigured: There is no such version.
        """
        found = self.newest
        if version is not None:
            if not 1 <= version <= self.version:
                raise ProviderNotConfigured(self.provider)
            found = self.versions[version - 1]
        if found.revoked:
            raise CredentialRevoked(self.provider)
        return found


def decide(command: CredentialCommand, credential: Credential | None) -> list[CredentialEvent]:
    """Return what a command causes: nothing where it was carried out before.

    Raises:
        ProviderNotConfigured: To be replaced or revoked, but never stored.
        CredentialRevoked: To be replaced, but revoked.
    """
    match command:
        case StoreCredential():
            return _store(command, credential)
        case RevokeCredential():
            return _revoke(command, credential)


def evolve(credential: Credential | None, event: CredentialEvent) -> Credential:
    """Return the credentials after an event."""
    if isinstance(event, CredentialStoredEvent | CredentialRotatedEvent):
        added = CredentialVersion(
            version=event.version,
            fingerprint=event.fingerprint,
            sandbox=event.sandbox,
            envelope=event.envelope,
        )
        earlier = credential.versions if credential else ()
        return Credential(
            tenant_id=event.tenant_id, provider=event.provider, versions=(*earlier, added)
        )
    assert credential is not None, "what is revoked or rewrapped was stored"
    match event:
        case CredentialRevokedEvent():
            return replace(
                credential,
                versions=tuple(replace(one, revoked=True) for one in credential.versions),
            )
        case CredentialRewrappedEvent():
            return replace(
                credential,
                versions=tuple(
                    replace(one, envelope=event.envelope) if one.version == event.version else one
                    for one in credential.versions
                ),
            )
        case _:
            assert_never(event)


def _store(command: StoreCredential, credential: Credential | None) -> list[CredentialEvent]:
    if command.replacing and credential is None:
        raise ProviderNotConfigured(command.provider)
    in_use = credential is not None and not credential.revoked
    if command.replacing and not in_use:
        raise CredentialRevoked(command.provider)
    if credential is not None and in_use and credential.fingerprint == command.fingerprint:
        return []
    expected = credential.version + 1 if credential else 1
    assert command.version == expected, "the envelope was sealed for another version"
    kind = CredentialRotatedEvent if in_use else CredentialStoredEvent
    return [
        kind(
            tenant_id=command.tenant_id,
            provider=command.provider,
            version=command.version,
            fingerprint=command.fingerprint,
            sandbox=command.sandbox,
            envelope=command.envelope,
        )
    ]


def _revoke(command: RevokeCredential, credential: Credential | None) -> list[CredentialEvent]:
    if credential is None:
        raise ProviderNotConfigured(command.provider)
    if credential.revoked:
        return []
    return [
        CredentialRevokedEvent(
            tenant_id=credential.tenant_id,
            provider=credential.provider,
            version=credential.version,
            reason=command.reason,
        )
    ]
