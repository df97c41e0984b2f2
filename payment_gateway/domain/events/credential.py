"""What can have happened to a tenant's credentials at a provider."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialStoredEvent:
    """Credentials were stored, or replaced by newer ones.

    Attributes:
        version: Counts from 1.
        fingerprint: Tells two sets apart without revealing either.
        envelope: The encrypted credentials, bound to tenant, provider and version.
    """

    tenant_id: str
    provider: str
    version: int
    fingerprint: str
    sandbox: bool
    envelope: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialRotatedEvent:
    """Credentials took the place of those before, which still serve what was begun with them.

    Attributes:
        version: One more than that of those before.
        fingerprint: Tells two sets apart without revealing either.
        envelope: The encrypted credentials, bound to tenant, provider and version.
    """

    tenant_id: str
    provider: str
    version: int
    fingerprint: str
    sandbox: bool
    envelope: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialRevokedEvent:
    """Credentials must not be used any more: this version and all before it.

    Attributes:
        reason: For whoever reads this later; nothing secret.
    """

    tenant_id: str
    provider: str
    version: int
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialRewrappedEvent:
    """The data key of a version was wrapped by another key; what it encrypts is the same.

    Attributes:
        envelope: Replaces the version's envelope.
    """

    tenant_id: str
    provider: str
    version: int
    envelope: str


CredentialEvent = (
    CredentialStoredEvent
    | CredentialRotatedEvent
    | CredentialRevokedEvent
    | CredentialRewrappedEvent
)
