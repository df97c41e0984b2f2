"""The rules of a tenant and of a tenant's credentials."""

from __future__ import annotations

import pytest

from payment_gateway.domain.aggregates import credential, tenant
from payment_gateway.domain.errors import TenantExists, TenantNotFound
from payment_gateway.domain.events.credential import CredentialStoredEvent
from payment_gateway.domain.events.tenant import TenantChangedEvent, TenantCreatedEvent
from payment_gateway.domain.value_objects.tenant_id import TenantIdVO

DEMO = TenantIdVO("demo")
SHOP = ("https://shop.example:443",)
CREATE = tenant.CreateTenant(tenant_id=DEMO, name="Demo", return_origins=SHOP)
CREATED = TenantCreatedEvent(tenant_id="demo", name="Demo", return_origins=SHOP)
STATE = tenant.evolve(None, CREATED)


class TestTenant:
    def test_is_created_once(self) -> None:
        assert tenant.decide(CREATE, None) == [CREATED]
        assert tenant.decide(CREATE, STATE) == []

    def test_of_the_same_id_but_otherwise_different_is_refused(self) -> None:
        other = tenant.CreateTenant(tenant_id=DEMO, name="Other", return_origins=SHOP)
        with pytest.raises(TenantExists):
            tenant.decide(other, STATE)

    def test_changes_what_is_named_and_keeps_the_rest(self) -> None:
        change = tenant.ChangeTenant(tenant_id=DEMO, name=None, return_origins=())
        changed = TenantChangedEvent(tenant_id="demo", name="Demo", return_origins=())
        assert tenant.decide(change, STATE) == [changed]
        assert tenant.decide(change, tenant.evolve(STATE, changed)) == []

    def test_that_is_not_there_cannot_be_changed(self) -> None:
        change = tenant.ChangeTenant(tenant_id=DEMO, name="Demo", return_origins=None)
        with pytest.raises(TenantNotFound):
            tenant.decide(change, None)


class TestCredential:
    def store(self, version: int, fingerprint: str) -> credential.StoreCredential:
        return credential.StoreCredential(
            tenant_id="demo",
            provider="PAYPAL",
            version=version,
            fingerprint=fingerprint,
            sandbox=True,
            envelope="sealed",
        )

    def stored(self, version: int, fingerprint: str) -> CredentialStoredEvent:
        return CredentialStoredEvent(
            tenant_id="demo",
            provider="PAYPAL",
            version=version,
            fingerprint=fingerprint,
            sandbox=True,
            envelope="sealed",
        )

    def test_each_new_set_is_a_new_version(self) -> None:
        first = self.stored(1, "a")
        assert credential.decide(self.store(1, "a"), None) == [first]
        state = credential.evolve(None, first)
        assert credential.decide(self.store(2, "b"), state) == [self.stored(2, "b")]

    def test_the_same_set_again_is_the_same_version(self) -> None:
        state = credential.evolve(None, self.stored(1, "a"))
        assert credential.decide(self.store(2, "a"), state) == []
