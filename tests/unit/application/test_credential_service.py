"""Credentials in versions: which one a provider is opened with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from payment_gateway.application.services.credential_service import CACHE_S, CredentialService
from payment_gateway.domain.errors import CredentialRevoked, ProviderNotConfigured
from payment_gateway.domain.value_objects.provider_credentials import (
    PayPalCredentialsVO,
    ProviderCredentials,
)
from payment_gateway.domain.value_objects.secret_text import SecretText
from payment_gateway.infrastructure.persistence.memory import InMemoryEventStore
from payment_gateway.infrastructure.security.envelope import EnvelopeCredentialCipher, MasterKey
from tests.fake_provider import FakeProvider, FakeProviderFactory
from tests.unit.application.test_key_service import context


class Factory(FakeProviderFactory):
    def parse_credentials(
        self, provider_type: str, fields: Mapping[str, object]
    ) -> ProviderCredentials:
        return PayPalCredentialsVO(
            client_id=str(fields["account"]),
            client_secret=SecretText(str(fields["secret"])),
            webhook_id="w",
            sandbox=True,
        )


@dataclass
class Keeper:
    store: InMemoryEventStore = field(default_factory=InMemoryEventStore)
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self.service = self.another()

    def another(self) -> CredentialService:
        """Return the service of another process."""
        return CredentialService(
            store=self.store,
            cipher=EnvelopeCredentialCipher(MasterKey(b"k" * 32)),
            factory=Factory({"PAYPAL": FakeProvider()}),
            monotonic=lambda: self.seconds,
        )

    async def save(self, account: str, secret: str, *, replacing: bool = False) -> int:
        fields = {"account": account, "secret": secret}
        executed = await self.service.save("PAYPAL", fields, context(), replacing=replacing)
        return executed.state.version

    async def secret(self, version: int | None = None) -> str:
        found = await self.service.reveal("PAYPAL", tenant_id="demo", version=version)
        assert isinstance(found, PayPalCredentialsVO)
        return found.client_secret.reveal()


@pytest.fixture
def keeper() -> Keeper:
    return Keeper()


async def test_what_was_begun_with_an_account_is_finished_with_it(keeper: Keeper) -> None:
    await keeper.save("old-account", "1")
    assert await keeper.save("new-account", "2") == 2
    assert [await keeper.secret(), await keeper.secret(1)] == ["2", "1"]


async def test_a_replaced_secret_of_the_same_account_serves_what_was_begun_before(
    keeper: Keeper,
) -> None:
    await keeper.save("account", "1")
    await keeper.save("account", "2", replacing=True)
    assert await keeper.secret(1) == "2"


async def test_replacing_takes_something_to_replace(keeper: Keeper) -> None:
    with pytest.raises(ProviderNotConfigured):
        await keeper.save("account", "1", replacing=True)
    await keeper.save("account", "1")
    await keeper.service.revoke("PAYPAL", context(), reason=None)
    with pytest.raises(CredentialRevoked):
        await keeper.save("account", "2", replacing=True)


async def test_revoked_credentials_open_nothing_until_others_are_stored(keeper: Keeper) -> None:
    await keeper.save("account", "1")
    await keeper.service.revoke("PAYPAL", context(), reason="leaked")
    for version in (None, 1):
        with pytest.raises(CredentialRevoked):
            await keeper.secret(version)
    assert await keeper.save("account", "1") == 2
    assert await keeper.secret() == "1"


async def test_another_process_obeys_a_revocation_when_its_cache_ends(keeper: Keeper) -> None:
    await keeper.save("account", "1")
    other = keeper.another()
    await other.reveal("PAYPAL", tenant_id="demo")
    await keeper.service.revoke("PAYPAL", context(), reason=None)
    await other.reveal("PAYPAL", tenant_id="demo")
    keeper.seconds += CACHE_S
    with pytest.raises(CredentialRevoked):
        await other.reveal("PAYPAL", tenant_id="demo")


async def test_nothing_clear_is_stored_cached_or_printed(keeper: Keeper) -> None:
    await keeper.save("account", "planted-secret")
    opened = await keeper.service.reveal("PAYPAL", tenant_id="demo")
    kept = repr((await keeper.store.read("credential-demo.PAYPAL"), keeper.service, opened))
    assert "planted-secret" not in kept
    assert "***" in repr(opened)
