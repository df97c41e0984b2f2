"""The rules of a tenant's credentials at a provider."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import pytest

from payment_gateway.domain.aggregates.credential import (
    Credential,
    CredentialCommand,
    RevokeCredential,
    StoreCredential,
    decide,
    evolve,
)
from payment_gateway.domain.errors import CredentialRevoked, ProviderNotConfigured
from payment_gateway.domain.events.credential import (
    CredentialEvent,
    CredentialRevokedEvent,
    CredentialRewrappedEvent,
    CredentialRotatedEvent,
    CredentialStoredEvent,
)

REVOKE = RevokeCredential(provider="PAYPAL", reason="leaked")


def stored(version: int, fingerprint: str) -> CredentialStoredEvent:
    return CredentialStoredEvent(
        tenant_id="demo",
        provider="PAYPAL",
        version=version,
        fingerprint=fingerprint,
        sandbox=True,
        envelope=f"sealed-{version}",
    )


def rotated(version: int, fingerprint: str) -> CredentialRotatedEvent:
    return CredentialRotatedEvent(
        tenant_id="demo",
        provider="PAYPAL",
        version=version,
        fingerprint=fingerprint,
        sandbox=True,
        envelope=f"sealed-{version}",
    )


def revoked(version: int) -> CredentialRevokedEvent:
    return CredentialRevokedEvent(
        tenant_id="demo", provider="PAYPAL", version=version, reason="leaked"
    )


def store(version: int, fingerprint: str, *, replacing: bool = False) -> StoreCredential:
    return StoreCredential(
        tenant_id="demo",
        provider="PAYPAL",
        version=version,
        fingerprint=fingerprint,
        sandbox=True,
        envelope=f"sealed-{version}",
        replacing=replacing,
    )


def state(*history: CredentialEvent) -> Credential | None:
    nothing: Credential | None = None
    return reduce(evolve, history, nothing)


def known(*history: CredentialEvent) -> Credential:
    credential = state(*history)
    assert credential is not None
    return credential


FIRST, SECOND = stored(1, "a"), rotated(2, "b")


@pytest.mark.parametrize(
    ("history", "command", "expected"),
    [
        ([], store(1, "a"), [FIRST]),
        ([FIRST], store(2, "b"), [SECOND]),
        ([FIRST], store(2, "b", replacing=True), [SECOND]),
        ([FIRST], store(2, "a"), []),
        ([FIRST, SECOND], store(3, "a"), [rotated(3, "a")]),
        ([FIRST], REVOKE, [revoked(1)]),
        ([FIRST, SECOND, revoked(2)], REVOKE, []),
        ([FIRST, revoked(1)], store(2, "a"), [stored(2, "a")]),
    ],
    ids=[
        "are stored as version 1",
        "are replaced by the next version",
        "are replaced where that is asked for",
        "stay the same version when they are the newest already",
        "may be replaced by an earlier set again",
        "are revoked",
        "are revoked once",
        "are stored anew after they were revoked",
    ],
)
def test_credentials(
    history: Sequence[CredentialEvent],
    command: CredentialCommand,
    expected: Sequence[CredentialEvent],
) -> None:
    assert decide(command, state(*history)) == list(expected)


@pytest.mark.parametrize(
    ("history", "command", "refusal"),
    [
        ([], store(1, "a", replacing=True), ProviderNotConfigured),
        ([], REVOKE, ProviderNotConfigured),
        ([FIRST, revoked(1)], store(2, "b", replacing=True), CredentialRevoked),
    ],
    ids=["none to replace", "none to revoke", "replaced after they were revoked"],
)
def test_credentials_are_refused(
    history: Sequence[CredentialEvent], command: CredentialCommand, refusal: type[Exception]
) -> None:
    with pytest.raises(refusal, match="PAYPAL"):
        decide(command, state(*history))


def test_the_newest_counts_and_earlier_versions_are_kept() -> None:
    credential = known(FIRST, SECOND)
    assert (credential.version, credential.fingerprint, credential.sandbox) == (2, "b", True)
    assert credential.usable() == credential.newest
    assert credential.usable(1).envelope == "sealed-1"


@pytest.mark.parametrize("version", [0, 3])
def test_a_version_that_never_was_is_refused(version: int) -> None:
    with pytest.raises(ProviderNotConfigured):
        known(FIRST, SECOND).usable(version)


def test_revoking_ends_every_version_and_none_stored_later() -> None:
    credential = known(FIRST, SECOND, revoked(2))
    for version in (None, 1, 2):
        with pytest.raises(CredentialRevoked):
            credential.usable(version)
    assert credential.revoked
    anew = known(FIRST, SECOND, revoked(2), stored(3, "c"))
    assert anew.usable().fingerprint == "c"
    with pytest.raises(CredentialRevoked):
        anew.usable(2)


def test_rewrapping_replaces_the_envelope_of_one_version() -> None:
    rewrapped = CredentialRewrappedEvent(
        tenant_id="demo", provider="PAYPAL", version=1, envelope="resealed-1"
    )
    credential = known(FIRST, SECOND, rewrapped)
    assert [one.envelope for one in credential.versions] == ["resealed-1", "sealed-2"]
