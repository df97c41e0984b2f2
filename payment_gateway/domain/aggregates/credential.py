"""The Credential aggregate: one tenant's account at one provider."""

from __future__ import annotations

from dataclasses import dataclass

from payment_gateway.domain.events.credential import CredentialEvent, CredentialStoredEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreCredential:
    """Keep a sealed set of credentials as the given version."""

    tenant_id: str
    provider: str
    version: int
    fingerprint: str
    sandbox: bool
    envelope: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """The newest set of credentials."""

    tenant_id: str
    provider: str
    version: int
    fingerprint: str
    sandbox: bool
    envelope: str


def decide(command: StoreCredential, credential: Credential | None) -> list[CredentialEvent]:
    """Return what storing causes: nothing where the same set is the newest already."""
    if credential is not None and credential.fingerprint == command.fingerprint:
        return []
    expected = credential.version + 1 if credential else 1
    assert command.version == expected, "the envelope was sealed for another version"
    return [
        CredentialStoredEvent(
            tenant_id=command.tenant_id,
            provider=command.provider,
            version=command.version,
            fingerprint=command.fingerprint,
            sandbox=command.sandbox,
            envelope=command.envelope,
        )
    ]


def evolve(_: Credential | None, event: CredentialEvent) -> Credential:
    """Return the credentials after an event: the newest set counts."""
    return Credential(
        tenant_id=event.tenant_id,
        provider=event.provider,
        version=event.version,
        fingerprint=event.fingerprint,
        sandbox=event.sandbox,
        envelope=event.envelope,
    )
