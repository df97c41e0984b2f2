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


CredentialEvent = CredentialStoredEvent
